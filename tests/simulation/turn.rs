//! A turn of the writer, and whether what it said is what the rules say.

use std::sync::mpsc::TryRecvError;

use mfad::domain::command::Done;
use mfad::domain::event::RequestRef;
use mfad::domain::message::Message;
use mfad::domain::refusal::{Code, Refusal};
use mfad::domain::sealed::{Field, Unseal as _};
use mfad::domain::verdict::Verdict;
use mfad::engine::World as _;
use mfad::engine::writer::{Job, Reply};
use mfad::store::Read as _;
use mfad::time::Now;

use super::asking::Question;
use super::judging::{Due, First, Trial};
use super::life::{Told, keys};
use super::linking::kept;
use super::orders::Order;
use super::person::Person;
use super::records::Records;
use super::run::{Answer, Law, NAMES, Ordered, Pending, Run, Wrong};
use crate::common::gateway::{ACCEPT, CHALLENGE, REJECT};

use super::site::{ADMIN, Site};
use super::traffic::{Place, delay_ms, law};

/// Jobs of a turn at most: after a failure each of them may have been done or not.
const BATCH_MAX: usize = 8;
/// An attempt whose PIN is changed under it so often is given up.
const CHECKS_MAX: u32 = 3;

/// A check of a PIN is given up after three quarters of the time that Rejects are held back.
const PIN_WAIT_US: u64 = 750_000;

/// What waits for the writer, by its name.
enum Work {
    Attempt([u64; 2]),
    Command(String),
    Other,
}

/// Work of a failed turn: it may have been done, and nobody was told.
enum Maybe {
    Attempt(Pending),
    Command(Ordered),
}

impl Run {
    /// The writer takes at most so many jobs.
    pub(crate) fn turn(&mut self, most: usize) -> Law {
        self.pool_told()?;
        let (now, theirs) = (self.outside.true_now(), self.outside.now());
        if self.possible.is_some() {
            // Whether the store opens again is not to be mixed up with what is judged on it.
            self.life().writer.turn(&mut Vec::new(), theirs);
            if self.life().writer.broken().is_none() {
                self.find_out()?;
                self.check_records()?;
            }
        }
        let shut = self.possible.is_some();
        let mut jobs: Vec<Job> = self
            .life()
            .jobs
            .try_iter()
            .take(most.min(BATCH_MAX))
            .collect();
        let works: Vec<Work> = jobs.iter().map(Work::of).collect();
        self.life().writer.turn(&mut jobs, theirs);
        let told = self.life().told();
        let failed = !shut && (self.plan.is_dead() || self.life().writer.broken().is_some());
        if failed {
            self.count("failures");
        }
        let maybes = self.settle(works, told, now, shut || failed)?;
        if shut {
            return Ok(());
        }
        if failed {
            self.possible = Some(self.possibilities(&maybes, now));
            self.forget_after_a_failure();
            return Ok(());
        }
        self.check_log()?;
        self.check_outbox()?;
        self.check_records()
    }

    /// Goes through what the turn did, in order; gives what it may have done without saying so.
    fn settle(
        &mut self,
        works: Vec<Work>,
        mut told: Vec<Told>,
        now: Now,
        quiet: bool,
    ) -> Result<Vec<Maybe>, String> {
        let mut maybes = Vec::new();
        for work in works {
            match work {
                Work::Attempt(ticket) => {
                    let said = told
                        .iter()
                        .position(|told| told.ticket == ticket)
                        .map(|at| told.remove(at));
                    match said {
                        Some(said) if said.verdict.is_some() => self.judged(said, now)?,
                        Some(said) => {
                            let pending = self.pending.remove(&ticket).unwrap();
                            law(quiet || pending.checks >= CHECKS_MAX, || {
                                "an attempt gets no answer for nothing".to_owned()
                            })?;
                            self.given_up(&pending, said)?;
                            maybes.push(Maybe::Attempt(pending));
                        }
                        None if self.plan.is_dead() => {
                            maybes.extend(self.pending.remove(&ticket).map(Maybe::Attempt));
                        }
                        None => self.looked_at_again(ticket, now),
                    }
                }
                Work::Command(request) => {
                    if let Some(maybe) = self.carried_out(&request, now, quiet)? {
                        maybes.push(maybe);
                    }
                }
                Work::Other => {}
            }
        }
        law(told.is_empty(), || "an answer to nothing".to_owned())?;
        Ok(maybes)
    }

