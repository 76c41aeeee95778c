//! From a link to the last page, and every way to fail.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::fake::{ADDRESS_LINK, CODE, Fake, LAST_TICKET, LATE_OTP, LINK, OTP, SEED, TICKET, USER};
use crate::site::{Answer, Browser, Site};

fn begin(browser: &mut Browser<'_>, link: &str, user: &str, code: &str) -> Answer {
    browser.post(&format!("/e/{link}"), &[("user", user), ("code", code)])
}

#[test]
fn somebody_with_a_link_gets_to_the_end() {
    let Some(site) = Site::start_with("[help]\nen = \"Call 4711 <b>\"\n") else {
        return;
    };
    let fake = Fake::listen(&site.path("control"));
    let mut browser = site.browser();
    let form = browser.get(&format!("/e/{LINK}"));
    assert_eq!(form.status, 200);
    form.says("Set up your second factor")
        .says("Call 4711 &#60;b&#62;");
    assert!(!form.body.contains(LINK), "a link stands in no page");
    assert!(fake.calls().is_empty(), "a GET asks mfad nothing");
    let scan = begin(&mut browser, LINK, "  alice ", CODE);
    assert_eq!(scan.status, 200);
    let called = fake.last()["parameters"].clone();
    let expected = json!({"link": LINK, "user": USER, "code": CODE, "from": "127.0.0.1"});
    assert_eq!(called, expected);
    scan.says("href=\"otpauth://totp/mfad:%61")
        .says("<svg")
        .says("GEZD");
    assert_eq!(scan.hidden("ticket"), TICKET);
    let again = browser.post("/prove", &[("ticket", TICKET), ("otp", LATE_OTP)]);
    assert_eq!(again.status, 403);
    again
        .says("behind by about 1 min 30 s")
        .says("Tries left: 4.");
    let letters = browser.post("/prove", &[("ticket", TICKET), ("otp", "ABCDEF")]);
    letters.says("That was not the code");
    assert_eq!(fake.calls().len(), 2, "letters are not worth a try");
    let done = browser.post("/prove?lang=de", &[("ticket", TICKET), ("otp", "755 224")]);
    assert_eq!(fake.last()["parameters"]["otp"], OTP);
    done.says("Fertig, alice")
        .says("Uhr Ihres Telefons geht richtig");
    assert_eq!(done.hidden("ticket"), LAST_TICKET);
    let codes = browser.post("/recovery", &[("ticket", LAST_TICKET)]);
    codes.says("ABCDE-FGHJK").says("MNPQR-STVWX");
    let gone = browser.post("/recovery", &[("ticket", LAST_TICKET)]);
    assert_eq!(gone.status, 403);
    assert!(!gone.body.contains("ABCDE"));
}

#[test]
fn every_failure_is_the_same_page() {
    let Some(site) = Site::start() else { return };
    let _fake = Fake::listen(&site.path("control"));
    let mut browser = site.browser();
    begin(&mut browser, LINK, USER, CODE).says("<svg");
    let altered = LINK.replace('1', "2");
    let long = "x".repeat(300);
    let mut pages = BTreeSet::new();
    for (link, user, code) in [
        (LINK, USER, CODE),
        (&altered, USER, CODE),
        (LINK, "bob", CODE),
        (LINK, USER, "AAAAA-AAAAA"),
        (LINK, USER, ""),
        (LINK, "", CODE),
        (LINK, &long, CODE),
        (LINK, USER, &long),
        ("x", USER, CODE),
        (&long, USER, CODE),
        ("%ff%fe", USER, CODE),
        ("..%2fetc", USER, CODE),
    ] {
        let answer = begin(&mut browser, link, user, code);
        let told: Vec<_> = answer
            .headers
            .iter()
            .filter(|line| line.0 != "date")
            .collect();
        pages.insert(format!("{} {told:?} {}", answer.status, answer.body));
    }
    let torn = browser.ask("POST", &format!("/e/{LINK}"), &[], "user=alice");
    assert!(pages.len() == 1, "{pages:#?}");
    assert_eq!(torn.status, 403);
    assert!(pages.iter().all(|page| page.ends_with(&torn.body)));
}

