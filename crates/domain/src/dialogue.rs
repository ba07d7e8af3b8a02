//! One conversation as a pure function of its scene, its state and what happens.
//!
//! [`begin`] gives the state before the first word; [`step`] takes what happened and gives what the
//! robot does. Nothing here waits, listens or speaks. Whatever happens, a conversation ends: after
//! the scene's number of rounds the robot takes its leave.

mod border;
mod understand;

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::call::Understanding;
use crate::chance::draw;
use crate::scene::Scene;
use crate::scene::model::{Fallback, Listening, Node, NodeIndex, Then, Voicemail};
use crate::scene::template::Template;
use crate::scene::trigger::Normalized;
pub use border::{Action, Candidate, Captured, Event, Interruption, KeyEntry, Listen, Opening, Step, TransferHow};
use understand::Meaning;

/// The silence that ends an utterance, in milliseconds.
const PAUSE_MS: u32 = 700;

/// The whole state of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Chooses between the wordings of a prompt.
    seed: u64,
    /// What clocks showed when it began.
    now: DateTime,
    /// How many prompts were spoken: the other half of the choice.
    prompts: u64,
    /// What is known of the customer, the scene's defaults included.
    variables: BTreeMap<String, String>,
    /// The words for those that are not spoken as they are written.
    #[serde(default)]
    spoken: BTreeMap<String, String>,
    phase: Phase,
    /// The active node; the scene's first before the conversation begins.
    node: String,
    /// How many turns the customer had.
    rounds: u32,
    /// Silences in a row at the active node.
    silences_here: u32,
    /// Misunderstandings in a row at the active node.
    unknowns_here: u32,
    /// What the customer said that was kept, by its name.
    values: BTreeMap<String, Captured>,
    /// Whether the customer asked never to be called again.
    do_not_call: bool,
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

    /// What happened so far.
    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    /// What is known of the customer, the scene's defaults included.
    pub(crate) const fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

/// The state of a conversation before its first word.
#[must_use]
pub fn begin(scene: &Scene, variables: &BTreeMap<String, String>, opening: Opening) -> State {
    let known = scene.complete(variables);
    State {
        seed: opening.seed,
        now: opening.now,
        prompts: 0,
        spoken: scene.spoken_forms(&known, opening.now),
        variables: known,
        phase: Phase::Ready,
        node: scene.nodes.get(scene.start).map(|node| node.name.clone()).unwrap_or_default(),
        rounds: 0,
        silences_here: 0,
        unknowns_here: 0,
        values: BTreeMap::new(),
        do_not_call: false,
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

/// What the customer's words may be taken for now: the branches of the active node, and all knowledge. None while
/// the robot does not listen.
#[must_use]
pub fn candidates(scene: &Scene, state: &State) -> Vec<Candidate> {
    listening(scene, state).map_or_else(Vec::new, |listening| understand::candidates(scene, listening))
}

/// Whether the rules of the scene understand these words now; where they do, nobody else need be asked.
#[must_use]
pub fn would_understand(scene: &Scene, state: &State, text: &str) -> bool {
    let said = Normalized::new(text);
    said.is_empty()
        || listening(scene, state).is_none_or(|listening| {
            !matches!(
                understand::understand(scene, listening, &said, None),
                Meaning::Unknown | Meaning::Anything { .. }
            )
        })
}

/// What the active node listens for; none while the robot does not listen.
fn listening<'a>(scene: &'a Scene, state: &State) -> Option<&'a Listening> {
    if state.phase != Phase::Talking {
        return None;
    }
    match &scene.node(&state.node)?.then {
        Then::Listen(listening) => Some(listening),
        Then::GoOn(_) | Then::End { .. } => None,
    }
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
            Event::Heard { text, choice, .. } => Some(self.heard(node, listening, text, choice.as_deref())),
            Event::Key { digit } => {
                self.key(node, listening, *digit);
                None
            }
            Event::Silence => {
                self.silence(node, listening);
                None
            }
            Event::Deaf => {
                self.close();
                None
            }
            Event::Transferred => {
                self.state.phase = Phase::Ended { reason: None };
                None
            }
            Event::Answered | Event::HungUp | Event::Machine | Event::TransferFailed { .. } => {
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

    fn heard(&mut self, node: &'a Node, listening: &'a Listening, text: &str, choice: Option<&str>) -> Understanding {
        let said = Normalized::new(text);
        self.state.silences_here = 0;
        if said.is_empty() {
            // A cough, or a recogniser that heard none: the customer still has the floor.
            self.listen(listening);
            return Understanding::NotNeeded;
        }
        match understand::understand(self.scene, listening, &said, choice) {
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
        let state = &*self.state;
        let text =
            wording.render(|name| state.spoken.get(name).or_else(|| state.variables.get(name)).map(String::as_str));
        if text.trim().is_empty() {
            return;
        }
        let interruption = if interruptible { Interruption::Always } else { Interruption::Never };
        self.actions.push(Action::Say { text, node: self.state.node.clone(), interruption });
    }

    fn listen(&mut self, listening: &Listening) {
        let keys = if listening.keys.is_empty() { KeyEntry::Unused } else { KeyEntry::One };
        self.actions.push(Action::Listen(Listen { silence_ms: listening.silence_ms, pause_ms: PAUSE_MS, keys }));
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
