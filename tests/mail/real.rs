//! More of the mail server that other people wrote.

use std::time::Duration;

use serde_json::json;

use crate::common::people::Person;
use crate::world::{Mailbox, Security, records, sent, site, until};

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    for security in [Security::StartTls, Security::Tls] {
        let Some(mailbox) = Mailbox::open(security) else {
            return;
        };
        let alice = Person::new("alice");
        let mut daemon = site(&[&alice], &mailbox.distrusting()).start();
        daemon.operator().change("Users.Lock", "alice", &json!({}));
        let line = daemon.wait_for_line("W043", Duration::from_secs(9));
        assert!(line.contains("certificate"), "{line}");
        assert_eq!(mailbox.mails().len(), 0);
        assert_eq!(
            records(&daemon, "notify").len(),
            0,
            "neither sent nor given up"
        );
        // Mended: what waited goes out.
        daemon.site.write_config(&mailbox.config());
        let daemon = daemon.stop().start();
        assert_eq!(mailbox.wait(2).len(), 2);
        until("recorded", || sent(&daemon) == 2);
        daemon.stop();
    }
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let Some(mailbox) = Mailbox::open(Security::StartTls) else {
        return;
    };
    let alice = Person::new("alice");
    let config = mailbox.config();
    let site = site(&[&alice], &config);
    std::fs::write(mailbox.path("password"), "wr0ng-p4ss").unwrap();
    let mut daemon = site.start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    let line = daemon.wait_for_line("W043", Duration::from_secs(30));
    assert!(
        line.contains("user name and password are not taken"),
        "{line}"
    );
    let log = daemon.log();
    assert!(
        !log.contains("wr0ng-p4ss") && !log.contains("d3IwbmctcDRzcw"),
        "{log}"
    );
    assert_eq!(mailbox.mails().len(), 0);
    daemon.stop();
}
