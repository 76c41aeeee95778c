//! What one connection can do to another, and what ends it: time, seats, streams, stop.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, Usage, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;
use serde_json::json;

use mfad::domain::action::Role;
use mfad::server::control::Limits;

use crate::STATUS;
use crate::world::{LONG, World};

#[test]
fn answers_calls_sent_ahead_in_order_and_octet_by_octet() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let mut ahead = Vec::new();
    for user in ["slow", "b", "c"] {
        let parameters = json!({"user": user, "reason": "r", "request": user});
        let call = json!({"method": "org.mfad.Users.Lock", "parameters": parameters});
        ahead.extend(serde_json::to_vec(&call).unwrap());
        ahead.push(0);
    }
    ahead.extend(serde_json::to_vec(&json!({"method": STATUS, "oneway": true})).unwrap());
    ahead.push(0);
    client.send(&ahead);
    for _ in 0..3 {
        let reply = client.read().unwrap();
        assert_eq!(reply["parameters"]["done"]["audit"], 1041, "{reply}");
    }
    for octet in br#"{"method":"org.mfad.Daemon.Seats"}"#.iter().chain(&[0]) {
        client.stream.write_all(&[*octet]).unwrap();
    }
    let reply = client.read().unwrap();
    assert!(reply["parameters"]["states"].is_array(), "{reply}");
    let asked: Vec<_> = world.memory.lines();
    let order = ["slow", "\"b\"", "\"c\"", "Status", "Seats"];
    assert_eq!(asked.len(), order.len(), "{asked:?}");
    for (line, word) in asked.iter().zip(order) {
        assert!(line.contains(word), "{line} {word}");
    }
}

#[test]
fn answers_a_client_that_has_said_its_last_word() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let parameters = json!({"user": "slow", "reason": "r"});
    client.post(&json!({"method": "org.mfad.Users.Lock", "parameters": parameters}));
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read().unwrap()["parameters"]["done"]["audit"], 1041);
    assert_eq!(client.read(), None);
}

