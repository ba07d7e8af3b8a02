//! A scene as the dialogue plays it: names resolved, wordings parsed, conditions compiled.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::kind::VariableKind;
use super::template::Template;
use super::trigger::Trigger;

/// Position of a node in its scene.
pub(crate) type NodeIndex = usize;

/// Position of an intent in its scene.
pub(crate) type IntentIndex = usize;

/// A step of the conversation.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// What the robot says on entering it; never empty.
    pub(crate) say: Vec<Template>,
    /// What it says when the talk comes back here after an answer; may be empty.
    pub(crate) again: Vec<Template>,
    /// Whether the customer's voice stops the prompt.
    pub(crate) interruptible: bool,
    /// What follows the prompt.
    pub(crate) then: Then,
}

/// What follows the prompt of a node.
#[derive(Debug)]
pub(crate) enum Then {
    /// Another node, at once.
    GoOn(NodeIndex),
    /// The customer's turn.
    Listen(Listening),
    /// The end of the call.
    End {
        /// Why the robot hangs up.
        reason: String,
    },
}

/// What a node makes of the customer's turn.
#[derive(Debug)]
pub(crate) struct Listening {
    /// How long nothing may be heard before it counts as silence.
    pub(crate) silence_ms: u32,
    /// The ways on by what the customer means, those of `anywhere` last.
    pub(crate) branches: Vec<Branch>,
    /// The ways on by key.
    pub(crate) keys: BTreeMap<char, NodeIndex>,
    /// Where anything leads that hits nothing else.
    pub(crate) otherwise: Option<NodeIndex>,
    /// What to do when the customer says nothing.
    pub(crate) on_silence: Fallback,
    /// What to do when the robot does not understand.
    pub(crate) on_unknown: Fallback,
}

/// One way on by what the customer means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    /// What they mean.
    pub(crate) intent: IntentIndex,
    /// Where it leads.
    pub(crate) next: NodeIndex,
    /// Whether it holds at every node rather than at this one.
    pub(crate) anywhere: bool,
}

/// What to do when the customer says nothing, or nothing that the robot understands.
#[derive(Debug, Clone)]
pub(crate) struct Fallback {
    /// What the robot says; never empty.
    pub(crate) say: Vec<Template>,
    /// How often at one node before it goes on.
    pub(crate) limit: u32,
    /// Where it goes on; none: to the closing.
    pub(crate) next: Option<NodeIndex>,
}

/// What a customer may mean.
#[derive(Debug)]
pub(crate) struct Intent {
    /// Its name.
    pub(crate) name: String,
    /// The words for it.
    pub(crate) trigger: Trigger,
}

/// A question that can be answered at any node.
#[derive(Debug)]
pub(crate) struct Knowledge {
    /// Its name.
    pub(crate) name: String,
    /// The words that ask it.
    pub(crate) trigger: Trigger,
    /// What the robot answers; never empty.
    pub(crate) answer: Vec<Template>,
    /// Whether the customer's voice stops the answer.
    pub(crate) interruptible: bool,
    /// What the question says about the customer: result name and value.
    pub(crate) reveals: Vec<(String, String)>,
    /// Where the talk goes on; none: back where it was.
    pub(crate) then: Option<NodeIndex>,
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

/// How the robot takes its leave when nothing else is left to do.
#[derive(Debug)]
pub(crate) struct Closing {
    /// What it says; never empty.
    pub(crate) say: Vec<Template>,
    /// Why it hangs up.
    pub(crate) reason: String,
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
    /// When.
    pub(crate) condition: Condition,
    /// What.
    pub(crate) value: String,
    /// Why, in words.
    pub(crate) because: String,
}
