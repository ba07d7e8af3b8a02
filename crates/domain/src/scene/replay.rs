//! Past calls against another version of their scene.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::call::{CallResult, Utterance};
use crate::dialogue::Event;

/// Everything that happened in a conversation, so that it can be played again: keys and silences are in no transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// What chose between wordings.
    pub seed: u64,
    /// When it began, as civil time: what 明天 meant.
    pub began: DateTime,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A past call, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptCall {
    /// What was known of the customer.
    pub variables: BTreeMap<String, String>,
    /// What happened.
    pub course: Course,
    /// What was said.
    pub transcript: Vec<Utterance>,
    /// What the rules concluded then.
    pub results: Vec<CallResult>,
    /// What a person made of it: result name and values.
    pub by_hand: BTreeMap<String, Vec<String>>,
    /// Talk time in milliseconds.
    pub talk_ms: i64,
    /// How often the robot spoke.
    pub chat_rounds: i64,
}
