//! From a call to its answer, on a thread that may block.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::upload::Upload;
use super::{Backend, Ended, Identity, Sink};
use crate::control::fault::Fault;
use crate::control::message::{Call, ReplyFrame};
use crate::control::method::{self, Method, Request};
use crate::control::reply::{Reply, Uploaded};
use crate::control::{frame, idl, service};

/// Replies of one call that wait for their client.
pub(super) const REPLIES_QUEUED_MAX: usize = 8;

/// A frame on its way to the client.
pub(super) type Octets = Zeroizing<Vec<u8>>;

/// Carries out one call; its replies go into `to`.
pub(super) fn answer(
    call: Call,
    caller: &Identity,
    backend: &dyn Backend,
    upload: &Mutex<Upload>,
    to: mpsc::Sender<Octets>,
    stop: watch::Receiver<bool>,
) {
    let mut outlet = Outlet {
        to,
        stop,
        oneway: call.oneway,
        stopped: false,
    };
    let last = if idl::is_service(&call.method) {
        match service::answer(call) {
            Ok(info) => encode(&ReplyFrame::Last(&info)),
            Err(fault) => encode_fault(&fault),
        }
    } else {
        match carry_out(call, caller, backend, upload, &mut outlet) {
            Ok(reply) if !outlet.stopped => encode(&ReplyFrame::Last(&reply)),
            Err(fault) if !outlet.stopped => encode_fault(&fault),
            _ => encode_fault(&Fault::stopping()),
        }
    };
    outlet.send(last);
}

fn carry_out(
    call: Call,
    caller: &Identity,
    backend: &dyn Backend,
    upload: &Mutex<Upload>,
    outlet: &mut Outlet,
) -> Result<Reply, Fault> {
    let id = call.parameters.look("request").and_then(Value::as_str);
    let id = id.map(str::to_owned);
    obey(call, caller, backend, upload, outlet).map_err(|fault| fault.request(id))
}

fn obey(
    call: Call,
    caller: &Identity,
    backend: &dyn Backend,
    upload: &Mutex<Upload>,
    outlet: &mut Outlet,
) -> Result<Reply, Fault> {
    let method = find(&call.method)?;
    let operator = &caller.operator;
    let may = |least| -> Result<(), Fault> {
        if operator.role < least {
            return Err(backend.denied(operator, method.action, least).into());
        }
        Ok(())
    };
    may(method.action.spec().least)?;
    match method::parse(method, call.parameters, call.more)? {
        Request::Change(command, manner) => {
            let done = backend.change(operator, command, manner)?;
            Ok(done.into())
        }
        Request::Step(step, request) => Ok(backend.page(operator, step, request)?),
        Request::Upload(piece) => {
            let octets = upload
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(piece)?;
            Ok(Reply::Uploaded(Uploaded {
                octets: octets as u64,
            }))
        }
        Request::Import(import) => {
            let held = upload.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Held until the end: the next import may begin when this one is over.
            let mut held = held?;
            Ok(backend.import(operator, *import, held.whole(), outlet)?)
        }
        Request::Query(query) => {
            may(query.least())?;
            let mut reply = backend.query(operator, query, outlet)?;
            if let Reply::Whoami(whoami) = &mut reply {
                whoami.through = (*caller.through).to_owned();
            }
            Ok(reply)
        }
    }
}

fn find(name: &str) -> Result<&'static Method, Fault> {
    Method::by_name(name).ok_or_else(|| {
        let interface = name.rsplit_once('.').map_or("", |(interface, _)| interface);
        if idl::interface(interface).is_some() {
            Fault::method_not_found(name)
        } else {
            Fault::interface_not_found(interface)
        }
    })
}

/// Where replies go while a call is under way.
struct Outlet {
    to: mpsc::Sender<Octets>,
    stop: watch::Receiver<bool>,
    oneway: bool,
    stopped: bool,
}

impl Outlet {
    /// Waits for room; a client that has gone does not matter here.
    fn send(&self, frame: Octets) -> bool {
        self.oneway || self.to.blocking_send(frame).is_ok()
    }
}

impl Sink for Outlet {
    fn push(&mut self, page: Reply) -> Result<(), Ended> {
        if *self.stop.borrow() {
            self.stopped = true;
            return Err(Ended);
        }
        if self.send(encode(&ReplyFrame::Continues(&page))) {
            Ok(())
        } else {
            Err(Ended)
        }
    }

    fn ended(&mut self) -> bool {
        if *self.stop.borrow() {
            self.stopped = true;
        }
        self.stopped || self.to.is_closed()
    }
}

/// Writes a reply out.
fn encode<P: serde::Serialize>(reply: &ReplyFrame<'_, P>) -> Octets {
    frame::write(reply).unwrap_or_else(|error| {
        encode_fault(&Fault::bad_frame(format!(
            "the answer cannot be written: {error}"
        )))
    })
}

/// Writes an error out.
pub(super) fn encode_fault(fault: &Fault) -> Octets {
    frame::write(&ReplyFrame::<()>::Error(fault)).unwrap_or_default()
}
