//! The pages: what a request is answered with.
//!
//! A link and a ticket are only ever handed on: nothing is looked up by them here, none is logged,
//! and none stands in a page, but for the ticket in the hidden field of the next form. The form of
//! a link posts to the address it was opened at, so not even the page of a failure differs.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router, middleware};
use mfad::secret::Secret;
use mfad::sys::clock::Clock;
use serde::{Deserialize, Deserializer};

use crate::config::Site;
use crate::enrol::{Enrol, Refused, WrongCode};
use crate::guard;
use crate::qr::{self, Qr};
use crate::rate::Buckets;
use crate::text::{Language, Texts};

/// Largest form, in octets.
const FORM_OCTETS_MAX: usize = 4096;
/// Longest name that is handed on, in octets.
const NAME_OCTETS_MAX: usize = 256;
/// Longest link, ticket or code that is handed on, in octets.
const SECRET_OCTETS_MAX: usize = 128;
/// When the page of a failure leaves, whatever was or was not looked up.
const FAILURE_AFTER: Duration = Duration::from_secs(1);
/// Digits that a first code may have.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=8;

/// The style sheet.
const STYLE: &str = include_str!("../style.css");

/// What outlives a reload.
pub(crate) struct Shared {
    pub(crate) enrol: Enrol,
    pub(crate) requests: Mutex<Buckets>,
    pub(crate) clock: Clock,
}

/// What every page needs.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) shared: Arc<Shared>,
    pub(crate) site: Arc<Site>,
}

/// The address of the browser.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// All pages of a site.
pub(crate) fn router(front: Front) -> Router {
    let pages = Router::new()
        .route("/e/{link}", get(begin_form).post(begin))
        .route("/prove", post(prove))
        .route("/recovery", post(recovery))
        .route("/a/{link}", get(confirm_form).post(confirm))
        .route("/style.css", get(style));
    let pages = match &*front.site.base {
        "" => pages,
        base => Router::new().nest(base, pages),
    };
    pages
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(DefaultBodyLimit::max(FORM_OCTETS_MAX))
        .layer(middleware::from_fn_with_state(front.clone(), guard::guard))
        .with_state(front)
}

/// What every template shows.
struct View<'a> {
    site: &'a Site,
    language: Language,
    t: &'static Texts,
    /// The page can be asked for again in the other language.
    can_switch: bool,
}

impl View<'_> {
    fn help(&self) -> &str {
        let [english, german] = &self.site.help;
        match self.language {
            Language::En => english,
            Language::De => german,
        }
    }
}

#[derive(Template)]
#[template(path = "begin.html")]
struct BeginPage<'a> {
    v: View<'a>,
    failed: bool,
}

#[derive(Template)]
#[template(path = "scan.html")]
struct ScanPage<'a> {
    v: View<'a>,
    uri: &'a str,
    qr: Qr,
    /// The secret in groups that can be read aloud.
    groups: Vec<&'a str>,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "again.html")]
struct AgainPage<'a> {
    v: View<'a>,
    clock: Option<ClockOff>,
    tries_left: u64,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    v: View<'a>,
    user: &'a str,
    clock: Option<ClockOff>,
    ticket: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage<'a> {
    v: View<'a>,
    codes: Vec<Secret<String>>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    v: View<'a>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    v: View<'a>,
    title: &'static str,
    text: &'static str,
    detail: &'a str,
}

/// How far a phone's clock is off.
struct ClockOff {
    ahead: bool,
    by: String,
}

impl ClockOff {
    fn of(seconds: i64) -> Option<Self> {
        (seconds != 0).then(|| Self {
            ahead: seconds > 0,
            by: Texts::span(seconds.unsigned_abs()),
        })
    }
}

/// A text of a form that nobody else is to see.
fn typed<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}

#[derive(Deserialize)]
struct BeginForm {
    user: String,
    #[serde(deserialize_with = "typed")]
    code: Secret<String>,
}

#[derive(Deserialize)]
struct ProveForm {
    #[serde(deserialize_with = "typed")]
    ticket: Secret<String>,
    #[serde(deserialize_with = "typed")]
    otp: Secret<String>,
}

#[derive(Deserialize)]
struct RecoveryForm {
    #[serde(deserialize_with = "typed")]
    ticket: Secret<String>,
}

