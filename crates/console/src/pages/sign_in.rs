//! Signing in and out, and how pages look.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use hutong_accounts::Refused;
use hutong_api::{Peer, client};
use hutong_domain::audit::Actor;
use hutong_store::key::Secret;
use hutong_store::user;
use serde::Deserialize;

use crate::error::Result;
use crate::guard::{LANGUAGE, THEME, session_cookie};
use crate::page::{go_to, html, redirect};
use crate::router::Shared;
use crate::ui::{Language, Theme, Ui};
use crate::visitor::{Anybody, Visitor};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    ui: Ui,
    name: String,
    next: String,
    problem: String,
    /// Nobody can sign in: the first user is made at the command line.
    is_first_start: bool,
}

/// Where somebody wanted to go.
#[derive(Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

/// Name and password.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    next: Option<String>,
}

/// `GET /sign-in`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    anybody: Anybody,
    Query(Next { next }): Query<Next>,
) -> Result<Response> {
    let next = within(next);
    if anybody.signed_in.is_some() {
        return Ok(redirect(&next));
    }
    let is_first_start = shared.app.store.read(user::all).await?.is_empty();
    let page = SignInPage { ui: anybody.ui, name: String::new(), next, problem: String::new(), is_first_start };
    Ok(html(&page)?.into_response())
}

/// `POST /sign-in`: a new session each time, so none that somebody else knows becomes this user's.
pub(crate) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    anybody: Anybody,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(given): Form<Credentials>,
) -> Result<Response> {
    let Credentials { name, password, next } = given;
    let (ui, next) = (anybody.ui, within(next));
    // Where a proxy does not say whose a request is, it is the proxy's.
    let address = client(peer, &headers, &shared.app.limits.trusted_proxies).unwrap_or(peer);
    let agent = headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let refused = match shared.accounts.sign_in(&name, Secret(password), address, agent).await {
        Ok(signed_in) => {
            if let Some(before) = anybody.signed_in {
                let actor = Actor::User(before.user.name.clone());
                shared.accounts.end_session(&actor, &before.user.name, before.session.id).await?;
            }
            let cookie = cookie(session_cookie(shared.is_https), signed_in.token.0, shared.is_https);
            return Ok((jar.add(cookie), redirect(&next)).into_response());
        }
        Err(refused) => refused,
    };
    let (status, problem) = match refused {
        Refused::Wrong => {
            let problem = ui.t("用户名或密码不正确", "The name or the password is wrong").to_owned();
            (StatusCode::UNPROCESSABLE_ENTITY, problem)
        }
        Refused::Wait(time) => {
            let seconds = time.as_secs() + 1;
            let zh = format!("密码错误次数过多，请 {seconds} 秒后再试");
            let en = format!("Too many wrong passwords: try again in {seconds} s");
            (StatusCode::TOO_MANY_REQUESTS, ui.t(&zh, &en).to_owned())
        }
        Refused::Failed(error) => return Err(error.into()),
    };
    Ok((status, html(&SignInPage { ui, name, next, problem, is_first_start: false })?).into_response())
}

/// `POST /sign-out`
pub(crate) async fn sign_out(State(shared): State<Arc<Shared>>, visitor: Visitor, jar: CookieJar) -> Result<Response> {
    let (user, session) = (&visitor.signed_in.user, &visitor.signed_in.session);
    shared.accounts.end_session(&visitor.actor(), &user.name, session.id).await?;
    let gone = cookie(session_cookie(shared.is_https), String::new(), shared.is_https);
    Ok((jar.remove(gone), go_to("/sign-in")).into_response())
}

/// How pages are to look from now on; what is not given stays.
#[derive(Deserialize)]
pub(crate) struct WantedLook {
    language: Option<String>,
    theme: Option<String>,
}

/// `POST /look`: the page is loaded again.
pub(crate) async fn look(
    State(shared): State<Arc<Shared>>,
    mut jar: CookieJar,
    Form(wanted): Form<WantedLook>,
) -> Result<Response> {
    let language = wanted.language.map(|it| (LANGUAGE, Language::from_code(&it).code()));
    let theme = wanted.theme.map(|it| (THEME, Theme::from_code(&it).code()));
    for (name, code) in language.into_iter().chain(theme) {
        let mut cookie = cookie(name, code.to_owned(), shared.is_https);
        cookie.make_permanent();
        jar = jar.add(cookie);
    }
    Ok((jar, [("hx-refresh", "true")], StatusCode::NO_CONTENT).into_response())
}

/// A cookie for this server alone, which no script reads.
fn cookie(name: &'static str, value: String, is_https: bool) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(is_https).build()
}

/// A place within the console; anything else is its beginning: an address that somebody made up leads nowhere else.
fn within(next: Option<String>) -> String {
    let is_within = |next: &String| {
        let mut letters = next.bytes();
        letters.next() == Some(b'/')
            && !matches!(letters.next(), Some(b'/' | b'\\'))
            && next.bytes().all(|byte| byte.is_ascii_graphic())
            && !next.starts_with("/sign-")
    };
    next.filter(is_within).unwrap_or_else(|| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for next in
            ["https://example.com", "//example.com", "/\\example.com", "javascript:alert(1)", "", "/a b", "/sign-out"]
        {
            assert_eq!(within(Some(next.to_owned())), "/", "{next}");
        }
        assert_eq!(within(Some("/c/1/tasks?status=2".to_owned())), "/c/1/tasks?status=2");
        assert_eq!(within(None), "/");
    }
}
