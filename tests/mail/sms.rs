//! Text messages through an HTTPS server of Python.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::people::Person;
use crate::common::reach::prove_phones;
use crate::common::tools;
use crate::world::{
    Folder, Mailbox, NUMBER, Security, Server, kept, records, sent, site, site_of_phones, until,
};

const SECRET: &str = "s3same/0pen+up=";

/// An SMS gateway that runs.
pub(crate) struct Gateway {
    folder: Folder,
    server: Server,
}

impl Gateway {
    /// None if the tools are missing.
    pub(crate) fn open(answer: &str) -> Option<Self> {
        if !tools::have("python3") || !tools::have("openssl") {
            return None;
        }
        let folder = Folder::new();
        let server = Server::start("gateway.py", &folder, &["0"], &[answer]);
        fs::write(folder.path("secret"), format!("{SECRET}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(folder.path("secret"), mode).unwrap();
        Some(Self { folder, server })
    }

    /// What stands in the configuration of a site that sends through it.
    pub(crate) fn config(&self, ca: &str, more: &str) -> String {
        format!(
            "[sms]\nurl = \"https://localhost:{}/v1/send?to={{to}}\"\ntimeout = \"2s\"\n\
             secret_file = \"{}\"\nca = \"{}\"\n{more}\n\
             [enroll]\nissuer = \"test\"\n",
            self.server.port,
            self.folder.path("secret").display(),
            self.folder.path(ca).display()
        )
    }

    /// What it has taken so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        kept(&self.folder)
    }

    fn wait(&self, requests: usize) -> Vec<Value> {
        until("the requests", || self.requests().len() >= requests);
        self.requests()
    }
}

fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    let headers = request["headers"].as_array().unwrap();
    let header = headers.iter().find(|header| header[0] == name);
    header.unwrap_or_else(|| panic!("{request}"))[1]
        .as_str()
        .unwrap()
}

#[test]
fn a_text_message_arrives_as_the_site_wrote_the_request() {
    let Some(gateway) = Gateway::open("{\"status\":\"queued\"}") else {
        return;
    };
    let alice = Person::new("alice");
    let more = r#"headers = { Authorization = "Bearer {secret}", Idempotency-Key = "{id}" }
body = '{"messages":[{"to":"{digits}","text":"{text}","urgent":true}]}'
success = 'queued'"#;
    let config = gateway.config("right-ca.pem", more);
    let daemon = site_of_phones(&[&alice], &config).start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    let request = gateway.wait(1).remove(0);
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], "/v1/send?to=%2B491701234567");
    assert_eq!(
        header(&request, "Authorization"),
        format!("Bearer {SECRET}")
    );
    assert_eq!(header(&request, "Content-Type"), "application/json");
    let host = format!("localhost:{}", gateway.server.port);
    assert_eq!(header(&request, "Host"), host);
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"messages": [{
            "to": "491701234567",
            "text": "test: Your sign-in has been locked by an operator. If this was not you, or you \
                     did not ask for it, tell your help desk at once.",
            "urgent": true,
        }]})
    );
    until("a record", || sent(&daemon) == 1);
    let record = records(&daemon, "notify.sent").remove(0).to_string();
    assert!(
        record.contains("+49 *** **67") && !record.contains("1701234567"),
        "{record}"
    );
    assert!(record.contains("\"sms\""), "{record}");
    let id = header(&request, "Idempotency-Key");
    assert!(record.contains(id), "{record}");
    // Recorded, and not sent again.
    let daemon = daemon.kill().start();
    daemon
        .operator()
        .change("Users.Unlock", "alice", &json!({}));
    assert_eq!(gateway.wait(2).len(), 2);
    until("two records", || sent(&daemon) == 2);
    daemon.stop();
    assert_eq!(gateway.requests().len(), 2);
}

