//! The state of a conversation: everything that the next step depends on.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::border::{Captured, Opening};
use crate::scene::condition::{Circumstances, Kept};

/// The whole state of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Chooses between the wordings of a prompt.
    pub(super) seed: u64,
    /// What clocks showed when it began.
    pub(super) now: DateTime,
    /// How many prompts were spoken: the other half of the choice.
    pub(super) prompts: u64,
    /// What is known of the customer, the scene's defaults included.
    pub(super) variables: BTreeMap<String, String>,
    /// The words for those that are not spoken as they are written.
    pub(super) spoken: BTreeMap<String, String>,
    pub(super) phase: Phase,
    /// The active node; the scene's first before the conversation begins.
    pub(super) node: String,
    /// The nodes that called the sub-flows which the conversation is in, the innermost last.
    pub(super) callers: Vec<String>,
    /// How many turns the customer had.
    pub(super) rounds: u32,
    /// Silences in a row at the active node.
    pub(super) silences_here: u32,
    /// Misunderstandings in a row at the active node.
    pub(super) unknowns_here: u32,
    /// How often the robot took up a prompt of the active node again that was cut off by nothing.
    pub(super) resumed_here: u32,
    /// The digits that are typed so far.
    pub(super) typed: String,
    /// The key that ended digits which were complete already: it says nothing more.
    pub(super) late_key: Option<char>,
    /// Whether nothing can be recognised any more.
    pub(super) deaf: bool,
    /// Whether the customer was told so.
    pub(super) deaf_said: bool,
    /// What the customer said that was kept, by its name.
    pub(super) values: BTreeMap<String, Captured>,
    /// Whether the customer asked never to be called again.
    pub(super) do_not_call: bool,
    pub(super) history: History,
}

/// Where a conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Nobody has answered yet.
    Ready,
    /// The robot has begun to speak.
    Talking,
    /// A person is being called.
    Transferring,
    /// It is over.
    Ended(End),
}

/// How a conversation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// The robot hung up.
    Robot {
        /// Why.
        reason: String,
        /// The label of the node where it did.
        label: Option<String>,
    },
    /// A person took the call over.
    Transferred {
        /// Why, in the scene's words.
        reason: String,
    },
    /// The customer hung up.
    Customer,
}

/// What happened so far, for the rules of the scene.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// The nodes that the conversation came through, in order.
    pub(crate) visited: Vec<String>,
    /// The intents that led along a branch, in order.
    pub(crate) intents: Vec<String>,
    /// The knowledge entries that were asked for, in order.
    pub(crate) knowledge: Vec<String>,
    /// How often the robot did not understand.
    pub(crate) unknowns: u32,
    /// How often the customer said nothing.
    pub(crate) silences: u32,
}

impl State {
    pub(super) fn new(
        opening: Opening,
        variables: BTreeMap<String, String>,
        spoken: BTreeMap<String, String>,
        node: String,
    ) -> Self {
        Self {
            seed: opening.seed,
            now: opening.now,
            prompts: 0,
            variables,
            spoken,
            phase: Phase::Ready,
            node,
            callers: Vec::new(),
            rounds: 0,
            silences_here: 0,
            unknowns_here: 0,
            resumed_here: 0,
            typed: String::new(),
            late_key: None,
            deaf: false,
            deaf_said: false,
            values: BTreeMap::new(),
            do_not_call: false,
            history: History::default(),
        }
    }

    /// Whether the conversation is over: nothing more will be said.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether the robot waits for a person to take the call.
    #[must_use]
    pub const fn is_transferring(&self) -> bool {
        matches!(self.phase, Phase::Transferring)
    }

    /// Whether a person has taken the call over.
    #[must_use]
    pub const fn is_transferred(&self) -> bool {
        matches!(self.phase, Phase::Ended(End::Transferred { .. }))
    }

    /// The active node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Why the robot left the call, by hanging up or for a person; none while it talks and where the customer hung up.
    #[must_use]
    pub fn hang_up_reason(&self) -> Option<&str> {
        match &self.phase {
            Phase::Ended(End::Robot { reason, .. } | End::Transferred { reason }) => Some(reason),
            Phase::Ended(End::Customer) | Phase::Ready | Phase::Talking | Phase::Transferring => None,
        }
    }

    /// The label of the end that the conversation came to.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.phase {
            Phase::Ended(End::Robot { label, .. }) => label.as_deref(),
            _ => None,
        }
    }

    /// What the customer said that was kept, by its name.
    #[must_use]
    pub const fn values(&self) -> &BTreeMap<String, Captured> {
        &self.values
    }

    /// Whether the customer asked never to be called again.
    #[must_use]
    pub const fn do_not_call(&self) -> bool {
        self.do_not_call
    }

    /// The nodes that the conversation came through, in order.
    #[must_use]
    pub fn visited(&self) -> &[String] {
        &self.history.visited
    }

    /// How often the robot did not understand.
    #[must_use]
    pub const fn unknowns(&self) -> u32 {
        self.history.unknowns
    }

    /// How often the customer said nothing.
    #[must_use]
    pub const fn silences(&self) -> u32 {
        self.history.silences
    }

    /// What happened so far.
    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    /// The words for a slot.
    pub(crate) fn words(&self, name: &str) -> Option<&str> {
        let kept = self.values.get(name).map(|kept| &kept.spoken);
        kept.or_else(|| self.spoken.get(name)).or_else(|| self.variables.get(name)).map(String::as_str)
    }

    /// What a slot stands for where it is dialled rather than spoken.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let kept = self.values.get(name).map(|kept| &kept.value);
        kept.or_else(|| self.variables.get(name)).map(String::as_str)
    }

    /// What conditions see of the conversation; how long it was and how often the robot spoke are not among it.
    pub(crate) fn circumstances(&self) -> Circumstances {
        let History { visited, intents, knowledge, unknowns, silences } = &self.history;
        let value = |kept: &Captured| match kept.value.parse() {
            Ok(number) if kept.numeric => Kept::Number(number),
            _ => Kept::Text(kept.value.clone()),
        };
        Circumstances {
            rounds: i64::try_from(self.prompts).unwrap_or(i64::MAX),
            talk_seconds: 0,
            unknowns: (*unknowns).into(),
            silences: (*silences).into(),
            node: self.node.clone(),
            reason: self.hang_up_reason().unwrap_or_default().to_owned(),
            label: self.label().unwrap_or_default().to_owned(),
            hung_up_by_customer: matches!(self.phase, Phase::Ended(End::Customer)),
            transferred: self.is_transferred(),
            deaf: self.deaf,
            do_not_call: self.do_not_call,
            visited: visited.clone(),
            intents: intents.clone(),
            knowledge: knowledge.clone(),
            variables: self.variables.clone(),
            values: self.values.iter().map(|(name, kept)| (name.clone(), value(kept))).collect(),
        }
    }
}
