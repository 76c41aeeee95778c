//! What every request passes before a page sees it, and every answer before it leaves.

use std::sync::PoisonError;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::timeout;

use crate::config::Site;
use crate::pages::{self, Front, Peer};
use crate::seats::Source;

/// How long a request may take, its form included.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// What every answer says.
const HEADERS: [(HeaderName, &str); 12] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'",
    ),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::VARY, "Accept-Language"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
];

/// Lets a request through to its page, or answers in place of it.
pub(crate) async fn guard(
    State(front): State<Front>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let language = pages::language(request.uri(), request.headers(), &front.site);
    let answer = match judge(&front, peer, &request) {
        Ok(()) => timeout(REQUEST_MAX, next.run(request))
            .await
            .map_err(|_| (StatusCode::REQUEST_TIMEOUT, None)),
        Err(refused) => Err(refused),
    };
    let mut response = answer.unwrap_or_else(|(status, wait_s)| {
        pages::turned_away(status, &front.site, language, wait_s)
    });
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is turned away, and for how many seconds.
type Refused = (StatusCode, Option<u64>);

fn judge(front: &Front, peer: Peer, request: &Request) -> Result<(), Refused> {
    let now_us = front.shared.clock.now().mono_us;
    let mut requests = front
        .shared
        .requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    requests
        .take(Source::of(peer.0), now_us)
        .map_err(|seconds| (StatusCode::TOO_MANY_REQUESTS, Some(seconds)))?;
    drop(requests);
    if !is_for_us(request, &front.site) {
        return Err((StatusCode::MISDIRECTED_REQUEST, None));
    }
    // Forms come with their length. Chunks are where one server in front of another has been led
    // to see two requests in one.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Err((StatusCode::LENGTH_REQUIRED, None));
    }
    if request.method() == Method::POST && !is_of_ours(request.headers(), &front.site) {
        return Err((StatusCode::FORBIDDEN, None));
    }
    Ok(())
}

/// Whether the request is for the name of the site, and for no other, which may be somebody's
/// who points it here.
fn is_for_us(request: &Request, site: &Site) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let ours = |name: &[u8]| {
        let name = name.strip_suffix(b":443").unwrap_or(name);
        name.eq_ignore_ascii_case(site.host.as_bytes())
    };
    let target = request.uri().authority();
    ours(host.as_bytes()) && target.is_none_or(|name| ours(name.as_str().as_bytes()))
}

/// Whether a form was sent from one of our pages, as far as the browser says.
///
/// With `Referrer-Policy: no-referrer` browsers state the origin `null` even for our own forms, so
/// that alone says nothing; those that state it also state `Sec-Fetch-Site`. A program that states
/// neither is no browser that somebody could have led astray.
fn is_of_ours(headers: &HeaderMap, site: &Site) -> bool {
    let stated = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let same_site = stated("sec-fetch-site").is_none_or(|from| from == b"same-origin");
    let same_origin = stated("origin").is_none_or(|origin| {
        let host = origin.strip_prefix(b"https://");
        origin == b"null"
            || host.is_some_and(|host| host.eq_ignore_ascii_case(site.host.as_bytes()))
    });
    same_site && same_origin
}