    /// The check of a PIN was asked for by the writer: the passcode was looked at by it.
    fn looked_at_again(&mut self, ticket: [u64; 2], now: Now) {
        let Some(number) = self.pending.get(&ticket).map(|pending| pending.number) else {
            return;
        };
        let newest = self.records.people[self.datagrams[number].person].version();
        let look = self.look(number, now);
        let pending = self.pending.get_mut(&ticket).unwrap();
        pending.checks += 1;
        if pending.look.is_none_or(|look| look.version != newest) {
            pending.look = look;
        }
    }

    /// An attempt that nobody could decide: its datagram is judged again when it comes again, unless
    /// the gateway wanted a Reject.
    fn given_up(&mut self, pending: &Pending, said: Told) -> Law {
        let number = pending.number;
        let datagram = &mut self.datagrams[number];
        match said.answer {
            None if datagram.waits_for(said.ticket) => datagram.place = Place::Nowhere,
            None => {}
            Some(answer) => {
                let alone = pending.door.first == First::Nobody;
                law(alone && answer.octets[0] == REJECT, || {
                    format!("datagram {number} was not decided and is answered (L5)")
                })?;
                datagram.place = Place::Answered {
                    leave_us: answer.leave_us,
                };
                datagram.replies.push(answer.octets.to_vec());
                self.held.push((answer.leave_us, number, answer.octets));
            }
        }
        Ok(())
    }

    /// The pool makes the check that waits longest, or gives it up, which it may only when a Reject of
    /// it would be late. False if none waits.
    pub(crate) fn check_one(&mut self) -> Result<bool, String> {
        let some = self.life().engine.check_one();
        self.pool_told()?;
        Ok(some)
    }

    /// What the pool has given up; an order that has a PIN hashed makes it work, too.
    pub(crate) fn pool_told(&mut self) -> Law {
        let told = self.life().told();
        self.nothing_told(told)
    }

    /// Attempts that were given up at the door or by the pool.
    pub(crate) fn nothing_told(&mut self, told: Vec<Told>) -> Law {
        for said in told {
            law(said.verdict.is_none(), || {
                "a verdict without a turn of the writer".to_owned()
            })?;
            let pending = self
                .pending
                .remove(&said.ticket)
                .ok_or("an answer to nothing")?;
            let waited_us = self.outside.now().mono_us - pending.received_us;
            law(self.possible.is_some() || waited_us >= PIN_WAIT_US, || {
                format!("an attempt is given up for nothing, after {waited_us} us")
            })?;
            self.given_up(&pending, said)?;
        }
        Ok(())
    }

    /// What is due for this attempt, on `person`.
    fn due(&self, pending: &Pending, person: &mut Person, wrong: &Wrong, now: Now) -> Due {
        const MINUTE_US: u64 = 60_000_000;
        let datagram = &self.datagrams[pending.number];
        let rules = &self.site.rules;
        let look = pending.look.as_ref();
        let looked = match look.filter(|look| look.version == person.version()) {
            Some(look) => (look.at, &look.rules),
            None => (now, rules),
        };
        let again = wrong
            .get(&(datagram.person, datagram.door))
            .is_some_and(|(at, last)| now.mono_us - at < MINUTE_US && *last == datagram.passcode);
        let trial = Trial {
            rules,
            station: datagram.station,
            sent: datagram.sent(&pending.door),
            looked,
            now,
            again,
        };
        trial.judge(person)
    }

