//! Written dialogues as their author writes them.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::document::Wordings;
use super::super::source::{Located, Position};
use crate::dialogue::Event;

/// A dialogue with a scene, and what is expected of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dialogue {
    /// What it shows, in a few words.
    pub(super) name: Located<String>,
    /// What is known of the customer.
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    /// Chooses between wordings; 0 by default.
    #[serde(default)]
    pub(super) seed: u64,
    /// What clocks show, for example `2026-12-01 10:00`, a Tuesday, which is the default.
    #[serde(default)]
    pub(super) now: Option<Located<String>>,
    /// What is expected of the robot's first words.
    #[serde(default)]
    pub(super) opening: Expected,
    /// What the customer does, and what is expected of the robot then.
    #[serde(default)]
    pub(super) turns: Vec<Turn>,
    /// What is expected of the whole dialogue.
    #[serde(default)]
    pub(super) expect: ExpectedEnd,
}

/// What happens, exactly one thing, and what is expected of the robot then.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Turn {
    /// The customer says this.
    #[serde(default)]
    pub(super) customer: Option<Located<String>>,
    /// The customer says it while the robot speaks, and cuts it off.
    #[serde(default)]
    pub(super) interrupts: bool,
    /// What a language model takes the customer's words for, where the rules do not understand them.
    #[serde(default)]
    pub(super) choice: Option<String>,
    /// The customer presses this key, or these keys one after the other.
    #[serde(default)]
    pub(super) key: Option<Located<String>>,
    /// The customer says nothing.
    #[serde(default)]
    pub(super) silence: Option<Located<bool>>,
    /// The customer hangs up.
    #[serde(default)]
    pub(super) hangs_up: Option<Located<bool>>,
    /// A person takes the call that the robot hands over, or nobody does.
    #[serde(default)]
    pub(super) transfer: Option<Located<TransferOutcome>>,
    /// From here on nothing can be recognised.
    #[serde(default)]
    pub(super) deaf: Option<Located<bool>>,
    /// An answering machine has taken the call.
    #[serde(default)]
    pub(super) machine: Option<Located<bool>>,
    /// The node that is active then.
    #[serde(default)]
    pub(super) node: Option<Located<String>>,
    /// What the robot's words contain.
    #[serde(default)]
    pub(super) says: Option<Located<String>>,
    /// The intent or the knowledge entry that was hit, or the name under which a value was kept; `AI_UNKNOWN` for none.
    #[serde(default)]
    pub(super) intent: Option<Located<String>>,
}

/// What comes of handing a call to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TransferOutcome {
    /// The person takes it.
    Taken,
    /// Nobody does.
    Failed,
}

/// What is expected of the robot's first words.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    /// The node that is active then.
    pub(super) node: Option<Located<String>>,
    /// What the robot's words contain.
    pub(super) says: Option<Located<String>>,
}

/// What is expected of the whole dialogue.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedEnd {
    /// Why the robot left the call.
    pub(super) reason: Option<Located<String>>,
    /// Result name → value, or list of values.
    pub(super) results: BTreeMap<String, Located<Wordings>>,
    /// What was kept: name → value.
    pub(super) values: BTreeMap<String, Located<String>>,
    /// Whether the customer asked never to be called again.
    pub(super) do_not_call: Option<Located<bool>>,
}

impl Turn {
    /// What happens, event by event; none where that is not exactly one thing.
    pub(super) fn events(&self) -> Option<Vec<Event>> {
        let said = self.customer.as_ref().map(|said| Event::Heard {
            text: said.value.clone(),
            interrupted: self.interrupts,
            choice: self.choice.clone(),
        });
        let flag =
            |flag: &Option<Located<bool>>, event: Event| flag.as_ref().filter(|flag| flag.value).map(|_| vec![event]);
        let keys = self.key.as_ref().map(|keys| keys.value.chars().map(|digit| Event::Key { digit }).collect());
        let transfer = self.transfer.as_ref().map(|outcome| match outcome.value {
            TransferOutcome::Taken => Event::Transferred,
            TransferOutcome::Failed => Event::TransferFailed { reason: "nobody took the call".to_owned() },
        });
        let things = [
            said.map(|said| vec![said]),
            keys,
            flag(&self.silence, Event::Silence),
            flag(&self.hangs_up, Event::HungUp),
            transfer.map(|event| vec![event]),
            flag(&self.deaf, Event::Deaf),
            flag(&self.machine, Event::Machine),
        ];
        let mut things = things.into_iter().flatten();
        let events = things.next().filter(|events| !events.is_empty())?;
        let is_speech = self.customer.is_some() || (!self.interrupts && self.choice.is_none());
        (things.next().is_none() && is_speech).then_some(events)
    }

    /// Where it stands.
    pub(super) fn at(&self) -> Option<Position> {
        let texts = [&self.customer, &self.key, &self.node, &self.says, &self.intent];
        let flags = [&self.silence, &self.hangs_up, &self.deaf, &self.machine];
        let texts = texts.into_iter().filter_map(|text| text.as_ref().map(|text| text.at));
        let flags = flags.into_iter().filter_map(|flag| flag.as_ref().map(|flag| flag.at));
        texts.chain(flags).chain(self.transfer.as_ref().map(|outcome| outcome.at)).next()
    }
}

impl Dialogue {
    /// What clocks show in it; an error where that is no date with a time.
    pub(super) fn clock(&self) -> Result<Option<DateTime>, Position> {
        self.now.as_ref().map(|now| now.value.parse().map_err(|_| now.at)).transpose()
    }
}
