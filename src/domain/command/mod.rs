//! Every change an operator can ask for, parsed: the whole write side of the control interface.
//!
//! A [`Command`] is complete and well-formed when it exists; whether it may be carried out is
//! decided by [`apply()`] on the newest record, inside the writer. What must be random, hashed or
//! sealed for it is made outside, as [`needs()`] says, and comes in as [`Prepared`].
//!
//! ```text
//! Command --needs--> Needs --(random, hash, seal)--> Prepared --apply--> Applied or Refusal
//! ```
//! Each command is one small function in the file of its noun. [`apply()`] does what is common to all
//! before it: permit, existence, `--if-revision`, what has run out; `Case` does what comes after:
//! the revision, the events, the answer. A [`Refusal`] changes nothing, unless it comes as
//! [`Done::refused`]: then it is counted.

mod address;
mod admitted;
mod apply;
mod auth_code;
mod bring;
mod case;
mod code;
mod dialogue;
mod emergency;
mod enrol;
mod hardware;
mod lock;
mod mail;
mod migrate;
mod needs;
mod page;
mod passthrough;
mod permit;
mod pin;
mod recovery;
mod reset_secret;
mod resolve;
mod scope;
mod sent;
mod state;
mod subject;
mod token;
mod token_edit;
mod user;
pub(crate) mod words;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::auth_code::Delivery;
use super::delivery::Via;
use super::event::{Event, Operator};
use super::message::Message;
use super::notice::Enclosure;
use super::policy::{GatewayPolicy, Policy};
use super::refusal::Refusal;
use super::rekey::ResetWhy;
use super::sealed::{Sealed, Unseal};
use super::token_record::{HardwareToken, RecoveryHash, TokenKind};
use super::update::Update;
use super::user::{UserId, UserRecord, UserState};
use crate::secret::{SecretBytes, SecretKey};
use crate::time::{Now, Timestamp};
use crate::token::{DialogueId, Otp, OtpCode, TokenId};

pub use apply::apply;
pub use bring::{Brought, advance, bring};
pub use dialogue::none as no_dialogue;
pub use emergency::Answered;
pub use needs::{Encloses, Needs, SeedFor, needs};
pub use page::{PageStep, Step, pending_totp, refused as refused_link, room};
pub use permit::permit;
pub use resolve::{pending, resolve};
pub use sent::pending_sent;

/// Which token a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRef {
    /// `T-8F3K2`.
    Id(TokenId),
    /// The serial of a hardware token.
    Serial(String),
    /// `alice/totp`: the one token of that kind of that user.
    OfUser(String, TokenKind),
}

/// A change to one person or token.
pub enum Command {
    /// A new person in state New Credential.
    UserAdd(NewUser),
    /// Name, contacts, set, language, label, notes, protection; what is none stays.
    UserEdit {
        /// Canonical login name.
        user: String,
        /// What to change.
        edit: Box<UserEdit>,
    },
    /// The person goes; the audit log remembers.
    UserDelete {
        /// Canonical login name.
        user: String,
    },
    /// Locked by an operator.
    UserLock {
        /// Canonical login name.
        user: String,
        /// Ends by itself then.
        until: Option<Timestamp>,
    },
    /// The lock and the soft counters go.
    UserUnlock {
        /// Canonical login name.
        user: String,
        /// Lifts a PIN block as well.
        with_pin: bool,
        /// The person is to confirm it with one more code.
        confirm: bool,
    },
    /// Another lifecycle state.
    UserSetState {
        /// Canonical login name.
        user: String,
        /// The state wanted.
        state: UserState,
        /// Steady even without a usable token.
        force: bool,
        /// What is to be changed in Update Credential; nothing: what is usual.
        updates: Vec<Update>,
        /// Hands out an auth code with it, in this way.
        auth_code: Option<Delivery>,
    },
    /// Ends a question at a sign-in that waits for its answer.
    DialogueEnd {
        /// Which.
        dialogue: DialogueId,
    },
    /// Out of Deactivated.
    UserReactivate {
        /// Canonical login name.
        user: String,
    },
    /// Soft counters to zero.
    CountersClear {
        /// Canonical login name.
        user: String,
    },

