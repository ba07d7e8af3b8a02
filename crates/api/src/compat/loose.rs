//! A lenient reading of parameters into plain `#[derive(Deserialize)]` structs.
//!
//! Clients of this API grew up with a server that read every parameter through a Java bean: numbers come
//! as JSON strings, truths as `1`, lists as `"1,2"` or as a bare value, and what is not wanted comes as an
//! empty string. All of that is understood here, so that no operation has to know of it.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde_json::Value;

use super::param_error::{ParamError, quoted};

/// The largest number that a JSON number with a fraction part can hold exactly: 2^53.
const FLOAT_INT_MAX: f64 = 9_007_199_254_740_992.0;

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// In a query string or a form.
    Text(&'a str),
    /// In a query string or a form, several times under one name.
    Repeated(&'a [(Cow<'a, str>, Cow<'a, str>)]),
    /// In a JSON body.
    Json(&'a Value),
}

impl<'a> Given<'a> {
    /// The value as text; none for what is not one.
    fn text(&self) -> Option<&'a str> {
        match *self {
            Self::Text(text) => Some(text),
            Self::Json(Value::String(text)) => Some(text),
            Self::Repeated(pairs) => pairs.last().map(|(_, text)| text.as_ref()),
            Self::Json(_) => None,
        }
    }

    /// What an error shows of it; nothing where nothing was given.
    fn shown(&self) -> Option<&dyn fmt::Display> {
        if self.is_absent() { None } else { Some(self) }
    }

    /// An empty string and null mean that the parameter is not given.
    fn is_absent(&self) -> bool {
        match self {
            Self::Json(Value::Null) => true,
            given => given.text().is_some_and(|text| text.trim().is_empty()),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "checked to be an integer below 2^53")]
    fn int(&self) -> Option<i64> {
        if let Self::Json(Value::Number(number)) = self {
            return number.as_i64().or_else(|| {
                number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= FLOAT_INT_MAX).map(|n| n as i64)
            });
        }
        self.text()?.trim().parse().ok()
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Json(Value::Number(number)) => number.as_f64(),
            given => given.text()?.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    fn truth(&self) -> Option<bool> {
        match self {
            Self::Json(Value::Bool(truth)) => Some(*truth),
            Self::Json(Value::Number(number)) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            given => match given.text()?.trim() {
                "0" => Some(false),
                "1" => Some(true),
                text if text.eq_ignore_ascii_case("true") => Some(true),
                text if text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
        }
    }
}

/// How an error shows what came: short, whatever came.
impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(Value::Array(items)) => write!(f, "列表（{} 项）", items.len()),
            Self::Json(Value::Object(_)) => f.write_str("对象"),
            Self::Json(value) if !value.is_string() => value.fmt(f),
            given => quoted(given.text().unwrap_or_default()).fmt(f),
        }
    }
}

/// Where a value stands, as a chain up to the request.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Reads a request's parameters.
///
/// # Errors
/// The first parameter that is missing or not what it should be.
pub(crate) fn read<'a, T: de::DeserializeOwned>(
    parameters: impl Iterator<Item = (&'a str, Given<'a>)>,
) -> Result<T, ParamError> {
    T::deserialize(Request(parameters)).map_err(|error| error.at(&Path::Root, None))
}

/// The whole request: nothing but named parameters.
struct Request<I>(I);

