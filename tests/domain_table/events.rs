//! What the audit log keeps of an attempt beside the names of events.

use super::*;

/// 15: a record of somebody known says who.
#[test]
fn every_event_names_the_person() {
    for typed in ["code", "wrong", "chap", "text:x"] {
        let mut world = world_at(FirstFactorBy::Gateway, PasscodeForm::Otp, "C3=4");
        let mut script = Script::default();
        script.step(&mut world, typed);
        let events = &script.outcomes.last().unwrap().events;
        assert!(!events.is_empty());
        for event in events {
            let who = event.user.as_ref().map(|(id, _)| *id);
            assert_eq!(
                who,
                world.record.as_ref().map(|record| record.id),
                "{typed}: {}",
                event.name
            );
        }
    }
}

/// 2.3, 15: what the audit log is told beside the name of the event.
#[test]
fn events_tell_the_count_the_way_in_and_the_method() {
    let told = |given: &str, typed: &[&str]| {
        let mut world = world_at(FirstFactorBy::Gateway, PasscodeForm::Otp, given);
        let mut script = Script::default();
        typed.iter().for_each(|step| script.step(&mut world, step));
        let events = &script.outcomes.last().unwrap().events;
        let detail = |event: &mfad::domain::event::Event| {
            let fields: Vec<String> = event
                .detail
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let reason = event.reason.as_deref().unwrap_or("-");
            format!("{} {reason} {}", event.name, fields.join(" "))
        };
        events.iter().map(detail).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        told("C3=4", &["wrong"]),
        "auth.reject bad_code count=5 of=5; user.locked Failures count=5"
    );
    assert_eq!(
        told("", &["wrong", "same"]),
        "auth.reject bad_code repeated=true"
    );
    assert_eq!(
        told("grant=-1h..+1h", &["text:x"]),
        "auth.accept - how=\"passthrough\" grant=1"
    );
    assert_eq!(
        told("", &["chap"]),
        "auth.reject unsupported_auth method=\"CHAP\""
    );
    assert_eq!(
        told("stranger", &["text:x"]),
        "auth.reject unknown_user name=\"~00000123\""
    );
}