#[test]
fn drops_a_client_that_drips_and_serves_others_meanwhile() {
    let world = World::new(&[]);
    let begun = Instant::now();
    let mut dripping = world.connect();
    let mut writer = dripping.stream.try_clone().unwrap();
    let drip = thread::spawn(move || {
        while writer.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut silent = world.connect();
    let mut other = world.connect();
    assert!(other.call(STATUS, json!({})).get("error").is_none());
    assert_eq!(dripping.read().unwrap()["error"], "org.mfad.TooSlow");
    assert_eq!(silent.read(), None);
    drip.join().unwrap();
    assert!(begun.elapsed() < LONG);
}

#[test]
fn shares_seats_and_keeps_some_for_admins() {
    let callers = [
        (1, Role::Viewer),
        (1, Role::Viewer),
        (1, Role::Viewer),
        (2, Role::Operator),
        (3, Role::Operator),
        (0, Role::Admin),
    ];
    let limits = Limits {
        seats: 5,
        seats_kept: 2,
        seats_uid: 2,
        ..Limits::default()
    };
    let world = World::with(limits, &callers);
    let mut held = Vec::new();
    for (uid, role) in callers {
        let mut client = world.connect();
        if held.len() == 2 && uid == 1 || uid == 3 {
            let fault = client.read_farewell();
            assert_eq!(fault["error"], "org.mfad.Busy");
            continue;
        }
        assert!(
            client.call(STATUS, json!({})).get("error").is_none(),
            "{role}"
        );
        held.push(client);
    }
    assert_eq!(held.len(), 4);
}

// Two hundred of fifty users hold every seat that they may have, and send nothing more.
#[test]
fn an_admin_is_answered_while_two_hundred_slow_clients_hang() {
    const SLOW: usize = 200;
    let limits = Limits {
        request: LONG,
        ..Limits::default()
    };
    let seats = limits.seats - limits.seats_kept;
    let callers: Vec<_> = (0..50)
        .flat_map(|uid| [(uid, Role::Viewer); SLOW / 50])
        .collect();
    let world = World::with(limits, &callers);
    let mut slow: Vec<_> = (0..SLOW).map(|_| world.connect().stream).collect();
    for stream in &mut slow {
        // Those without a seat may be gone already.
        let _ = stream.write_all(b"{\"method\":");
        stream.set_nonblocking(true).unwrap();
    }
    let hangs = |stream: &mut UnixStream| loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    };
    let end = Instant::now() + LONG;
    while slow.len() > seats {
        assert!(Instant::now() < end, "{} hang", slow.len());
        slow.retain_mut(hangs);
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..20 {
        let mut admin = world.connect();
        assert!(admin.call(STATUS, json!({})).get("error").is_none());
    }
    slow.retain_mut(hangs);
    assert_eq!(slow.len(), seats, "all of them hang still");
}

#[test]
fn a_client_that_vanishes_frees_its_seat_and_its_stream() {
    let limits = Limits {
        seats: 1,
        seats_kept: 0,
        seats_uid: 1,
        ..Limits::default()
    };
    let world = World::with(limits, &[]);
    let mut client = world.connect();
    let parameters = json!({"event": "quiet", "follow": true});
    client.post(&json!({
        "method": "org.mfad.Audit.Log", "parameters": parameters, "more": true
    }));
    world.memory.wait_for("query AuditLog");
    assert_eq!(world.connect().read_farewell()["error"], "org.mfad.Busy");
    drop(client);
    world.memory.wait_for("quiet ended");
    let end = Instant::now() + LONG;
    loop {
        let answer = world.connect().call(STATUS, json!({}));
        if answer.get("error").is_none() {
            break;
        }
        assert!(Instant::now() < end, "{answer}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_that_does_not_read_blocks_only_itself() {
    let world = World::new(&[]);
    let mut slow = world.connect();
    let follow = json!({"follow": true});
    slow.post(&json!({"method": "org.mfad.Audit.Log", "parameters": follow, "more": true}));
    world.memory.wait_for("flood at 0");
    let mut other = world.connect();
    for _ in 0..20 {
        assert!(other.call(STATUS, json!({})).get("error").is_none());
    }
    thread::sleep(Duration::from_millis(300));
    let far = |line: &String| line.starts_with("flood at") && line != "flood at 0";
    assert!(
        !world.memory.lines().iter().any(far),
        "the queue has no bound"
    );
    drop(slow);
    world.memory.wait_for("flood ended");
}

#[test]
fn lists_come_as_a_page_or_as_a_stream_that_ends() {
    let world = World::new(&[]);
    let mut client = world.connect();
    let page = client.call("org.mfad.Audit.Log", json!({}));
    assert_eq!(page["parameters"]["entries"][0]["seq"], 3);
    assert!(page.get("continues").is_none());
    client.post(&json!({"method": "org.mfad.Audit.Log", "more": true}));
    for seq in 1..=3 {
        let page = client.read().unwrap();
        assert_eq!(page["parameters"]["entries"][0]["seq"], seq);
        assert_eq!(page.get("continues").is_some(), seq < 3);
    }
    let fault = client.call("org.mfad.Audit.Log", json!({"follow": true}));
    assert_eq!(fault["error"], "org.varlink.service.ExpectedMore");
    client.post(&json!({"method": STATUS, "more": true}));
    assert!(client.read().unwrap().get("continues").is_none());
}

#[test]
fn stop_answers_the_call_under_way_and_ends_streams_by_name() {
    let mut world = World::new(&[]);
    let mut under_way = world.connect();
    let parameters = json!({"user": "slow", "reason": "r"});
    under_way.post(&json!({"method": "org.mfad.Users.Lock", "parameters": parameters}));
    world.memory.wait_for("change UserLock");
    let mut following = world.connect();
    let quiet = json!({"event": "quiet", "follow": true});
    following.post(&json!({"method": "org.mfad.Audit.Log", "parameters": quiet, "more": true}));
    world.memory.wait_for("query AuditLog");
    let mut idle = world.connect();
    idle.call(STATUS, json!({}));

    world.stop();
    assert_eq!(idle.read_farewell()["error"], "org.mfad.Stopping");
    assert_eq!(following.read().unwrap()["error"], "org.mfad.Stopping");
    assert_eq!(
        under_way.read().unwrap()["parameters"]["done"]["audit"],
        1041
    );
    world.join();
}

/// Set in the process that [`out_of_descriptors`] runs in, since the limit is the whole process's.
const ALONE: &str = "MFAD_TEST_ALONE";

#[test]
fn out_of_descriptors() {
    if std::env::var_os(ALONE).is_some() {
        return run_out_of_descriptors();
    }
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bounds::out_of_descriptors"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success(), "{told}");
}

/// The accept loop waits, neither ends nor spins, and goes on when there is room again.
fn run_out_of_descriptors() {
    let limits = Limits {
        seats: 1000,
        request: LONG,
        ..Limits::default()
    };
    let world = World::with(limits, &[]);
    let mut early = world.connect();
    assert!(early.call(STATUS, json!({})).get("error").is_none());
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 60, hard).unwrap();
    let mut clients = Vec::new();
    while let Ok(client) = world.try_connect() {
        clients.push(client);
    }
    let cpu = |usage: &Usage| usage.user_time() + usage.system_time();
    let before = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    thread::sleep(Duration::from_secs(1));
    let after = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let used = cpu(&after) - cpu(&before);
    assert!(used.num_milliseconds() < 200, "{used} in a second");
    assert!(early.call(STATUS, json!({})).get("error").is_none());
    clients.clear();
    let mut late = world.connect();
    assert!(late.call(STATUS, json!({})).get("error").is_none());
}
