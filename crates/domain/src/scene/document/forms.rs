//! Things that can be written in more than one form: a wording or a list of them, a node or a choice of nodes.
//!
//! By hand rather than `untagged`, which would forget where things stand.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::source::Located;

/// Something with up to four forms.
pub(super) trait Forms<'de>: Sized {
    const EXPECTED: &'static str;

    fn text(text: &str) -> Option<Self> {
        let _ = text;
        None
    }

    fn flag(flag: bool) -> Option<Self> {
        let _ = flag;
        None
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        let _ = list;
        Err(A::Error::custom(format!("expected {}", Self::EXPECTED)))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let _ = map;
        Err(A::Error::custom(format!("expected {}", Self::EXPECTED)))
    }
}

struct FormsVisitor<T>(PhantomData<T>);

impl<'de, T: Forms<'de>> Visitor<'de> for FormsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::text(text).ok_or_else(|| E::custom(format!("expected {}, not `{text}`", T::EXPECTED)))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        T::flag(flag).ok_or_else(|| E::custom(format!("expected {}", T::EXPECTED)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}

pub(super) fn any_form<'de, T: Forms<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(FormsVisitor(PhantomData))
}

pub(super) fn whole_list<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut list: A) -> Result<Vec<T>, A::Error> {
    let mut items = Vec::new();
    while let Some(item) = list.next_element()? {
        items.push(item);
    }
    Ok(items)
}

/// Where the talk goes on: a node, or a list of `{ when, to }` that a node closes.
#[derive(Debug, Clone)]
pub(in crate::scene) struct Way(pub(in crate::scene) Vec<Step>);

/// One line of a [`Way`].
#[derive(Debug, Clone)]
pub(in crate::scene) enum Step {
    /// A node.
    To(Located<String>),
    /// A node, where a condition holds.
    When(Guard),
}

/// A node that is taken where a condition holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct Guard {
    /// A condition in CEL over what happened so far.
    pub(in crate::scene) when: Located<String>,
    /// The node.
    pub(in crate::scene) to: Located<String>,
}

enum StepForm {
    To(String),
    When(Guard),
}

impl<'de> Forms<'de> for StepForm {
    const EXPECTED: &'static str = "a node, or `{ when, to }`";

    fn text(text: &str) -> Option<Self> {
        Some(Self::To(text.to_owned()))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Guard::deserialize(MapAccessDeserializer::new(map)).map(Self::When)
    }
}

impl<'de> Deserialize<'de> for StepForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Located::<StepForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(match form.value {
            StepForm::To(node) => Self::To(place.with(node)),
            StepForm::When(guard) => Self::When(guard),
        })
    }
}

enum WayForm {
    To(String),
    Choice(Vec<Step>),
}

impl<'de> Forms<'de> for WayForm {
    const EXPECTED: &'static str = "a node, or a list of `{ when, to }` with a node at its end";

    fn text(text: &str) -> Option<Self> {
        Some(Self::To(text.to_owned()))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        whole_list(list).map(Self::Choice)
    }
}

impl<'de> Deserialize<'de> for WayForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Way {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Located::<WayForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(Self(match form.value {
            WayForm::To(node) => vec![Step::To(place.with(node))],
            WayForm::Choice(steps) => steps,
        }))
    }
}

impl JsonSchema for Way {
    fn schema_name() -> Cow<'static, str> {
        "Way".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let guard = generator.subschema_for::<Guard>();
        json_schema!({
            "description": "A node; or a list of `{ when, to }`, the first that holds counts, with a node at its end for where none does.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "minItems": 1, "items": { "anyOf": [{ "type": "string" }, guard] } },
            ],
        })
    }
}

/// Where the talk goes on after a sub-flow: one way for whatever it returns, or one for each name.
#[derive(Debug, Clone)]
pub(in crate::scene) enum Returns {
    /// The same for all.
    Any(Way),
    /// One for each name that the flow returns.
    Each(BTreeMap<String, Located<Way>>),
}

impl<'de> Forms<'de> for Returns {
    const EXPECTED: &'static str = "a node, or a node for each name that the flow returns";

    fn text(_: &str) -> Option<Self> {
        // Taken as a way by `deserialize`, which knows where it stands.
        None
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        whole_list(list).map(|steps| Self::Any(Way(steps)))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Self::Each)
    }
}

enum ReturnsForm {
    To(String),
    Returns(Returns),
}

impl<'de> Forms<'de> for ReturnsForm {
    const EXPECTED: &'static str = <Returns as Forms<'de>>::EXPECTED;

