//! Codes that are written down, read out or sent: made, hashed, and shown or sealed once.

use zeroize::Zeroizing;

use super::Engine;
use crate::domain::attempt::Attempt;
use crate::domain::command::{self, Command, Encloses, MadeCode, Needs, Prepared, Reveal};
use crate::domain::delivery::Via;
use crate::domain::dialogue::Handle;
use crate::domain::judge::{CodeFor, Fresh, Lacking};
use crate::domain::message::{Enclosed, EnclosedKind, MessageId};
use crate::domain::notice::Enclosure;
use crate::domain::policy::{EmailContent, Policy};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::sealed::{Field, Unseal as _};
use crate::domain::token_record::RecoveryHash;
use crate::domain::user::{UserId, UserRecord};
use crate::secret::SecretBytes;
use crate::time::Now;
use crate::token::auth_code::{AUTH_CODE_SIGNS, AuthCode};
use crate::token::link::LinkSecret;
use crate::token::otpauth::Enrolment;
use crate::token::recovery::{RECOVERY_CODE_OCTETS, RecoveryCode};
use crate::token::sent_code::{self, SENT_CODE_RANDOM_OCTETS};
use crate::token::{Digits, Otp, OtpCode, SEED_MADE_OCTETS, TokenId};

impl Engine {
    pub(super) fn auth_code(&self, user: UserId, prepared: &mut Prepared) -> Result<(), Refusal> {
        let (hash, text) = self.new_auth_code(user)?;
        prepared.auth_code = Some(hash);
        prepared.reveal = Some(Reveal::AuthCode(text));
        Ok(())
    }

    /// An auth code: its keyed hash, and itself.
    fn new_auth_code(&self, user: UserId) -> Result<([u8; 32], SecretBytes), Refusal> {
        let random = Zeroizing::new(self.random::<AUTH_CODE_SIGNS>()?);
        let code = AuthCode::from_random(&random);
        let hash = self.keys().auth_code_hash(user, &code);
        Ok((hash, SecretBytes::copy_of(code.text().expose().as_bytes())))
    }

    /// A seed for the token that an opened enrolment shows.
    pub(super) fn page_seed(
        &self,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let id = match command::pending_totp(record) {
            Some(id) => id,
            None => self.new_token_id()?,
        };
        let seed = self.new_seed_octets()?;
        prepared.token_id = Some(id);
        prepared.seed = Some(self.seal(Field::Seed(record.id, id), seed.expose())?);
        prepared.clear_seed = Some(seed);
        Ok(())
    }

    fn new_seed_octets(&self) -> Result<SecretBytes, Refusal> {
        let mut seed = SecretBytes::new(vec![0; SEED_MADE_OCTETS]);
        self.fill(seed.expose_mut())?;
        Ok(seed)
    }

    /// A code for the token that is named, sealed for the message that brings it.
    pub(super) fn named_code(
        &self,
        command: &Command,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let named = command.token();
        let Some(token) = named.and_then(|named| command::resolve(record, named).ok()) else {
            return Ok(());
        };
        let (made, enclosure) = self.sent_code(record.id, token, EnclosedKind::Code)?;
        prepared.sent_code = Some(made);
        prepared.enclosure = Some(enclosure);
        Ok(())
    }

    /// A code of `token`, and itself sealed for a message of its own.
    fn sent_code(
        &self,
        user: UserId,
        token: TokenId,
        kind: EnclosedKind,
    ) -> Result<(MadeCode, Enclosure), Refusal> {
        let code = self.digits(self.rules().policy.sent_code.digits)?;
        let hash = self.keys().sent_code_hash(user, token, &code);
        let clear = code.text();
        let enclosure = self.enclosure(kind, clear.expose().as_bytes())?;
        Ok((MadeCode { token, hash }, enclosure))
    }

    /// A device authorization code by its keyed hash, and itself sealed for a message of its own.
    fn device_code(&self, user: UserId) -> Result<([u8; 32], Enclosure), Refusal> {
        let code = self.digits(self.rules().policy.device_auth.digits)?;
        let hash = self.keys().device_code_hash(user, &code);
        let clear = code.text();
        let enclosure = self.enclosure(EnclosedKind::DeviceCode, clear.expose().as_bytes())?;
        Ok((hash, enclosure))
    }

    /// Random digits.
    fn digits(&self, digits: Digits) -> Result<OtpCode, Refusal> {
        loop {
            let random = Zeroizing::new(self.random::<SENT_CODE_RANDOM_OCTETS>()?);
            // Random octets that are too few for the digits are next to impossible.
            if let Some(code) = sent_code::generate(&random, digits) {
                return Ok(code);
            }
        }
    }

