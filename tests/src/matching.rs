//! Patterns for answers: JSON in which some texts stand for kinds of values.
//!
//! | pattern | matches |
//! | --- | --- |
//! | `"<int>"`, `"<positive>"`, `"<0 or 1>"`, `"<bool>"` | a number or truth like that |
//! | `"<string>"`, `"<text>"` | any text; any but the empty one |
//! | `"<date>"`, `"<time>"`, `"<moment>"` | `2018-01-24`, `20:51:53`, both |
//! | `"<talk>"`, `"<digits>"` | `27秒`, `27` |
//! | `"<json>"` | a text that is JSON itself |
//! | `"<url>"`, `"<speaker>"` | an HTTP address; `AI` or `ME` |
//! | `"<begins:…>"`, `"<contains:…>"` | a text like that |
//! | `"<any>"` | anything |
//! | `"<text\|null>"` | either |
//! | `["<each>", pattern]` | a list with at least one item, each of which matches |
//! | `{"<edition>": {…}}` | what the pattern of the key's edition matches |
//!
//! Everything else matches itself: an object has exactly the keys of its pattern, a list its items.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time};
use serde_json::{Map, Value};

/// Where and why a value does not match its pattern; nothing where it does.
#[must_use]
pub fn mismatches(pattern: &Value, value: &Value, edition: &str) -> String {
    let mut found = Mismatches { edition, text: String::new() };
    found.compare("", pattern, value);
    found.text
}

struct Mismatches<'a> {
    edition: &'a str,
    text: String,
}

impl Mismatches<'_> {
    fn compare(&mut self, path: &str, pattern: &Value, value: &Value) {
        match pattern {
            Value::String(text) if is_kind(text) && matches_kind(text, value) => {}
            Value::String(text) if is_kind(text) => self.add(path, &format!("{value} is not {text}")),
            Value::Array(items) if items.first().is_some_and(|first| first == "<each>") => {
                self.compare_each(path, &items[1], value);
            }
            Value::Array(items) => self.compare_lists(path, items, value),
            Value::Object(fields) => match fields.get("<edition>") {
                Some(editions) => self.compare(path, &editions[self.edition], value),
                None => self.compare_objects(path, fields, value),
            },
            exact if exact != value => self.add(path, &format!("{value} is not {exact}")),
            _ => {}
        }
    }

    fn compare_each(&mut self, path: &str, pattern: &Value, value: &Value) {
        match value.as_array() {
            Some(items) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    self.compare(&format!("{path}/{at}"), pattern, item);
                }
            }
            _ => self.add(path, &format!("{value} is no list with something in it")),
        }
    }

    fn compare_lists(&mut self, path: &str, patterns: &[Value], value: &Value) {
        match value.as_array() {
            Some(items) if items.len() == patterns.len() => {
                for (at, (pattern, item)) in patterns.iter().zip(items).enumerate() {
                    self.compare(&format!("{path}/{at}"), pattern, item);
                }
            }
            _ => self.add(path, &format!("{value} is no list of {}", patterns.len())),
        }
    }

    fn compare_objects(&mut self, path: &str, patterns: &Map<String, Value>, value: &Value) {
        let Some(fields) = value.as_object() else {
            return self.add(path, &format!("{value} is no object"));
        };
        for (name, pattern) in patterns {
            match fields.get(name) {
                Some(field) => self.compare(&format!("{path}/{name}"), pattern, field),
                None => self.add(path, &format!("{name} is missing")),
            }
        }
        for name in fields.keys().filter(|name| !patterns.contains_key(*name)) {
            self.add(path, &format!("{name} is not in the pattern"));
        }
    }

    fn add(&mut self, path: &str, what: &str) {
        let _ = writeln!(self.text, "  {}: {what}", if path.is_empty() { "/" } else { path });
    }
}

fn is_kind(text: &str) -> bool {
    text.len() > 2 && text.starts_with('<') && text.ends_with('>')
}

fn matches_kind(pattern: &str, value: &Value) -> bool {
    let inner = &pattern[1..pattern.len() - 1];
    if let Some(beginning) = inner.strip_prefix("begins:") {
        return value.as_str().is_some_and(|text| text.starts_with(beginning));
    }
    if let Some(part) = inner.strip_prefix("contains:") {
        return value.as_str().is_some_and(|text| text.contains(part));
    }
    inner.split('|').any(|kind| is_of_kind(kind, value))
}

fn is_of_kind(kind: &str, value: &Value) -> bool {
    let number = |is: fn(i64) -> bool| value.as_i64().is_some_and(is);
    let text = |is: fn(&str) -> bool| value.as_str().is_some_and(is);
    match kind {
        "any" => true,
        "null" => value.is_null(),
        "bool" => value.is_boolean(),
        "int" => value.is_i64(),
        "positive" => number(|number| number > 0),
        "0 or 1" => number(|number| number == 0 || number == 1),
        "string" => value.is_string(),
        "text" => text(|text| !text.is_empty()),
        "date" => text(is_date),
        "time" => text(is_time),
        "moment" => text(is_moment),
        "talk" => text(|text| text.strip_suffix('秒').is_some_and(is_digits)),
        "digits" => text(is_digits),
        "json" => text(|text| serde_json::from_str::<Value>(text).is_ok()),
        "url" => text(|text| text.starts_with("http://") || text.starts_with("https://")),
        "speaker" => text(|text| text == "AI" || text == "ME"),
        unknown => panic!("there is no pattern <{unknown}>"),
    }
}

/// Whether this is a day as the wire has it: `2018-01-24`.
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.parse::<Date>().is_ok_and(|date| date.to_string() == text)
}

/// Whether this is a time of day as the wire has it: `20:51:53`.
#[must_use]
pub fn is_time(text: &str) -> bool {
    text.parse::<Time>().is_ok_and(|time| time.to_string() == text)
}

/// Whether this is a moment as the wire has it: `2018-01-24 20:51:53`.
#[must_use]
pub fn is_moment(text: &str) -> bool {
    let spelt = |moment: DateTime| moment.strftime("%Y-%m-%d %H:%M:%S").to_string();
    text.parse::<DateTime>().is_ok_and(|moment| spelt(moment) == text)
}

/// Whether this is a number in digits.
#[must_use]
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_matches_what_it_says_and_nothing_else() {
        let check = |pattern: Value, value: Value, matches: bool| {
            assert_eq!(mismatches(&pattern, &value, "2018-05").is_empty(), matches, "{pattern} {value}");
        };
        check(json!({"a": 1, "b": "<text|null>"}), json!({"a": 1, "b": null}), true);
        check(json!({"a": 1}), json!({"a": 1, "b": 2}), false);
        check(json!({"a": 1, "b": 2}), json!({"a": 1}), false);
        check(json!("<moment>"), json!("2018-01-24 20:51:53"), true);
        check(json!("<moment>"), json!("2018-01-24T20:51:53"), false);
        check(json!("<date>"), json!("2018-1-24"), false);
        check(json!("<time>"), json!("20:51:53"), true);
        check(json!("<time>"), json!("20:51"), false);
        check(json!("<talk>"), json!("27秒"), true);
        check(json!("<10s"), json!("<10s"), true);
        check(json!(["<each>", "<int>"]), json!([1, 2]), true);
        check(json!(["<each>", "<int>"]), json!([]), false);
        check(json!([1, 2]), json!([1]), false);
        check(json!({"<edition>": {"2018-05": "a", "2019-08": "b"}}), json!("a"), true);
        check(json!("<begins:参数错误>"), json!("参数错误：x"), true);
    }
}
