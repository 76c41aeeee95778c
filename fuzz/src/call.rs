//! What a client writes to the control socket, from octets to a request.

use mfad::control::frame::{DEPTH_MAX, FRAME_OCTETS_MAX, FrameReader, parse, write};
use mfad::control::message::{Call, Parameters};
use mfad::control::method::{self, Method, Type};
use serde_json::{Map, Value};

/// Behind a secret, so that any answer that quotes one is seen.
const CANARY: &str = "canary-8Jx2-never-told";

/// What arrives on a connection. The first octet says in what pieces.
pub fn frames(octets: &[u8]) {
    let (piece, octets) = octets.split_first().unwrap_or((&0, &[]));
    if octets.len() > FRAME_OCTETS_MAX {
        return;
    }
    let mut reader = FrameReader::default();
    let mut found = Vec::new();
    for part in octets.chunks(usize::from(*piece) + 1) {
        let room = &mut reader.spare()[..part.len()];
        room.copy_from_slice(part);
        reader.filled(part.len());
        while let Some(frame) = reader.take().transpose() {
            let stop = frame.is_err();
            found.push(frame);
            if stop {
                break;
            }
        }
        if found.last().is_some_and(Result::is_err) {
            break;
        }
    }
    let mut whole = octets.split(|octet| *octet == 0);
    for frame in found {
        let text = whole.next().unwrap();
        assert_eq!(frame, parse(text), "another frame in pieces");
        if let Ok(frame) = frame {
            members(text, frame);
        }
    }
}

/// The members of one frame, and the call that they may be.
fn members(text: &[u8], frame: Map<String, Value>) {
    let value = Value::Object(frame);
    assert!(depth(&value) <= DEPTH_MAX);
    let lenient: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(lenient, value, "strict and lenient readers disagree");
    if !has_float(&value) {
        let written = write(&value).unwrap();
        let (end, again) = written.split_last().unwrap();
        assert_eq!(
            (*end, parse(again).map(Value::Object)),
            (0, Ok(value.clone()))
        );
    }
    let Value::Object(frame) = value else { return };
    let Ok(call) = Call::parse(frame.clone()) else {
        return;
    };
    let Some(method) = Method::by_name(&call.method) else {
        return;
    };
    let stated: Vec<String> = call.parameters.names().map(str::to_owned).collect();
    let understood = method::parse(method, call.parameters, call.more).is_ok();
    if understood {
        let known = |name: &String| method.all_parameters().any(|it| it.name == name);
        assert!(stated.iter().all(known), "an unknown parameter");
        for it in method.all_parameters() {
            assert!(!it.required || stated.iter().any(|name| name == it.name));
        }
    }
    with_canaries(method, frame, call.more);
}

/// The same call with a mark in every secret: no fault may quote it.
fn with_canaries(method: &Method, mut frame: Map<String, Value>, more: bool) {
    let Some(Value::Object(mut values)) = frame.remove("parameters") else {
        return;
    };
    let named_code = |name: &str| ["code", "otp", "first", "second", "confirm"].contains(&name);
    for it in method.all_parameters() {
        let secret = it.kind == Type::Secret || named_code(it.name);
        if let Some(Value::String(text)) = values.get_mut(it.name).filter(|_| secret) {
            text.push_str(CANARY);
        }
    }
    if let Err(fault) = method::parse(method, Parameters::new(values), more) {
        let told = format!("{} {:?} {fault}", fault.error, fault.parameters);
        assert!(!told.contains(CANARY), "{told}");
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A float may change its last digit when it is read; nothing here uses one.
pub fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        _ => false,
    }
}
