//! Request targets as clients write them.
//!
//! Base URLs are configured with a slash at their end and joined to paths that begin with one, and some
//! clients do that twice: `//openapi//v1/task/getTasks` is a path that must work. (An absolute URI in the
//! request line needs nothing here: routing looks at its path alone.)

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The URI with every run of slashes in its path made one; none where there is nothing to change.
pub(crate) fn collapse(uri: &Uri) -> Option<Uri> {
    if !uri.path().contains("//") {
        return None;
    }
    let mut path = String::with_capacity(uri.path().len());
    for c in uri.path().chars() {
        if c != '/' || !path.ends_with('/') {
            path.push(c);
        }
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_collapse_in_the_path_alone() {
        let check = |uri: &'static str, expect: Option<&str>| {
            let collapsed = collapse(&Uri::from_static(uri));
            assert_eq!(collapsed.map(|uri| uri.to_string()).as_deref(), expect, "{uri}");
        };
        check("/openapi/v1/task/getTasks?a=//b", None);
        check("//openapi///v1/task//getTasks?a=//b", Some("/openapi/v1/task/getTasks?a=//b"));
        check("http://host//openapi/v1/", Some("http://host/openapi/v1/"));
    }
}
