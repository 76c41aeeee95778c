//! What a command needs that is random, hashed or sealed, made before it is judged; and the way of a
//! command through the engine.
//!
//! Preparing runs in the caller's thread on the record as it is then; the writer judges on the
//! newest one and refuses what was made for another. If somebody was faster, all is made anew.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, PoisonError};

use zeroize::Zeroizing;

use super::writer::{Job, Ordered, Reply};
use super::{Engine, pace};
use crate::domain::action::Action;
use crate::domain::command::{
    self, Asked, Command, Done, Needs, NewToken, Prepared, Reveal, SeedFor, Site, needs,
};
use crate::domain::event::Operator;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::{Field, Sealed, Unseal};
use crate::domain::user::{UserId, UserRecord};
use crate::secret::{SecretBytes, SecretKey};
use crate::store::StoreError;
use crate::token::generate::{PASSWORD_SIGNS, PIN_RANDOM_OCTETS, generate_password, generate_pin};
use crate::token::{SEED_MADE_OCTETS, TokenId};

/// How often a command is made anew when somebody was faster.
const TRIES_MAX: u32 = 5;

/// How a command was asked for.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// The operator's words.
    pub reason: Option<String>,
    /// Judge only.
    pub dry_run: bool,
    /// Refuse if the user's revision is another one.
    pub if_revision: Option<u64>,
    /// Id of the call.
    pub request: String,
}

/// A command that was carried out.
pub struct Carried {
    /// The answer.
    pub done: Done,
    /// Number of its last audit record; none for a dry run.
    pub audit: Option<u64>,
}

/// A command before it is judged.
struct Ready {
    /// Login name of the person it is about.
    target: String,
    /// The record it was prepared on.
    record: Option<Arc<UserRecord>>,
    prepared: Prepared,
}

impl Engine {
    /// Carries a command out, or judges it only.
    ///
    /// # Errors
    /// [`Refusal`]: nothing changed.
    pub fn change(
        &self,
        operator: &Operator,
        command: Command,
        manner: &Manner,
    ) -> Result<Carried, Refusal> {
        let result = self.try_change(operator, command, manner);
        match &result {
            Ok(_) => self.counters().commands.up(),
            Err(_) => self.counters().refusals.up(),
        }
        result
    }

    fn try_change(
        &self,
        operator: &Operator,
        mut command: Command,
        manner: &Manner,
    ) -> Result<Carried, Refusal> {
        if manner.dry_run {
            let ready = self.ready(operator, &command, manner)?;
            return self.judge_only(&command, ready, operator, manner);
        }
        for _ in 0..TRIES_MAX {
            match self.begin(operator, command, manner)?.recv() {
                Ok(Reply::Done(mut done, seq)) => {
                    return match done.refused.take() {
                        Some(refusal) => Err(*refusal),
                        None => Ok(Carried {
                            done: *done,
                            audit: Some(seq),
                        }),
                    };
                }
                Ok(Reply::Refused(refusal)) => return Err(*refusal),
                Ok(Reply::Again(again)) => command = *again,
                Err(_) => return Err(Refusal::new(Code::Busy, "mfad is stopping")),
            }
        }
        Err(Refusal::new(
            Code::Busy,
            "the record is being changed all the time; nothing changed",
        ))
    }

    /// Makes a command ready and gives it to the writer. Its answer comes through the receiver:
    /// [`Engine::change`] waits for it, whoever drives the writer in the same thread looks later.
    ///
    /// # Errors
    /// [`Refusal`]: nothing changed.
    pub fn begin(
        &self,
        operator: &Operator,
        command: Command,
        manner: &Manner,
    ) -> Result<Receiver<Reply>, Refusal> {
        let Ready {
            target, prepared, ..
        } = self.ready(operator, &command, manner)?;
        let (reply, answer) = sync_channel(1);
        let ordered = Ordered {
            command,
            target,
            prepared,
            operator: operator.clone(),
            reason: manner.reason.clone(),
            if_revision: manner.if_revision,
            request: manner.request.clone(),
            reply,
        };
        let stopped = |_| Refusal::new(Code::Busy, "mfad is stopping; nothing changed");
        self.order(Job::Command(Box::new(ordered)))
            .map_err(stopped)?;
        Ok(answer)
    }

    fn ready(
        &self,
        operator: &Operator,
        command: &Command,
        manner: &Manner,
    ) -> Result<Ready, Refusal> {
        let (action, reason) = (command.action(), manner.reason.as_deref());
        let permit = |record: Option<&UserRecord>| {
            let refused = |refusal: &Refusal| {
                if refusal.code == Code::Perm {
                    self.denied(operator, action);
                }
            };
            command::permit(action, operator, record, reason).inspect_err(refused)
        };
        if operator.role < action.spec().least {
            // Nor is it told whether there is what is named.
            permit(None)?;
        }
        let (target, record) = self.target(command)?;
        // Permission first, so that nobody makes the daemon hash who may not.
        permit(record.as_deref())?;
        if record.is_some() {
            self.pace_of(command, &target)?;
        }
        let mut prepared = self.prepare(command, record.as_deref())?;
        // Never in a dry run: that would be a try that counts for nothing.
        if let Some(record) = record.as_deref().filter(|_| !manner.dry_run) {
            self.check_answers(command, record, &mut prepared)?;
        }
        Ok(Ready {
            target,
            record,
            prepared,
        })
    }

