//! The same work for a while: what the daemon takes stays what it was.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::chance::{long, size};
use crate::common::daemon::{Daemon, Site};
use crate::common::people::{PIN, Person};
use crate::common::scrape::Taken;
use crate::common::until::Until;

const PEOPLE: usize = 4;

/// Threads of a pool that come and go with the work.
const THREADS_SPARE: u64 = 4;

/// Memory that may be taken between two looks at the same work.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

#[test]
fn the_same_work_for_a_while_takes_no_more_of_anything() {
    let span = Duration::from_secs(u64::try_from(size(2, 60)).unwrap());
    let mut people: Vec<Person> = (0..PEOPLE)
        .map(|at| Person::new(&format!("user{at}")))
        .collect();
    let daemon = Site::measured(&people, "").start();
    work(&daemon, &mut people, span / 2);
    let before = at_rest(&daemon);
    let (logins, samples) = work(&daemon, &mut people, span);
    let after = at_rest(&daemon);
    println!("{logins} logins in {span:?}; before {before:?}, after {after:?}");
    if long() {
        let slope = slope(&samples);
        println!("memory: {slope:+.2} MiB an hour by the line through all looks");
    }
    assert!(after.threads <= before.threads + THREADS_SPARE);
    assert_eq!(after.descriptors, before.descriptors);
    assert!(after.memory_kib <= before.memory_kib + GROWTH_KIB_MAX);
    daemon.stop();
}

/// Everybody signs in, rightly and wrongly, and an operator looks; how many logins, and the memory
/// taken at moments in between.
fn work(daemon: &Daemon, people: &mut [Person], span: Duration) -> (usize, Vec<(f64, f64)>) {
    let over = Until::default();
    let (began, mut samples) = (Instant::now(), Vec::new());
    let logins = std::thread::scope(|scope| {
        let end = over.end_of_this();
        let workers: Vec<_> = people
            .iter_mut()
            .map(|person| {
                let over = &over;
                scope.spawn(move || sign_in(daemon, person, over))
            })
            .collect();
        while began.elapsed() < span {
            daemon
                .operator()
                .call("Users.Show", &json!({"user": "user0"}));
            let memory_kib = u32::try_from(Taken::by(daemon.pid()).memory_kib).unwrap();
            samples.push((began.elapsed().as_secs_f64(), f64::from(memory_kib)));
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(end);
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    (logins, samples)
}

fn sign_in(daemon: &Daemon, person: &mut Person, over: &Until) -> usize {
    let mut ports = ["gw-none", "gw-pin"].map(|name| daemon.gateway(name).port());
    let mut logins = 0;
    while !over.is_over() {
        let code = person.code();
        assert!(ports[0].login(&person.name, &code));
        let code = person.code();
        assert!(ports[1].login(&person.name, &format!("{PIN}{code}")));
        logins += 2;
        if logins % 64 == 0 {
            assert!(!ports[0].login(&person.name, &person.wrong_code()));
        }
    }
    logins
}

/// What is taken when nothing is under way any more.
fn at_rest(daemon: &Daemon) -> Taken {
    let (end, mut last) = (
        Instant::now() + Duration::from_secs(10),
        Taken::by(daemon.pid()),
    );
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = Taken::by(daemon.pid());
        let same = (now.descriptors, now.threads) == (last.descriptors, last.threads);
        if same || Instant::now() > end {
            return now;
        }
        last = now;
    }
}

/// The slope of the line through the points that lies closest to them: MiB an hour.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(samples.len()).unwrap());
    let mean = |value: fn(&(f64, f64)) -> f64| samples.iter().map(value).sum::<f64>() / count;
    let (time, memory) = (mean(|it| it.0), mean(|it| it.1));
    let moments = samples
        .iter()
        .map(|it| ((it.0 - time) * (it.1 - memory), (it.0 - time).powi(2)));
    let (both, own) = moments.fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    both / own * 3_600.0 / 1_024.0
}
