//! Which part of a recording a request is to be answered with: preconditions (RFC 9110, section 13) and ranges (14).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::header::{
    AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use axum::http::{HeaderMap, Method};
use http_range_header::parse_range_header;
use hutong_domain::moment::Moment;

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// Bytes within the whole, never none.
    Range(Range<u64>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

/// What tells one state of a recording from another.
#[derive(Debug, Clone)]
pub(super) struct Validators {
    /// A strong one: what is found under a name never changes once it can be fetched, so its length says it all.
    pub(super) etag: String,
    /// To the second.
    modified: SystemTime,
}

impl Validators {
    pub(super) fn new(size: u64, modified: Moment) -> Self {
        let modified_s = u64::try_from(modified.ms() / 1000).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified_s.min(DATE_S_MAX));
        Self { etag: format!("\"{size:x}\""), modified }
    }

    pub(super) fn last_modified(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }

    fn is_listed(&self, tags: &str) -> bool {
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == self.etag)
    }

    /// Weak tags are never ours, but caches on the way may have made one of ours weak.
    fn is_listed_weakly(&self, tags: &str) -> bool {
        tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == self.etag)
    }
}

/// The end of the year 9999, what an HTTP date can say.
const DATE_S_MAX: u64 = 253_402_300_799;

/// The answer to a GET or HEAD of a recording of `size` bytes.
pub(super) fn choose(method: &Method, headers: &HeaderMap, size: u64, validators: &Validators) -> Part {
    if let Some(early) = precondition(headers, validators) {
        return early;
    }
    // Ranges mean something to GET alone.
    if method != Method::GET || !if_range(headers, validators) {
        return Part::Whole;
    }
    text(headers, RANGE).map_or(Part::Whole, |asked| range(asked, size))
}

/// RFC 9110, section 13.2.2, steps 1 to 4.
fn precondition(headers: &HeaderMap, validators: &Validators) -> Option<Part> {
    if let Some(tags) = text(headers, IF_MATCH) {
        if !validators.is_listed(tags) {
            return Some(Part::PreconditionFailed);
        }
    } else if let Some(since) = date(headers, IF_UNMODIFIED_SINCE)
        && validators.modified > since
    {
        return Some(Part::PreconditionFailed);
    }
    let unchanged = match text(headers, IF_NONE_MATCH) {
        Some(tags) => validators.is_listed_weakly(tags),
        None => date(headers, IF_MODIFIED_SINCE).is_some_and(|since| validators.modified <= since),
    };
    unchanged.then_some(Part::NotModified)
}

/// Whether the client's part is still of what is there now: then it wants the rest, and otherwise all of it.
fn if_range(headers: &HeaderMap, validators: &Validators) -> bool {
    match text(headers, IF_RANGE) {
        None => true,
        Some(tag) if tag.starts_with('"') => tag == validators.etag,
        Some(date) => httpdate::parse_http_date(date).is_ok_and(|date| date == validators.modified),
    }
}

/// A range that cannot be read is ignored, as are several: nothing that plays recordings asks for more than one.
fn range(asked: &str, size: u64) -> Part {
    let Ok(parsed) = parse_range_header(asked) else { return Part::Whole };
    if parsed.len() > 1 {
        return Part::Whole;
    }
    match parsed.validate(size).as_deref() {
        Ok([range]) if range.start() <= range.end() && *range.end() < size => {
            Part::Range(*range.start()..range.end() + 1)
        }
        // The last bytes of an empty file: it has none.
        Ok(_) => Part::Whole,
        Err(_) => Part::Unsatisfiable,
    }
}

fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A date that cannot be read is ignored.
fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use proptest::prelude::*;

    /// 1000 bytes of the 2018-12-13 01:27:17.
    fn choose_for(method: &Method, asked: &[(HeaderName, &str)]) -> Part {
        let headers = asked.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        choose(method, &headers, 1000, &Validators::new(1000, Moment(1_544_664_437_999)))
    }

    #[test]
    fn one_range_is_answered_and_what_lies_outside_is_not() {
        let check = |asked: &str, expected: Part| {
            assert_eq!(choose_for(&Method::GET, &[(RANGE, asked)]), expected, "{asked}");
            assert_eq!(choose_for(&Method::HEAD, &[(RANGE, asked)]), Part::Whole, "{asked}");
        };
        check("bytes=0-", Part::Range(0..1000));
        check("bytes=0-0", Part::Range(0..1));
        check("bytes=0-499", Part::Range(0..500));
        check("bytes=500-999", Part::Range(500..1000));
        check("bytes=500-5000", Part::Range(500..1000));
        check("bytes=999-", Part::Range(999..1000));
        check("bytes=-1", Part::Range(999..1000));
        check("bytes=-1000", Part::Range(0..1000));
        check("bytes=-5000", Part::Range(0..1000));
        check("bytes=0-18446744073709551615", Part::Range(0..1000));
        check("bytes=1000-", Part::Unsatisfiable);
        check("bytes=1000-2000", Part::Unsatisfiable);
        check("bytes=-0", Part::Unsatisfiable);
        for ignored in ["bytes=5-4", "bytes=0-1,5-6", "bytes=", "bytes=a-b", "bytes", "lines=0-1", "bytes=--1", ""] {
            check(ignored, Part::Whole);
        }
    }

    #[test]
    fn an_empty_file_has_no_bytes_to_ask_for() {
        let check = |asked: &str, expected: Part| {
            let headers = HeaderMap::from_iter([(RANGE, asked.parse().unwrap())]);
            assert_eq!(choose(&Method::GET, &headers, 0, &Validators::new(0, Moment(0))), expected, "{asked}");
        };
        check("bytes=0-", Part::Unsatisfiable);
        check("bytes=0-0", Part::Unsatisfiable);
        check("bytes=-5", Part::Whole);
    }

    #[test]
    fn preconditions_go_before_ranges() {
        const THEN: &str = "Thu, 13 Dec 2018 01:27:17 GMT";
        const BEFORE: &str = "Thu, 13 Dec 2018 01:27:16 GMT";
        let check = |asked: &[(HeaderName, &str)], expected: Part| {
            let ranged = [asked, &[(RANGE, "bytes=1-2")]].concat();
            assert_eq!(choose_for(&Method::GET, &ranged), expected, "{asked:?}");
        };
        let part = || Part::Range(1..3);
        check(&[(IF_MATCH, "\"3e8\"")], part());
        check(&[(IF_MATCH, "*")], part());
        check(&[(IF_MATCH, "\"a\", \"3e8\"")], part());
        check(&[(IF_MATCH, "\"a\"")], Part::PreconditionFailed);
        check(&[(IF_MATCH, "W/\"3e8\"")], Part::PreconditionFailed);
        check(&[(IF_UNMODIFIED_SINCE, THEN)], part());
        check(&[(IF_UNMODIFIED_SINCE, BEFORE)], Part::PreconditionFailed);
        check(&[(IF_MATCH, "*"), (IF_UNMODIFIED_SINCE, BEFORE)], part());
        check(&[(IF_NONE_MATCH, "\"3e8\"")], Part::NotModified);
        check(&[(IF_NONE_MATCH, "W/\"3e8\"")], Part::NotModified);
        check(&[(IF_NONE_MATCH, "\"a\"")], part());
        check(&[(IF_NONE_MATCH, "\"a\""), (IF_MODIFIED_SINCE, THEN)], part());
        check(&[(IF_MODIFIED_SINCE, THEN)], Part::NotModified);
        check(&[(IF_MODIFIED_SINCE, BEFORE)], part());
        check(&[(IF_MODIFIED_SINCE, "yesterday")], part());
        check(&[(IF_RANGE, "\"3e8\"")], part());
        check(&[(IF_RANGE, "\"a\"")], Part::Whole);
        check(&[(IF_RANGE, "W/\"3e8\"")], Part::Whole);
        check(&[(IF_RANGE, THEN)], part());
        check(&[(IF_RANGE, BEFORE)], Part::Whole);
    }

    #[test]
    fn times_outside_of_what_a_date_can_say_do_no_harm() {
        assert_eq!(Validators::new(1, Moment(1_544_664_437_999)).last_modified(), "Thu, 13 Dec 2018 01:27:17 GMT");
        assert_eq!(Validators::new(1, Moment(i64::MIN)).last_modified(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Validators::new(1, Moment(i64::MAX)).last_modified(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_lies_within_the_file(asked in "(bytes=)?[0-9, -]{0,24}", size in 0..5000_u64) {
            if let Part::Range(range) = range(&asked, size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
