//! Codes that are written down or read out: made, hashed, and shown once.

use zeroize::Zeroizing;

use super::Engine;
use crate::domain::command::{self, Prepared, Reveal};
use crate::domain::refusal::Refusal;
use crate::domain::sealed::{Field, Unseal as _};
use crate::domain::token_record::RecoveryHash;
use crate::domain::user::{UserId, UserRecord};
use crate::secret::SecretBytes;
use crate::token::SEED_MADE_OCTETS;
use crate::token::auth_code::{AUTH_CODE_SIGNS, AuthCode};
use crate::token::recovery::{RECOVERY_CODE_OCTETS, RecoveryCode};

impl Engine {
    pub(super) fn auth_code(&self, user: UserId, prepared: &mut Prepared) -> Result<(), Refusal> {
        let random = Zeroizing::new(self.random::<AUTH_CODE_SIGNS>()?);
        let code = AuthCode::from_random(&random);
        prepared.auth_code = Some(self.keys().auth_code_hash(user, &code));
        let text = SecretBytes::copy_of(code.text().expose().as_bytes());
        prepared.reveal = Some(Reveal::AuthCode(text));
        Ok(())
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
        let mut seed = SecretBytes::new(vec![0; SEED_MADE_OCTETS]);
        self.fill(seed.expose_mut())?;
        prepared.token_id = Some(id);
        prepared.seed = Some(self.seal(Field::Seed(record.id, id), seed.expose())?);
        prepared.clear_seed = Some(seed);
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
}
