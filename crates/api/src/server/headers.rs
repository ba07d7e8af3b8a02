//! What every answer tells browsers: to take it for what it is, and to let no other page have it.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Pages run and show what this server sends, and nothing else. Styles may stand in a page: the API reference makes its
/// own as it goes.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      font-src 'self' data:; connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
/// For half a year, browsers come by https only.
const HTTPS_ONLY: &str = "max-age=15552000";

/// Adds the headers to an answer; a policy that it has of its own stays.
pub(super) fn secure(headers: &mut HeaderMap, is_https: bool) {
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let mut say = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(X_CONTENT_TYPE_OPTIONS, "nosniff");
    if is_https {
        say(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if is_page {
        say(CONTENT_SECURITY_POLICY, POLICY);
        say(X_FRAME_OPTIONS, "DENY");
        // Addresses of recordings are secrets, and stand in pages.
        say(REFERRER_POLICY, "no-referrer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(content_type: &'static str, is_https: bool) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        secure(&mut headers, is_https);
        headers
    }

    #[test]
    fn pages_are_told_more_than_data() {
        let page = secured("text/html; charset=utf-8", false);
        assert_eq!(page.len(), 5, "{page:?}");
        let data = secured("application/json;charset=utf-8", false);
        assert_eq!((data.len(), &data[X_CONTENT_TYPE_OPTIONS]), (2, &HeaderValue::from_static("nosniff")));
        assert!(secured("application/json", true).contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn a_page_may_be_stricter_than_the_others() {
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("text/html")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
        ]);
        secure(&mut headers, false);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "default-src 'none'");
    }
}
