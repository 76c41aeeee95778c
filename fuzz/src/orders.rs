//! The commands that a list of operations may hold, each as an operator would give it about alice.

use std::time::Duration;

use mfad::domain::auth_code::Delivery;
use mfad::domain::command::{
    Command, NewSent, NewToken, NewUser, PassthroughEnd, Proof, SendTo, TokenEdit, TokenRef,
    UserEdit,
};
use mfad::domain::delivery::Via;
use mfad::domain::dialogue::Dialogue;
use mfad::domain::rekey::ResetWhy;
use mfad::domain::token_record::TokenKind;
use mfad::domain::user::UserState;
use mfad::secret::SecretBytes;
use mfad::time::Timestamp;
use mfad::token::{DialogueId, Otp, Period, totp};

use super::octets::Octets;
use super::operations::Life;
use super::operations::rules::{self, PASSWORD};

const OTHER_PIN: &[u8] = b"713904";

impl Life {
    /// The command of a choice, about alice.
    pub(super) fn ordered(&self, choice: u8, from: &mut Octets<'_>) -> Command {
        let user = || "alice".to_owned();
        let flags = from.octet();
        let force = flags & 1 == 1;
        let ahead = |minutes: u16| {
            let later = self.world.now.wall + Duration::from_secs(u64::from(minutes) * 60);
            (flags & 2 == 2).then_some(later)
        };
        let token = |from: &mut Octets<'_>| {
            let which = usize::from(from.octet());
            let tokens = self
                .world
                .record
                .as_ref()
                .map(|it| it.profile.tokens.as_slice());
            let found = tokens.and_then(|all| all.get(which % all.len().max(1)));
            TokenRef::Id(found.map_or_else(|| rules::id(31), |token| token.id))
        };
        if choice >= 192 {
            return self.of_addresses(choice, flags, token, from);
        }
        match choice % 32 {
            0 => Command::UserAdd(NewUser {
                user: user(),
                protected: force,
                auth_code: (flags & 4 == 4).then_some(Delivery::Shown),
                ..NewUser::default()
            }),
            1 => Command::UserEdit {
                user: user(),
                edit: Box::new(UserEdit {
                    email: Some("alice@example.org".to_owned()),
                    protected: force.then_some(flags & 2 == 2),
                    ..UserEdit::default()
                }),
            },
            2 => Command::UserDelete { user: user() },
            3 => Command::UserLock {
                user: user(),
                until: ahead(from.number()),
            },
            4 => Command::UserUnlock {
                user: user(),
                with_pin: force,
                confirm: flags & 4 == 4,
            },
            5 => Command::UserSetState {
                user: user(),
                state: UserState::ALL[usize::from(from.octet()) % 9],
                force,
                updates: Vec::new(),
                auth_code: (flags & 4 == 4).then_some(Delivery::Shown),
            },
            6 => Command::UserReactivate { user: user() },
            7 => Command::CountersClear { user: user() },
            8 => Command::TokenAdd(Box::new(self.new_token(flags, ahead(300)))),
            9 => Command::TokenConfirm {
                token: token(from),
                code: self.some_code(from),
            },
            10 => Command::TokenTest {
                token: token(from),
                code: self.some_code(from),
                anyway: force,
            },
            11 => Command::TokenResync {
                token: token(from),
                first: self.some_code(from),
                second: self.some_code(from),
            },
            12 => Command::TokenUnlock { token: token(from) },
            13 => Command::TokenDisable {
                token: token(from),
                until: ahead(from.number()),
                force,
            },
            14 => Command::TokenEnable { token: token(from) },
            15 => Command::TokenDelete {
                token: token(from),
                force,
            },
            16 => Command::EnrollQr {
                user: user(),
                token: None,
                channel: "uri".to_owned(),
            },
            17 => Command::RecoveryIssue { user: user() },
            18 => Command::RecoveryRevoke { user: user() },
            19 => Command::PinUnblock { user: user() },
            20 => Command::PinReset {
                user: user(),
                pin: force.then(|| SecretBytes::copy_of(OTHER_PIN)),
                keep: flags & 2 == 2,
            },
            21 => Command::PinClear { user: user() },
            22 => Command::PasswordSet {
                user: user(),
                password: force.then(|| SecretBytes::copy_of(PASSWORD)),
            },
            23 => Command::PasswordClear { user: user() },
            24 => Command::PassthroughEnable {
                user: user(),
                from: ahead(from.number()),
                end: match flags >> 2 & 3 {
                    0 => PassthroughEnd::Default,
                    1 => PassthroughEnd::For(Duration::from_secs(u64::from(from.number()))),
                    _ => PassthroughEnd::Until(
                        self.world.now.wall + Duration::from_secs(u64::from(from.number()) * 60),
                    ),
                },
                gateways: if force {
                    vec!["vpn1".to_owned()]
                } else {
                    Vec::new()
                },
            },
            25 => Command::PassthroughRenew { user: user() },
            27 => Command::TokenEdit {
                token: token(from),
                edit: TokenEdit {
                    description: force.then(|| "iPhone 17".to_owned()),
                    expires: ahead(from.number()),
                    ..TokenEdit::default()
                },
            },
            28 => Command::TokenObsolete { token: token(from) },
            29 => Command::AuthCodeGenerate {
                user: user(),
                ttl: (flags & 2 == 2).then(|| Duration::from_secs(u64::from(from.number()))),
                force,
                delivery: Delivery::Shown,
            },
            30 => Command::AuthCodeRevoke { user: user() },
            31 => Command::TokenResetSecret {
                user: user(),
                token: force.then(|| token(from)),
                why: ResetWhy::ALL[usize::from(flags >> 2 & 3)],
            },
            _ => Command::PassthroughDisable { user: user() },
        }
    }

    /// What has to do with addresses, links and questions.
    fn of_addresses(
        &self,
        choice: u8,
        flags: u8,
        token: impl Fn(&mut Octets<'_>) -> TokenRef,
        from: &mut Octets<'_>,
    ) -> Command {
        let user = "alice".to_owned();
        let via = if flags & 2 == 2 { Via::Sms } else { Via::Email };
        let record = self.world.record.as_ref();
        match choice % 8 {
            0 | 1 => Command::TokenAddSent(Box::new(NewSent {
                user,
                to: match flags >> 2 & 3 {
                    0 => SendTo::Sms(format!("+49170{:07}", from.number())),
                    1 => SendTo::Email(format!("a{}@example.org", from.number())),
                    _ => SendTo::Virtual(via),
                },
                description: String::new(),
                trusted: flags & 1 == 1,
            })),
            2 => Command::TokenMigrate { user, from: via },
            3 => Command::TokenSend {
                token: token(from),
                proof: match flags & 4 {
                    0 => Proof::Confirm,
                    _ => Proof::Test {
                        anyway: flags & 1 == 1,
                    },
                },
            },
            4 => Command::EnrollSms { user },
            5 => Command::EnrollEmail { user, token: None },
            6 => Command::EnrollRevoke { user },
            _ => {
                let open = record.and_then(|record| record.auth.dialogues.first());
                Command::DialogueEnd {
                    dialogue: open
                        .map_or_else(|| DialogueId::from_random([flags; 5]), Dialogue::id),
                }
            }
        }
    }

    fn new_token(&self, flags: u8, expires: Option<Timestamp>) -> NewToken {
        let (kind, otp) = if flags & 4 == 0 {
            (TokenKind::Totp, Otp::TOTP)
        } else {
            (TokenKind::Hotp, Otp::HOTP)
        };
        let seed = rules::seed(self.next_token);
        let step = totp::step_at(self.world.now.wall, Period::THIRTY);
        let factor = if flags & 4 == 0 { step } else { 0 };
        NewToken {
            user: "alice".to_owned(),
            kind,
            otp,
            serial: None,
            seed: None,
            weak: false,
            counter: 0,
            expires,
            description: String::new(),
            trusted: flags & 8 != 0,
            confirm: (flags & 16 != 0).then(|| otp.code_at(&seed, factor)),
        }
    }
}
