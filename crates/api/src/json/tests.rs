//! The writer of answers, against serde_json.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn written(value: &(impl Serialize + ?Sized)) -> String {
    let mut out = String::new();
    write(&mut out, value).unwrap();
    out
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    first_name: &'a str,
    nothing: Option<i64>,
    pair: (i64, bool),
    kind: Kind,
    #[serde(flatten)]
    more: BTreeMap<&'a str, f64>,
    by_number: BTreeMap<i64, ()>,
}

#[derive(Serialize)]
enum Kind {
    Plain,
    With(char),
}

#[test]
fn values_are_written_as_serde_json_writes_them() {
    for (kind, first_name) in [(Kind::Plain, "\"回\\\n\u{1}\u{7f}"), (Kind::With('\''), "")] {
        let more = BTreeMap::from([("a\"b", 1.5), ("c", 2.0), ("d", f64::NAN)]);
        let by_number = BTreeMap::from([(-1, ()), (7, ())]);
        let row = Row { first_name, nothing: None, pair: (i64::MIN, true), kind, more, by_number };
        assert_eq!(written(&row), serde_json::to_string(&row).unwrap());
    }
}

#[test]
fn a_list_holds_what_was_pushed() {
    let mut list = List::with_room(8);
    assert_eq!(written(&list), "[]");
    list.push(&Some("a\"b")).unwrap();
    list.push(&Raw(r#"{"c":[1,2]}"#)).unwrap();
    list.push(&[Plain("d")]).unwrap();
    assert_eq!((written(&list).as_str(), list.length()), (r#"["a\"b",{"c":[1,2]},["d"]]"#, 3));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 30, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_written_as_serde_json_writes_it(document in json()) {
        prop_assert_eq!(written(&document), document.to_string());
    }

    #[test]
    fn the_first_byte_to_escape_is_found(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let expected = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
        prop_assert_eq!(first_to_escape(&bytes), expected);
    }
}
