//! mfad-web: the pages of mfad, for people who come with a one-time link.
//!
//! A program of its own, so that the daemon that holds the keys never reads HTTP. It keeps nothing
//! and decides nothing: it shows a form, hands what was typed to mfad over the control socket, with
//! a role that may call `org.mfad.Enrol` and nothing else, and shows what came back.
//!
//! ```text
//! browser --TLS--> server --guard--> pages --enrol--> /run/mfad/control
//!                  (seats,  (rate,    (forms,  (one call,
//!                   time)    headers)  texts)   one answer)
//! ```
//! What a stranger reaches is bounded before it costs anything: connections in all and of one
//! source ([`seats`]), how fast they come ([`rate`]), how long a handshake, a header, a form and a
//! connection may take. A GET never asks mfad anything, so whoever follows links for a mail filter
//! uses none up. Every failure is one page, the same octets after the same time. No script, no
//! cookie, nothing from elsewhere.

pub mod args;
pub mod config;
mod enrol;
mod guard;
pub mod manual;
mod pages;
mod qr;
pub mod rate;
pub mod seats;
mod server;
pub mod text;
mod tls;
mod views;
