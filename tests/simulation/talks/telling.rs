//! What a gateway hears, again and in the next life; and what of it is found in the log and the outbox.

use std::sync::Arc;

use sha2::Digest as _;

use mfad::access::ReplyKind;
use mfad::audit::record::AuditRecord;
use mfad::daemon::prime;
use mfad::domain::dialogue::HandleDigest;
use mfad::domain::event::is_verdict;
use mfad::domain::message::EnclosedKind;
use mfad::domain::sealed::{Field, Unseal as _};
use mfad::domain::verdict::{How, Message, Reason, Verdict};
use mfad::store::{AuditFilter, Read as _};

use super::DOORS;
use super::site::{Answered, Site};
use super::stack::{Datagram, Heard};
use crate::answering::attribute;
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT};
use crate::life::{Told, keys};

impl Site {
    /// The gateway has heard nothing, and sends the same octets to the daemon that lives now; `before`
    /// it died it had changed the record.
    pub(super) fn ask_again(
        &mut self,
        name: &str,
        at: usize,
        datagram: &Datagram,
        before: bool,
        stranger: &Verdict,
    ) -> Option<Answered> {
        self.count("sent again after a crash");
        let now = self.now;
        self.stack().set(now);
        self.name_next(name);
        let verdict = match self.stack().send_again(datagram) {
            Heard::Answered(octets) => {
                let verdict = self.logged(datagram, stranger);
                let record = self.recorded(datagram);
                self.law(verdict.is_some(), || {
                    format!("a verdict that is told again is not in the log: {record:?}")
                });
                let verdict = verdict?;
                self.is_reply(datagram, &octets, &verdict);
                verdict
            }
            Heard::Judging(ticket, _) => {
                self.stack().pump();
                let said = self.stack().told(ticket);
                self.recover(Some(name));
                let changed = self.see(name);
                let verdict = said.and_then(|said| said.verdict);
                self.law(verdict.is_some(), || {
                    "what is sent again after a crash gets no verdict".to_owned()
                });
                let verdict = verdict?;
                // What nobody is to answer is asked anew, whatever else was written.
                self.law(!before || !self.is_kept(&verdict), || {
                    "what was judged before a crash is judged again after it (I5)".to_owned()
                });
                return Some(self.answered(name, at, datagram, verdict, changed, stranger.clone()));
            }
            Heard::Dropped(why) => {
                self.law(false, || format!("sent again after a crash: {why}"));
                return None;
            }
        };
        // What it had counted is stored; which passcode that was died with the process.
        Some(self.answered(name, at, datagram, verdict, false, stranger.clone()))
    }

    /// What the log knows of what was said.
    fn logged(&mut self, datagram: &Datagram, stranger: &Verdict) -> Option<Verdict> {
        let record = self.recorded(datagram)?;
        let text = |key: &str| record.detail.get(key).and_then(|it| it.as_str());
        let token = || record.target.token.as_ref()?.parse().ok();
        let denied = match stranger {
            Verdict::Reject { message, .. } => message.clone(),
            _ => self.policy.say(Message::Denied, None),
        };
        Some(match &*record.event {
            "auth.accept" => Verdict::Accept {
                how: match text("how")? {
                    "token" => How::Token(token()?),
                    "grace" => How::Grace(token()?),
                    "recovery" => How::Recovery(token()?),
                    "passthrough" => {
                        let grant = record.detail.get("grant")?.as_u64()?;
                        How::Passthrough(u32::try_from(grant).ok()?)
                    }
                    _ => How::PolicyPassthrough,
                },
                message: None,
            },
            "auth.challenge" => {
                let engine = Arc::clone(&self.stack().life().engine);
                let reader = Arc::clone(&self.stack().life().reader);
                let now = self.stack().outside.true_now();
                let key = engine.keys().dialogue_key();
                let all = prime::verdicts(&*reader, &engine.rules(), key, now);
                let own = all.into_iter().find(|it| it.digest == datagram.digest())?;
                let ReplyKind::Challenge(question) = own.reply else {
                    return None;
                };
                let message = match stranger {
                    Verdict::Challenge { message, .. } => message.clone(),
                    _ => denied,
                };
                Verdict::Challenge { question, message }
            }
            _ => Verdict::Reject {
                reason: Reason::by_name(record.reason.as_ref()?)?,
                message: denied,
            },
        })
    }

    /// The record of a verdict in the log.
    fn recorded(&mut self, datagram: &Datagram) -> Option<AuditRecord> {
        let filter = AuditFilter {
            newest_first: true,
            ..AuditFilter::default()
        };
        let digest = datagram.digest();
        let all = self.stack().life().reader.audit(&filter, 16).unwrap();
        let all = all
            .iter()
            .filter_map(|it| AuditRecord::parse(&it.body).ok());
        all.into_iter()
            .find(|it| it.datagram() == Some(digest) && is_verdict(&it.event))
    }

