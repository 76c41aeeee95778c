//! The world of these tests: alice, four gateways, carol the admin, and seals that are none.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "helpers of tests"
)]

use std::sync::Arc;
use std::time::Duration;

use mfad::domain::action::Role;
use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{
    Applied, Asked, Command, Effect, MadeCode, NewToken, NewUser, PageStep, PassthroughEnd,
    Prepared, Reveal, Site, Step, TokenEdit, TokenRef, UserEdit, apply, resolve,
};
use mfad::domain::delivery::Via;
use mfad::domain::event::{Operator, Source};
use mfad::domain::lockout::{Lock, LockReason};
use mfad::domain::message::{Enclosed, EnclosedKind, MessageId};
use mfad::domain::notice::Enclosure;
use mfad::domain::policy::{FirstFactorBy, GatewayPolicy, Otherwise, PasscodeForm, Policy};
use mfad::domain::refusal::Refusal;
use mfad::domain::rekey::ResetWhy;
use mfad::domain::sealed::{Field, Sealed, Unseal};
use mfad::domain::token_record::{Base, RecoveryHash, Token, TokenKind};
use mfad::domain::user::{AuthState, Profile, UserId, UserRecord, UserState};
use mfad::secret::{SecretBytes, SecretKey};
use mfad::time::{Now, Timestamp};
use mfad::token::auth_code::AuthCode;
use mfad::token::link::LinkSecret;
use mfad::token::recovery::RecoveryCode;
use mfad::token::{Otp, OtpCode, TokenId, totp};
use smol_str::SmolStr;