    /// A verdict: it has to be the one that is due.
    fn judged(&mut self, said: Told, now: Now) -> Law {
        let pending = self
            .pending
            .remove(&said.ticket)
            .ok_or("a verdict on nothing")?;
        let number = pending.number;
        let at = self.datagrams[number].person;
        let (accept, why) = match said.verdict {
            Some(Verdict::Accept { how, .. }) => (true, how.name()),
            Some(Verdict::Reject { reason, .. }) => (false, reason.name()),
            Some(Verdict::Challenge { .. }) => (false, "asked"),
            None => return Err("no verdict".to_owned()),
        };
        let name = self.records.people[at].name;
        let typed = String::from_utf8_lossy(&self.datagrams[number].passcode).into_owned();
        self.note(|| format!("datagram {number}, {name} types {typed}: {accept} {why}"));
        let mut person = self.records.people[at].clone();
        if !person.exists() {
            let sent = self.datagrams[number].sent(&pending.door);
            let blind = sent.calls_for(None).filter(|about| about.is_blind());
            let asked = blind.map(|about| sent.asked(about, self.site.rules.challenge_ms, now));
            let due = asked.as_ref().map_or("unknown_user", |_| "asked");
            law(!said.known && !accept && why == due, || {
                format!("a stranger gets {accept} {why}, due is {due}")
            })?;
            return self.answered(number, false, asked, said);
        }
        let before = person.clone();
        let due = self.due(&pending, &mut person, &self.wrong, now);
        law((accept, why) == (due.accept, due.why), || {
            format!(
                "datagram {number}: {name} typed {typed} at {} from {} and got {accept} {why}, due is \
                 {} {}; the record was\n{}",
                pending.door.name,
                self.datagrams[number].station,
                due.accept,
                due.why,
                before.facts()
            )
        })?;
        if accept {
            self.never_twice(&before, &due, why)?;
            if why == "passthrough" {
                self.count("passthroughs");
            }
        }
        if due.counted {
            self.datagrams[number].failed(&mut self.wrong, now);
        }
        if due.changed {
            let kept = due.asked.as_ref().is_none_or(|asked| asked.kept);
            if kept {
                let event = ["auth.re", "auth.accept", "auth.challenge"];
                let event = event[usize::from(accept) + 2 * usize::from(due.asked.is_some())];
                self.written.push((self.datagrams[number].digest, event));
            }
        }
        if person.lock.is_some() && before.lock.is_none() {
            self.count("locks");
        }
        if why == "waiting" {
            self.count("waits");
        }
        self.records.people[at] = person;
        self.answered(number, accept, due.asked, said)
    }

    /// I1, whatever the model of the rules believes.
    fn never_twice(&mut self, before: &Person, due: &Due, how: &str) -> Law {
        let Some((token, factor)) = due.code else {
            return law(how == "grace" || due.grant.is_some(), || {
                format!("let in by {how} without a code or a grant")
            });
        };
        let code = (before.tokens[token].source_of_codes(), factor);
        law(self.accepted.insert(code), || {
            format!("code {factor} of {} is accepted twice (I1)", before.name)
        })
    }

    /// What the door made of a verdict.
    fn answered(
        &mut self,
        number: usize,
        accept: bool,
        asked: Option<Question>,
        said: Told,
    ) -> Law {
        let now_us = self.outside.true_now().mono_us;
        let held = asked.as_ref().map_or(!accept, |asked| asked.held);
        if accept {
            self.count("accepts");
            if self.datagrams[number].state.is_some() {
                self.count("answers");
            }
        } else if let Some(asked) = &asked {
            self.count(if asked.kept { "questions" } else { "pretences" });
        } else {
            self.count("rejects");
            if let Some((count, _)) = &mut self.rejects {
                *count += 1;
            }
        }
        let datagram = &mut self.datagrams[number];
        let Some(answer) = said.answer else {
            // Another request has taken its place at the gateway meanwhile.
            return law(!datagram.waits_for(said.ticket), || {
                format!("datagram {number} gets no answer")
            });
        };
        let delay_us = u64::try_from(delay_ms()).unwrap() * 1000;
        let leave_us = if held {
            now_us.max(datagram.received_us + delay_us)
        } else {
            now_us
        };
        law(answer.leave_us == leave_us, || {
            format!("datagram {number} is answered at another time than it should be")
        })?;
        datagram.place = Place::Answered { leave_us };
        datagram.replies.push(answer.octets.to_vec());
        let due = match &asked {
            Some(_) => CHALLENGE,
            None if accept => ACCEPT,
            None => REJECT,
        };
        datagram.asked.extend(asked);
        law(answer.octets[0] == due, || {
            format!("datagram {number} gets another answer than the verdict")
        })?;
        if !held {
            self.hear(number, &answer.octets)
        } else if leave_us <= now_us {
            self.read(number, &answer.octets)
        } else {
            self.held.push((leave_us, number, answer.octets));
            Ok(())
        }
    }

