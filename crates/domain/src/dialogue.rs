//! One conversation as a pure function of its scene, its state and what happens.
//!
//! [`begin`] gives the state before the first word; [`step`] takes what happened and gives what the
//! robot does. Nothing here waits, listens or speaks. Whatever happens, a conversation ends: after
//! the scene's number of rounds the robot takes its leave.

mod understand;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::Understanding;
use crate::chance::draw;
use crate::scene::Scene;
use crate::scene::model::{Fallback, Listening, Node, NodeIndex, Then, Voicemail};
use crate::scene::template::Template;
use crate::scene::trigger::Normalized;
use understand::Meaning;

/// The whole state of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Chooses between the wordings of a prompt.
    seed: u64,
    /// How many prompts were spoken: the other half of the choice.
    prompts: u64,
    /// What is known of the customer, the scene's defaults included.
    variables: BTreeMap<String, String>,
    phase: Phase,
    /// The active node; the scene's first before the conversation begins.
    node: String,
    /// How many turns the customer had.
    rounds: u32,
    /// Silences in a row at the active node.
    silences_here: u32,
    /// Misunderstandings in a row at the active node.
    unknowns_here: u32,
    history: History,
}

/// Where a conversation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// Nobody has answered yet.
    Ready,
    /// The robot has begun to speak.
    Talking,
    /// It is over. The reason is the robot's; none where the customer hung up.
    Ended { reason: Option<String> },
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
    /// Whether the conversation is over: nothing more will be said.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// The active node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Why the robot hung up; none while it talks and where the customer hung up.
    #[must_use]
    pub fn hang_up_reason(&self) -> Option<&str> {
        match &self.phase {
            Phase::Ended { reason } => reason.as_deref(),
            Phase::Ready | Phase::Talking => None,
        }
    }

    /// What happened so far.
    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    /// What is known of the customer, the scene's defaults included.
    pub(crate) const fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
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
    },
    /// The customer pressed a key.
    Key {
        /// `0`–`9`, `*` or `#`.
        digit: char,
    },
    /// Nothing was heard for as long as the last [`Action::Listen`] said.
    Silence,
    /// An answering machine has taken the call, and is listening.
    Machine,
    /// The customer hung up, or the line dropped.
    HungUp,
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
        /// Whether the customer's voice stops it.
        interruptible: bool,
    },
    /// Wait for the customer; ends with [`Event::Heard`], [`Event::Key`], [`Event::Silence`] or
    /// [`Event::HungUp`].
    Listen {
        /// How long nothing may be heard before [`Event::Silence`], in milliseconds.
        silence_ms: u32,
    },
    /// End the call.
    HangUp {
        /// Why, in the scene's words.
        reason: String,
    },
}

/// What one event led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How the customer's words were taken; only for [`Event::Heard`] while the robot talks.
    pub understanding: Option<Understanding>,
    /// The node that is active after the step.
    pub node: String,
    /// What to do, in this order. The last one is [`Action::Listen`] or [`Action::HangUp`]; there is
    /// none once the conversation is over.
    pub actions: Vec<Action>,
}

/// The state of a conversation before its first word. The seed chooses between the wordings of
/// prompts; the same seed gives the same conversation.
#[must_use]
pub fn begin(scene: &Scene, variables: &BTreeMap<String, String>, seed: u64) -> State {
    let defaults = scene.variables.iter().filter_map(|variable| {
        let default = variable.default.clone()?;
        Some((variable.name.clone(), default))
    });
    let mut known: BTreeMap<String, String> = defaults.collect();
    known.extend(variables.clone());
    State {
        seed,
        prompts: 0,
        variables: known,
        phase: Phase::Ready,
        node: scene.nodes.get(scene.start).map(|node| node.name.clone()).unwrap_or_default(),
        rounds: 0,
        silences_here: 0,
        unknowns_here: 0,
        history: History::default(),
    }
}

/// What an event leads to. Events after the end of the conversation lead to nothing.
pub fn step(scene: &Scene, state: &mut State, event: &Event) -> Step {
    let mut turn = Turn { scene, state, actions: Vec::new() };
    let understanding = turn.take(event);
    let Turn { state, actions, .. } = turn;
    Step { understanding, node: state.node.clone(), actions }
}

/// One step in the making.
struct Turn<'a> {
    scene: &'a Scene,
    state: &'a mut State,
    actions: Vec<Action>,
}

impl<'a> Turn<'a> {
    fn take(&mut self, event: &Event) -> Option<Understanding> {
        match (&self.state.phase, event) {
            (Phase::Ended { .. }, _) => None,
            (_, Event::HungUp) => {
                self.state.phase = Phase::Ended { reason: None };
                None
            }
            (_, Event::Machine) => {
                self.machine();
                None
            }
            (Phase::Ready, event) => {
                self.state.phase = Phase::Talking;
                self.enter(self.scene.start);
                // Whatever the customer said first, a 喂 most likely, the opening answers it.
                matches!(event, Event::Heard { .. }).then_some(Understanding::NotNeeded)
            }
            (Phase::Talking, event) => self.talk(event),
        }
    }

    fn talk(&mut self, event: &Event) -> Option<Understanding> {
        self.state.rounds = self.state.rounds.saturating_add(1);
        let Some((node, listening)) = self.active() else {
            // A state of another scene; its customer is not left in silence.
            self.close();
            return None;
        };
        let visited = self.state.history.visited.len();
        let understanding = match event {
            Event::Heard { text } => Some(self.heard(node, listening, text)),
            Event::Key { digit } => {
                self.key(node, listening, *digit);
                None
            }
            Event::Silence => {
                self.silence(node, listening);
                None
            }
            Event::Answered | Event::HungUp | Event::Machine => {
                self.listen(listening);
                None
            }
        };
        if self.state.rounds >= self.scene.rounds_max && !self.state.is_ended() {
            // Instead of what the robot would have said, and of where that would have led: a
            // question and then a goodbye would be rude.
            self.actions.clear();
            self.state.node.clone_from(&node.name);
            self.state.history.visited.truncate(visited);
            self.close();
        }
        understanding
    }