    /// Makes what a judgement of `attempt`, by `user`, has lacked.
    pub(super) fn supply(
        &self,
        lacking: Lacking,
        attempt: &Attempt,
        user: Option<UserId>,
        fresh: &mut Fresh,
        now: Now,
    ) -> Result<(), Refusal> {
        match (lacking, user) {
            (Lacking::Handle, _) => {
                let key = self.keys().dialogue_key();
                fresh.handle = Some(Handle::fresh(key, &attempt.digest, now.wall));
            }
            (Lacking::Token, _) => fresh.token = Some(self.new_token_id()?),
            (Lacking::Code(what), Some(user)) => {
                let (hash, enclosure) = match what {
                    CodeFor::Token(token) => {
                        let kind = EnclosedKind::SignInCode;
                        let (made, enclosure) = self.sent_code(user, token, kind)?;
                        (made.hash, enclosure)
                    }
                    CodeFor::Device => self.device_code(user)?,
                    CodeFor::Auth => {
                        let (hash, text) = self.new_auth_code(user)?;
                        (hash, self.enclosure(EnclosedKind::AuthCode, text.expose())?)
                    }
                };
                fresh.code = Some((what, hash));
                fresh.enclosure = Some(enclosure);
            }
            (Lacking::Seed, Some(user)) => {
                let name = attempt.user.as_ref().map_or("", |name| name.as_str());
                let (id, seed) = (self.new_token_id()?, self.new_seed_octets()?);
                let rules = self.rules();
                let enrolment = Enrolment {
                    issuer: &rules.policy.issuer,
                    account: name,
                    otp: Otp::TOTP,
                    seed: seed.expose(),
                    next_counter: 0,
                };
                let uri = enrolment.uri();
                let enclosure = self.enclosure(EnclosedKind::Seed, uri.expose().as_bytes())?;
                let sealed = self.seal(Field::Seed(user, id), seed.expose())?;
                (fresh.seed, fresh.enclosure) = (Some((id, sealed)), Some(enclosure));
            }
            (Lacking::Code(_) | Lacking::Seed, None) => {
                return Err(Refusal::new(Code::NoUser, "nobody is sent that"));
            }
        }
        Ok(())
    }

    pub(super) fn recovery_codes(
        &self,
        record: &UserRecord,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let mut shown = Vec::new();
        for _ in 0..self.rules().policy.recovery_count {
            let random = Zeroizing::new(self.random::<RECOVERY_CODE_OCTETS>()?);
            let code = RecoveryCode::from_random(&random);
            prepared
                .recovery
                .push(RecoveryHash(self.keys().recovery_hash(record.id, &code)));
            shown.extend_from_slice(code.text().expose().as_bytes());
            shown.push(b'\n');
        }
        prepared.reveal = Some(Reveal::RecoveryCodes(SecretBytes::new(shown)));
        Ok(())
    }

    /// Seals what a message is to bring; nothing where no message can be sent.
    pub(super) fn enclose(
        &self,
        wants: &Needs<'_>,
        record: Option<&UserRecord>,
        prepared: &mut Prepared,
    ) -> Result<(), Refusal> {
        let Some(wanted) = wants.encloses else {
            return Ok(());
        };
        let rules = self.rules();
        let policy = &rules.policy;
        let link = |path: &str| {
            let user = prepared.user_id.or(prepared.for_user)?;
            let secret = LinkSecret::new(user.0, prepared.link.as_ref()?.expose());
            let pages = policy.pages.as_ref()?;
            let url = [pages.as_str(), path, secret.text().expose()].concat();
            Some(SecretBytes::new(url.into_bytes()))
        };
        let by_link = match wanted.via() {
            Via::Email => policy.email_content == EmailContent::Link,
            Via::Sms => policy.pages.is_some(),
        };
        let (kind, clear) = match wanted {
            _ if !policy.sends(wanted.via()) => return Ok(()),
            Encloses::Confirmation => (EnclosedKind::ConfirmLink, link("/a/")),
            Encloses::Enrolment(_) if by_link => (EnclosedKind::EnrolLink, link("/e/")),
            Encloses::Enrolment(Via::Email) => {
                let uri = record.and_then(|record| uri(policy, record, prepared));
                (EnclosedKind::Seed, uri)
            }
            // Never a seed by text message.
            Encloses::Enrolment(Via::Sms) | Encloses::AuthCode(_) => match prepared.reveal.take() {
                Some(Reveal::AuthCode(code)) => (EnclosedKind::AuthCode, Some(code)),
                _ => return Ok(()),
            },
        };
        let Some(clear) = clear else {
            return Ok(());
        };
        prepared.enclosure = Some(self.enclosure(kind, clear.expose())?);
        Ok(())
    }

    /// Seals it for a message of its own.
    fn enclosure(&self, kind: EnclosedKind, clear: &[u8]) -> Result<Enclosure, Refusal> {
        let id = MessageId(self.random()?);
        let sealed = self.seal(Field::Message(id), clear)?;
        let enclosed = Enclosed { kind, sealed };
        Ok(Enclosure { id, enclosed })
    }
}

/// The otpauth URI of the token that waits for its proof.
fn uri(policy: &Policy, record: &UserRecord, prepared: &Prepared) -> Option<SecretBytes> {
    let id = prepared.token_id?;
    let state = record.auth.token(id);
    let enrolment = Enrolment {
        issuer: &policy.issuer,
        account: record.name(),
        otp: record.token(id)?.otp?,
        seed: prepared.clear_seed.as_ref()?.expose(),
        next_counter: state.map_or(0, |state| state.next_factor),
    };
    Some(SecretBytes::copy_of(enrolment.uri().expose().as_bytes()))
}
