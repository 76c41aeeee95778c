//! The page of numbers, as a scraper reads it.

use crate::common::daemon::Site;
use crate::common::people::Person;

#[test]
fn counts_every_verdict_and_names_every_limit() {
    let mut alice = Person::new("alice");
    let daemon = Site::measured(std::slice::from_ref(&alice), "").start();
    let gateway = daemon.gateway("gw-none");
    gateway.lets_in("alice", &alice.code());
    gateway.keeps_out("alice", &alice.wrong_code());
    gateway.keeps_out("nobody", "123456");
    let page = daemon.page();
    let page = page.text();
    for row in [
        "mfad_up 1",
        r#"mfad_verdicts_total{verdict="accept",reason="",how="hotp"} 1"#,
        r#"mfad_verdicts_total{verdict="reject",reason="bad_code",how=""} 1"#,
        r#"mfad_verdicts_total{verdict="reject",reason="unknown_user",how=""} 1"#,
        "mfad_answer_seconds_count 3",
        r#"mfad_stage_seconds_count{stage="otp"} 3"#,
        r#"mfad_limit{limit="verify_queue"} 1024"#,
    ] {
        assert!(
            page.lines().any(|line| line == row),
            "{row} is not in\n{page}"
        );
    }
    assert!(page.ends_with("# EOF\n"));
    // Each row is of the family whose head stands above it.
    let mut family = "";
    for line in page.lines().filter(|line| *line != "# EOF") {
        match line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some((name, _)) => family = name,
            None => assert!(
                line.trim_start_matches("# HELP ").starts_with(family),
                "{line}"
            ),
        }
    }
}
