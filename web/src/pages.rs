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
use mfad::control::reply::RevealText;
use mfad::secret::Secret;
use mfad::sys::clock::Clock;
use serde::{Deserialize, Deserializer};

use crate::config::Site;
use crate::enrol::{Enrol, Refused};
use crate::guard;
use crate::qr;
use crate::rate::Buckets;
use crate::text::{Language, Texts};
use crate::views::{
    AgainPage, BeginPage, ClockOff, CodesPage, ConfirmPage, DonePage, MessagePage, ScanPage, View,
};

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
            Refused::Link | Refused::Code { .. } => {
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
        Err(Refused::Code {
            tries_left: None,
            device_clock_s: None,
        })
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
                ticket: proven.ticket.as_ref().map(RevealText::expose),
            },
        ),
        Err(Refused::Code {
            tries_left,
            device_clock_s,
        }) => page(
            StatusCode::FORBIDDEN,
            &AgainPage {
                v: answering.view(false),
                clock: device_clock_s.and_then(ClockOff::of),
                tries_left,
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
        Ok(made) => {
            let (v, codes) = (answering.view(false), made.codes);
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
        Ok(confirmed) => {
            let texts = |t: &'static Texts| (t.confirmed, t.confirmed_lead);
            answering.message(StatusCode::OK, texts, &confirmed.address_masked)
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
