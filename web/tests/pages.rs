//! The built mfad-web before a stand-in for mfad: what each page does, what it never does, and what
//! every answer says.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::format_push_string,
    reason = "a test may stop at the first surprise, and waits for other programs"
)]

#[path = "pages/fake.rs"]
mod fake;
#[path = "pages/floods.rs"]
mod floods;
#[path = "pages/forms.rs"]
mod forms;
#[path = "pages/service.rs"]
mod service;
#[path = "pages/site.rs"]
mod site;