#[test]
fn twenty_at_once_have_one_success() {
    let Some(site) = Site::start() else { return };
    let fake = Fake::listen(&site.path("control"));
    let mut bodies: Vec<(u16, String)> = std::thread::scope(|scope| {
        let one = |at: u8| {
            let mut browser = site.browser_at(Ipv4Addr::new(127, 0, 0, 2 + at));
            let answer = begin(&mut browser, LINK, USER, CODE);
            (answer.status, answer.body)
        };
        let threads: Vec<_> = (0..20).map(|at| scope.spawn(move || one(at))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    bodies.sort();
    let (success, failures) = bodies.split_first().unwrap();
    assert_eq!(success.0, 200);
    assert!(success.1.contains("<svg"));
    assert!(failures.iter().all(|failure| *failure == failures[0]));
    assert_eq!((failures.len(), failures[0].0), (19, 403));
    assert_eq!(fake.calls().len(), 20);
}

#[test]
fn an_address_is_confirmed_by_the_button_and_not_by_looking() {
    let Some(site) = Site::start() else { return };
    let fake = Fake::listen(&site.path("control"));
    let mut browser = site.browser();
    let path = format!("/a/{ADDRESS_LINK}");
    for method in ["GET", "HEAD"] {
        assert_eq!(browser.ask(method, &path, &[], "").status, 200);
    }
    assert!(fake.calls().is_empty());
    browser.post(&path, &[]).says("a***@example.org");
    let used = browser.post(&path, &[]);
    assert_eq!(used.status, 403);
    used.says("has been used or has expired");
}

#[test]
fn names_are_text_and_nothing_else() {
    let Some(site) = Site::start() else { return };
    const EVIL: &str = "\"><script>alert(1)</script>&'\r\nSet-Cookie: a=b";
    let _fake = Fake::naming(&site.path("control"), EVIL);
    let mut browser = site.browser();
    let scan = begin(&mut browser, LINK, EVIL, CODE);
    assert_eq!(scan.status, 200);
    let done = browser.post("/prove", &[("ticket", TICKET), ("otp", OTP)]);
    assert_eq!(done.status, 200);
    done.says("&#60;script&#62;");
    for answer in [scan, done] {
        assert!(!answer.body.contains("<script"), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn every_answer_says_what_a_browser_must_not_do() {
    let Some(site) = Site::start() else { return };
    let mut browser = site.browser();
    let link = format!("/e/{LINK}");
    let other = [("Host", "evil.example")];
    let strange = [("Sec-Fetch-Site", "cross-site")];
    let origin = [("Origin", "https://evil.example")];
    let chunked = [("Transfer-Encoding", "chunked"), ("Content-Length", "5")];
    let form = "user=alice&code=x";
    let answers = [
        (200, browser.get(&link)),
        (200, browser.get("/style.css")),
        (404, browser.get("/")),
        (404, browser.get("/../../etc/passwd")),
        (404, browser.ask("DELETE", &link, &[], "")),
        (404, browser.get("/prove")),
        (421, browser.ask("GET", &link, &other, "")),
        (403, browser.ask("POST", &link, &strange, form)),
        (403, browser.ask("POST", &link, &origin, form)),
        (503, browser.ask("POST", &link, &[("Origin", "null")], form)),
        (403, browser.ask("POST", &link, &[], &"x".repeat(5000))),
        (
            411,
            site.browser().ask("POST", &link, &chunked, "0\r\n\r\n"),
        ),
    ];
    for (at, (status, answer)) in answers.iter().enumerate() {
        assert_eq!(answer.status, *status, "answer {at}");
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "answer {at}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script"));
        assert!(header("strict-transport-security").starts_with("max-age="));
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(name), value, "answer {at}");
        }
        assert_eq!(answer.header("location"), None);
        assert!(!answer.body.contains("evil.example"));
    }
    assert_eq!(answers[9].1.header("retry-after"), Some("60"));
}

#[test]
fn what_cannot_be_asked_now_is_no_failure_of_the_link() {
    let Some(mut site) = Site::start() else {
        return;
    };
    let mut browser = site.browser();
    begin(&mut browser, LINK, USER, CODE).says("Not now");
    browser.hang_up();
    drop(browser);
    let line = site.wait_for_line("mfad cannot be asked");
    assert!(!line.contains(LINK), "{line}");
    let _fake = Fake::listen(&site.path("control"));
    begin(&mut site.browser(), LINK, USER, CODE).says("<svg");
}

#[test]
fn nothing_secret_is_logged() {
    let Some(mut site) = Site::start() else {
        return;
    };
    {
        let mut browser = site.browser();
        begin(&mut browser, LINK, USER, CODE).says("Not now");
        let _fake = Fake::listen(&site.path("control"));
        begin(&mut browser, LINK, USER, "wrong").says("That did not work");
        begin(&mut browser, LINK, USER, CODE).says("<svg");
        browser.post("/prove", &[("ticket", TICKET), ("otp", LATE_OTP)]);
        browser.post("/prove", &[("ticket", TICKET), ("otp", OTP)]);
        browser
            .post("/recovery", &[("ticket", LAST_TICKET)])
            .says("ABCDE");
        browser.get(&format!("/nosuch/{LINK}"));
        browser.ask("POST", &format!("/e/{LINK}"), &[], &"x".repeat(5000));
    }
    site.signal(Signal::SIGTERM);
    assert!(site.ended_well());
    let log = site.log();
    assert!(log.contains("stopped"), "{log}");
    for secret in [
        LINK,
        CODE,
        OTP,
        LATE_OTP,
        SEED,
        TICKET,
        LAST_TICKET,
        "ABCDE",
        "otpauth",
        USER,
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
