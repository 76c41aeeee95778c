//! What has to have happened at least once: each answer for each of its reasons, each question, each
//! order. A run that never came there has proven nothing about it.

use std::collections::BTreeMap;

const ACCEPTED_BY: [&str; 5] = [
    "token",
    "grace",
    "recovery",
    "passthrough",
    "policy_passthrough",
];

const REFUSED_FOR: [&str; 15] = [
    "bad_code",
    "bad_pin",
    "no_pin",
    "bad_password",
    "replay",
    "locked",
    "waiting",
    "pin_blocked",
    "deactivated",
    "revoked",
    "no_token",
    "expired_token",
    "dialogue_expired",
    "unfinished",
    "policy",
];

const ASKED: [&str; 19] = [
    "code",
    "passcode",
    "new_pin",
    "reauth",
    "confirm",
    "auth_code",
    "device_code",
    "address",
    "first_code",
    "sent_code",
    "method",
    "resync",
    "wished",
    "code_of_token",
    "question",
    "emergency",
    "auth_code in a reset",
    "device_code in a reset",
    "resync in a reset",
];

const ORDERED: [&str; 38] = [
    "Lock",
    "Unlock",
    "State",
    "Reactivate",
    "ClearCounters",
    "Add",
    "AddSent",
    "Confirm",
    "Test",
    "Resync",
    "UnlockToken",
    "Disable",
    "Enable",
    "Expire",
    "Obsolete",
    "ResetSecret",
    "Delete",
    "AuthCode",
    "RevokeCode",
    "Paper",
    "Questions",
    "ClearQuestions",
    "Answers",
    "RevokePaper",
    "UnblockPin",
    "ResetPin",
    "ClearPin",
    "SetPassword",
    "ClearPassword",
    "Grant",
    "Renew",
    "EndGrants",
    "EndQuestion",
    "Set",
    "DeleteUser",
    "AddUser",
    "unchanged",
    "end of a wait",
];

const HAPPENED: [&str; 15] = [
    "restart",
    "not stored",
    "page",
    "renew -> steady",
    "steady -> renew",
    "update -> steady",
    "replace -> steady",
    "reset -> steady",
    "reset-all -> steady",
    "PIN lock ended by a reset",
    "unlocked tokens by a reset",
    "PIN changed by answers",
    "PIN lock ended by answers",
    "reset by answers",
    "new token put off",
];

/// What never happened.
pub(crate) fn missing(seen: &BTreeMap<String, u64>) -> Vec<String> {
    let all = |what: &str, of: &[&str]| -> Vec<String> {
        of.iter().map(|name| format!("{what}{name}")).collect()
    };
    let wanted = [
        all("accepted by ", &ACCEPTED_BY),
        all("refused for ", &REFUSED_FOR),
        all("asked ", &ASKED),
        all("ordered ", &ORDERED),
        all("", &HAPPENED),
    ];
    let mut wanted = wanted.concat();
    wanted.retain(|what| !seen.contains_key(what));
    wanted
}
