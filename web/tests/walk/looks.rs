//! Every page as it is rendered, before a stand-in for mfad.

use crate::browser::{Browser, Scheme};
use crate::fake::{ADDRESS_LINK, CODE, Fake, LATE_OTP, LINK, OTP, SEED, USER};
use crate::site::{HOST, Site};
use crate::{can_walk, picture, scanned};

fn every_page(scheme: Scheme, lang: &str) {
    if !can_walk() {
        return;
    }
    let help = "[help]\nen = \"IT service desk, 4711\"\nde = \"IT-Servicedesk, 4711\"\n";
    let site = Site::start_with(help).unwrap();
    let _fake = Fake::listen(&site.path("control"));
    let browser = Browser::open(HOST, site.address, scheme);
    let keep = |name: &str| picture(&browser, &format!("{name}-{scheme:?}"));
    let link = format!("https://{HOST}/e/{LINK}?lang={lang}");
    browser.go(&link);
    keep("1-begin");
    // The first field has the focus already.
    let reached: Vec<String> = (0..2).map(|_| browser.tab()).collect();
    assert_eq!(reached, ["input code", "button"]);
    browser.enter("#user", USER);
    browser.enter("#code", "AAAAA-AAAAA");
    browser.press("button");
    keep("2-failed");
    assert!(!browser.text("[role=alert]").is_empty());
    browser.enter("#user", USER);
    browser.enter("#code", CODE);
    browser.press("button");
    let uri = scanned(&keep("3-scan"));
    assert_eq!(uri, browser.attribute("a.button", "href"));
    assert!(uri.contains(&format!("secret={SEED}")), "{uri}");
    let typed: String = browser.text(".secret").split_whitespace().collect();
    assert_eq!(typed, SEED);
    browser.enter("#otp", LATE_OTP);
    browser.press("button");
    assert!(browser.text("[role=alert]").contains("1 min 30 s"));
    keep("4-again");
    browser.enter("#otp", OTP);
    browser.press("button");
    assert!(browser.text("h1").contains(USER));
    keep("5-done");
    browser.press("button");
    assert!(browser.text(".codes").contains("ABCDE-FGHJK"));
    keep("6-codes");
    browser.go(&format!("https://{HOST}/a/{ADDRESS_LINK}?lang={lang}"));
    keep("7-confirm");
    browser.press("button");
    assert!(browser.text("main").contains("a***@example.org"));
    keep("8-confirmed");
    browser.go(&format!("https://{HOST}/"));
    keep("9-nothing");
}

#[test]
fn every_page_fits_a_phone_in_the_light() {
    every_page(Scheme::Light, "en");
}

#[test]
fn every_page_fits_a_phone_in_the_dark() {
    every_page(Scheme::Dark, "de");
}
