//! Nodes and branches as their author writes them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::kind::ValueKind;
use super::super::source::Located;
use super::Fallback;
use super::forms::{Interruptible, Returns, Way};
use super::wordings::Wordings;
use crate::dialogue::TransferHow;

/// A step of the conversation. It listens (`branches`, `otherwise`), goes on by itself (`next`), ends the call (`end`),
/// hands it to a person (`transfer`), enters a sub-flow (`call`) or leaves one (`return`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct Node {
    /// Its name, which branches refer to.
    pub(in crate::scene) name: Located<String>,
    /// What the robot says, with slots `{变量}`; of several wordings one is chosen for each call. A node that listens,
    /// or ends the call, must say something.
    #[serde(default)]
    pub(in crate::scene) say: Option<Located<Wordings>>,
    /// What it says when the talk comes back here, instead of waiting in silence.
    #[serde(default)]
    pub(in crate::scene) again: Wordings,
    /// Whether the customer's voice stops the prompt.
    #[serde(default)]
    pub(in crate::scene) interruptible: Option<Interruptible>,
    /// How long nothing may be heard before it counts as silence, in milliseconds.
    #[serde(default)]
    pub(in crate::scene) silence_ms: Option<Located<u32>>,
    /// The silence that ends an utterance, in milliseconds.
    #[serde(default)]
    pub(in crate::scene) pause_ms: Option<Located<u32>>,
    /// What kind of answer is expected, which sets `pause_ms`.
    #[serde(default)]
    pub(in crate::scene) expects: Option<Expects>,
    /// The ways on.
    #[serde(default)]
    pub(in crate::scene) branches: Vec<Branch>,
    /// Where anything leads that hits no branch and no knowledge.
    #[serde(default)]
    pub(in crate::scene) otherwise: Option<Way>,
    /// What to do when the customer says nothing.
    #[serde(default)]
    pub(in crate::scene) on_silence: Option<Fallback>,
    /// What to do when the robot does not understand.
    #[serde(default)]
    pub(in crate::scene) on_unknown: Option<Fallback>,
    /// The node that follows at once, without listening.
    #[serde(default)]
    pub(in crate::scene) next: Option<Way>,
    /// The call ends here.
    #[serde(default)]
    pub(in crate::scene) end: Option<End>,
    /// A person takes the call here.
    #[serde(default)]
    pub(in crate::scene) transfer: Option<Transfer>,
    /// The sub-flow that is entered here.
    #[serde(default)]
    pub(in crate::scene) call: Option<Located<String>>,
    /// Where the talk goes on after the sub-flow.
    #[serde(default)]
    pub(in crate::scene) then: Option<Located<Returns>>,
    /// The sub-flow ends here, and this is what it returns.
    #[serde(default, rename = "return")]
    pub(in crate::scene) returns: Option<Located<String>>,
}

/// What kind of answer is expected, which says how long a pause ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scene) enum Expects {
    /// A word: 400 ms.
    Short,
    /// A sentence: 700 ms.
    Sentence,
    /// Digits, with pauses to look them up: 1500 ms.
    Digits,
}

/// One way on from a node: by what the customer means, by a value in their words, or by keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct Branch {
    /// The intent that leads this way.
    #[serde(default)]
    pub(in crate::scene) intent: Option<Located<String>>,
    /// The kind of value that leads this way; with an intent, both must be heard.
    #[serde(default)]
    pub(in crate::scene) value: Option<Located<ValueKind>>,
    /// The key that leads this way: one of `0`–`9`, `*`, `#`, in quotation marks.
    #[serde(default)]
    pub(in crate::scene) key: Option<Located<String>>,
    /// Several keys that lead this way together.
    #[serde(default)]
    pub(in crate::scene) keys: Option<Located<Keys>>,
    /// The name under which the value, the digits, or else the words are kept. Prompts speak it as `{name}`.
    #[serde(default)]
    pub(in crate::scene) keep: Option<Located<String>>,
    /// The node that it leads to.
    pub(in crate::scene) next: Way,
}

/// Several keys that are one answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct Keys {
    /// How many digits there are; at most so many where a key ends them.
    pub(in crate::scene) digits: u32,
    /// The key that ends them: `#` or `*`.
    #[serde(default)]
    pub(in crate::scene) until: Option<Located<String>>,
    /// How long the next digit may take, in milliseconds; 4000 by default.
    #[serde(default)]
    pub(in crate::scene) between_ms: Option<Located<u32>>,
    /// The name under which they are kept.
    #[serde(default)]
    pub(in crate::scene) keep: Option<Located<String>>,
}

/// The end of a call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct End {
    /// Why the robot hangs up, for the record and for the rules.
    pub(in crate::scene) reason: String,
    /// A word of its own for the rules, where several ends have one reason or one reason has several ends.
    #[serde(default)]
    pub(in crate::scene) label: Option<String>,
}

/// How a call is handed to a person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scene) struct Transfer {
    /// The number or the SIP address of the person; it can have slots.
    pub(in crate::scene) to: Located<String>,
    /// By SIP REFER (`refer`), by joining two calls (`bridge`), or whichever the trunk can do (`either`, the default).
    #[serde(default)]
    pub(in crate::scene) how: TransferHow,
    /// How long it may ring there, in seconds; 25 by default.
    #[serde(default)]
    pub(in crate::scene) ring_s: Option<Located<u32>>,
    /// Where the talk goes on when nobody takes the call.
    pub(in crate::scene) failed: Way,
    /// Why the robot left the call, for the record and for the rules.
    #[serde(default)]
    pub(in crate::scene) reason: Option<String>,
}
