//! Messages to people: `notify list`, `notify test`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::audit::record::AuditRecord;
use crate::control::query::{Manner, Page};
use crate::control::reply::{Done, Note, Notification, NotificationPage, Reply};
use crate::daemon::post::Server;
use crate::domain::event::RequestRef;
use crate::domain::message::{Message, MessageId};
use crate::domain::notice;
use crate::domain::recipient::{Channel, Recipient};
use crate::domain::refusal::{Code, Refusal};
use crate::outbound::wire::Patience;
use crate::outbound::{Carrier, Fault, Round};
use crate::server::control::Sink;
use crate::store::AuditFilter;

use super::Answerer;
use super::change::request_id;
use super::desk::{Desk, store};
use super::pages::{self, Entry, Wanted};
use super::warnings;

/// How long a test message may take: an operator waits for it.
const TEST_MAX: Duration = Duration::from_secs(10);

impl Answerer {
    pub(super) fn notify_list(
        &self,
        desk: &Desk<'_>,
        user: &str,
        page: &Page,
        sink: &mut dyn Sink,
    ) -> Result<Reply, Refusal> {
        let record = desk.person(user, "mfactl notify list")?;
        let wanted = Wanted {
            filter: AuditFilter {
                user: Some(record.id),
                event: Some("notify".to_owned()),
                ..AuditFilter::default()
            },
            until: None,
        };
        let waiting = desk.reader().outbox(usize::MAX);
        let waiting = waiting.map_err(|error| store(&error))?;
        let about =
            |message: &&Message| message.about.as_ref().is_some_and(|it| it.id == record.id);
        let row = |message| self.of_message(message);
        let waiting: Vec<Notification> = waiting.iter().filter(about).map(row).collect();
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
                    pages::records(desk, &wanted, cursor, limit, sink, of_record)?;
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

    /// What waits, and what its server has said to the last one.
    fn of_message(&self, message: &Message) -> Notification {
        let channel = message.to.channel();
        Notification {
            at: message.at.into(),
            status: "waiting".to_owned(),
            what: message.what.clone(),
            channel: channel.name().to_owned(),
            to: message.to.masked(),
            why: self.deliveries.by(channel).and_then(Server::trouble),
            seq: None,
            message: Some(message.id.to_string()),
        }
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
        message: text("message"),
    })
}

impl Answerer {
    /// Sends a test message, past the outbox: an operator sees at once what the server says, and
    /// nothing is left of it.
    pub(super) fn notify_test(
        &self,
        desk: &Desk<'_>,
        to: Option<Recipient>,
        manner: &Manner,
    ) -> Result<Reply, Refusal> {
        let channel = to.as_ref().map_or(Channel::Mail, Recipient::channel);
        let carrier = self.carrier(channel)?;
        let admins = desk.policy().notices.as_ref().map(|it| it.admins.clone());
        let admins = admins.into_iter().flatten().map(Recipient::from);
        let to = to.map_or_else(|| admins.collect(), |to| vec![to]);
        if to.is_empty() {
            let what = "nobody to send it to: notify.admins is empty";
            return Err(Refusal::new(Code::Arg, what).try_next("mfactl notify test --to ADDRESS"));
        }
        let place = carrier.place();
        let shown: Vec<String> = to.iter().map(Recipient::to_string).collect();
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
        for recipient in to {
            let message = self.test_message(desk, recipient)?;
            self.send_now(carrier, &message)
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
        let arrives = match channel {
            Channel::Mail => "whether it arrives, the mailbox says",
            Channel::Sms => "whether it arrives, the telephone says",
        };
        Ok(Done {
            audit,
            message: format!("A test message went to {shown}."),
            notes: vec![Note {
                label: "server".to_owned(),
                text: format!("{place} has taken it; {arrives}"),
            }],
            ..Done::default()
        }
        .into())
    }

    fn carrier(&self, channel: Channel) -> Result<&Carrier, Refusal> {
        let (server, doing) = match channel {
            Channel::Mail => (
                "mail server",
                "state smtp.server and smtp.from in mfad.toml and restart mfad",
            ),
            Channel::Sms => (
                "SMS gateway",
                "state sms.url and what belongs to it in mfad.toml and restart mfad",
            ),
        };
        let there = self.deliveries.by(channel).map(|server| &server.carrier);
        there.ok_or_else(|| {
            let what = format!("there is no {server}; nothing was sent");
            Refusal::new(Code::Delivery, what).doing(doing)
        })
    }

    fn test_message(&self, desk: &Desk<'_>, to: Recipient) -> Result<Message, Refusal> {
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

    fn send_now(&self, carrier: &Carrier, message: &Message) -> Result<(), Fault> {
        let timeout = carrier.timeout().min(TEST_MAX);
        let patience = Patience::new(&self.clock, &Arc::default(), timeout);
        let mut open = Round::new(carrier);
        open.send(message, None, patience)?;
        open.quit();
        Ok(())
    }
}

fn refused(message: &Message, fault: &Fault) -> Refusal {
    let what = format!("the test message to {} was not sent", message.to);
    let number = warnings::number_of(message.to.channel());
    Refusal::new(Code::Delivery, what)
        .why(fault.to_string())
        .try_next(format!("mfactl explain {number}"))
}