#[test]
fn who_has_an_address_is_texted_only_when_the_account_changes_hands() {
    let (Some(gateway), Some(mailbox)) = (Gateway::open("ok"), Mailbox::open(Security::Tls)) else {
        return;
    };
    let alice = Person::new("alice");
    let sms = gateway
        .config("right-ca.pem", "method = \"GET\"\n")
        .replace("?to={to}", "?key={secret}&to={to}&text={text}");
    let site = site(&[&alice], &format!("{}{sms}", mailbox.config()));
    prove_phones(&site, std::slice::from_ref(&alice), NUMBER);
    let daemon = site.start();
    let operator = daemon.operator();
    operator.change("Pins.Clear", "alice", &json!({}));
    mailbox.wait(1);
    operator.change("Tokens.Add", "alice", &json!({"kind": "totp"}));
    mailbox.wait(2);
    let request = gateway.wait(1).remove(0);
    let path = request["path"].as_str().unwrap();
    let begin = "/v1/send?key=s3same%2F0pen%2Bup%3D&to=%2B491701234567&text=test%3A%20Zu%20Ihrem";
    assert!(path.starts_with(begin), "{path}");
    assert!(path.is_ascii(), "{path}");
    until("three records", || sent(&daemon) == 3);
    assert_eq!((mailbox.mails().len(), gateway.requests().len()), (2, 1));
    daemon.stop();
}

#[test]
fn a_gateway_that_nobody_vouches_for_gets_nothing() {
    let Some(gateway) = Gateway::open("ok") else {
        return;
    };
    let alice = Person::new("alice");
    let body = "body = \"token={secret}&text={text}\"";
    let distrusting = gateway.config("wrong-ca.pem", body);
    let mut daemon = site_of_phones(&[&alice], &distrusting).start();
    daemon.operator().change("Users.Lock", "alice", &json!({}));
    let line = daemon.wait_for_line("W044", Duration::from_secs(9));
    assert!(line.contains("certificate"), "{line}");
    assert!(!line.contains(SECRET), "{line}");
    let status = daemon.operator().call("Daemon.Status", &json!({}));
    assert!(status.to_string().contains("W044"), "{status}");
    assert_eq!(gateway.requests().len(), 0);
    // Mended: what waited goes out.
    let right = gateway.config("right-ca.pem", body);
    daemon.site.write_config(&right);
    let daemon = daemon.stop().start();
    assert_eq!(
        gateway.wait(1)[0]["body"].as_str().unwrap().get(..31),
        Some("token=s3same%2F0pen%2Bup%3D&tex")
    );
    until("recorded", || sent(&daemon) == 1);
    daemon.stop();
}

#[test]
fn an_operator_tries_the_gateway() {
    let Some(gateway) = Gateway::open("rejected") else {
        return;
    };
    let body = "body = \"token={secret}&text={text}\"\nsuccess = \"queued\"";
    let config = gateway.config("right-ca.pem", body);
    let daemon = site_of_phones(&[&Person::new("alice")], &config).start();
    let operator = daemon.operator();
    let refused = |to: &str| {
        let refused = operator
            .try_call("Notify.Test", &json!({"to": to}))
            .unwrap_err();
        (refused["error"].clone(), refused.to_string())
    };
    let (error, text) = refused("+491709876543");
    assert_eq!(error, "org.mfad.Delivery");
    assert!(
        text.contains("sms.success") && text.contains("W044"),
        "{text}"
    );
    assert!(!text.contains("rejected"), "an answer is not shown: {text}");
    let (error, text) = refused("0170 9876543");
    assert_eq!(error, "org.mfad.Argument");
    assert!(text.contains("+491701234567"), "{text}");
    let (_, text) = refused("root@example.org");
    assert!(text.contains("there is no mail server"), "{text}");
    daemon
        .site
        .write_config(&config.replace("queued", "reject"));
    let daemon = daemon.stop().start();
    let done = daemon
        .operator()
        .call("Notify.Test", &json!({"to": "+491709876543"}));
    assert!(done["done"]["audit"].is_u64(), "{done}");
    let last = gateway.requests().pop().unwrap();
    let text = "text=test%3A%20This%20is%20a%20test.";
    assert!(last["body"].as_str().unwrap().contains(text), "{last}");
    assert_eq!(last["path"], "/v1/send?to=%2B491709876543");
    daemon.stop();
}