    /// What became of a command.
    fn carried_out(
        &mut self,
        request: &str,
        now: Now,
        quiet: bool,
    ) -> Result<Option<Maybe>, String> {
        let ordered = self
            .ordered
            .remove(request)
            .ok_or("a command that nobody gave")?;
        let allowed = ordered.holds(&self.records, &self.site, now);
        match ordered.told(quiet) {
            Ok(Reply::Done(done, seq)) => {
                law(allowed, || {
                    format!("{request} is done against the rules, or on another revision (I19)")
                })?;
                self.note(|| format!("{request} is done"));
                let Ordered { person, order, .. } = &ordered;
                let rules = &self.site.rules;
                order.apply(&mut self.records, *person, rules, now, Some(&done))?;
                if let Some(ticket) = &done.ticket {
                    let ticket = String::from_utf8(ticket.expose().to_vec()).unwrap();
                    self.learn(*person, ticket)?;
                }
                self.done.push((request.to_owned(), seq));
                self.count("orders");
                self.counted(order, *person);
                Ok(None)
            }
            Ok(Reply::Refused(refusal)) if quiet && refusal.code == Code::Store => {
                Ok(Some(Maybe::Command(ordered)))
            }
            Ok(Reply::Refused(refusal)) => {
                // In a batch that failed it was judged on what was not written.
                law(quiet || !allowed, || {
                    format!("{request} is refused for nothing: {refusal}")
                })?;
                self.note(|| format!("{request} is refused: {}", refusal.code.name()));
                Ok(None)
            }
            Ok(Reply::Again(_)) => Err("a conflict with nobody".to_owned()),
            Err(_) if self.plan.is_dead() => Ok(Some(Maybe::Command(ordered))),
            Err(_) => Err(format!("{request} gets no answer")),
        }
    }

    /// What follows from an order that was done, beside the records.
    fn counted(&mut self, order: &Order, person: usize) {
        match order {
            Order::Delete => {
                // What somebody has typed wrongly is nothing to who gets the name.
                self.wrong.retain(|(whose, _), _| *whose != person);
                self.count("deletions");
            }
            Order::Assign { .. } => self.count("assignments"),
            Order::Unassign(_) => self.count("unassignments"),
            Order::Page(_) => self.count("pages"),
            Order::Bring { .. } => self.count("brought"),
            _ => {}
        }
    }

    /// All that may be so after a turn whose end is not known.
    fn possibilities(&self, maybes: &[Maybe], now: Now) -> Vec<Records> {
        let rules = &self.site.rules;
        let mut possible = vec![(self.records.clone(), self.wrong.clone())];
        for maybe in maybes {
            let mut with = possible.clone();
            with.retain_mut(|(records, wrong)| match maybe {
                Maybe::Attempt(pending) => {
                    let at = self.datagrams[pending.number].person;
                    let person = &mut records.people[at];
                    if !person.exists() {
                        return false;
                    }
                    let due = self.due(pending, person, wrong, now);
                    if due.counted {
                        self.datagrams[pending.number].failed(wrong, now);
                    }
                    due.changed
                }
                Maybe::Command(ordered) => {
                    let Ordered { person, order, .. } = ordered;
                    ordered.holds(records, &self.site, now)
                        && order.apply(records, *person, rules, now, None).is_ok()
                }
            });
            possible.extend(with);
        }
        possible.into_iter().map(|(records, _)| records).collect()
    }

    /// Nothing is ever sent here: the outbox has one message for each lock, to the administrator. What
    /// goes to people is read.
    fn check_outbox(&mut self) -> Law {
        // What makes no message is not asked about: there are many to read.
        let from = self.told.min(self.ledger.len());
        self.told = self.ledger.len();
        let makes_one = |event: &str| {
            let kinds = ["user.", "enroll.", "store."];
            kinds.iter().any(|kind| event.starts_with(kind))
        };
        let mut news = self.ledger.records[from..].iter();
        if !news.any(|record| makes_one(&record.event)) {
            return Ok(());
        }
        let outbox = self.life().reader.outbox(usize::MAX);
        let outbox = outbox.map_err(|error| format!("the outbox cannot be read: {error}"))?;
        let locks = self.ledger.locks();
        let (told, people): (Vec<Message>, Vec<Message>) =
            outbox.into_iter().partition(|it| it.to.as_str() == ADMIN);
        for letter in people {
            if self.read.insert(letter.id) {
                self.read_letter(&letter)?;
            }
        }
        law(told.len() == locks, || {
            format!("{} messages wait for {locks} locks", told.len())
        })
    }

