//! What stands before every page: who asks, whether a change comes from a page of theirs, and how errors look.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use hutong_accounts::{csrf_token, is_csrf_token};
use hutong_domain::access::Reach;
use hutong_store::company;

use crate::error::{Error, Failed, Result, is_part};
use crate::page::{ErrorPage, Notice, html, redirect};
use crate::router::Shared;
use crate::ui::{Known, Language, Look, Theme, Ui};
use crate::visitor::SignedIn;

/// The cookie of the session, by https and otherwise: a browser takes the first for this host alone, and by https alone.
const SESSION_HTTPS: &str = "__Host-hutong";
const SESSION: &str = "hutong";
pub(crate) const LANGUAGE: &str = "hutong_language";
pub(crate) const THEME: &str = "hutong_theme";
const CSRF_HEADER: &str = "x-csrf-token";
const SIGN_IN: &str = "/sign-in";
/// What needs no session: to sign in, and to choose how pages look.
const FOR_ANYBODY: [&str; 2] = [SIGN_IN, "/look"];

/// The name of the session's cookie.
pub(crate) const fn session_cookie(is_https: bool) -> &'static str {
    if is_https { SESSION_HTTPS } else { SESSION }
}

/// Around every request for a page.
pub(crate) async fn around(
    State(shared): State<Arc<Shared>>,
    jar: CookieJar,
    mut request: Request,
    next: Next,
) -> Response {
    let look = look(&jar);
    request.extensions_mut().insert(look);
    let (path, is_part) = (request.uri().path().to_owned(), is_part(request.headers()));
    let asked = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let signed_in = match signed_in(&shared, &jar).await {
        Ok(signed_in) => signed_in,
        Err(error) => return explained(&shared, error.into_response(), look, None, is_part),
    };
    let is_signed_in = signed_in.is_some();
    let known = signed_in.as_ref().map(|it| it.known.clone());
    if let Err(error) = check_origin(request.method(), request.headers(), &path, signed_in.as_ref()) {
        return explained(&shared, error.into_response(), look, known, is_part);
    }
    if let Some(signed_in) = signed_in {
        request.extensions_mut().insert(signed_in);
    }
    let is_read = request.method() == Method::GET;
    let response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED && !is_signed_in {
        return to_sign_in(if is_read && !is_part { &asked } else { "/" }, is_part);
    }
    explained(&shared, response, look, known, is_part)
}

fn look(jar: &CookieJar) -> Look {
    let value = |name| jar.get(name).map_or("", |cookie| cookie.value());
    Look { language: Language::from_code(value(LANGUAGE)), theme: Theme::from_code(value(THEME)) }
}

/// Who sends the session's cookie.
async fn signed_in(shared: &Shared, jar: &CookieJar) -> Result<Option<SignedIn>> {
    let Some(cookie) = jar.get(session_cookie(shared.is_https)) else { return Ok(None) };
    let token: Arc<str> = cookie.value().into();
    let Some((session, user)) = shared.accounts.session(&token).await? else { return Ok(None) };
    let reach = user.access.reach().clone();
    let mut companies = shared.app.store.read(company::all).await?;
    companies.retain(|it| match &reach {
        Reach::All => true,
        Reach::Companies(reached) => reached.contains(&it.id),
    });
    let known = Known { name: user.name.clone(), role: user.access.role(), csrf: csrf_token(&token), companies };
    Ok(Some(SignedIn { user: Arc::new(user), session: Arc::new(session), token, known: Arc::new(known) }))
}

/// A change comes from a page of this server; and where somebody is signed in, from one of their session. Browsers say
/// where a request comes from; what says nothing is no browser, and has no cookies that somebody else could use.
fn check_origin(method: &Method, headers: &HeaderMap, path: &str, signed_in: Option<&SignedIn>) -> Result<()> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_foreign = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) != text(HOST.as_str()),
        (None, None) => false,
    };
    if is_foreign {
        return Err(Error::Foreign);
    }
    match signed_in {
        _ if FOR_ANYBODY.contains(&path) => Ok(()),
        None => Err(Error::SignedOut),
        Some(it) if is_csrf_token(&it.token, text(CSRF_HEADER).unwrap_or_default()) => Ok(()),
        Some(_) => Err(Error::Foreign),
    }
}

fn to_sign_in(next: &str, is_part: bool) -> Response {
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let address = format!("{SIGN_IN}?next={next}");
    if is_part {
        let address = HeaderValue::from_str(&address).unwrap_or(HeaderValue::from_static(SIGN_IN));
        return (StatusCode::NO_CONTENT, [(HeaderName::from_static("hx-redirect"), address)]).into_response();
    }
    redirect(&address)
}

/// What could not be read is refused before any handler sees it: an id that is no number, a form without a field.
fn unread(response: &Response) -> Option<Failed> {
    let is_page = response.headers().contains_key(CONTENT_SECURITY_POLICY);
    let status = response.status();
    if !status.is_client_error() || is_page {
        return None;
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let words = ("上传的内容太大，最多 64 MB".to_owned(), "That is too large: 64 MB at most".to_owned());
        return Some(Failed { status, words });
    }
    Some(Failed { status, words: Error::NotFound.words() })
}

/// An error in words: as a page, or as a notice where a part of a page was asked for.
fn explained(shared: &Shared, response: Response, look: Look, user: Option<Arc<Known>>, is_part: bool) -> Response {
    let failed = response.extensions().get::<Failed>().cloned().or_else(|| unread(&response));
    let Some(Failed { status, words: (zh, en) }) = failed else { return response };
    let words = if look.language == Language::En { en } else { zh };
    if is_part {
        let notice = html(&Notice { is_error: true, words });
        let place = [("hx-retarget", "#notices"), ("hx-reswap", "beforeend")];
        return (status, place, notice).into_response();
    }
    let (zone, now) = (shared.app.rules.zone.clone(), shared.app.clock.now());
    let ui = Ui { look, zone, now, user, company: None, section: "" };
    (status, html(&ErrorPage { ui, status: status.as_u16(), words })).into_response()
}
