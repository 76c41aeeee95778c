//! Checks of `web.*` and of what leans on it: where the pages of mfad-web are.

use super::problems::{Collector, Found};
use super::settings::Settings;
use crate::domain::policy::EmailContent;

/// Longest address of the pages, in octets: a link is to fit in a question, which has 253.
const OCTETS_MAX: usize = 100;

/// Where the pages are, without a slash at the end.
pub(super) fn pages(settings: &Settings<'_>, problems: &mut Collector<'_>) -> Option<String> {
    let text = settings.text("web.base_url")?;
    let rest = text.strip_prefix("https://").unwrap_or_default();
    let belongs = |sign: char| sign.is_ascii_alphanumeric() || "-._~:/[]".contains(sign);
    if rest.is_empty()
        || rest.starts_with('/')
        || text.len() > OCTETS_MAX
        || !rest.chars().all(belongs)
    {
        let found = Found::error(
            settings.place(&["web.base_url"]),
            format!("\"{text}\" is no address of pages"),
        );
        problems.add(found.label("like https://mfa.example.org or https://example.org/mfa"));
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// What a mail for an enrolment brings.
pub(super) fn email_content(
    settings: &Settings<'_>,
    pages: Option<&str>,
    problems: &mut Collector<'_>,
) -> EmailContent {
    match (settings.text("enroll.email_content"), pages) {
        (Some("seed"), _) | (None, None) => EmailContent::Seed,
        (_, Some(_)) => EmailContent::Link,
        (Some(_), None) => {
            let text = "a link leads to no page: `web.base_url` is not stated";
            let found = Found::error(settings.place(&["enroll.email_content"]), text);
            problems.add(found.label("state it, or \"seed\""));
            EmailContent::Link
        }
    }
}
