//! A scene as the dialogue plays it: names resolved, wordings parsed, conditions compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::condition::Condition;
use super::kind::{ValueKind, VariableKind};
use super::template::Template;
use super::trigger::Trigger;
use crate::dialogue::{Interruption, TransferHow};

/// Position of a node in its scene; the nodes of sub-flows stand after those of the scene itself.
pub(crate) type NodeIndex = usize;

/// Position of an intent in its scene.
pub(crate) type IntentIndex = usize;

/// A step of the conversation.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name; `flow/node` in a sub-flow.
    pub(crate) name: String,
    /// The sub-flow that it belongs to; none: the scene itself.
    pub(crate) flow: Option<usize>,
    /// What the robot says on entering it; may be empty where it neither listens nor ends the call.
    pub(crate) say: Vec<Template>,
    /// What it says when the talk comes back here after an answer; may be empty.
    pub(crate) again: Vec<Template>,
    /// Whether the customer's voice stops the prompt.
    pub(crate) interruption: Interruption,
    /// What follows the prompt.
    pub(crate) then: Then,
}

/// What follows the prompt of a node.
#[derive(Debug)]
pub(crate) enum Then {
    /// Another node, at once.
    GoOn(Way),
    /// The customer's turn.
    Listen(Box<Listening>),
    /// The end of the call.
    End {
        /// Why the robot hangs up.
        reason: String,
        /// A word of its own for the rules.
        label: Option<String>,
    },
    /// A person takes the call.
    Transfer(Transfer),
    /// A sub-flow.
    Call {
        /// Its position.
        flow: usize,
        /// Its first node.
        start: NodeIndex,
        /// Where the talk goes on, for each name that it returns.
        returns: BTreeMap<String, Way>,
    },
    /// The end of a sub-flow.
    Return {
        /// What it returns.
        name: String,
    },
}

/// Where the talk goes on.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The first that holds counts.
    pub(crate) guards: Vec<Guard>,
    /// Where it goes on when none of them holds.
    pub(crate) to: NodeIndex,
}

/// A node that is taken where a condition holds.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// The condition.
    pub(crate) condition: Arc<Condition>,
    /// The node.
    pub(crate) to: NodeIndex,
}

impl Way {
    /// Every node that it can lead to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = NodeIndex> {
        self.guards.iter().map(|guard| guard.to).chain([self.to])
    }
}

/// How a call is handed to a person.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The person's number or address.
    pub(crate) to: Template,
    /// By which means.
    pub(crate) how: TransferHow,
    /// How long it may ring there.
    pub(crate) ring_ms: u32,
    /// Where the talk goes on when nobody takes it.
    pub(crate) failed: Way,
    /// Why the robot left the call.
    pub(crate) reason: String,
}

/// What a node makes of the customer's turn.
#[derive(Debug)]
pub(crate) struct Listening {
    /// How long nothing may be heard before it counts as silence.
    pub(crate) silence_ms: u32,
    /// The silence that ends an utterance.
    pub(crate) pause_ms: u32,
    /// The ways on by what the customer means, those of `anywhere` last.
    pub(crate) branches: Vec<Branch>,
    /// The ways on by one key.
    pub(crate) keys: BTreeMap<char, KeyBranch>,
    /// The way on by several keys.
    pub(crate) entry: Option<Entry>,
    /// Where anything leads that hits nothing else.
    pub(crate) otherwise: Option<Way>,
    /// What to do when the customer says nothing.
    pub(crate) on_silence: Fallback,
    /// What to do when the robot does not understand.
    pub(crate) on_unknown: Fallback,
}

impl Listening {
    /// Whether a conversation can go on here without a word of the customer.
    pub(crate) fn takes_keys(&self) -> bool {
        !self.keys.is_empty() || self.entry.is_some()
    }
}

/// One way on by what the customer means.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// What they mean; with a value, both must be heard. Never none without a value.
    pub(crate) intent: Option<IntentIndex>,
    /// The value that must be heard.
    pub(crate) value: Option<ValueKind>,
    /// The name under which the value, or else the words, are kept.
    pub(crate) keep: Option<String>,
    /// Where it leads.
    pub(crate) next: Way,
    /// Whether it holds at every node rather than at this one.
    pub(crate) anywhere: bool,
}