/// In which language to answer: the one that the address states, else the one that the browser
/// likes best, else the one of the site.
pub(crate) fn language(uri: &Uri, headers: &HeaderMap, site: &Site) -> Language {
    let stated = uri.query().and_then(|query| query.strip_prefix("lang="));
    let liked = headers.get(header::ACCEPT_LANGUAGE);
    let liked = liked.and_then(|value| value.to_str().ok());
    stated
        .and_then(Language::of)
        .or_else(|| liked.and_then(Language::preferred))
        .unwrap_or(site.language)
}

/// The answering of one request.
struct Answering {
    front: Front,
    language: Language,
    from: IpAddr,
}

impl Answering {
    fn view(&self, can_switch: bool) -> View<'_> {
        View {
            site: &self.front.site,
            language: self.language,
            t: self.language.texts(),
            can_switch,
        }
    }

    fn begin_page(&self, failed: bool) -> Response {
        let v = self.view(true);
        let status = if failed {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        page(status, &BeginPage { v, failed })
    }

    fn refused(&self, refused: Refused) -> Response {
        match refused {
            Refused::Unavailable(why) => {
                mfad::log_error!(%why, "mfad cannot be asked");
                unavailable(&self.front.site, self.language)
            }
            // A ticket that is void: the whole way must be begun anew.
            Refused::Link | Refused::Code(_) => {
                self.message(StatusCode::FORBIDDEN, |t| (t.failed, t.confirm_failed), "")
            }
        }
    }

    fn message(
        &self,
        status: StatusCode,
        texts: impl Fn(&'static Texts) -> (&'static str, &'static str),
        detail: &str,
    ) -> Response {
        let v = self.view(false);
        let (title, text) = texts(v.t);
        page(
            status,
            &MessagePage {
                v,
                title,
                text,
                detail,
            },
        )
    }
}

impl axum::extract::FromRequestParts<Front> for Answering {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        front: &Front,
    ) -> Result<Self, Self::Rejection> {
        // The server states it with every request.
        let peer = parts.extensions.get::<Peer>();
        let Peer(from) = *peer.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(Self {
            front: front.clone(),
            language: language(&parts.uri, &parts.headers, &front.site),
            from,
        })
    }
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn nothing(answering: Answering) -> Response {
    let texts = |t: &'static Texts| (t.nothing, t.nothing_lead);
    answering.message(StatusCode::NOT_FOUND, texts, "")
}

async fn begin_form(answering: Answering) -> Response {
    answering.begin_page(false)
}

async fn begin(
    answering: Answering,
    link: Result<Path<String>, PathRejection>,
    form: Result<Form<BeginForm>, FormRejection>,
) -> Response {
    let failure_time = tokio::time::sleep(FAILURE_AFTER);
    let link = handle(link);
    let begun = match form {
        Ok(Form(form)) => {
            let (user, code) = (form.user.trim(), form.code.expose().trim());
            let fits = !user.is_empty()
                && user.len() <= NAME_OCTETS_MAX
                && code.len() <= SECRET_OCTETS_MAX
                && is_handle(&link);
            if fits {
                let Front { shared, site } = &answering.front;
                let (enrol, socket) = (&shared.enrol, &site.control);
                let from = answering.from;
                enrol.begin(socket, from, link.expose(), user, code).await
            } else {
                Err(Refused::Link)
            }
        }
        Err(_) => Err(Refused::Link),
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(Refused::Link) => {
            failure_time.await;
            return answering.begin_page(true);
        }
        Err(other) => return answering.refused(other),
    };
    let Some(qr) = qr::draw(begun.uri.expose()) else {
        let why = "the URI is too long for a QR code".to_owned();
        return answering.refused(Refused::Unavailable(why));
    };
    let secret = begun.secret.expose();
    let group = |at: usize| secret.get(at..secret.len().min(at + 4)).unwrap_or_default();
    page(
        StatusCode::OK,
        &ScanPage {
            v: answering.view(false),
            uri: begun.uri.expose(),
            qr,
            groups: (0..secret.len()).step_by(4).map(group).collect(),
            ticket: begun.ticket.expose(),
        },
    )
}

async fn prove(answering: Answering, form: Result<Form<ProveForm>, FormRejection>) -> Response {
    let failure_time = tokio::time::sleep(FAILURE_AFTER);
    let Ok(Form(form)) = form else {
        return answering.refused(Refused::Link);
    };
    let ticket = form.ticket.expose();
    let typed = form
        .otp
        .expose()
        .chars()
        .filter(|sign| !sign.is_whitespace());
    let otp = Secret::new(typed.collect::<String>());
    let is_code = DIGITS.contains(&otp.expose().len())
        && otp.expose().bytes().all(|octet| octet.is_ascii_digit());
    let proven = if !is_handle(&form.ticket) {
        Err(Refused::Link)
    } else if !is_code {
        // Not worth a try.
        Err(Refused::Code(WrongCode::default()))
    } else {
        let Front { shared, site } = &answering.front;
        let (enrol, from) = (&shared.enrol, answering.from);
        enrol.prove(&site.control, from, ticket, otp.expose()).await
    };
    match proven {
        Ok(proven) => page(
            StatusCode::OK,
            &DonePage {
                v: answering.view(false),
                user: &proven.user,
                clock: ClockOff::of(proven.device_clock_s),
                ticket: proven
                    .ticket
                    .as_ref()
                    .map(|ticket| ticket.expose().as_str()),
            },
        ),
        Err(Refused::Code(wrong)) => page(
            StatusCode::FORBIDDEN,
            &AgainPage {
                v: answering.view(false),
                clock: wrong.device_clock_s.and_then(ClockOff::of),
                tries_left: wrong.tries_left,
                ticket,
            },
        ),
        Err(refused) => {
            failure_time.await;
            answering.refused(refused)
        }
    }
}

async fn recovery(
    answering: Answering,
    form: Result<Form<RecoveryForm>, FormRejection>,
) -> Response {
    let failure_time = tokio::time::sleep(FAILURE_AFTER);
    let Ok(Form(form)) = form else {
        return answering.refused(Refused::Link);
    };
    let codes = if is_handle(&form.ticket) {
        let Front { shared, site } = &answering.front;
        let (enrol, from) = (&shared.enrol, answering.from);
        let ticket = form.ticket.expose();
        enrol.recovery(&site.control, from, ticket).await
    } else {
        Err(Refused::Link)
    };
    match codes {
        Ok(codes) => {
            let v = answering.view(false);
            page(StatusCode::OK, &CodesPage { v, codes })
        }
        Err(refused) => {
            failure_time.await;
            answering.refused(refused)
        }
    }
}

async fn confirm_form(answering: Answering) -> Response {
    let v = answering.view(true);
    page(StatusCode::OK, &ConfirmPage { v })
}

async fn confirm(answering: Answering, link: Result<Path<String>, PathRejection>) -> Response {
    let failure_time = tokio::time::sleep(FAILURE_AFTER);
    let link = handle(link);
    let confirmed = if is_handle(&link) {
        let Front { shared, site } = &answering.front;
        let (enrol, from) = (&shared.enrol, answering.from);
        enrol.confirm(&site.control, from, link.expose()).await
    } else {
        Err(Refused::Link)
    };
    match confirmed {
        Ok(address) => {
            let texts = |t: &'static Texts| (t.confirmed, t.confirmed_lead);
            answering.message(StatusCode::OK, texts, &address)
        }
        Err(refused) => {
            failure_time.await;
            answering.refused(refused)
        }
    }
}

/// What stands in the address; nothing if that is no text.
fn handle(link: Result<Path<String>, PathRejection>) -> Secret<String> {
    Secret::new(link.map(|Path(link)| link).unwrap_or_default())
}

/// Whether a link or a ticket has the form of one; what has not is no news to anybody.
fn is_handle(text: &Secret<String>) -> bool {
    let text = text.expose();
    let of_base64url = |sign: u8| sign.is_ascii_alphanumeric() || sign == b'-' || sign == b'_';
    (1..=SECRET_OCTETS_MAX).contains(&text.len()) && text.bytes().all(of_base64url)
}

/// The page of a request that was not let through.
pub(crate) fn turned_away(
    status: StatusCode,
    site: &Site,
    language: Language,
    wait_s: Option<u64>,
) -> Response {
    let v = View {
        site,
        language,
        t: language.texts(),
        can_switch: false,
    };
    let (title, text) = match status {
        StatusCode::TOO_MANY_REQUESTS => (v.t.too_fast, v.t.too_fast_lead),
        StatusCode::SERVICE_UNAVAILABLE => (v.t.unavailable, v.t.unavailable_lead),
        StatusCode::FORBIDDEN => (v.t.refused, v.t.refused_lead),
        _ => (v.t.nothing, v.t.nothing_lead),
    };
    let message = MessagePage {
        v,
        title,
        text,
        detail: "",
    };
    let mut response = page(status, &message);
    if let Some(seconds) = wait_s {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn unavailable(site: &Site, language: Language) -> Response {
    turned_away(StatusCode::SERVICE_UNAVAILABLE, site, language, Some(60))
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(CONTENT_TYPE, kind)], html).into_response()
        }
        Err(error) => {
            mfad::log_error!(%error, "a page cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
