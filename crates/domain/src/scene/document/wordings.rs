//! What the robot says, in every form in which it can be written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::super::source::Located;
use super::forms::{Forms, any_form, whole_list};

/// What the robot says: a text, or a text with the recording that speaks it.
#[derive(Debug, Clone)]
pub(in crate::scene) struct Wording {
    /// The words.
    pub(in crate::scene) text: Located<String>,
    /// The file that they are recorded in.
    pub(in crate::scene) audio: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    text: Located<String>,
    #[serde(default)]
    audio: Option<Located<String>>,
}

impl From<Recorded> for Wording {
    fn from(Recorded { text, audio }: Recorded) -> Self {
        Self { text, audio }
    }
}

enum WordingForm {
    Text(String),
    Recorded(Recorded),
}

impl<'de> Forms<'de> for WordingForm {
    const EXPECTED: &'static str = "a wording: a text, or `{ text, audio }`";

    fn text(text: &str) -> Option<Self> {
        Some(Self::Text(text.to_owned()))
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Recorded::deserialize(MapAccessDeserializer::new(map)).map(Self::Recorded)
    }
}

impl<'de> Deserialize<'de> for WordingForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Wording {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Located::<WordingForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(match form.value {
            WordingForm::Text(text) => Self { text: place.with(text), audio: None },
            WordingForm::Recorded(recorded) => recorded.into(),
        })
    }
}

/// One wording, or a list of them.
#[derive(Debug, Clone, Default)]
pub(in crate::scene) struct Wordings(pub(in crate::scene) Vec<Wording>);

enum WordingsForm {
    One(String),
    Recorded(Recorded),
    Many(Vec<Wording>),
}

impl<'de> Forms<'de> for WordingsForm {
    const EXPECTED: &'static str = "a wording or a list of wordings";

    fn text(text: &str) -> Option<Self> {
        Some(Self::One(text.to_owned()))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        whole_list(list).map(Self::Many)
    }

    fn map<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Recorded::deserialize(MapAccessDeserializer::new(map)).map(Self::Recorded)
    }
}

impl<'de> Deserialize<'de> for WordingsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_form(deserializer)
    }
}

impl<'de> Deserialize<'de> for Wordings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The outer `Located` knows where a single wording stands; a list knows it of each.
        let form = Located::<WordingsForm>::deserialize(deserializer)?;
        let place = form.with(());
        Ok(Self(match form.value {
            WordingsForm::One(text) => vec![Wording { text: place.with(text), audio: None }],
            WordingsForm::Recorded(recorded) => vec![recorded.into()],
            WordingsForm::Many(wordings) => wordings,
        }))
    }
}

impl JsonSchema for Wordings {
    fn schema_name() -> Cow<'static, str> {
        "Wordings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let recorded = json_schema!({
            "type": "object",
            "properties": {
                "text": { "description": "The words.", "type": "string" },
                "audio": { "description": "The file that they are recorded in.", "type": "string" },
            },
            "required": ["text"],
            "additionalProperties": false,
        });
        json_schema!({
            "description": "One wording, or a list of them; a wording is a text, or a text with the recording that speaks it.",
            "anyOf": [
                { "type": "string" },
                recorded,
                { "type": "array", "items": { "anyOf": [{ "type": "string" }, recorded] } },
            ],
        })
    }
}
