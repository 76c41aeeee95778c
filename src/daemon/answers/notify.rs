//! Messages to people: `notify list`, `notify test`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::audit::record::AuditRecord;
use crate::config::Mail;
use crate::control::query::{Manner, Page};
use crate::control::reply::{Done, Note, Notification, NotificationPage, Reply};
use crate::domain::event::RequestRef;
use crate::domain::message::{Address, Message, MessageId};
use crate::domain::notice;
use crate::domain::refusal::{Code, Refusal};
use crate::outbound::Fault;
use crate::outbound::smtp::Session;
use crate::outbound::wire::Patience;
use crate::server::control::Sink;
use crate::store::AuditFilter;

use super::Answerer;
use super::change::request_id;
use super::desk::{Desk, store};
use super::pages::{self, Entry, Wanted};

/// How long a test message may take: an operator waits for it.
const TEST_MAX: Duration = Duration::from_secs(10);

impl Desk<'_> {
    pub(super) fn notify_list(
        &self,
        user: &str,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let record = self.person(user, "mfactl notify list")?;
        let wanted = Wanted {
            filter: AuditFilter {
                user: Some(record.id),
                event: Some("notify".to_owned()),
                ..AuditFilter::default()
            },
            until: None,
        };
        let waiting = self.reader().outbox(usize::MAX);
        let waiting = waiting.map_err(|error| store(&error))?;
        let about =
            |message: &&Message| message.about.as_ref().is_some_and(|it| it.id == record.id);
        let waiting: Vec<Notification> = waiting.iter().filter(about).map(of_message).collect();
        pages::answer(
            page,
            sink,
            |cursor, sink| {
                let mut rows = match cursor {
                    Some(_) => Vec::new(),
                    None => waiting.clone(),
                };
                // What waits is bounded by itself and stands on the first page, all of it.
                let limit = page.limit.saturating_sub(rows.len()).max(1);
                let (records, next) =
                    pages::records(self, &wanted, cursor, limit, sink, of_record)?;
                rows.extend(records);
                Ok((rows, next))
            },
            |rows, cursor| {
                Reply::NotificationPage(NotificationPage {
                    user: record.name().to_owned(),
                    rows,
                    cursor,
                })
            },
        )
    }
}

fn of_message(message: &Message) -> Notification {
    Notification {
        at: message.at.into(),
        status: "waiting".to_owned(),
        what: message.what.clone(),
        channel: "mail".to_owned(),
        to: message.to.masked(),
        why: None,
        seq: None,
    }
}

fn of_record(entry: &Entry) -> Option<Notification> {
    let AuditRecord { event, detail, .. } = &entry.record;
    let text = |key: &str| detail.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Notification {
        at: entry.record.wall.into(),
        status: event.strip_prefix("notify.")?.to_owned(),
        what: text("what").unwrap_or_default(),
        channel: text("channel").unwrap_or_default(),
        to: text("to").unwrap_or_default(),
        why: text("why"),
        seq: Some(entry.stored.seq),
    })
}

impl Answerer {
    /// Sends a test message, past the outbox: an operator sees at once what the server says, and
    /// nothing is left of it.
    pub(super) fn notify_test(
        &self,
        desk: &Desk<'_>,
        to: Option<Address>,
        manner: &Manner,
    ) -> Result<Reply, Refusal> {
        let Some(mail) = &self.deliveries.mail else {
            let what = "there is no mail server; nothing was sent";
            return Err(Refusal::new(Code::Policy, what)
                .doing("state smtp.server and smtp.from in mfad.toml and restart mfad"));
        };
        let admins = desk.policy().notices.as_ref().map(|it| it.admins.clone());
        let to = to.map_or_else(|| admins.unwrap_or_default(), |to| vec![to]);
        if to.is_empty() {
            let what = "nobody to send it to: notify.admins is empty";
            return Err(Refusal::new(Code::Arg, what).try_next("mfactl notify test --to ADDRESS"));
        }
        let place = format!("{}:{}", mail.server, mail.port);
        let shown: Vec<String> = to.iter().map(Address::to_string).collect();
        let shown = shown.join(", ");
        if manner.dry_run {
            return Ok(Done {
                dry_run: true,
                message: format!("A test message would go to {shown} through {place}."),
                ..Done::default()
            }
            .into());
        }
        let request = RequestRef::Command(request_id(manner.request.clone())?);
        let mut audit = None;
        for address in to {
            let message = self.test_message(desk, address)?;
            self.send_now(mail, &message)
                .map_err(|fault| refused(&message, &fault))?;
            let mut event = message.sent(1);
            if let Some(reason) = &manner.reason {
                event = event.reason(reason.clone());
            }
            audit = desk.engine.note(desk.origin(request.clone()), event);
            if audit.is_none() {
                let what = format!(
                    "{} has a test message, but that could not be recorded",
                    message.to
                );
                return Err(Refusal::new(Code::Store, what));
            }
        }
        Ok(Done {
            audit,
            message: format!("A test message went to {shown}."),
            notes: vec![Note {
                label: "server".to_owned(),
                text: format!("{place} has taken it; whether it arrives, the mailbox says"),
            }],
            ..Done::default()
        }
        .into())
    }

    fn test_message(&self, desk: &Desk<'_>, to: Address) -> Result<Message, Refusal> {
        let id = crate::sys::random::array().map_err(|_| {
            Refusal::new(
                Code::Busy,
                "the system gives no random numbers; nothing was sent",
            )
        })?;
        Ok(notice::test(
            MessageId(id),
            to,
            desk.policy(),
            desk.now.wall,
        ))
    }

    fn send_now(&self, mail: &Mail, message: &Message) -> Result<(), Fault> {
        let patience = Patience::new(&self.clock, &Arc::default(), mail.timeout.min(TEST_MAX));
        let mut session = Session::open(mail, patience.clone())?;
        session.send(mail, message, patience)?;
        session.quit();
        Ok(())
    }
}

fn refused(message: &Message, fault: &Fault) -> Refusal {
    let what = format!("the test message to {} was not sent", message.to);
    Refusal::new(Code::Delivery, what)
        .why(fault.to_string())
        .try_next("mfactl explain W043")
}
