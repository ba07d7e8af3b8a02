//! A scene as its author writes it. The fields here are the scene language; `docs/scene.md` explains
//! them, and `docs/scene.schema.json` is generated from them.

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::source::Located;

/// A scene: what a robot says, understands and concludes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scene")]
pub(super) struct Document {
    /// Version of the scene language: 1.
    pub(super) hutong: Located<u32>,
    /// Name of the scene, for example 房产电销.
    pub(super) name: Located<String>,
    /// The robot that plays the scene.
    pub(super) robot: Robot,
    /// Names of the voices (录音) that the scene can be spoken with; the first is the default.
    #[serde(default)]
    pub(super) voices: Vec<Located<String>>,
    /// What an import supplies for every customer, besides 客户名称 and 联系方式, which are built in.
    #[serde(default)]
    pub(super) variables: Vec<Variable>,
    /// The node that the conversation begins with; the first one by default.
    #[serde(default)]
    pub(super) start: Option<Located<String>>,
    /// What holds for every node that does not say otherwise.
    #[serde(default)]
    pub(super) defaults: Defaults,
    /// How the robot takes its leave when nothing else is left to do.
    #[serde(default)]
    pub(super) closing: Closing,
    /// What to do when an answering machine has taken the call.
    #[serde(default)]
    pub(super) voicemail: Voicemail,
    /// What customers may mean. An intent of a built-in name (肯定, 否定, 忙碌 …) adds to it.
    #[serde(default)]
    pub(super) intents: Vec<Intent>,
    /// Branches that hold at every node that has none of its own for the same intent.
    #[serde(default)]
    pub(super) anywhere: Vec<Branch>,
    /// The steps of the conversation.
    pub(super) nodes: Vec<Node>,
    /// Questions that can be answered at any node (问法与回答).
    #[serde(default)]
    pub(super) knowledge: Vec<Knowledge>,
    /// What can be concluded about a call; 客户意向等级 must be among them.
    pub(super) results: Located<Vec<ResultRules>>,
}

/// The robot that plays a scene.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Robot {
    /// What operators and the API call the robot, for example 产品电销.
    pub(super) name: Located<String>,
    /// What the robot is for.
    #[serde(default)]
    pub(super) industry: Industry,
}

/// What a robot is for, in two steps.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Industry {
    /// The wider one, for example 房地产.
    #[serde(default)]
    pub(super) one: String,
    /// The narrower one, for example 新房销售.
    #[serde(default)]
    pub(super) two: String,
}

/// Something that is known about a customer before the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    /// Its name, as imports give it and slots `{name}` speak it.
    pub(super) name: Located<String>,
    /// What stands for it where an import gives none; without a default it is required.
    #[serde(default)]
    pub(super) default: Option<String>,
    /// An example for the people who prepare imports.
    #[serde(default)]
    #[expect(dead_code, reason = "documentation for the people who prepare imports")]
    pub(super) example: Option<String>,
}

/// What holds for every node that does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    /// How long nothing may be heard before it counts as silence, in milliseconds; 4000 by default.
    pub(super) silence_ms: Option<Located<u32>>,
    /// Whether the customer's voice stops a prompt; true by default.
    pub(super) interruptible: Option<bool>,
    /// How sure the robot must be of what it understood, from 0 to 1; 0.55 by default.
    pub(super) threshold: Option<Located<f64>>,
    /// How many turns a conversation may have before the robot takes its leave; 30 by default.
    pub(super) rounds_max: Option<Located<u32>>,
    /// What to do when the customer says nothing.
    pub(super) on_silence: Option<Fallback>,
    /// What to do when the robot does not understand.
    pub(super) on_unknown: Option<Fallback>,
}

/// How the robot takes its leave when nothing else is left to do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Closing {
    /// What it says; a polite sentence by default.
    pub(super) say: Wordings,
    /// Why it hung up, for the record.
    pub(super) reason: Option<String>,
}

/// What to do when an answering machine has taken the call. In doubt it is a person.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Voicemail {
    /// Hang up (the default), leave a message after the beep, or go on as with a person.
    #[serde(rename = "do")]
    pub(super) action: VoicemailAction,
    /// The message.
    pub(super) say: Wordings,
    /// Why it hung up, for the record; 语音信箱 by default.
    pub(super) reason: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VoicemailAction {
    #[default]
    HangUp,
    LeaveMessage,
    GoOn,
}

/// What a customer may mean, and the words for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Intent {
    /// Its name, which branches refer to.
    pub(super) name: Located<String>,
    /// Words that give it away wherever they stand in a sentence.
    #[serde(default)]
    pub(super) keywords: Vec<Located<String>>,
    /// Whole utterances, in which `*` stands for any words: `*多少*钱*`, or just `嗯`.
    #[serde(default)]
    pub(super) patterns: Vec<Located<String>>,
    /// Sentences that customers really say; what comes near to one of them counts too.
    #[serde(default)]
    pub(super) samples: Vec<Located<String>>,
}

/// One way on from a node: by what the customer means, or by the key that they press.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Branch {
    /// The intent that leads this way.
    #[serde(default)]
    pub(super) intent: Option<Located<String>>,
    /// The key that leads this way: one of `0`–`9`, `*`, `#`, in quotation marks.
    #[serde(default)]
    pub(super) key: Option<Located<String>>,
    /// The node that it leads to.
    pub(super) next: Located<String>,
}