    /// What a gateway hears is what was decided.
    fn is_reply(&mut self, datagram: &Datagram, octets: &[u8], verdict: &Verdict) {
        let code = datagram.is_answered_by(octets);
        let due = match verdict {
            Verdict::Accept { .. } => ACCEPT,
            Verdict::Reject { .. } => REJECT,
            Verdict::Challenge { .. } => CHALLENGE,
        };
        self.law(code == due, || format!("{verdict:?} is answered by {code}"));
        if let Verdict::Challenge { question, .. } = verdict {
            let state = attribute(octets, 24).map(<[u8]>::to_vec);
            self.law(state == Some(question.handle.state().into_bytes()), || {
                "another State is shown than was kept".to_owned()
            });
        }
        self.digest.update(octets);
    }

    /// A second answer to the same question, at the same time, is refused.
    pub(super) fn second(&mut self, ticket: [u64; 2]) {
        self.count("answered twice at once");
        let said = self.stack().told(ticket);
        let refused = said.is_some_and(|it| matches!(it.verdict, Some(Verdict::Reject { .. })));
        self.law(refused, || "a State was good twice at once".to_owned());
    }

    /// What was said reaches the gateway, and is said again whenever it asks again: at once, or to
    /// the daemon of the next life.
    pub(super) fn told_once(&mut self, datagram: &Datagram, said: &Told, changed: bool) {
        let Some(answer) = &said.answer else {
            return self.law(false, || "a verdict is no answer".to_owned());
        };
        let verdict = said.verdict.as_ref().unwrap();
        self.is_reply(datagram, &answer.octets, verdict);
        let dies = match self.stack().chance.below(24) {
            0 | 1 => false,
            // What has changed nothing is judged anew.
            2 if changed && self.is_kept(verdict) => true,
            _ => return,
        };
        if dies {
            self.count("crashes");
            let born = self.stack().rebirth();
            self.must(born);
            self.wrong.clear();
            self.see_all(None);
        }
        self.count("sent again");
        match self.stack().send_again(datagram) {
            Heard::Answered(octets) => self.law(octets[..] == answer.octets[..], || {
                format!("{verdict:?} is told in other octets (I5), crashed: {dies}")
            }),
            Heard::Judging(..) => {
                self.law(false, || format!("{verdict:?} is judged twice (I5)"));
            }
            Heard::Dropped(why) => self.law(false, || format!("sent again: {why}")),
        }
    }

    /// Whether a question asks for a code that is sent. What is not kept may have sent one, too.
    fn is_sent(&self, handle: HandleDigest) -> bool {
        const SENT: [&str; 3] = ["sent_code", "address", "device_code"];
        let mut open = self.stored.values().flat_map(|it| &it.auth.dialogues);
        let own = open.find(|it| it.handle == handle);
        own.is_none_or(|it| SENT.contains(&it.kind.name()))
    }

    /// Whether a question is in the record.
    fn is_kept(&self, verdict: &Verdict) -> bool {
        let Verdict::Challenge { question, .. } = verdict else {
            return true;
        };
        let people = self.stored.values();
        let mut open = people.flat_map(|it| &it.auth.dialogues);
        open.any(|it| it.handle == question.handle.digest())
    }

    pub(super) fn answered(
        &mut self,
        name: &str,
        at: usize,
        datagram: &Datagram,
        verdict: Verdict,
        changed: bool,
        stranger: Verdict,
    ) -> Answered {
        if changed && matches!(verdict, Verdict::Reject { .. }) && self.is_counted(datagram) {
            let door = DOORS[at].name.to_owned();
            let at_us = self.stack().outside.true_now().mono_us;
            let typed = self.typed[0].clone();
            self.wrong.insert((name.to_owned(), door), (typed, at_us));
        }
        let code = match &verdict {
            Verdict::Challenge { question, .. } if self.is_sent(question.handle.digest()) => {
                self.new_code()
            }
            _ => None,
        };
        Answered {
            verdict,
            stranger,
            code,
        }
    }

    /// Whether the failure was counted and its passcode is remembered (D17).
    fn is_counted(&mut self, datagram: &Datagram) -> bool {
        let Some(record) = self.recorded(datagram) else {
            return false;
        };
        let sent = record
            .detail
            .get("dialogue")
            .is_some_and(|it| it == "sent_code");
        let code = record.target.token.is_some();
        record.event == "auth.reject" && record.detail.contains_key("count") && !(sent && code)
    }

    /// The code that has been sent, if one was: a message that nobody has seen yet.
    fn new_code(&mut self) -> Option<String> {
        let outbox = self.stack().life().reader.outbox(usize::MAX).unwrap();
        let mut codes = Vec::new();
        for letter in outbox {
            if !self.letters.insert(letter.id) {
                continue;
            }
            let enclosed = letter.enclosed.as_ref();
            let typed = |kind| matches!(kind, EnclosedKind::SignInCode | EnclosedKind::DeviceCode);
            if let Some(code) = enclosed.filter(|it| typed(it.kind)) {
                let clear = keys().open(Field::Message(letter.id), &code.sealed);
                let clear = clear.map(|it| it.expose().clone()).unwrap_or_default();
                codes.push(String::from_utf8(clear).unwrap());
            }
        }
        self.law(codes.len() < 2, || "a code was sent twice".to_owned());
        codes.pop()
    }
}
