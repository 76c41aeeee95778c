//! Tokens: `token list`, `token find`, `token show`, `hw list`.

use crate::control::query::{Page, TokenFilter};
use crate::control::reply::{
    Authenticator, Hardware, HardwarePage, Reply, TokenList, TokenPage, TokenShow, TokenType,
    TokenTypes,
};
use crate::domain::command::TokenRef;
use crate::domain::methods::is_wanted;
use crate::domain::notice::Language;
use crate::domain::refusal::Refusal;
use crate::domain::token_record::{Base, HardwareToken, Status, TokenKind};
use crate::domain::user::UserState;
use crate::server::control::Sink;
use crate::store::Find;

use super::desk::{Desk, store};
use super::view::{View, period_s};
use super::{actions, filter, pages};

/// Hardware tokens read at a time.
const HARDWARE_CHUNK: usize = 500;

impl Desk<'_> {
    pub(super) fn token_list(
        &self,
        user: &str,
        all: bool,
        authenticators: bool,
    ) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl token list")?;
        let view = View::of(self, &record);
        let tokens = record.profile.tokens.iter();
        let shown = tokens.filter(|token| all || token.base != Base::Obsolete);
        Ok(Reply::TokenList(TokenList {
            user: record.name().to_owned(),
            state: record.current_state().to_owned(),
            tokens: shown.map(|token| view.token(token)).collect(),
            authenticators: if authenticators {
                self.authenticators(&view)
            } else {
                Vec::new()
            },
        }))
    }

    // domain R45: the local password first, then every token.
    fn authenticators(&self, view: &View<'_>) -> Vec<Authenticator> {
        let (profile, auth) = (&view.record.profile, &view.record.auth);
        let password = profile.password.as_ref().map(|password| {
            let status = if profile.state == UserState::Deactivated {
                Status::Deactivated
            } else if auth.password.activated_at.is_some() {
                Status::Active
            } else {
                Status::Registered
            };
            let used = auth.password.last_used;
            // Where it was used is known as long as nobody has signed in without it since.
            let login = auth.last_login.as_ref();
            let login = login.filter(|login| Some(login.at) == used);
            Authenticator {
                kind: "password".to_owned(),
                status: status.name().to_owned(),
                s3: status.s3().map(str::to_owned),
                s4: status.s4().map(str::to_owned),
                registered_at: Some(password.registered_at.into()),
                last_success: used.map(Into::into),
                last_application: login.map(|login| login.gateway.to_string()),
                last_device: login
                    .map(|login| login.station.to_string())
                    .filter(|station| !station.is_empty()),
                ..Authenticator::default()
            }
        });
        let tokens = profile.tokens.iter().map(|token| {
            let shown = view.token(token);
            let used = shown.last_used;
            Authenticator {
                kind: shown.kind,
                id: Some(shown.id),
                status: shown.status,
                s3: shown.s3,
                s4: shown.s4,
                registered_at: shown.registered_at,
                last_success: used.as_ref().map(|used| used.at),
                last_failure: shown.last_failed,
                last_application: used.as_ref().map(|used| used.gateway.clone()),
                last_device: used.map(|used| used.station).filter(|s| !s.is_empty()),
                locked_until: shown.locked_until,
            }
        });
        password.into_iter().chain(tokens).collect()
    }

    pub(super) fn token_find(
        &self,
        wanted: &TokenFilter,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        pages::answer(
            page,
            sink,
            |cursor, sink| {
                pages::people(self, &Find::default(), cursor, page.limit, sink, |record| {
                    let view = View::of(self, record);
                    let tokens = record.profile.tokens.iter();
                    tokens
                        .filter(|token| filter::fits_token(wanted, &view, token))
                        .map(|token| view.token(token))
                        .collect()
                })
            },
            |rows, cursor| Reply::TokenPage(TokenPage { rows, cursor }),
        )
    }

    pub(super) fn token_show(&self, wanted: &TokenRef) -> Result<Reply, Refusal> {
        let (record, id) = self.token(wanted)?;
        let view = View::of(self, &record);
        let Some(token) = record.token(id) else {
            return Err(self.no_user(record.name(), "mfactl token list"));
        };
        let mut others = view.usable_primaries().filter(|other| other.id != id);
        let last_one = token.primary() && view.usable(token) && others.next().is_none();
        Ok(Reply::TokenShow(Box::new(TokenShow {
            now: self.now.wall.into(),
            token: view.token(token),
            state: record.current_state().to_owned(),
            last_one,
            actions: actions::of_token(self, &view, token),
            revision: record.auth.revision,
        })))
    }

    pub(super) fn token_types(&self) -> Reply {
        let (policy, gateways) = (self.policy(), &self.rules.gateways);
        let row = |kind: TokenKind| {
            let rule = policy.rule(kind);
            TokenType {
                kind: kind.name().to_owned(),
                label_en: policy.label(kind, Language::English).to_owned(),
                label_de: policy.label(kind, Language::German).to_owned(),
                enabled: policy.enabled_kinds.contains(&kind),
                status: match policy.withdrawn(kind) {
                    true => "obsolete".to_owned(),
                    false => "active".to_owned(),
                },
                operator_enrol: rule.is_none_or(|rule| rule.operator_enrol),
                asked_for: gateways.iter().any(|it| is_wanted(it, policy, kind)),
            }
        };
        let types = TokenKind::ALL.into_iter().map(row).collect();
        Reply::TokenTypes(TokenTypes { types })
    }

    pub(super) fn hw_list(
        &self,
        serial: Option<&str>,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let prefix = serial.unwrap_or_default();
        pages::answer(
            page,
            sink,
            |cursor, _| self.hardware(prefix, cursor, page.limit),
            |rows, cursor| Reply::HardwarePage(HardwarePage { rows, cursor }),
        )
    }

    fn hardware(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<pages::Rows<Hardware>, Refusal> {
        let mut rows = Vec::new();
        let mut cursor = cursor.unwrap_or_default().to_owned();
        loop {
            let found = self.reader().hardware_list(&cursor, HARDWARE_CHUNK);
            let found = found.map_err(|error| store(&error))?;
            let last_page = found.len() < HARDWARE_CHUNK;
            for token in found {
                cursor.clone_from(&token.serial);
                if token.serial.starts_with(prefix) {
                    rows.push(hardware_row(token));
                    if rows.len() >= limit {
                        return Ok((rows, Some(cursor)));
                    }
                }
            }
            if last_page {
                return Ok((rows, None));
            }
        }
    }
}

fn hardware_row(token: HardwareToken) -> Hardware {
    Hardware {
        serial: token.serial,
        kind: token.kind.name().to_owned(),
        algorithm: token.otp.algorithm.to_string(),
        digits: u32::try_from(token.otp.digits.count()).unwrap_or(0),
        period_s: period_s(token.otp.factor),
        expires: token.expires.map(Into::into),
        created: token.created.into(),
        compromised: token.compromised,
    }
}