pub(crate) const SEED: &[u8] = b"12345678901234567890";
pub(crate) const ID: UserId = UserId([7; 16]);
pub(crate) const WALL: Timestamp = Timestamp(1_795_000_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The auth code that somebody has who has one.
pub(crate) const AUTH_CODE: &str = "0123Z-010ZA";

pub(crate) struct Clear;

impl Unseal for Clear {
    fn show(&self, _: Field<'_>, sealed: &Sealed, see: &mut dyn FnMut(&[u8])) {
        if sealed.v == 1 {
            see(&sealed.data);
        }
    }

    fn auth_code_hash(&self, _: UserId, code: &AuthCode) -> [u8; 32] {
        [u8::from(code.text().expose() == AUTH_CODE); 32]
    }

    fn sent_code_hash(&self, _: UserId, token: TokenId, code: &OtpCode) -> [u8; 32] {
        hash_of(token, code)
    }

    fn device_code_hash(&self, _: UserId, _: &OtpCode) -> [u8; 32] {
        [0; 32]
    }

    fn choice_hash(&self, _: UserId, typed: &[u8]) -> [u8; 32] {
        let mut hash = [0xc4; 32];
        for (kept, octet) in hash.iter_mut().zip(typed) {
            *kept = *octet;
        }
        hash
    }

    fn recovery_hash(&self, _: UserId, _: &RecoveryCode) -> [u8; 32] {
        [0; 32]
    }
}

/// What stands for the keyed hash of a code that is sent: the token and the code themselves.
pub(crate) fn hash_of(token: TokenId, code: &OtpCode) -> [u8; 32] {
    let clear = format!("{token} {}", code.text().expose());
    let mut hash = [0; 32];
    hash.iter_mut()
        .zip(clear.bytes())
        .for_each(|(to, from)| *to = from);
    hash
}

pub(crate) fn sealed(octets: &[u8]) -> Sealed {
    Sealed {
        v: 1,
        data: octets.to_vec(),
    }
}

pub(crate) fn id(n: u8) -> TokenId {
    TokenId::from_random([n; 5])
}

pub(crate) fn token(n: u8, kind: TokenKind) -> Token {
    let otp = match kind {
        TokenKind::Hotp => Some(Otp::HOTP),
        TokenKind::Totp => Some(Otp::TOTP),
        _ => None,
    };
    Token {
        id: id(n),
        kind,
        base: Base::Registered,
        otp,
        seed: otp.map(|_| sealed(SEED)),
        recovery: match kind {
            TokenKind::Recovery => vec![RecoveryHash([1; 32]); 10],
            _ => Vec::new(),
        },
        questions: None,
        description: String::new(),
        serial: None,
        weak: false,
        created: WALL - DAY,
        created_by: "root".to_owned(),
        registered_at: Some(WALL - DAY),
        disabled_from: None,
        disabled_until: None,
        obsolete_reason: None,
        expires: None,
        last_tested: None,
        delivery: None,
        updated: WALL - DAY,
        extra: serde_json::Map::new(),
    }
}

/// alice in Steady State with the totp token 1.
pub(crate) fn alice() -> UserRecord {
    let profile = Profile {
        name: "alice".to_owned(),
        state: UserState::Steady,
        tokens: vec![token(1, TokenKind::Totp)],
        ..Profile::default()
    };
    UserRecord {
        id: ID,
        profile: Arc::new(profile),
        auth: AuthState {
            revision: 88,
            ..AuthState::default()
        },
    }
}

pub(crate) fn with(change: impl FnOnce(&mut UserRecord)) -> UserRecord {
    let mut record = alice();
    change(&mut record);
    record
}

pub(crate) fn in_state(state: UserState) -> UserRecord {
    with(|record| record.profile_mut().state = state)
}

pub(crate) fn locked(reason: LockReason) -> UserRecord {
    with(|record| {
        record.auth.soft = 5;
        record.auth.token_mut(id(1)).soft = 5;
        record.auth.token_mut(id(1)).total = 7;
        if reason == LockReason::PinBlocked {
            record.auth.pin.failures = 5;
            record.auth.pin.blocked_since = Some(WALL - DAY);
        }
        record.auth.lock = Some(Lock {
            since: WALL - DAY,
            reason,
            by: None,
            auto_until: None,
            note: Arc::from("vpn1"),
            count: 5,
        });
    })
}

pub(crate) fn gateway(
    name: &str,
    first_factor: FirstFactorBy,
    allow_passthrough: bool,
) -> Arc<GatewayPolicy> {
    Arc::new(GatewayPolicy {
        name: Arc::from(name),
        first_factor,
        passcode: PasscodeForm::Otp,
        challenge: false,
        unknown_user: Otherwise::Reject,
        unenrolled: Otherwise::Reject,
        allow_passthrough,
        allowed_kinds: None,
        helpful: false,
        show_accept_message: false,
        strip_domain: Vec::new(),
        same_code_grace: Duration::ZERO,
        reject_delay: Duration::ZERO,
        reject_on_internal_error: false,
    })
}

/// Everything that any command could want.
pub(crate) fn prepared() -> Prepared {
    Prepared {
        user_id: Some(ID),
        token_id: Some(id(9)),
        seed: Some(sealed(SEED)),
        clear_seed: Some(SecretBytes::copy_of(SEED)),
        hash: Some(sealed(b"hash")),
        for_user: Some(ID),
        auth_code: Some([3; 32]),
        link: Some(SecretKey::new([4; 32])),
        enclosure: None,
        answers: vec![sealed(b"hash"); 3],
        answered: None,
        recovery: vec![RecoveryHash([2; 32]); 10],
        sent_code: None,
        pool: None,
        serial_owner: None,
        seats_used: 4_981,
        reveal: Some(Reveal::Pin(SecretBytes::copy_of(b"402817"))),
    }
}

/// One run of a command.
pub(crate) struct Run {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    pub(crate) if_revision: Option<u64>,
    pub(crate) policy: Policy,
    pub(crate) now: Now,
    pub(crate) prepared: Prepared,
    pub(crate) next_seq: u64,
    pub(crate) reason: Option<&'static str>,
    pub(crate) gateways: Vec<Arc<GatewayPolicy>>,
}

pub(crate) fn run() -> Run {
    Run {
        role: Role::Admin,
        name: "carol",
        if_revision: None,
        policy: Policy::default(),
        now: Now::at(WALL),
        prepared: prepared(),
        next_seq: 31,
        reason: Some("ticket 4711"),
        gateways: vec![
            gateway("vpn1", FirstFactorBy::Gateway, true),
            gateway("ocserv", FirstFactorBy::Pin, true),
            gateway("admin-vpn", FirstFactorBy::Gateway, false),
            gateway("bare", FirstFactorBy::None, true),
        ],
    }
}

impl Run {
    pub(crate) fn of(
        mut self,
        record: Option<&UserRecord>,
        command: &Command,
    ) -> Result<Applied, Refusal> {
        let operator = Operator {
            uid: 1007,
            name: Arc::from(self.name),
            role: self.role,
        };
        let asked = Asked {
            operator: &operator,
            reason: self.reason,
            if_revision: self.if_revision,
        };
        let site = Site {
            policy: &self.policy,
            gateways: &self.gateways,
            now: self.now,
            unseal: &Clear,
            next_seq: self.next_seq,
        };
        let sends = matches!(command, Command::TokenSend { .. });
        if let (Some(record), Some(named), true) = (record, command.token(), sends)
            && let Ok(token) = resolve(record, named)
        {
            let code = OtpCode::parse(b"012345").unwrap();
            self.prepared.sent_code = Some(MadeCode {
                token,
                hash: hash_of(token, &code),
            });
            self.prepared.enclosure = Some(Enclosure {
                id: MessageId([5; 16]),
                enclosed: Enclosed {
                    kind: EnclosedKind::Code,
                    sealed: sealed(b"012345"),
                },
            });
        }
        apply(command, record, self.prepared, &asked, &site)
    }
}

pub(crate) fn done(record: &UserRecord, command: &Command) -> (UserRecord, Applied) {
    let applied = run().of(Some(record), command).unwrap();
    (put(&applied).clone(), applied)
}

pub(crate) fn refused(record: &UserRecord, command: &Command) -> Refusal {
    match run().of(Some(record), command) {
        Ok(applied) => panic!("{}", applied.done.message),
        Err(refusal) => refusal,
    }
}

pub(crate) fn put(applied: &Applied) -> &UserRecord {
    let found = applied.effects.iter().find_map(|effect| match effect {
        Effect::Put { user, .. } => Some(&**user),
        _ => None,
    });
    found.unwrap()
}

pub(crate) fn names(applied: &Applied) -> Vec<&'static str> {
    applied.events.iter().map(|event| event.name).collect()
}

