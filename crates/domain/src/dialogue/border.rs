//! What goes into a conversation and comes out of it: the border to whatever carries the call.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::call::Understanding;

/// What a conversation begins with, besides what is known of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Chooses between the wordings of prompts; the same seed gives the same conversation.
    pub seed: u64,
    /// What clocks show in the installation's zone: 明天 is counted from it.
    pub now: DateTime,
}

/// What happened on the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The customer took the call.
    Answered,
    /// The customer said something.
    Heard {
        /// The words as they were recognised.
        text: String,
        /// Whether they cut off what the robot was saying.
        #[serde(default, skip_serializing_if = "is_false")]
        interrupted: bool,
        /// What a language model took the words for: the name of a [`Candidate`]. It counts only where the rules
        /// understand nothing, and only where it is a candidate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<String>,
    },
    /// The customer pressed a key; of several, one event each.
    Key {
        /// `0`–`9`, `*` or `#`.
        digit: char,
    },
    /// Nothing was heard for as long as the last [`Action::Listen`] said.
    Silence,
    /// Nothing that is said can be recognised any more.
    Deaf,
    /// An answering machine has taken the call, and is listening.
    Machine,
    /// A person has taken the call over; it is over for the robot.
    Transferred,
    /// Nobody took the call over.
    TransferFailed {
        /// Why, for the record.
        reason: String,
    },
    /// The customer hung up, or the line dropped.
    HungUp,
}

impl Event {
    /// Words that cut off nothing, and that no language model looked at.
    #[must_use]
    pub fn heard(text: impl Into<String>) -> Self {
        Self::Heard { text: text.into(), interrupted: false, choice: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What the robot does next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Speak.
    Say {
        /// The words; never empty.
        text: String,
        /// The active node.
        node: String,
        /// Whether the customer may cut it off.
        interruption: Interruption,
    },
    /// Wait for the customer; ends with [`Event::Heard`], [`Event::Key`], [`Event::Silence`], [`Event::Deaf`],
    /// [`Event::Machine`] or [`Event::HungUp`].
    Listen(Listen),
    /// Hand the call to a person; ends with [`Event::Transferred`], [`Event::TransferFailed`] or [`Event::HungUp`].
    Transfer {
        /// The number or the address of the person.
        to: String,
        /// By which means.
        how: TransferHow,
        /// How long it may ring there, in milliseconds.
        ring_ms: u32,
    },
    /// End the call.
    HangUp {
        /// Why, in the scene's words.
        reason: String,
    },
}

/// Whether the customer may cut off a prompt: by speech that is more than a sign of listening, or by a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// It is said to its end.
    Never,
    /// At any moment.
    #[default]
    Always,
    /// Not at its beginning.
    After {
        /// For how long not, in milliseconds from its first sound.
        ms: u32,
    },
}

/// How to wait for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// How long nothing may be heard before [`Event::Silence`], in milliseconds; while digits are being typed, how
    /// long the next one may take.
    pub silence_ms: u32,
    /// The silence that ends an utterance, in milliseconds.
    pub pause_ms: u32,
    /// What keys are good for.
    #[serde(default)]
    pub keys: KeyEntry,
}

/// What keys are good for while the robot listens. The dialogue itself collects the digits: the line reports each
/// key as it is pressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEntry {
    /// No key means anything.
    #[default]
    Unused,
    /// One key is an answer.
    One,
    /// Several keys together are.
    Digits {
        /// How many may still come.
        missing: u32,
        /// How many are there already.
        typed: u32,
        /// The key that ends them early.
        until: Option<char>,
    },
}

/// By which means a call is handed to a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferHow {
    /// The trunk is asked to do it (SIP REFER), and the call leaves us.
    Refer,
    /// We call the person, and join both calls.
    Bridge,
    /// Whichever the trunk can do.
    #[default]
    Either,
}

/// What one event led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How the customer's words were taken; only for [`Event::Heard`] while the robot talks.
    pub understanding: Option<Understanding>,
    /// The node that is active after the step.
    pub node: String,
    /// What to do, in this order. The last one is [`Action::Listen`], [`Action::Transfer`] or [`Action::HangUp`];
    /// there is none once the conversation is over.
    pub actions: Vec<Action>,
}

/// Something that the customer said or typed, and that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The words in which it was said: what the robot says when it repeats it.
    pub spoken: String,
    /// The same in the form that rules and reports use: `2026-12-05 15:00`, `1280`, `138…`.
    pub value: String,
    /// Whether the value is a number, which conditions compare as one; digits that are read one by one are none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub numeric: bool,
    /// The moment that it names, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<DateTime>,
    /// The words of the whole utterance.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub utterance: String,
}

/// What the customer's words may be taken for at the active node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The name of a branch or of a knowledge entry.
    pub name: String,
    /// Words that mean it.
    pub examples: Vec<String>,
}