/// A step of the conversation. It ends the call (`end`), goes on by itself (`next`), or listens
/// (`branches`, `otherwise`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    /// Its name, which branches refer to.
    pub(super) name: Located<String>,
    /// What the robot says, with slots `{变量}`; of several wordings one is chosen for each call.
    pub(super) say: Located<Wordings>,
    /// What it says when the talk comes back here after an answer, instead of waiting in silence.
    #[serde(default)]
    pub(super) again: Wordings,
    /// Whether the customer's voice stops the prompt.
    #[serde(default)]
    pub(super) interruptible: Option<bool>,
    /// How long nothing may be heard before it counts as silence, in milliseconds.
    #[serde(default)]
    pub(super) silence_ms: Option<Located<u32>>,
    /// The ways on.
    #[serde(default)]
    pub(super) branches: Vec<Branch>,
    /// Where anything leads that hits no branch and no knowledge.
    #[serde(default)]
    pub(super) otherwise: Option<Located<String>>,
    /// What to do when the customer says nothing.
    #[serde(default)]
    pub(super) on_silence: Option<Fallback>,
    /// What to do when the robot does not understand.
    #[serde(default)]
    pub(super) on_unknown: Option<Fallback>,
    /// The node that follows at once, without listening.
    #[serde(default)]
    pub(super) next: Option<Located<String>>,
    /// The call ends here.
    #[serde(default)]
    pub(super) end: Option<End>,
}

/// The end of a call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// Why the robot hangs up, for the record and for the rules.
    pub(super) reason: String,
}

/// What to do when the customer says nothing, or nothing that the robot understands.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fallback {
    /// What the robot says.
    pub(super) say: Wordings,
    /// How often it says so at one node before it goes on; 2 by default.
    pub(super) limit: Option<u32>,
    /// Where it goes on then; to the closing by default.
    pub(super) next: Option<Located<String>>,
}

/// A question that can be answered at any node.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Knowledge {
    /// Its name.
    pub(super) name: Located<String>,
    /// An intent whose words ask this question too.
    #[serde(default)]
    pub(super) intent: Option<Located<String>>,
    /// Words that give it away wherever they stand in a sentence.
    #[serde(default)]
    pub(super) keywords: Vec<Located<String>>,
    /// Whole utterances, in which `*` stands for any words.
    #[serde(default)]
    pub(super) patterns: Vec<Located<String>>,
    /// Sentences that customers really ask (问法); what comes near to one of them counts too.
    #[serde(default)]
    pub(super) samples: Vec<Located<String>>,
    /// What the robot answers.
    pub(super) answer: Located<Wordings>,
    /// Whether the customer's voice stops the answer.
    #[serde(default)]
    pub(super) interruptible: Option<bool>,
    /// What the question says about the customer: result name → value, for example 客户关注点: 询问价格.
    #[serde(default)]
    pub(super) reveals: BTreeMap<String, Located<String>>,
    /// The node where the talk goes on; back where it was by default.
    #[serde(default)]
    pub(super) then: Option<Located<String>>,
}

/// What can be concluded under one name, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultRules {
    /// Name of the result, for example 客户意向等级.
    pub(super) name: Located<String>,
    /// Every value that can be concluded, in the order in which reports show them.
    pub(super) values: Vec<Located<String>>,
    /// Whether a call can have several of the values.
    #[serde(default)]
    pub(super) multiple: bool,
    /// The value where no rule holds.
    #[serde(default)]
    pub(super) default: Option<Located<String>>,
    /// The value of a call that nobody answered; only for 客户意向等级, `D级(需筛选)` by default.
    #[serde(default)]
    pub(super) unanswered: Option<Located<String>>,
    /// When which value is concluded; of a single-valued result the first rule that holds counts.
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

/// When a value is concluded.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// A condition in CEL over what happened in the call.
    pub(super) when: Located<String>,
    /// The value that it concludes.
    pub(super) value: Located<String>,
    /// The reason in words, for the people who read the result.
    pub(super) because: String,
}

/// One wording, or a list of them.
#[derive(Debug, Default)]
pub(super) struct Wordings(pub(super) Vec<Located<String>>);

impl<'de> Deserialize<'de> for Wordings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The outer `Located` knows where a single wording stands; a list knows it of each.
        let either = Located::<OneOrMany>::deserialize(deserializer)?;
        let place = either.with(());
        Ok(Self(match either.value {
            OneOrMany::One(wording) => vec![place.with(wording)],
            OneOrMany::Many(wordings) => wordings,
        }))
    }
}

impl JsonSchema for Wordings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wordings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One wording, or a list of them.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
            ],
        })
    }
}

enum OneOrMany {
    One(String),
    Many(Vec<Located<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand rather than `untagged`, which would forget where the wordings stand.
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a wording or a list of wordings")
            }

            fn visit_str<E>(self, wording: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(wording.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut wordings = Vec::new();
                while let Some(wording) = list.next_element()? {
                    wordings.push(wording);
                }
                Ok(OneOrMany::Many(wordings))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor)
    }
}