pub(crate) fn user() -> String {
    "alice".to_owned()
}

pub(crate) fn t(n: u8) -> TokenRef {
    TokenRef::Id(id(n))
}

/// The code of token 1, so many steps from now.
pub(crate) fn code(steps: i64) -> OtpCode {
    let now = totp::step_at(WALL, mfad::token::Period::THIRTY);
    Otp::TOTP.code_at(SEED, now.checked_add_signed(steps).unwrap())
}

pub(crate) fn new_token() -> NewToken {
    NewToken {
        ..NewToken::of(user(), Otp::TOTP)
    }
}

pub(crate) fn set_state(state: UserState) -> Command {
    Command::UserSetState {
        user: user(),
        state,
        force: false,
        updates: Vec::new(),
        auth_code: None,
    }
}

pub(crate) fn enable(end: PassthroughEnd, gateways: &[&str]) -> Command {
    Command::PassthroughEnable {
        user: user(),
        from: None,
        end,
        gateways: gateways.iter().map(|name| (*name).to_owned()).collect(),
    }
}

pub(crate) fn unlock(with_pin: bool) -> Command {
    Command::UserUnlock {
        user: user(),
        with_pin,
        confirm: false,
    }
}

/// The secret of the link that alice has if she has one.
pub(crate) fn link() -> LinkSecret {
    LinkSecret::new(ID.0, &[6; 32])
}

pub(crate) fn page(what: Step) -> Command {
    Command::Page(Box::new(PageStep {
        link: link(),
        from: "192.0.2.9".to_owned(),
        what,
    }))
}