    /// A new token, or one from the hardware pool.
    TokenAdd(Box<NewToken>),
    /// A new token whose codes are sent.
    TokenAddSent(Box<NewSent>),
    /// A code is sent, for a proof or a test.
    TokenSend {
        /// Which.
        token: TokenRef,
        /// For what.
        proof: Proof,
    },
    /// The first code of a pending token.
    TokenConfirm {
        /// Which.
        token: TokenRef,
        /// The code its device shows.
        code: OtpCode,
    },
    /// A code without a login.
    TokenTest {
        /// Which.
        token: TokenRef,
        /// The code its device shows.
        code: OtpCode,
        /// Disabled and locked tokens as well.
        anyway: bool,
    },
    /// Two codes in a row.
    TokenResync {
        /// Which.
        token: TokenRef,
        /// The code shown first.
        first: OtpCode,
        /// The code shown next.
        second: OtpCode,
    },
    /// The lock of one token goes.
    TokenUnlock {
        /// Which.
        token: TokenRef,
    },
    /// Description, expiry; what is none stays.
    TokenEdit {
        /// Which.
        token: TokenRef,
        /// What to change.
        edit: TokenEdit,
    },
    /// Switched off.
    TokenDisable {
        /// Which.
        token: TokenRef,
        /// On again by itself then.
        until: Option<Timestamp>,
        /// Even if it is the last one.
        force: bool,
    },
    /// Switched on.
    TokenEnable {
        /// Which.
        token: TokenRef,
    },
    /// Void for good, its secret erased; a serial stays known as compromised.
    TokenObsolete {
        /// Which.
        token: TokenRef,
    },
    /// Its secret is void; a new token is awaited.
    TokenResetSecret {
        /// Canonical login name.
        user: String,
        /// Which token, if there are several.
        token: Option<TokenRef>,
        /// What has happened.
        why: ResetWhy,
    },
    /// Gone with its secret.
    TokenDelete {
        /// Which.
        token: TokenRef,
        /// Even if it is the last one.
        force: bool,
    },
    /// Tokens with an address of their own are replaced by a virtual one.
    TokenMigrate {
        /// Canonical login name.
        user: String,
        /// By what their codes are sent.
        from: Via,
    },
    /// Back into the pool of hardware tokens.
    HwUnassign {
        /// Printed on it.
        serial: String,
        /// Even if it is the last one.
        force: bool,
    },
    /// The QR code of a pending token is shown once more.
    EnrollQr {
        /// Canonical login name.
        user: String,
        /// Which pending token, if there are several.
        token: Option<TokenRef>,
        /// Where it goes: `terminal`, `png`, `svg` or `uri`.
        channel: String,
    },
    /// A mail that lets the person enrol; a link before it is void.
    EnrollEmail {
        /// Canonical login name.
        user: String,
        /// Which pending token, if its seed is sent and there are several.
        token: Option<TokenRef>,
    },
    /// A text message that lets the person enrol; a link before it is void.
    EnrollSms {
        /// Canonical login name.
        user: String,
    },
    /// The links that were sent are void.
    EnrollRevoke {
        /// Canonical login name.
        user: String,
    },
    /// What a person does on the pages of a link.
    Page(Box<PageStep>),
    /// A new auth code; the one before is void.
    AuthCodeGenerate {
        /// Canonical login name.
        user: String,
        /// How long it is good; none: as configured.
        ttl: Option<Duration>,
        /// Even if nothing waits for one.
        force: bool,
        /// How it goes to the person.
        delivery: Delivery,
    },
    /// The auth code is void.
    AuthCodeRevoke {
        /// Canonical login name.
        user: String,
    },
    /// A new set of recovery codes; the old set is void.
    RecoveryIssue {
        /// Canonical login name.
        user: String,
    },
    /// All recovery codes are void.
    RecoveryRevoke {
        /// Canonical login name.
        user: String,
    },

    /// The old PIN works again.
    PinUnblock {
        /// Canonical login name.
        user: String,
    },
    /// A new PIN.
    PinReset {
        /// Canonical login name.
        user: String,
        /// The PIN; none: mfad makes one.
        pin: Option<SecretBytes>,
        /// The person need not change it.
        keep: bool,
    },
    /// No PIN any more.
    PinClear {
        /// Canonical login name.
        user: String,
    },
    /// A new local password.
    PasswordSet {
        /// Canonical login name.
        user: String,
        /// The password; none: mfad makes one.
        password: Option<SecretBytes>,
    },
    /// No local password any more.
    PasswordClear {
        /// Canonical login name.
        user: String,
    },

    /// New questions with their answers; those before are void.
    EmergencySet {
        /// Canonical login name.
        user: String,
        /// As they are asked.
        questions: Vec<String>,
        /// In the same order, one a line.
        answers: SecretBytes,
    },
    /// Some of the questions, asked on the phone.
    EmergencyVerify {
        /// Canonical login name.
        user: String,
        /// In the order in which they were asked, one a line; none: which ones are asked?
        answers: Option<SecretBytes>,
    },
    /// No questions any more.
    EmergencyClear {
        /// Canonical login name.
        user: String,
    },