    fn judge_only(
        &self,
        command: &Command,
        ready: Ready,
        operator: &Operator,
        manner: &Manner,
    ) -> Result<Carried, Refusal> {
        let Ready {
            record, prepared, ..
        } = ready;
        let rules = self.rules();
        let reason = manner.reason.as_deref();
        let asked = Asked {
            operator,
            reason,
            if_revision: manner.if_revision,
        };
        let site = Site {
            policy: &rules.policy,
            gateways: &rules.gateways,
            now: self.now(),
            unseal: self.keys(),
            next_seq: self.reader().last_seq().map_err(|e| store(&e))? + 1,
        };
        let mut done = command::apply(command, record.as_deref(), prepared, &asked, &site)?.done;
        done.reveal = None;
        Ok(Carried { done, audit: None })
    }

    /// Commands that look at a code: so many tries a minute (R36, R37).
    fn pace_of(&self, command: &Command, target: &str) -> Result<(), Refusal> {
        let looks = matches!(
            command.action(),
            Action::TokenTest
                | Action::TokenResync
                | Action::TokenConfirm
                | Action::EmergencyVerify
        );
        let mut pace = self.pace().lock().unwrap_or_else(PoisonError::into_inner);
        if !looks || pace.try_one(target, self.now()) {
            return Ok(());
        }
        let why = format!("{} tries in a minute are the most", pace::TRIES_MAX);
        Err(Refusal::new(
            Code::Busy,
            format!("too many codes were tried for {target}"),
        )
        .why(why)
        .doing("wait a minute"))
    }

    fn prepare(&self, command: &Command, record: Option<&UserRecord>) -> Result<Prepared, Refusal> {
        let wants = needs(command);
        let for_user = record.map(|record| record.id);
        let mut prepared = Prepared {
            for_user,
            ..Prepared::default()
        };
        if wants.user_id {
            prepared.user_id = Some(UserId(self.random()?));
        }
        if wants.token_id {
            prepared.token_id = Some(self.new_token_id()?);
        }
        if wants.link {
            prepared.link = Some(SecretKey::new(self.random()?));
        }
        self.look_up(&wants, &mut prepared)?;
        if wants.auth_code
            && let Some(user) = prepared.user_id.or(for_user)
        {
            self.auth_code(user, &mut prepared)?;
        }
        let Some(record) = record else {
            self.enclose(&wants, None, &mut prepared)?;
            return Ok(prepared);
        };
        match wants.seed {
            SeedFor::Nothing => {}
            SeedFor::NewToken => self.new_seed(command, record, &mut prepared)?,
            SeedFor::Page => self.page_seed(record, &mut prepared)?,
            SeedFor::Pool => self.reseal_for_pool(&wants, record, &mut prepared)?,
        }
        if wants.clear_seed
            && let Ok(id) = command::pending(record, command.token())
        {
            prepared.token_id = Some(id);
            let sealed = record.token(id).and_then(|token| token.seed.as_ref());
            let field = Field::Seed(record.id, id);
            prepared.clear_seed = sealed.and_then(|sealed| self.keys().open(field, sealed));
        }
        if wants.pin_hash || wants.password_hash {
            self.new_hash(command, record, &mut prepared)?;
        }
        if wants.answers {
            self.answer_hashes(command, record, &mut prepared)?;
        }
        if wants.sent_code {
            self.named_code(command, record, &mut prepared)?;
        }
        if wants.recovery_codes {
            self.recovery_codes(record, &mut prepared)?;
        }
        self.enclose(&wants, Some(record), &mut prepared)?;
        Ok(prepared)
    }