    /// The active node, if it is one that listens.
    fn active(&self) -> Option<(&'a Node, &'a Listening)> {
        let node = self.scene.node(&self.state.node)?;
        match &node.then {
            Then::Listen(listening) => Some((node, listening)),
            Then::GoOn(_) | Then::End { .. } => None,
        }
    }

    fn heard(&mut self, node: &'a Node, listening: &'a Listening, text: &str) -> Understanding {
        let said = Normalized::new(text);
        self.state.silences_here = 0;
        if said.is_empty() {
            // A cough, or a recogniser that heard none: the customer still has the floor.
            self.listen(listening);
            return Understanding::NotNeeded;
        }
        match understand::understand(self.scene, listening, &said) {
            Meaning::Branch { next, hit } => {
                self.state.history.intents.push(hit.name.clone());
                self.enter(next);
                Understanding::Matched(hit)
            }
            Meaning::Question { entry, hit } => {
                self.state.history.knowledge.push(hit.name.clone());
                self.state.unknowns_here = 0;
                self.say(&entry.answer, entry.interruptible);
                match entry.then {
                    Some(next) => self.enter(next),
                    None => {
                        self.say(&node.again, node.interruptible);
                        self.listen(listening);
                    }
                }
                Understanding::Matched(hit)
            }
            Meaning::Anything { next } => {
                self.enter(next);
                Understanding::NotNeeded
            }
            Meaning::Unknown => {
                self.unknown(node, listening);
                Understanding::Unknown
            }
        }
    }

    fn key(&mut self, node: &'a Node, listening: &'a Listening, digit: char) {
        self.state.silences_here = 0;
        match listening.keys.get(&digit) {
            Some(&next) => self.enter(next),
            // Where no key means anything, one was pressed by a cheek.
            None if listening.keys.is_empty() => self.listen(listening),
            None => self.unknown(node, listening),
        }
    }

    fn silence(&mut self, node: &'a Node, listening: &'a Listening) {
        let said_before = self.state.silences_here;
        self.state.silences_here = said_before.saturating_add(1);
        self.state.history.silences = self.state.history.silences.saturating_add(1);
        self.fall_back(node, listening, &listening.on_silence, said_before);
    }

    fn unknown(&mut self, node: &'a Node, listening: &'a Listening) {
        let said_before = self.state.unknowns_here;
        self.state.unknowns_here = said_before.saturating_add(1);
        self.state.history.unknowns = self.state.history.unknowns.saturating_add(1);
        self.fall_back(node, listening, &listening.on_unknown, said_before);
    }

    fn fall_back(&mut self, node: &'a Node, listening: &'a Listening, fallback: &'a Fallback, said_before: u32) {
        if said_before < fallback.limit {
            self.say(&fallback.say, node.interruptible);
            self.listen(listening);
        } else {
            match fallback.next {
                Some(next) => self.enter(next),
                None => self.close(),
            }
        }
    }

    /// Speaks the prompt of a node, and of those that follow it at once.
    fn enter(&mut self, index: NodeIndex) {
        let mut next = index;
        // A checked scene has no endless chain of prompts; the bound holds for any other.
        for _ in 0..=self.scene.nodes.len() {
            let Some(node) = self.scene.nodes.get(next) else {
                break;
            };
            self.state.node.clone_from(&node.name);
            self.state.silences_here = 0;
            self.state.unknowns_here = 0;
            self.state.history.visited.push(node.name.clone());
            self.say(&node.say, node.interruptible);
            match &node.then {
                Then::GoOn(index) => next = *index,
                Then::Listen(listening) => return self.listen(listening),
                Then::End { reason } => return self.hang_up(reason),
            }
        }
        self.close();
    }

    /// Nobody is there to talk to, unless the scene goes on all the same.
    fn machine(&mut self) {
        match &self.scene.voicemail {
            Voicemail::Leave { say, reason } => {
                self.say(say, false);
                self.hang_up(reason);
            }
            Voicemail::GoOn => match self.active() {
                Some((_, listening)) if self.state.phase == Phase::Talking => self.listen(listening),
                _ => {
                    self.state.phase = Phase::Talking;
                    self.enter(self.scene.start);
                }
            },
        }
    }

    fn close(&mut self) {
        self.say(&self.scene.closing.say, false);
        self.hang_up(&self.scene.closing.reason);
    }

    fn say(&mut self, wordings: &[Template], interruptible: bool) {
        let Some(wording) = choose(wordings, self.state.seed, self.state.prompts) else {
            return;
        };
        self.state.prompts = self.state.prompts.wrapping_add(1);
        let text = wording.render(&self.state.variables);
        if text.trim().is_empty() {
            return;
        }
        self.actions.push(Action::Say { text, node: self.state.node.clone(), interruptible });
    }

    fn listen(&mut self, listening: &Listening) {
        self.actions.push(Action::Listen { silence_ms: listening.silence_ms });
    }

    fn hang_up(&mut self, reason: &str) {
        self.state.phase = Phase::Ended { reason: Some(reason.to_owned()) };
        self.actions.push(Action::HangUp { reason: reason.to_owned() });
    }
}

/// The wording for the `prompt`-th prompt of a conversation.
fn choose(wordings: &[Template], seed: u64, prompt: u64) -> Option<&Template> {
    let count = u64::try_from(wordings.len()).ok()?;
    let index = draw(seed, prompt).checked_rem(count)?;
    wordings.get(usize::try_from(index).ok()?)
}
