//! A scene as its author writes it. The fields here are the scene language; `docs/scene.md` explains
//! them, and `docs/scene.schema.json` is generated from them.

pub(super) mod forms;
pub(super) mod node;
pub(super) mod wordings;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::kind::VariableKind;
use super::public::Language;
use super::source::Located;
use forms::{Interruptible, Values, Voice, Way};
pub(super) use node::{Branch, Expects, Node};
pub(super) use wordings::Wordings;

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
    /// The language that it is spoken in; `zh` by default.
    #[serde(default)]
    pub(super) language: Language,
    /// The voices (录音) that the scene can be spoken with; the first is the default.
    #[serde(default)]
    pub(super) voices: Vec<Voice>,
    /// Words that are the same in every call. Prompts speak them as `{name}`, and stay whole pieces of audio.
    #[serde(default)]
    pub(super) constants: BTreeMap<String, Located<String>>,
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
    /// What to do when nothing that is said can be recognised any more.
    #[serde(default)]
    pub(super) on_deaf: OnDeaf,
    /// How the robot takes its leave of somebody who asks never to be called again.
    #[serde(default)]
    pub(super) do_not_call: Closing,
    /// What customers may mean. An intent of a built-in name (肯定, 否定, 忙碌 …) adds to it.
    #[serde(default)]
    pub(super) intents: Vec<Intent>,
    /// Branches that hold at every node that has none of its own for the same intent.
    #[serde(default)]
    pub(super) anywhere: Vec<Branch>,
    /// The steps of the conversation.
    pub(super) nodes: Vec<Node>,
    /// Pieces of conversation that are used in several places: entered by `call`, left by `return`.
    #[serde(default)]
    pub(super) flows: Vec<Flow>,
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
    /// What it is, which says how it is spoken; `text` by default.
    #[serde(default, rename = "type")]
    pub(super) kind: VariableKind,
    /// What stands for it where an import gives none.
    #[serde(default)]
    pub(super) default: Option<Located<String>>,
    /// An example for the people who prepare imports.
    #[serde(default)]
    pub(super) example: Option<Located<String>>,
    /// Whether an import must give it; by default where it has no `default`.
    #[serde(default)]
    pub(super) required: Option<bool>,
}

/// What holds for every node that does not say otherwise.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    /// How long nothing may be heard before it counts as silence, in milliseconds; 4000 by default.
    pub(super) silence_ms: Option<Located<u32>>,
    /// The silence that ends an utterance, in milliseconds; 700 by default.
    pub(super) pause_ms: Option<Located<u32>>,
    /// What kind of answer is expected, which sets `pause_ms`; `sentence` by default.
    pub(super) expects: Option<Expects>,
    /// Whether the customer's voice stops a prompt; true by default.
    pub(super) interruptible: Option<Interruptible>,
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

/// What to do when nothing that is said can be recognised any more. Where keys lead on, the talk goes on by keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OnDeaf {
    /// What the robot says; an apology by default.
    pub(super) say: Wordings,
    /// The node where the talk goes on; the call ends by default.
    pub(super) next: Option<Located<String>>,
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
    /// Whether it asks never to be called again, as 拒绝再打 does.
    #[serde(default)]
    pub(super) do_not_call: bool,
}

/// A piece of conversation that is used in several places.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Flow {
    /// Its name, which `call` refers to. Others know its nodes as `flow/node`.
    pub(super) name: Located<String>,
    /// The node that it begins with; the first one by default.
    #[serde(default)]
    pub(super) start: Option<Located<String>>,
    /// Its steps, which lead to each other only, and leave it by `return`.
    pub(super) nodes: Vec<Node>,
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
    pub(super) next: Option<Way>,
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
    /// What the robot answers; of several answers, who asks again hears the next one.
    pub(super) answer: Located<Wordings>,
    /// Whether the customer's voice stops the answer.
    #[serde(default)]
    pub(super) interruptible: Option<Interruptible>,
    /// A condition in CEL over what happened so far: where it does not hold, the question is not understood.
    #[serde(default)]
    pub(super) when: Option<Located<String>>,
    /// How often it is answered. Who asks again is led to `then`, or has not been understood.
    #[serde(default)]
    pub(super) limit: Option<Located<u32>>,
    /// What the question says about the customer: result name → value, for example 客户关注点: 询问价格.
    #[serde(default)]
    pub(super) reveals: BTreeMap<String, Located<String>>,
    /// The node where the talk goes on; back where it was by default.
    #[serde(default)]
    pub(super) then: Option<Way>,
}

/// What can be concluded under one name, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultRules {
    /// Name of the result, for example 客户意向等级.
    pub(super) name: Located<String>,
    /// Every value that can be concluded, in the order in which reports show them; or `any`.
    pub(super) values: Values,
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
    /// A condition in CEL over what happened in the call; with `value_of`, by default that the value was kept.
    #[serde(default)]
    pub(super) when: Option<Located<String>>,
    /// The value that it concludes.
    #[serde(default)]
    pub(super) value: Option<Located<String>>,
    /// The kept value that it concludes, in place of a `value` of its own.
    #[serde(default)]
    pub(super) value_of: Option<Located<String>>,
    /// The reason in words, for the people who read the result; it can have slots.
    pub(super) because: Located<String>,
}
