//! Pages and parts of pages, as answers.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};
use crate::ui::Ui;

/// Stricter than that of other pages: nothing inline, not even styles.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                 connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; \
                                 frame-ancestors 'none'";

/// A page or a part of one.
pub(crate) struct Html(pub(crate) String);

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            // Pages show what is one company's: no proxy keeps them, and going back reads them anew.
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (headers, self.0).into_response()
    }
}

/// Renders a page or a part of one.
///
/// # Errors
/// [`Error::Template`].
pub(crate) fn html(template: &impl Template) -> Result<Html> {
    Ok(Html(template.render()?))
}

/// Where the browser goes after a change that a form of htmx asked for.
pub(crate) fn go_to(path: &str) -> Response {
    let address = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    ([(HeaderName::from_static("hx-redirect"), address)], StatusCode::NO_CONTENT).into_response()
}

/// Where a browser goes that asks by itself.
pub(crate) fn redirect(path: &str) -> Response {
    axum::response::Redirect::to(path).into_response()
}

/// The page that says what went wrong.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) ui: Ui,
    pub(crate) status: u16,
    pub(crate) words: String,
}

/// A notice at the edge of the page: that something was done, or why not.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice {
    pub(crate) is_error: bool,
    pub(crate) words: String,
}

/// Tells that something was done, beside what the answer swaps in.
pub(crate) fn done(words: &str) -> Result<Html> {
    html(&Notice { is_error: false, words: words.to_owned() })
}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        error.into_response()
    }
}
