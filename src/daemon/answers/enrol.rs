//! Links: `enroll list`, and the steps of a person on their pages (`org.mfad.Enrol`).

use serde_json::Value;

use crate::control::query::Page;
use crate::control::reply::{
    Begun, Confirmed, Link, LinkPage, PageCodes, Proved, Reply, RevealText,
};
use crate::domain::command::{Command, Done, PageStep, Reveal, Step};
use crate::domain::event::Operator;
use crate::domain::link::{self as record, Purpose};
use crate::domain::refusal::Refusal;
use crate::domain::user::UserRecord;
use crate::engine::prepare::Manner;
use crate::secret::SecretBytes;
use crate::server::control::Sink;
use crate::store::Find;

use super::change::request_id;
use super::desk::Desk;
use super::{Answerer, pages};

impl Desk<'_> {
    pub(super) fn enroll_list(
        &self,
        user: Option<&str>,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        if let Some(user) = user {
            let record = self.person(user, "mfactl enroll list")?;
            let rows = self.links(&record);
            return Ok(Reply::LinkPage(LinkPage { rows, cursor: None }));
        }
        pages::answer(
            page,
            sink,
            |cursor, sink| {
                let everybody = Find::default();
                pages::people(self, &everybody, cursor, page.limit, sink, |record| {
                    self.links(record)
                })
            },
            |rows, cursor| Reply::LinkPage(LinkPage { rows, cursor }),
        )
    }

    /// The links that a person was sent; tickets of the pages are nobody's business.
    fn links(&self, record: &UserRecord) -> Vec<Link> {
        let live = |link: &&record::Link| !link.over(self.now);
        let links = record.profile.links.iter().filter(live);
        let row = |link: &record::Link| {
            let address = link.sent_to.as_ref()?;
            let what = match link.purpose {
                Purpose::Confirm { .. } => "confirmation",
                _ => "enrolment",
            };
            Some(Link {
                user: record.name().to_owned(),
                what: what.to_owned(),
                sent_to: if self.sees_contacts() {
                    address.clone()
                } else {
                    link.via()?.masked(address)
                },
                created: link.created.into(),
                by: link.created_by.clone(),
                until: link.expires.into(),
                tries: link.tries,
            })
        };
        links.filter_map(row).collect()
    }
}

impl Answerer {
    pub(super) fn page(
        &self,
        operator: &Operator,
        step: PageStep,
        request: Option<String>,
    ) -> Result<Reply, Refusal> {
        let manner = Manner {
            request: request_id(request)?,
            ..Manner::default()
        };
        let reply = match step.what {
            Step::Begin { .. } => begun,
            Step::Prove { .. } => proved,
            Step::Recovery => codes,
            Step::Confirm => confirmed,
        };
        let command = Command::Page(Box::new(step));
        let carried = self.engine()?.change(operator, command, &manner)?;
        Ok(reply(carried.done))
    }
}

fn begun(mut done: Done) -> Reply {
    let uri = match done.reveal.take() {
        Some(Reveal::OtpauthUri(uri)) => RevealText(uri),
        _ => RevealText::default(),
    };
    let (_, secret) = uri.expose().split_once("secret=").unwrap_or_default();
    let (secret, _) = secret.split_once('&').unwrap_or((secret, ""));
    let secret = RevealText(SecretBytes::copy_of(secret.as_bytes()));
    let number = |key| fact(&done, key).and_then(Value::as_u64).unwrap_or_default();
    let expires = fact(&done, "expires").cloned().unwrap_or_default();
    Reply::Begun(Box::new(Begun {
        user: user(&done),
        uri,
        secret,
        digits: number("digits"),
        period_s: number("period_s"),
        expires: serde_json::from_value(expires).unwrap_or_default(),
        ticket: done.ticket.map(RevealText).unwrap_or_default(),
    }))
}

fn proved(done: Done) -> Reply {
    let clock = fact(&done, "device_clock_s").and_then(Value::as_i64);
    Reply::Proved(Proved {
        user: user(&done),
        device_clock_s: clock.unwrap_or_default(),
        recovery: done.ticket.is_some(),
        ticket: done.ticket.map(RevealText),
    })
}

fn codes(done: Done) -> Reply {
    let codes = match &done.reveal {
        Some(Reveal::RecoveryCodes(codes)) => codes.expose().as_slice(),
        _ => &[],
    };
    let lines = codes.split(|octet| *octet == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    Reply::PageCodes(PageCodes {
        codes: lines
            .map(|line| RevealText(SecretBytes::copy_of(line)))
            .collect(),
    })
}

fn confirmed(done: Done) -> Reply {
    let address = fact(&done, "address").and_then(Value::as_str);
    Reply::Confirmed(Confirmed {
        address_masked: address.unwrap_or_default().to_owned(),
    })
}

fn user(done: &Done) -> String {
    done.user.as_deref().unwrap_or_default().to_owned()
}

fn fact<'a>(done: &'a Done, key: &str) -> Option<&'a Value> {
    let mut facts = done.data.iter();
    facts.find(|(name, _)| *name == key).map(|(_, value)| value)
}