    fn text(text: &str) -> Option<Self> {
        Some(Self::To(text.to_owned()))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Returns::list(list).map(Self::Returns)
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Returns::map(map).map(Self::Returns)
    }
}

impl<'de> Deserialize<'de> for ReturnsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Returns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Located::<ReturnsForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(match form.value {
            ReturnsForm::To(node) => Self::Any(Way(vec![Step::To(place.with(node))])),
            ReturnsForm::Returns(returns) => returns,
        })
    }
}

impl JsonSchema for Returns {
    fn schema_name() -> Cow<'static, str> {
        "Returns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let way = generator.subschema_for::<Way>();
        json_schema!({
            "description": "Where the talk goes on after a sub-flow: one way for whatever it returns, or one for each name.",
            "anyOf": [way, { "type": "object", "additionalProperties": way }],
        })
    }
}

/// Whether the customer's voice stops a prompt.
#[derive(Debug, Clone, Copy)]
pub(in crate::scene) enum Interruptible {
    /// At any moment, or never.
    Flag(bool),
    /// Not in its first milliseconds.
    After(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AfterMs {
    after_ms: u32,
}

impl<'de> Forms<'de> for Interruptible {
    const EXPECTED: &'static str = "true, false or `{ after_ms }`";

    fn flag(flag: bool) -> Option<Self> {
        Some(Self::Flag(flag))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        AfterMs::deserialize(MapAccessDeserializer::new(map)).map(|after| Self::After(after.after_ms))
    }
}

impl<'de> Deserialize<'de> for Interruptible {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl JsonSchema for Interruptible {
    fn schema_name() -> Cow<'static, str> {
        "Interruptible".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether the customer's voice stops a prompt; `after_ms`: not in its first milliseconds.",
            "anyOf": [
                { "type": "boolean" },
                {
                    "type": "object",
                    "properties": { "after_ms": { "type": "integer", "minimum": 0 } },
                    "required": ["after_ms"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// A voice: a name, or a name with where its audio comes from.
#[derive(Debug, Clone)]
pub(in crate::scene) struct Voice(pub(in crate::scene) VoiceFields);

/// A voice with where its audio comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct VoiceFields {
    /// What operators and the API call it.
    pub(in crate::scene) name: Located<String>,
    /// A speaker of the voice server, or one that ships with hutong, for example `zf_xiaobei`.
    #[serde(default)]
    pub(in crate::scene) speaker: Option<Located<String>>,
    /// How fast the speaker speaks; 1 by default.
    #[serde(default)]
    pub(in crate::scene) speed: Option<Located<f64>>,
    /// A folder with recordings.
    #[serde(default)]
    pub(in crate::scene) recordings: Option<Located<String>>,
}

enum VoiceForm {
    Name(String),
    Fields(VoiceFields),
}

impl<'de> Forms<'de> for VoiceForm {
    const EXPECTED: &'static str = "the name of a voice, or `{ name, speaker, speed }`, or `{ name, recordings }`";

    fn text(text: &str) -> Option<Self> {
        Some(Self::Name(text.to_owned()))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        VoiceFields::deserialize(MapAccessDeserializer::new(map)).map(Self::Fields)
    }
}

impl<'de> Deserialize<'de> for VoiceForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Voice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Located::<VoiceForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(Self(match form.value {
            VoiceForm::Name(name) => {
                VoiceFields { name: place.with(name), speaker: None, speed: None, recordings: None }
            }
            VoiceForm::Fields(fields) => fields,
        }))
    }
}

impl JsonSchema for Voice {
    fn schema_name() -> Cow<'static, str> {
        "Voice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = VoiceFields::json_schema(generator);
        json_schema!({
            "description": "The name of a voice, or a voice with where its audio comes from.",
            "anyOf": [{ "type": "string" }, fields],
        })
    }
}

/// The values of a result: a list, or any.
#[derive(Debug, Clone)]
pub(in crate::scene) enum Values {
    /// Whatever the rules give.
    Any,
    /// These only.
    These(Vec<Located<String>>),
}

impl<'de> Forms<'de> for Values {
    const EXPECTED: &'static str = "a list of values, or `any`";

    fn text(text: &str) -> Option<Self> {
        (text == "any").then_some(Self::Any)
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        whole_list(list).map(Self::These)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl JsonSchema for Values {
    fn schema_name() -> Cow<'static, str> {
        "Values".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Every value that can be concluded, in the order in which reports show them; or `any`.",
            "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "const": "any" }],
        })
    }
}