impl<'de, 'a, I: Iterator<Item = (&'a str, Given<'a>)>> Deserializer<'de> for Request<I> {
    type Error = ParamError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_map(Fields { fields: self.0, path: &Path::Root, value: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// One value, wherever it stands.
#[derive(Clone, Copy)]
struct Loose<'a> {
    given: Given<'a>,
    path: &'a Path<'a>,
}

fn read_at<'de, S: DeserializeSeed<'de>>(seed: S, given: Given<'_>, path: &Path<'_>) -> Result<S::Value, ParamError> {
    seed.deserialize(Loose { given, path }).map_err(|error| error.at(path, given.shown()))
}

macro_rules! integers {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
            visitor.visit_i64(self.given.int().ok_or_else(|| ParamError::unplaced("整数"))?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Loose<'_> {
    type Error = ParamError;

    integers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 }
    integers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self.given {
            Given::Json(Value::Null) => visitor.visit_unit(),
            Given::Json(Value::Bool(truth)) => visitor.visit_bool(*truth),
            Given::Json(Value::Number(_)) if self.given.int().is_some() => self.deserialize_i64(visitor),
            Given::Json(Value::Number(_)) => self.deserialize_f64(visitor),
            Given::Json(Value::Array(_)) => self.deserialize_seq(visitor),
            Given::Json(Value::Object(_)) => self.deserialize_map(visitor),
            _ => visitor.visit_str(self.given.text().unwrap_or_default()),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_bool(self.given.truth().ok_or_else(|| ParamError::unplaced(" true 或 false"))?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_f64(self.given.float().ok_or_else(|| ParamError::unplaced("数字"))?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        match self.given {
            Given::Json(Value::Number(number)) => visitor.visit_string(number.to_string()),
            Given::Json(Value::Bool(truth)) => visitor.visit_str(if *truth { "true" } else { "false" }),
            // PostgreSQL keeps no NUL in a text, and nobody means one.
            given => match given.text() {
                Some(text) if text.contains('\0') => Err(ParamError::unplaced("不含空字符的字符串")),
                Some(text) => visitor.visit_str(text),
                None => Err(ParamError::unplaced("字符串")),
            },
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        if self.given.is_absent() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        let list =
            |items: &mut dyn Iterator<Item = Given<'_>>| visitor.visit_seq(Items { items, path: self.path, next: 0 });
        match self.given {
            Given::Json(Value::Array(items)) => list(&mut items.iter().map(Given::Json)),
            Given::Repeated(pairs) => list(&mut pairs.iter().map(|(_, text)| Given::Text(text))),
            given => match given.text().map(str::trim) {
                Some(text) if text.starts_with('[') => {
                    let items: Vec<Value> =
                        serde_json::from_str(text).map_err(|_| ParamError::unplaced("JSON 列表"))?;
                    list(&mut items.iter().map(Given::Json))
                }
                Some(text) if text.starts_with('{') => list(&mut std::iter::once(given)),
                Some(text) => {
                    let items = text.split([',', '，']).map(str::trim).filter(|item| !item.is_empty());
                    list(&mut items.map(Given::Text))
                }
                None if given.is_absent() => Err(ParamError::unplaced("列表")),
                None => list(&mut std::iter::once(given)),
            },
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        let parsed;
        let object = match self.given {
            Given::Json(Value::Object(object)) => object,
            given => {
                let text = given.text().ok_or_else(|| ParamError::unplaced("对象"))?;
                parsed = serde_json::from_str(text).map_err(|_| ParamError::unplaced("JSON 对象"))?;
                &parsed
            }
        };
        let fields = object.iter().map(|(name, value)| (name.as_str(), Given::Json(value)));
        visitor.visit_map(Fields { fields, path: self.path, value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ParamError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ParamError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}

/// The fields of an object, or the parameters of a request.
struct Fields<'a, I> {
    fields: I,
    path: &'a Path<'a>,
    value: Option<(&'a str, Given<'a>)>,
}

impl<'de, 'a, I: Iterator<Item = (&'a str, Given<'a>)>> de::MapAccess<'de> for Fields<'a, I> {
    type Error = ParamError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ParamError> {
        self.value = self.fields.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        let name: StrDeserializer<'_, ParamError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ParamError> {
        let (name, given) = self.value.take().unwrap_or(("", Given::Json(&Value::Null)));
        read_at(seed, given, &Path::Field(self.path, name))
    }
}

/// The items of a list.
struct Items<'a, 'i> {
    items: &'i mut dyn Iterator<Item = Given<'a>>,
    path: &'i Path<'i>,
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = ParamError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ParamError> {
        let Some(given) = self.items.next() else { return Ok(None) };
        let path = Path::Item(self.path, self.next);
        self.next += 1;
        read_at(seed, given, &path).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.size_hint().0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        company_id: i64,
        task_name: Option<String>,
        need_all: Option<bool>,
        user_phone_ids: Option<Vec<i64>>,
        customer_info_list: Option<Vec<Customer>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Customer {
        phone: String,
        properties: Option<BTreeMap<String, String>>,
    }

    fn json_of(value: &Value) -> Result<Asked, ParamError> {
        let object = value.as_object().unwrap();
        read(object.iter().map(|(name, value)| (name.as_str(), Given::Json(value))))
    }

    fn read_one(task_name: &str) -> Result<Asked, ParamError> {
        json_of(&json!({"companyId": 1, "taskName": task_name}))
    }

    #[test]
    fn what_java_beans_accepted_is_accepted() {
        let asked = json_of(&json!({
            "companyId": "13487", "taskName": "", "needAll": 1, "userPhoneIds": "1, 2",
            "customerInfoList": [{"phone": 13_800_138_000_i64, "properties": "{\"房间\": 3}", "other": [{}]}],
            "encryptionPhone": null
        }))
        .unwrap();
        let properties = Some(BTreeMap::from([("房间".to_owned(), "3".to_owned())]));
        assert_eq!(
            asked,
            Asked {
                company_id: 13487,
                task_name: None,
                need_all: Some(true),
                user_phone_ids: Some(vec![1, 2]),
                customer_info_list: Some(vec![Customer { phone: "13800138000".to_owned(), properties }]),
            }
        );
    }

    #[test]
    fn lists_come_in_every_shape() {
        let check = |value: Value, expect: Option<Vec<i64>>| {
            assert_eq!(json_of(&json!({"companyId": 1, "userPhoneIds": value})).unwrap().user_phone_ids, expect);
        };
        check(json!([1, "2"]), Some(vec![1, 2]));
        check(json!(7), Some(vec![7]));
        check(json!("7"), Some(vec![7]));
        check(json!("1，2,"), Some(vec![1, 2]));
        check(json!("[1,2]"), Some(vec![1, 2]));
        check(json!(""), None);
        check(json!(null), None);
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            ["1", "2"].map(|n| (Cow::Borrowed("userPhoneIds"), Cow::Borrowed(n))).into();
        let given = [("companyId", Given::Text(" 1 ")), ("userPhoneIds", Given::Repeated(&pairs))];
        let asked: Asked = read(given.into_iter()).unwrap();
        assert_eq!(asked.user_phone_ids, Some(vec![1, 2]));
    }

    #[test]
    fn an_error_names_the_parameter_and_what_came() {
        let check = |value: Value, expect: &str| assert_eq!(json_of(&value).unwrap_err().to_string(), expect);
        check(json!({}), "缺少必填参数 companyId");
        check(json!({"companyId": null}), "缺少必填参数 companyId，应为整数");
        check(json!({"companyId": "x"}), "companyId 应为整数，收到 \"x\"");
        check(json!({"companyId": 1.5}), "companyId 应为整数，收到 1.5");
        check(json!({"companyId": {"a": 1}}), "companyId 应为整数，收到 对象");
        check(json!({"companyId": 1, "needAll": "maybe"}), "needAll 应为 true 或 false，收到 \"maybe\"");
        check(json!({"companyId": 1, "userPhoneIds": [1, "b"]}), "userPhoneIds[1] 应为整数，收到 \"b\"");
        check(
            json!({"companyId": 1, "customerInfoList": [{"phone": "1"}, {}]}),
            "缺少必填参数 customerInfoList[1].phone",
        );
        check(
            json!({"companyId": 1, "customerInfoList": [{"phone": []}]}),
            "customerInfoList[0].phone 应为字符串，收到 列表（0 项）",
        );
        check(json!({"companyId": 1, "customerInfoList": [7]}), "customerInfoList[0] 应为对象，收到 7");
        let nul = read_one("a\0");
        assert_eq!(nul.unwrap_err().expected, "不含空字符的字符串");
        let long = "长".repeat(100);
        check(json!({ "companyId": long }), &format!("companyId 应为整数，收到 \"{}…\"", "长".repeat(40)));
    }
}
