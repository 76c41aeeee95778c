//! What the numbers of warnings and errors mean: half a page each, for `mfactl explain W017`.
//!
//! A number stands on everything a person must act on, in the journal, on screens and in the
//! messages about configuration. `mfactl` carries this catalogue itself, so that it can explain
//! while the daemon is away. Numbers are never used for something else and never removed.

/// A number and its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Such as `W017`.
    pub code: &'static str,
    /// What has happened, in one line.
    pub title: &'static str,
    /// What it means for the people who sign in.
    pub meaning: &'static str,
    /// Where it usually comes from.
    pub cause: &'static str,
    /// What to do.
    pub cure: &'static str,
}

/// The page of a number, in capitals or not.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Number> {
    ALL.iter()
        .find(|number| number.code.eq_ignore_ascii_case(code))
}

/// All numbers: warnings, then errors.
pub const ALL: &[Number] = &[
    Number {
        code: "W012",
        title: "packets from addresses that are no gateway",
        meaning: "Somebody sends RADIUS requests from an address that no gateway in the \
            configuration has. They are dropped without an answer. If it is a gateway of yours, \
            nobody can sign in through it.",
        cause: "A gateway that sends from another of its interfaces, that stands behind address \
            translation, or that was moved; a scan of the network.",
        cure: "`tcpdump -ni any udp port 1812` shows the addresses. Is one of them yours? Then add \
            it to `addresses` of the gateway and reload. If not, close the port to it in the \
            firewall.",
    },
    Number {
        code: "W017",
        title: "no packet of a gateway passes the secret check",
        meaning: "At least 5 packets came from the gateway and the Message-Authenticator of none \
            of them verifies. They are dropped; nobody can sign in through this gateway. The \
            warning ends with the first good packet.",
        cause: "The shared secrets at both ends differ: a blank or line end too many, a secret cut \
            off by the gateway, one end changed and not the other, or another machine that now has \
            the gateway's address.",
        cure: "Enter the same secret at both ends; `mfactl gateway show NAME` tells after the next \
            packet whether it fits. If it was changed here, reload: mfactl config reload.",
    },
    Number {
        code: "W018",
        title: "passwords of a gateway come out unreadable",
        meaning: "The gateway sends no Message-Authenticator, so the packets themselves look fine, \
            but no password in them is readable text. Every sign-in is refused.",
        cause: "Nearly always different shared secrets at both ends.",
        cure: "Enter the same secret at both ends. Then let the gateway send Message-Authenticator \
            and remove `require_message_authenticator = false`: a wrong secret then shows as W017, \
            and W031 is gone too.",
    },
    Number {
        code: "W021",
        title: "the clock jumped, or is not synchronised",
        meaning: "The clock of this host moved by more than two seconds against its monotonic \
            clock. Nothing is refused and no code can be accepted twice, but the codes of phones \
            fail until the clock is right. Passthroughs do not last longer, locks not shorter.",
        cause: "No time service, a virtual machine that was paused or restored, a clock set by hand.",
        cure: "`chronyc tracking` or `timedatectl` shows the state of the time service. Start it, \
            and let the host follow it. The warning ends by itself.",
    },
    Number {
        code: "W022",
        title: "part of the sandbox is not in force",
        meaning: "Everybody is served. But the process could not give up something that it never \
            needs, so whoever takes it over can do more than he should.",
        cause: "A unit file that forbids the call itself (an older mfad.service forbade Landlock), \
            a kernel that was built or started without Landlock, a container.",
        cure: "Install the mfad.service of this version. `cat /sys/kernel/security/lsm` must name \
            landlock; if it does not, start the kernel with lsm=landlock,.. in front of what it \
            names now.",
    },
    Number {
        code: "W023",
        title: "the disk of the store is full, or nearly",
        meaning: "Sign-ins go on as long as they can be recorded; then nobody is answered (E011). \
            mfad keeps 16 MiB of the disk for the day on which it is full. They are gone if they \
            have been given back, or could not be made; without them `mfactl audit archive` may \
            find no room.",
        cause: "The audit log, segments or backups that lie beside the store, another program.",
        cure: "Free space. If it is the audit log that has grown: `mfactl audit archive --before \
            DATE` moves old records out of the store, on a full disk as many as there is room for. \
            Copy the segments elsewhere, remove them here, and give it again. The room in the \
            store is used by what comes. The reserve is made again within seconds once 32 MiB are \
            free.",
    },
    Number {
        code: "W024",
        title: "a passthrough ends soon and the person has no other token",
        meaning: "When it ends, the person cannot sign in any more.",
        cause: "A lost phone was bridged with a passthrough, and no new token was added.",
        cure: "Add a token (`mfactl token add USER --type totp`), or renew the passthrough \
            (`mfactl passthrough renew USER`). `mfactl passthrough list --expiring 24h` lists all.",
    },
    Number {
        code: "W031",
        title: "a gateway may omit Message-Authenticator",
        meaning: "An attacker between the gateway and mfad can turn a Reject into an Accept \
            (Blast-RADIUS, CVE-2024-3596) and needs neither password nor code for it.",
        cause: "`require_message_authenticator = false` in the block of the gateway.",
        cure: "`mfactl gateway show NAME` counts the packets that had one. If all had, remove the \
            line and reload. If not, update the gateway or switch the attribute on there; until \
            then keep both ends on one host, in a tunnel or on a network of their own.",
    },
    Number {
        code: "W032",
        title: "the shared secret of a gateway is short or easy to guess",
        meaning: "Whoever captures one exchange can try secrets offline, billions a second. With \
            the secret he reads passwords and forges answers.",
        cause: "Fewer than 24 characters, or a weak one taken because of `allow_weak_secret`.",
        cure: "Make one with `openssl rand -base64 24`, enter it at both ends, remove \
            `allow_weak_secret`, reload.",
    },
    Number {
        code: "W033",
        title: "passthroughs count at a gateway that checks the password itself",
        meaning: "With `first_factor = \"gateway\"` mfad believes that the gateway has checked the \
            password. A person with a passthrough is then accepted with any code.",
        cause: "`allow_passthrough` is true there, which is its default.",
        cure: "Make sure that the gateway checks the password before it asks mfad and refuses \
            without asking when it is wrong: sign in with a wrong password and see that `mfactl \
            gateway show NAME` counts no packet more. If it does, write `first_factor = \
            \"none\"`, or `allow_passthrough = false`.",
    },
    Number {
        code: "W034",
        title: "locks or counts end so soon that a stranger reaches the hard cap in a day",
        meaning: "Each time a lock ends, or failures are forgotten, the next guesses count \
            towards `lockout.hard_cap`, which no unlock resets. A stranger who knows a name can \
            end that person's tokens in under a day; the person then has to enrol again.",
        cause: "`lockout.user.duration` is short against `lockout.user.max_failures`: failures x \
            day / duration is not below the hard cap. With `lockout.mode = \"wait\"` it is \
            `lockout.user.window`: after it the first guesses are quick again.",
        cure: "Make the duration longer, the number of failures smaller, or set the duration to 0, \
            so that somebody looks before unlocking; make the window a day. Best: let the gateway \
            check the password first.",
    },
    Number {
        code: "W035",
        title: "two gateways share a secret",
        meaning: "Whoever breaks into one of them can speak for the other one and read its traffic.",
        cause: "One secret entered everywhere, or two names for the same file.",
        cure: "Give each gateway its own: `openssl rand -base64 24`. One gateway with several \
            addresses is one block with several `addresses`.",
    },
    Number {
        code: "W036",
        title: "nobody of a set can sign in at a gateway",
        meaning: "People with this authentication set are refused there, whatever they type. \
            `mfactl auth explain USER --gateway GATEWAY` says so of each of them.",
        cause: "The set asks for several methods and the gateway shows no questions (`challenge = \
            false`); or its codes are sent, and the gateway sends the code together with the PIN or \
            password, or has no first factor: a code is sent only once the first factor is right.",
        cure: "Set `challenge = true` if the gateway can show questions, and `passcode = \
            \"challenge\"` where codes are sent. Where these people are not to sign in there, leave \
            it as it is.",
    },
    Number {
        code: "W037",
        title: "no auth codes are made, and what they hold up is open or shut",
        meaning: "With `auth_code.always_suppress` whoever knows the password of a new person enrols \
            a token for it at the gateways that are named. Who is to replace a token, whose secret \
            was reset, or whose state is a reset shows a device authorization code instead, which \
            is mailed; where no mail can be sent they are refused (M07) until an operator helps.",
        cause: "`auth_code.always_suppress = true`, and gateways that lead new people to a token \
            (`unenrolled = \"enroll\"`), or no `smtp.server`.",
        cure: "Remove `auth_code.always_suppress`, so that the help desk hands out codes. Or set \
            `unenrolled = \"reject\"` at these gateways, and state `smtp.server` and `smtp.from`.",
    },
    Number {
        code: "W038",
        title: "secrets of tokens are mailed where the code for them is mailed",
        meaning: "With `device_auth.no_web = \"mail_seed\"` who has lost a token is mailed a device \
            authorization code, and after it the new token. Both stay in the mailbox: whoever reads \
            it and knows the password has the token, now or later.",
        cause: "`device_auth.no_web = \"mail_seed\"`, and no `web.base_url`.",
        cure: "Run mfad-web and state `web.base_url`: then a page shows the token once. Or remove the \
            line: then the help desk adds it.",
    },
    Number {
        code: "W040",
        title: "mass lock: many users were locked or made to wait within a minute",
        meaning: "More than `alert.locks_per_minute` people were locked, or with `lockout.mode = \
            \"wait\"` made to wait. Locks stay until they are ended or run out; who waits is let \
            in from a station that is known. mfad mutes no gateway by itself.",
        cause: "Somebody guesses with a list of names, or a gateway is misconfigured and sends the \
            wrong thing for everybody (the password instead of the code, say).",
        cure: "`mfactl user find --locked`, `--waiting` and `mfactl gateway show NAME` show who \
            and through what. Block the source in front of the gateway first, then unlock.",
    },
    Number {
        code: "W041",
        title: "many sign-ins through one gateway are refused",
        meaning: "More than `alert.failures_per_minute` sign-ins through the gateway that is named \
            were refused within a minute. Those who type the right thing are let in as ever; mfad \
            mutes no gateway by itself.",
        cause: "Somebody guesses with a list of names at the gateway's login page, a client repeats \
            a wrong passcode without end, or the gateway sends the wrong thing for everybody.",
        cure: "`mfactl gateway show NAME` and the journal show what is refused and from where. Block \
            the source in front of the gateway. Is it the right rate for a gateway of this size? \
            Raise `alert.failures_per_minute`.",
    },
    Number {
        code: "W042",
        title: "a setting is not used with lockout.mode = \"wait\"",
        meaning: "It says when failures lock, and for how long. With `lockout.mode = \"wait\"` they \
            lock nobody: each lets the next attempt wait.",
        cause: "`lockout.mode` was changed and the numbers of the lock were left.",
        cure: "Remove the line, or set `lockout.mode = \"lock\"`.",
    },
    Number {
        code: "W043",
        title: "mail cannot be sent",
        meaning: "The mail server of `smtp.server` could not be used when it was last tried. Sign-ins \
            are not touched. Messages wait in the store, 1,000 at most, and are tried again, after a \
            pause that doubles up to ten minutes; after a day they are given up.",
        cause: "The server is down, does not offer TLS, has a certificate that nobody of `smtp.ca` \
            vouches for, or does not take the user name. Under systemd: the unit has no network \
            without the network profile.",
        cure: "The text says what the server said. `systemd/network-profile.conf` beside the unit, \
            with the mail server in IPAddressAllow=; smtp.* as the server wants it, then a restart. \
            `smtp.ca` names authorities: a certificate that vouches for itself is none.",
    },
    Number {
        code: "W044",
        title: "text messages cannot be sent",
        meaning: "The SMS gateway of `sms.url` could not be used when it was last tried. Sign-ins are \
            not touched. Messages wait in the store, 1,000 at most with those that wait for a mail \
            server, and are tried again, after a pause that doubles up to ten minutes; after a day \
            they are given up.",
        cause: "The gateway is down, does not take the secret (401, 403), is asked at a wrong place \
            (301, 404), has a certificate that nobody of `sms.ca` vouches for, or answers something \
            in which `sms.success` does not stand. Under systemd: the unit has no network without the \
            network profile.",
        cure: "The text has the status that the gateway answered; what it wants stands in its own \
            manual. `systemd/network-profile.conf` beside the unit, with the gateway in \
            IPAddressAllow=; sms.* as the gateway wants it, then a restart. `mfactl notify test --to \
            NUMBER` tries it at once.",
    },
    Number {
        code: "W045",
        title: "nine of ten seats are taken",
        meaning: "Everybody but the deactivated takes one of the seats of `seats.limit`. Sign-ins are \
            never refused for it; adding, importing and reactivating people is, once all are taken.",
        cause: "People came, or the limit was lowered.",
        cure: "`mfactl seats` says who has not signed in for long: deactivating gives their seats \
            back. Or raise `seats.limit`.",
    },
    Number {
        code: "W046",
        title: "messages were given up: the outbox was full",
        meaning: "1,000 messages wait at most. A change that tells somebody is never refused for \
            want of room: the oldest message is given up, with a record `notify.failed`. Told for a \
            day after the last one.",
        cause: "A server that sends nothing, or too slowly, while many people are told something. \
            Imports, `token migrate` and the round of `lockout.inactive_days` wait for room and are \
            not the cause.",
        cure: "`mfactl status` says whether a server cannot be used (W043, W044). `mfactl audit log \
            --event notify.failed` names who was not told; whoever waits for a code gets a new one \
            by `mfactl auth-code send`.",
    },
    Number {
        code: "E011",
        title: "the store cannot commit",
        meaning: "Nothing can be made durable, so no login is answered and gateways turn to their \
            next server. Nothing was accepted meanwhile, nothing that was promised is lost.",
        cause: "The disk is full, read-only or broken, or the folder of the store is gone.",
        cure: "Free space or repair the disk; the system's own words are in the message. mfad \
            tries again every second and goes on by itself. A disk that is full of audit records: \
            `mfactl explain W023`.",
    },
    Number {
        code: "E020",
        title: "sealed: the key does not open the store",
        meaning: "The control socket is up, RADIUS is silent: seeds and PINs in the store cannot \
            be opened with this master key. Nothing is changed.",
        cause: "The credential mfad.key is missing, belongs to another host, or was made anew; a \
            backup of the store was put beside another key.",
        cure: "Restore the right key (the credential, or the written copy by `mfad --init \
            --key-stdin`) and restart. Never start with a new key: every user would enrol again.",
    },
    Number {
        code: "E030",
        title: "the audit log is damaged",
        meaning: "The last check found a record that was changed, removed or added, or a signed \
            checkpoint that disagrees. Logins go on; what the log says from that record on proves \
            nothing.",
        cause: "Somebody wrote to the store past mfad, an older copy of the store was put in its \
            place, or the disk is failing.",
        cure: "Keep the disk as it is. `mfactl audit verify` names the record; compare with the \
            checkpoint lines in the system journal, which the store's writer could not change.",
    },
    Number {
        code: "E101",
        title: "the configuration was not reloaded",
        meaning: "The files on disk have errors. The configuration in force stays in force, all \
            of it; nothing was applied in part. A restart would fail, though.",
        cause: "An error in mfad.toml, in a file of gateways.d, or with a secret file.",
        cure: "`mfactl config check` tells all errors with line and caret. Repair them, then \
            `mfactl config reload`.",
    },
    Number {
        code: "E102",
        title: "the shared secret of a gateway is refused",
        meaning: "mfad does not start, or reload, with it. A secret that can be guessed from one \
            captured packet protects nothing.",
        cause: "The secret stands in the configuration itself; its file or credential is not \
            there, is empty or can be read by everybody; it has fewer than 16 characters, is made \
            of common words, or repeats itself.",
        cure: "umask 027; openssl rand -base64 24 > /etc/mfad/gateways.d/NAME.secret, give the file \
            to the group of mfad (mode 0640), state `secret_file`, and enter the same secret on the \
            gateway. If the gateway can take no better one: `allow_weak_secret = true`, and W032.",
    },
    Number {
        code: "E103",
        title: "a setting is not in this version",
        meaning: "The key or value is part of the plan of mfad but not built. It is refused and \
            not ignored, so that nobody relies on a protection that is not there.",
        cause: "A configuration written for a later version, or from the plan.",
        cure: "Remove the line, or use one of the values that the message names.",
    },
    Number {
        code: "E104",
        title: "a gateway does not state what must be stated",
        meaning: "Who checks the password, and what people type, decides whether a code is a \
            second factor or the only one. mfad never guesses it, and has no default.",
        cause: "`first_factor`, `passcode`, `addresses` or the secret is missing in the block.",
        cure: "first_factor = \"gateway\" if the gateway checks the password before it asks mfad; \
            \"pin\" or \"local\" if mfad checks it; \"none\" if nobody does. Then the passcode that \
            fits (E105), the addresses, and `secret_file` or `secret_credential`.",
    },
    Number {
        code: "E105",
        title: "the passcode does not fit the first factor",
        meaning: "What people type must carry what mfad has to check, and nothing else.",
        cause: "gateway and none go with \"otp\" (the code alone), pin with \"pin+otp\", local with \
            \"password+otp\" or \"password,otp\".",
        cure: "Change the one of the two that is wrong. If people are to type a PIN before the \
            code, first_factor is \"pin\"; if the gateway has checked the password, passcode is \
            \"otp\".",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_in_order() {
        let codes: Vec<&str> = ALL.iter().map(|number| number.code).collect();
        let warnings = codes.iter().filter(|code| code.starts_with('W')).count();
        assert!(codes[..warnings].is_sorted_by(|a, b| a < b), "{codes:?}");
        assert!(codes[warnings..].is_sorted_by(|a, b| a < b), "{codes:?}");
        assert_eq!(by_code("w017").unwrap().code, "W017");
        assert!(by_code("W999").is_none());
    }
}