    /// What the store knows and the record does not; asked again by the writer.
    pub(super) fn look_up(
        &self,
        wants: &Needs<'_>,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        if let Some(serial) = wants.serial {
            prepared.pool = self.reader().hardware(serial).map_err(|e| store(&e))?;
            let owner = self.reader().user_by_token(serial).map_err(|e| store(&e))?;
            prepared.serial_owner = owner.map(|owner| Arc::from(owner.name()));
        }
        if wants.seats {
            prepared.seats_used = self.reader().counts().map_err(|e| store(&e))?.seats;
        }
        Ok(())
    }

    pub(super) fn new_token_id(&self) -> Result<TokenId, Refusal> {
        for _ in 0..TRIES_MAX {
            let id = TokenId::from_random(self.random()?);
            let taken = self
                .reader()
                .user_by_token(&id.to_string())
                .map_err(|e| store(&e))?;
            if taken.is_none() {
                return Ok(id);
            }
        }
        Err(Refusal::new(
            Code::Busy,
            "no free token id was found; nothing changed",
        ))
    }

    fn new_seed(
        &self,
        command: &Command,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let (Command::TokenAdd(new), Some(id)) = (command, prepared.token_id) else {
            return Ok(());
        };
        let NewToken { seed, .. } = &**new;
        let clear = match (seed, &prepared.pool) {
            (Some(seed), _) => SecretBytes::copy_of(seed.expose()),
            (None, Some(pool)) => {
                let field = Field::PoolSeed(&pool.serial);
                self.keys().open(field, &pool.seed).ok_or_else(unreadable)?
            }
            (None, None) => {
                let mut seed = vec![0; SEED_MADE_OCTETS];
                self.fill(&mut seed)?;
                SecretBytes::new(seed)
            }
        };
        prepared.seed = Some(self.seal(Field::Seed(record.id, id), clear.expose())?);
        prepared.clear_seed = Some(clear);
        Ok(())
    }

    fn reseal_for_pool(
        &self,
        wants: &Needs<'_>,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let owned = |serial| {
            record
                .profile
                .tokens
                .iter()
                .find(move |t| t.serial.as_deref() == Some(serial))
        };
        let Some((token, serial)) = wants
            .serial
            .and_then(|serial| owned(serial).map(|token| (token, serial)))
        else {
            return Ok(());
        };
        prepared.token_id = Some(token.id);
        if let Some(sealed) = &token.seed {
            let field = Field::Seed(record.id, token.id);
            let clear = self.keys().open(field, sealed).ok_or_else(unreadable)?;
            prepared.seed = Some(self.seal(Field::PoolSeed(serial), clear.expose())?);
        }
        Ok(())
    }

    fn new_hash(
        &self,
        command: &Command,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let copy = |secret: &SecretBytes| SecretBytes::copy_of(secret.expose());
        let rules = self.rules();
        let (field, secret) = match command {
            Command::PinReset { pin: Some(pin), .. } => {
                // A PIN that the rules refuse anyway is not worth 17 ms.
                if crate::domain::pin::check_pin(&rules.policy.pin, &record.profile, pin.expose())
                    .is_err()
                {
                    return Ok(());
                }
                (Field::Pin(record.id), copy(pin))
            }
            Command::PinReset { pin: None, .. } => {
                let pin = self.good_pin(record)?;
                prepared.reveal = Some(Reveal::Pin(copy(&pin)));
                (Field::Pin(record.id), pin)
            }
            Command::PasswordSet {
                password: Some(password),
                ..
            } => {
                if crate::domain::pin::check_password(&record.profile, password.expose()).is_err() {
                    return Ok(());
                }
                (Field::Password(record.id), copy(password))
            }
            Command::PasswordSet { password: None, .. } => {
                let random = Zeroizing::new(self.random::<PASSWORD_SIGNS>()?);
                let password = generate_password(&random);
                prepared.reveal = Some(Reveal::Password(copy(&password)));
                (Field::Password(record.id), password)
            }
            _ => return Ok(()),
        };
        let hash = self
            .pins()
            .hash(record.id, secret, self.random()?)
            .map_err(|_| {
                Refusal::new(
                    Code::Busy,
                    "too many PINs are being checked; nothing changed",
                )
            })?;
        prepared.hash = Some(self.seal(field, hash.expose())?);
        Ok(())
    }

    /// A generated PIN that the rules would take from a person, too.
    fn good_pin(&self, record: &UserRecord) -> Result<SecretBytes, Refusal> {
        let rules = self.rules();
        for _ in 0..64 {
            let random = Zeroizing::new(self.random::<PIN_RANDOM_OCTETS>()?);
            let Some(pin) = generate_pin(&*random, rules.policy.pin.min_length) else {
                continue;
            };
            let good =
                crate::domain::pin::check_pin(&rules.policy.pin, &record.profile, pin.expose());
            if good.is_ok() {
                return Ok(pin);
            }
        }
        Err(Refusal::new(
            Code::Busy,
            "no PIN that the rules allow was found; nothing changed",
        ))
    }

    pub(super) fn seal(&self, field: Field<'_>, clear: &[u8]) -> Result<Sealed, Refusal> {
        let nonce = self.random()?;
        self.keys()
            .seal(field, clear, nonce)
            .map_err(|_| unreadable())
    }

    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], Refusal> {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    pub(super) fn fill(&self, octets: &mut [u8]) -> Result<(), Refusal> {
        if self.world().fill(octets) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::Busy,
            "the system gives no random numbers; nothing changed",
        ))
    }
}

pub(super) fn store(error: &StoreError) -> Refusal {
    Refusal::new(Code::Store, "mfad cannot read its store; nothing changed").why(error.to_string())
}

pub(super) fn unreadable() -> Refusal {
    Refusal::new(
        Code::Sealed,
        "a stored secret does not open with this master key; nothing changed",
    )
}
