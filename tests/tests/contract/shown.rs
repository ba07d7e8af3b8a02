//! Whether an answer has all that an example of the document shows: every key at every level, with the
//! same JSON type, and texts of the same format.

use std::fmt::Write as _;

use hutong_e2e::matching::{is_date, is_digits, is_moment, is_time};
use serde_json::{Map, Value};

/// What may stand where an example has null: the JSON types that the document's tables give.
const NULLS: [(&str, &[&str]); 15] = [
    ("orderBy", &["null"]),
    ("errorStackTrace", &["null"]),
    ("totalCount", &["number"]),
    ("doneCount", &["number"]),
    ("calledCount", &["number"]),
    ("rejectedCount", &["number"]),
    ("unavailableCount", &["number"]),
    ("fromUnavailableCount", &["number"]),
    ("callPhones", &["array"]),
    ("sceneDefName", &["string"]),
    ("userMean", &["string", "null"]),
    ("userMeanDetail", &["string", "null"]),
    ("trackResult", &["string", "null"]),
    ("resultDesc", &["string", "null"]),
    ("analyzeType", &["string", "null"]),
];
/// What may be null where an example has a value: calls without a recording, and what the document shows
/// both ways.
const MAY_BE_NULL: [&str; 5] = ["luyinOssUrl", "userLuyinOssUrl", "userMean", "resultDesc", "analyzeType"];
/// What may be empty where an example has items: results whose values customers give, such as a time.
const MAY_BE_EMPTY: [&str; 1] = ["/data/resultDefs/values"];
/// Objects whose keys are data: result names.
const MAPS: [&str; 1] = ["extraStat"];
/// Values that say what they are in the example, and have to be the same in every answer.
const FIXED: [&str; 2] = ["code", "resultMsg"];

/// What the example shows and the answer has not; nothing where it has all.
pub(crate) fn missing(example: &Value, answer: &Value) -> String {
    let mut text = String::new();
    compare(&mut text, "", example, answer);
    text
}

fn compare(text: &mut String, path: &str, example: &Value, answer: &Value) {
    let key = path.rsplit('/').next().unwrap_or_default();
    if answer.is_null() && MAY_BE_NULL.contains(&key) {
        return;
    }
    if example.is_null() {
        let nulls = NULLS.iter().find(|(known, _)| *known == key).map(|(_, types)| *types);
        let types = nulls.unwrap_or_else(|| panic!("{key} is null in the example: say what it may be"));
        if !types.contains(&type_of(answer)) {
            let _ = writeln!(text, "  {path}: {answer} is none of {types:?}");
        }
        return;
    }
    if type_of(example) != type_of(answer) || (FIXED.contains(&key) && example != answer) {
        let _ = writeln!(text, "  {path}: {answer} is not like {example}");
        return;
    }
    match (example, answer) {
        (Value::Object(_), Value::Object(fields)) if MAPS.contains(&key) => maps(text, path, example, fields),
        (Value::Object(shown), Value::Object(fields)) => objects(text, path, shown, fields),
        (Value::Array(shown), Value::Array(items)) => lists(text, path, shown, items),
        (Value::String(shown), Value::String(given)) if !same_format(key, shown, given) => {
            let _ = writeln!(text, "  {path}: {given:?} is not written like {shown:?}");
        }
        _ => {}
    }
}

fn objects(text: &mut String, path: &str, shown: &Map<String, Value>, fields: &Map<String, Value>) {
    for (name, example) in shown {
        match fields.get(name) {
            Some(field) => compare(text, &format!("{path}/{name}"), example, field),
            None => {
                let _ = writeln!(text, "  {path}: {name} is missing");
            }
        }
    }
}

/// Every item is like every item of the example: one may show a key that another leaves out.
fn lists(text: &mut String, path: &str, shown: &[Value], items: &[Value]) {
    if items.is_empty() && !MAY_BE_EMPTY.contains(&path) {
        let _ = writeln!(text, "  {path}: the list is empty, so that it shows nothing");
    }
    for item in items {
        for example in shown {
            compare(text, path, example, item);
        }
    }
}

/// Every value is like the first value of the example.
fn maps(text: &mut String, path: &str, example: &Value, fields: &Map<String, Value>) {
    let first = example.as_object().and_then(|shown| shown.values().next()).expect("the example has an entry");
    if fields.is_empty() {
        let _ = writeln!(text, "  {path}: the object is empty, so that it shows nothing");
    }
    for (name, field) in fields {
        compare(text, &format!("{path}/{name}"), first, field);
    }
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether the text is a date, a time, a moment, a duration, a number or JSON where the example is.
fn same_format(key: &str, shown: &str, given: &str) -> bool {
    let is_duration = |text: &str| text.strip_suffix('秒').is_some_and(is_digits);
    let is_json_object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).is_ok();
    let formats: [&dyn Fn(&str) -> bool; 6] =
        [&is_date, &is_time, &is_moment, &is_duration, &is_digits, &is_json_object];
    // The words of a conversation and the names that people give have no format.
    let is_free = ["jobName", "remark", "content", "customerName", "resultValue", "value"].contains(&key);
    is_free || formats.iter().all(|is| !is(shown) || is(given))
}

#[test]
fn a_difference_is_found_at_every_level() {
    use serde_json::json;
    let check = |example: Value, answer: Value, expect: &str| {
        let text = missing(&example, &answer);
        assert!(if expect.is_empty() { text.is_empty() } else { text.contains(expect) }, "{example} {answer}: {text}");
    };
    check(json!({"a": 1}), json!({"a": 2, "b": 3}), "");
    check(json!({"a": {"b": [{"c": 1}]}}), json!({"a": {"b": [{"d": 1}]}}), "/a/b: c is missing");
    check(json!({"a": 1}), json!({"a": "1"}), "is not like");
    check(json!({"duration": "27秒"}), json!({"duration": "27"}), "is not written like");
    check(json!({"startDate": "2017-10-25"}), json!({"startDate": "2017-10-25 00:00:00"}), "is not written like");
    check(json!({"trackResult": null}), json!({"trackResult": 1}), "is none of");
    check(json!({"luyinOssUrl": "http://x"}), json!({"luyinOssUrl": null}), "");
    check(json!({"list": [{"a": 1}, {"b": 1}]}), json!({"list": [{"a": 1}]}), "b is missing");
}