    /// No code needed for a while.
    PassthroughEnable {
        /// Canonical login name.
        user: String,
        /// Begins then; none: now.
        from: Option<Timestamp>,
        /// Ends when.
        end: PassthroughEnd,
        /// Gateways; empty: all that allow it.
        gateways: Vec<String>,
    },
    /// Prolongs what there is.
    PassthroughRenew {
        /// Canonical login name.
        user: String,
    },
    /// Ends all grants of the person.
    PassthroughDisable {
        /// Canonical login name.
        user: String,
    },
}

/// How the end of a grant was stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassthroughEnd {
    /// Not at all: the configured length.
    Default,
    /// So long from its beginning.
    For(Duration),
    /// At this instant.
    Until(Timestamp),
}

/// What `user add` states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewUser {
    /// Canonical login name.
    pub user: String,
    /// Name of the person.
    pub display_name: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Name of the authentication set.
    pub set: Option<String>,
    /// Language tag.
    pub language: Option<String>,
    /// Only an admin may weaken the sign-in.
    pub protected: bool,
    /// Hands out an auth code with it, on this way.
    pub auth_code: Option<Delivery>,
    /// The operator has seen that the addresses are the person's.
    pub trusted: bool,
}

/// What `user edit` changes; none leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserEdit {
    /// Name of the person.
    pub display_name: Option<String>,
    /// Main e-mail address; empty removes it.
    pub email: Option<String>,
    /// Main phone number; empty removes it.
    pub phone: Option<String>,
    /// Name of the authentication set; empty: the default one.
    pub set: Option<String>,
    /// Language tag.
    pub language: Option<String>,
    /// Label for lists.
    pub role_label: Option<String>,
    /// Free text.
    pub notes: Option<String>,
    /// Only an admin may weaken the sign-in; changing it is an admin's.
    pub protected: Option<bool>,
    /// The operator has seen that the main addresses are the person's.
    pub trusted: bool,
}

/// What `token add` states.
pub struct NewToken {
    /// Canonical login name of the owner.
    pub user: String,
    /// Kind: hotp or totp.
    pub kind: TokenKind,
    /// Algorithm, digits, period.
    pub otp: Otp,
    /// Serial of a hardware token.
    pub serial: Option<String>,
    /// The seed of a hardware token; none: from the pool by serial, or made by mfad.
    pub seed: Option<SecretBytes>,
    /// Take a seed of fewer than 16 octets.
    pub weak: bool,
    /// First counter of an event based token.
    pub counter: u64,
    /// First instant at which it no longer counts.
    pub expires: Option<Timestamp>,
    /// Free text.
    pub description: String,
    /// The operator has seen the proof.
    pub trusted: bool,
    /// The code the device shows, as proof.
    pub confirm: Option<OtpCode>,
}

/// What `token add` states of a token whose codes are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSent {
    /// Canonical login name of the owner.
    pub user: String,
    /// Where its codes go.
    pub to: SendTo,
    /// Free text.
    pub description: String,
    /// The operator has seen that the owner gets what is sent there.
    pub trusted: bool,
}

/// Where the codes of a token go, and with that its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendTo {
    /// To this number.
    Sms(String),
    /// To this address.
    Email(String),
    /// To the main address of its owner.
    Virtual(Via),
}

/// What a code is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// To prove a pending token.
    Confirm,
    /// As a test.
    Test {
        /// Disabled and locked tokens as well.
        anyway: bool,
    },
}

/// What `token edit` changes; none leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenEdit {
    /// Number of a token of type sms.
    pub phone: Option<String>,
    /// Address of a token of type email.
    pub email: Option<String>,
    /// The operator has seen that the owner gets what is sent there.
    pub trusted: bool,
    /// Free text.
    pub description: Option<String>,
    /// First instant at which it no longer counts; [`Timestamp::NEVER`]: it does not expire.
    pub expires: Option<Timestamp>,
}