/// One way on by a key.
#[derive(Debug, Clone)]
pub(crate) struct KeyBranch {
    /// The name under which the key is kept.
    pub(crate) keep: Option<String>,
    /// Where it leads.
    pub(crate) next: Way,
}

/// The way on by several keys.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// How many there are; at most so many where a key ends them.
    pub(crate) digits: u32,
    /// The key that ends them.
    pub(crate) until: Option<char>,
    /// How long the next one may take.
    pub(crate) between_ms: u32,
    /// The name under which they are kept.
    pub(crate) keep: Option<String>,
    /// Where it leads.
    pub(crate) next: Way,
}

/// What to do when the customer says nothing, or nothing that the robot understands.
#[derive(Debug, Clone)]
pub(crate) struct Fallback {
    /// What the robot says; never empty.
    pub(crate) say: Vec<Template>,
    /// How often at one node before it goes on.
    pub(crate) limit: u32,
    /// Where it goes on; none: to the closing.
    pub(crate) next: Option<Way>,
}

/// What a customer may mean.
#[derive(Debug)]
pub(crate) struct Intent {
    /// Its name.
    pub(crate) name: String,
    /// The words for it.
    pub(crate) trigger: Trigger,
    /// Whether it asks never to be called again.
    pub(crate) do_not_call: bool,
}

/// A question that can be answered at any node.
#[derive(Debug)]
pub(crate) struct Knowledge {
    /// Its name.
    pub(crate) name: String,
    /// The words that ask it.
    pub(crate) trigger: Trigger,
    /// Where it is understood at all; none: everywhere.
    pub(crate) when: Option<Arc<Condition>>,
    /// What the robot answers; never empty.
    pub(crate) answer: Vec<Template>,
    /// Whether the customer's voice stops the answer.
    pub(crate) interruption: Interruption,
    /// What the question says about the customer: result name and value.
    pub(crate) reveals: Vec<(String, String)>,
    /// Where the talk goes on; none: back where it was.
    pub(crate) then: Option<Way>,
    /// How often it is answered.
    pub(crate) limit: Option<u32>,
}

/// What is known about a customer before the call.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    /// How it is spoken.
    pub(crate) kind: VariableKind,
    /// What stands for it where an import gives none.
    pub(crate) default: Option<String>,
    /// Whether an import must give it.
    pub(crate) required: bool,
}

/// How the robot takes its leave.
#[derive(Debug)]
pub(crate) struct Closing {
    /// What it says; never empty.
    pub(crate) say: Vec<Template>,
    /// Why it hangs up.
    pub(crate) reason: String,
}

/// What to do when nothing can be recognised any more.
#[derive(Debug)]
pub(crate) struct OnDeaf {
    /// What the robot says, and why it hangs up.
    pub(crate) closing: Closing,
    /// Where the talk goes on instead.
    pub(crate) next: Option<NodeIndex>,
}

/// What to do when an answering machine has taken the call.
#[derive(Debug)]
pub(crate) enum Voicemail {
    /// Say this, if it is anything, and hang up.
    Leave {
        /// Empty where nothing is said.
        say: Vec<Template>,
        /// Why it hangs up.
        reason: String,
    },
    /// Go on as with a person.
    GoOn,
}

/// How the values of one result are concluded.
#[derive(Debug)]
pub(crate) struct Conclusion {
    /// Name of the result.
    pub(crate) name: String,
    /// Whether a call can have several of its values.
    pub(crate) multiple: bool,
    /// The value where no rule holds.
    pub(crate) default: Option<String>,
    /// When which value is concluded.
    pub(crate) rules: Vec<Rule>,
}

/// When a value is concluded.
#[derive(Debug)]
pub(crate) struct Rule {
    /// When; none: always.
    pub(crate) condition: Option<Condition>,
    /// What.
    pub(crate) value: Given,
    /// Why, in words.
    pub(crate) because: Template,
}

/// The value that a rule gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// This one.
    Value(String),
    /// What was kept under this name; none where nothing was.
    Kept(String),
}