/// Every command once, as an operator would give it about token 1 of alice.
pub(crate) fn commands() -> Vec<Command> {
    let token = || t(1);
    vec![
        Command::UserAdd(NewUser {
            user: user(),
            ..NewUser::default()
        }),
        Command::UserEdit {
            user: user(),
            edit: Box::new(UserEdit {
                email: Some("alice@example.org".to_owned()),
                ..UserEdit::default()
            }),
        },
        Command::UserDelete { user: user() },
        Command::UserLock {
            user: user(),
            until: None,
        },
        unlock(false),
        set_state(UserState::Update),
        Command::UserReactivate { user: user() },
        Command::CountersClear { user: user() },
        Command::TokenAdd(Box::new(new_token())),
        Command::TokenConfirm {
            token: token(),
            code: code(0),
        },
        Command::TokenTest {
            token: token(),
            code: code(0),
            anyway: false,
        },
        Command::TokenResync {
            token: token(),
            first: code(2),
            second: code(3),
        },
        Command::TokenUnlock { token: token() },
        Command::TokenEdit {
            token: token(),
            edit: TokenEdit {
                description: Some("iPhone 17".to_owned()),
                ..TokenEdit::default()
            },
        },
        Command::TokenDisable {
            token: token(),
            until: None,
            force: false,
        },
        Command::TokenEnable { token: token() },
        Command::TokenObsolete { token: token() },
        Command::TokenResetSecret {
            user: user(),
            token: None,
            why: ResetWhy::LostPhone,
        },
        Command::TokenDelete {
            token: token(),
            force: false,
        },
        Command::TokenMigrate {
            user: user(),
            from: Via::Sms,
        },
        Command::HwUnassign {
            serial: "FT-1".to_owned(),
            force: false,
        },
        Command::EnrollQr {
            user: user(),
            token: None,
            channel: "terminal".to_owned(),
        },
        Command::EnrollEmail {
            user: user(),
            token: None,
        },
        Command::EnrollSms { user: user() },
        Command::EnrollRevoke { user: user() },
        Command::DialogueEnd {
            dialogue: "d-77777".parse().unwrap(),
        },
        page(Step::Begin {
            user: user(),
            code: None,
        }),
        Command::AuthCodeGenerate {
            user: user(),
            ttl: None,
            force: false,
            delivery: Delivery::Shown,
        },
        Command::AuthCodeRevoke { user: user() },
        Command::RecoveryIssue { user: user() },
        Command::RecoveryRevoke { user: user() },
        Command::PinUnblock { user: user() },
        Command::PinReset {
            user: user(),
            pin: None,
            keep: false,
        },
        Command::PinClear { user: user() },
        Command::PasswordSet {
            user: user(),
            password: None,
        },
        Command::PasswordClear { user: user() },
        Command::EmergencySet {
            user: user(),
            questions: ["First pet?", "First street?", "First teacher?"]
                .map(str::to_owned)
                .to_vec(),
            answers: SecretBytes::copy_of(b"Rex\nElm Road\nMrs Hull"),
        },
        Command::EmergencyVerify {
            user: user(),
            answers: None,
        },
        Command::EmergencyClear { user: user() },
        enable(PassthroughEnd::Default, &[]),
        Command::PassthroughRenew { user: user() },
        Command::PassthroughDisable { user: user() },
    ]
}

/// What became of a command: `ok`, `same` (already so) or the code of the refusal.
pub(crate) fn outcome(result: &Result<Applied, Refusal>) -> &'static str {
    match result {
        Ok(applied) if applied.done.unchanged => "same",
        Ok(_) => "ok",
        Err(refusal) => refusal.code.name(),
    }
}

/// Where alice signs in from.
pub(crate) fn at_home() -> Source {
    Source {
        gateway: Arc::from("vpn1"),
        address: "192.0.2.1:1812".parse().unwrap(),
        station: SmolStr::from("203.0.113.7"),
        nas: SmolStr::default(),
    }
}