/// What is random, hashed or sealed for a command, made before it is judged; [`needs()`] says which
/// fields a command wants.
///
/// Everything sealed or hashed belongs to one user id ([`Prepared::for_user`]) and, where it was
/// made from a token's seed, to that token ([`Prepared::token_id`]): if either is another one when
/// the command is judged, it is refused with `E_CONFLICT`. `pool`, `serial_owner` and `seats_used`
/// are looked up by the writer, at the moment of judging.
#[derive(Default)]
pub struct Prepared {
    /// Id for a new user.
    pub user_id: Option<UserId>,
    /// Id for a new token; for `hw unassign` and `enroll qr` the token that the seed belongs to.
    pub token_id: Option<TokenId>,
    /// The sealed seed of a new token, or that of a hardware token resealed for its new place.
    pub seed: Option<Sealed>,
    /// The clear seed, for the QR code and for confirming.
    pub clear_seed: Option<SecretBytes>,
    /// The sealed hash of a new PIN or password, made for [`Prepared::for_user`].
    pub hash: Option<Sealed>,
    /// The user whose id is part of the seal or the hashes.
    pub for_user: Option<UserId>,
    /// The sealed hashes of new answers, made for [`Prepared::for_user`] and [`Prepared::token_id`].
    pub answers: Vec<Sealed>,
    /// What the answers that were given are.
    pub answered: Option<Answered>,
    /// Keyed hashes of new recovery codes.
    pub recovery: Vec<RecoveryHash>,
    /// Keyed hash of a new auth code.
    pub auth_code: Option<[u8; 32]>,
    /// The random part of a new link or ticket.
    pub link: Option<SecretKey>,
    /// What a message is to bring, sealed for it.
    pub enclosure: Option<Enclosure>,
    /// A new code that [`Self::enclosure`] brings.
    pub sent_code: Option<MadeCode>,
    /// The hardware token of that serial in the pool.
    pub pool: Option<HardwareToken>,
    /// Login name of who has a token of that serial.
    pub serial_owner: Option<Arc<str>>,
    /// Counted users (all but Deactivated).
    pub seats_used: u64,
    /// What is shown once: a PIN, password or codes that mfad made.
    pub reveal: Option<Reveal>,
}

/// A code that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCode {
    /// The token it is for.
    pub token: TokenId,
    /// Its keyed hash.
    pub hash: [u8; 32],
}

/// A secret that the answer to a command shows once.
pub enum Reveal {
    /// A generated PIN.
    Pin(SecretBytes),
    /// A generated password.
    Password(SecretBytes),
    /// An auth code.
    AuthCode(SecretBytes),
    /// Recovery codes, one a line.
    RecoveryCodes(SecretBytes),
    /// An otpauth URI; `mfactl` draws the QR code from it.
    OtpauthUri(SecretBytes),
}

/// The answer to a command that was carried out (or would be, in a dry run).
pub struct Done {
    /// Nothing was changed because it was already so.
    pub unchanged: bool,
    /// What is so now, one sentence, with the person's current state.
    pub message: String,
    /// Facts an operator should know, one line each: a label and a text.
    pub notes: Vec<(&'static str, String)>,
    /// The command that takes it back.
    pub undo: Option<String>,
    /// The user it was about, as it is now.
    pub user: Option<Arc<str>>,
    /// The user's current state.
    pub state: Option<&'static str>,
    /// The user's revision.
    pub revision: Option<u64>,
    /// The token it was about.
    pub token: Option<TokenId>,
    /// Further facts for scripts.
    pub data: Vec<(&'static str, Value)>,
    /// What is shown once.
    pub reveal: Option<Reveal>,
    /// The right to the next step on a page.
    pub ticket: Option<SecretBytes>,
    /// It was refused, and what changed is the count of that.
    pub refused: Option<Box<Refusal>>,
}

/// How a command was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub operator: &'a Operator,
    /// The operator's words.
    pub reason: Option<&'a str>,
    /// Refuse if the user's revision is another one.
    pub if_revision: Option<u64>,
}

/// The world a command is judged in.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// The gateways, to say at which of them something will work.
    pub gateways: &'a [Arc<GatewayPolicy>],
    /// When.
    pub now: Now,
    /// Opens seals, for the commands that look at a code.
    pub unseal: &'a dyn Unseal,
    /// Number of the next audit record; names what must be unique in the store.
    pub next_seq: u64,
}

/// What a command changes.
#[must_use]
pub struct Applied {
    /// Records to write, in one change.
    pub effects: Vec<Effect>,
    /// What the audit log keeps.
    pub events: Vec<Event>,
    /// The answer, once this is durable.
    pub done: Done,
}

/// One record to write.
pub enum Effect {
    /// The user as it is to be, its revision already raised; `expected` none: a new one.
    Put {
        /// The record.
        user: Box<UserRecord>,
        /// Revision it was judged on.
        expected: Option<u64>,
    },
    /// The user goes.
    Remove {
        /// Who.
        id: UserId,
        /// Revision it was judged on.
        expected: u64,
    },
    /// A hardware token comes into the pool.
    PoolPut(HardwareToken),
    /// A hardware token leaves the pool.
    PoolTake(String),
    /// A message waits to be sent.
    Send(Box<Message>),
}
