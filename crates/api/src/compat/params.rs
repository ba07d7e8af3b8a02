//! Where parameters stand: query string, form body, JSON body, or several of them at once.
//!
//! The body wins over the query string. A GET may have a body, as the document itself shows for
//! `task/queryDoneTaskPhones`. What a body is, it says by itself: clients are known to send JSON without a
//! Content-Type, with `text/plain`, or with a header that is called `contentType`.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::loose::{self, Given};
use super::param_error::{ParamError, quoted};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Reads the parameters of a request. `is_form` is whether a header calls the body a form.
///
/// # Errors
/// The first parameter that is missing or wrong, or the body where it is neither JSON nor a form.
pub(crate) fn read<T: DeserializeOwned>(query: Option<&str>, body: &[u8], is_form: bool) -> Result<T, ParamError> {
    let query = Pairs::parse(query.unwrap_or_default().as_bytes());
    match Body::parse(body, is_form)? {
        Body::Empty => loose::read(query.given()),
        Body::Form(form) => loose::read(form.given().chain(query.given().filter(|(name, _)| !form.contains(name)))),
        Body::Json(object) => {
            loose::read(given(&object).chain(query.given().filter(|(name, _)| !object.contains_key(*name))))
        }
    }
}

/// Reads parameters that have come as an object, without a text.
///
/// # Errors
/// The first parameter that is missing or wrong.
pub(crate) fn read_object<T: DeserializeOwned>(object: &Map<String, Value>) -> Result<T, ParamError> {
    loose::read(given(object))
}

fn given(object: &Map<String, Value>) -> impl Iterator<Item = (&str, Given<'_>)> {
    object.iter().map(|(name, value)| (name.as_str(), Given::Json(value)))
}

enum Body<'a> {
    Empty,
    Json(Map<String, Value>),
    Form(Pairs<'a>),
}

impl<'a> Body<'a> {
    fn parse(bytes: &'a [u8], is_form: bool) -> Result<Self, ParamError> {
        // Clients of several languages write a mark in front of the JSON, and line ends after it.
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii();
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        match serde_json::from_slice(bytes) {
            Ok(object) => Ok(Self::Json(object)),
            Err(_) if is_form || looks_like_form(bytes) => Ok(Self::Form(Pairs::parse(bytes))),
            Err(error) => {
                let start = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
                let expected = format!(" JSON 对象（第 {} 行第 {} 列有误）", error.line(), error.column());
                Err(ParamError::new("请求体", expected, quoted(&start)))
            }
        }
    }
}

/// A form that no header calls one: a name, and an equals sign before anything that JSON would have.
fn looks_like_form(bytes: &[u8]) -> bool {
    let name = bytes.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"_.[]%".contains(byte));
    name.is_some_and(|end| end > 0 && bytes.get(end) == Some(&b'=') && !bytes.starts_with(b"["))
}

/// The pairs of a query string or a form, by name; those of one name in the order in which they came.
struct Pairs<'a>(Vec<Pair<'a>>);

impl<'a> Pairs<'a> {
    fn parse(bytes: &'a [u8]) -> Self {
        let mut pairs: Vec<Pair<'a>> =
            form_urlencoded::parse(bytes).map(|(name, value)| (without_brackets(name), value)).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pairs)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name)).is_ok()
    }

    fn given(&self) -> impl Iterator<Item = (&str, Given<'_>)> {
        self.0.chunk_by(|a, b| a.0 == b.0).filter_map(|group| match group {
            [(name, value)] => Some((name.as_ref(), Given::Text(value))),
            [(name, _), ..] => Some((name.as_ref(), Given::Repeated(group))),
            [] => None,
        })
    }
}

/// PHP writes lists as `userPhoneIds[]=1&userPhoneIds[]=2`.
fn without_brackets(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_suffix("[]").unwrap_or(name)),
        Cow::Owned(mut name) => {
            if name.ends_with("[]") {
                name.truncate(name.len() - 2);
            }
            Cow::Owned(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        task_id: i64,
        name: Option<String>,
        ids: Option<Vec<i64>>,
    }

    fn asked(task_id: i64, name: Option<&str>, ids: Option<&[i64]>) -> Asked {
        Asked { task_id, name: name.map(str::to_owned), ids: ids.map(<[i64]>::to_vec) }
    }

    #[test]
    fn parameters_are_found_wherever_they_stand() {
        let check = |query: &str, body: &str, is_form, expect: Asked| {
            assert_eq!(read::<Asked>(Some(query), body.as_bytes(), is_form).unwrap(), expect, "{query} {body}");
        };
        check("taskId=1&name=%E6%B5%8B+%E8%AF%95", "", false, asked(1, Some("测 试"), None));
        check("taskId=1&taskId=2&ids=3&ids=4", "", false, asked(2, None, Some(&[3, 4])));
        check("taskId=1&ids[]=3&ids%5B%5D=4", "", false, asked(1, None, Some(&[3, 4])));
        check("taskId=1", r#"{"taskId":"2"}"#, false, asked(2, None, None));
        check("taskId=1&name=a", r#"{"taskId":2}"#, true, asked(2, Some("a"), None));
        check("name=q", "taskId=7&ids=1,2", true, asked(7, Some("q"), Some(&[1, 2])));
        check("name=q", "taskId=7&name=b\r\n", false, asked(7, Some("b"), None));
        check("", "\u{feff}{\"taskId\":3}\r\n\r\n", false, asked(3, None, None));
    }

    #[test]
    fn a_body_that_is_neither_json_nor_a_form_is_refused() {
        let check = |body: &str| {
            let error = read::<Asked>(Some("taskId=1"), body.as_bytes(), false).unwrap_err();
            assert!(error.to_string().starts_with("请求体 应为 JSON 对象"), "{error}");
        };
        check("{\"taskId\": 1");
        check("[1]");
        check("hello");
        check("{\"taskId\":1}{\"taskId\":2}");
    }
}