    /// Somebody opens a link that has come by mail.
    fn read_letter(&mut self, letter: &Message) -> Law {
        let Some(enclosed) = &letter.enclosed else {
            return Ok(());
        };
        let mut url = String::new();
        let field = Field::Message(letter.id);
        keys().show(field, &enclosed.sealed, &mut |clear| {
            url = String::from_utf8_lossy(clear).into_owned();
        });
        let secret = url.rsplit('/').next().unwrap_or_default().to_owned();
        let to = letter.to.as_str().split('@').next();
        let person = NAMES.iter().position(|name| Some(*name) == to);
        let person = person.ok_or_else(|| format!("a letter goes to {}", letter.to.as_str()))?;
        self.learn(person, secret)
    }

    /// Somebody has the secret of a link.
    fn learn(&mut self, person: usize, secret: String) -> Law {
        let hash = kept(&secret).ok_or("a link is no link")?;
        self.letters.push((person, secret.clone()));
        self.secrets.insert(hash, secret);
        Ok(())
    }

    /// Every change has its record.
    fn check_log(&mut self) -> Law {
        let from = self.ledger.len();
        let reader = std::sync::Arc::clone(&self.life().reader);
        self.ledger.read_on(&reader, &mut self.digest)?;
        for (request, seq) in std::mem::take(&mut self.done) {
            let record = usize::try_from(seq).ok().and_then(|seq| {
                let at = seq.checked_sub(1)?;
                self.ledger.records.get(at).filter(|_| at >= from)
            });
            let own = record.is_some_and(|record| record.request.as_deref() == Some(&*request));
            law(own, || {
                format!("{request} was done and record {seq} is not its own")
            })?;
        }
        for (digest, verdict) in std::mem::take(&mut self.written) {
            let recorded = self.ledger.records[from..].iter().any(|record| {
                record.datagram() == Some(digest) && record.event.starts_with(verdict)
            });
            law(recorded, || {
                "a verdict that changed something has no record".to_owned()
            })?;
        }
        Ok(())
    }
}

impl Ordered {
    /// What the product says of it.
    fn told(&self, quiet: bool) -> Result<Reply, TryRecvError> {
        let answer = match &self.answer {
            Answer::Command(answer) => return answer.try_recv(),
            Answer::People(answer) => answer.try_recv()?,
        };
        let code = if quiet { Code::Store } else { Code::Conflict };
        Ok(match answer {
            Some(seq) => Reply::Done(Box::new(nothing_more()), seq),
            None => Reply::Refused(Box::new(Refusal::new(code, "not brought in"))),
        })
    }

    /// Whether the rules let it be done on these records.
    fn holds(&self, records: &Records, site: &Site, now: Now) -> bool {
        let revision = records.people[self.person].revision;
        let current = self.if_revision.is_none_or(|named| named == revision);
        current
            && self
                .order
                .allowed(records, self.person, &self.ready, site, now)
    }
}

/// An answer that says no more than that it is done.
pub(crate) fn nothing_more() -> Done {
    Done {
        unchanged: false,
        message: String::new(),
        notes: Vec::new(),
        undo: None,
        user: None,
        state: None,
        revision: None,
        token: None,
        data: Vec::new(),
        reveal: None,
        refused: None,
        ticket: None,
    }
}

impl Work {
    fn of(job: &Job) -> Self {
        match job {
            Job::Attempt(pending) => Self::Attempt(pending.ticket.0),
            Job::Command(ordered) => Self::Command(ordered.request.clone()),
            Job::Note(note) => match &note.origin.request {
                RequestRef::Command(request) if !note.people.is_empty() => {
                    Self::Command(request.clone())
                }
                _ => Self::Other,
            },
            Job::Lapse(..) | Job::Stop => Self::Other,
        }
    }
}
