//! One conversation as a pure function of its scene, its state and what happens.
//!
//! [`begin`] gives the state before the first word; [`step`] takes what happened and gives what the
//! robot does. Nothing here waits, listens or speaks. Whatever happens, a conversation ends: after
//! the scene's number of rounds the robot takes its leave.

mod border;
mod hearing;
mod state;
mod turn;
mod understand;

use std::collections::BTreeMap;

use crate::call::Match;
use crate::scene::Scene;
use crate::scene::model::{Listening, Then};
use crate::scene::trigger::Normalized;
pub use border::{Action, Candidate, Captured, Event, Interruption, KeyEntry, Listen, Opening, Step, TransferHow};
use state::Phase;
pub use state::State;
use turn::Turn;
use understand::Meaning;
pub use understand::is_backchannel;

/// The state of a conversation before its first word.
#[must_use]
pub fn begin(scene: &Scene, variables: &BTreeMap<String, String>, opening: Opening) -> State {
    let start = scene.nodes.get(scene.start).map(|node| node.name.clone());
    let known = scene.complete(variables);
    let spoken = scene.spoken_forms(&known, opening.now);
    State::new(opening, known, spoken, start.unwrap_or_default())
}

/// What an event leads to. Events after the end of the conversation lead to nothing, and so does anything but the
/// outcome while a transfer is under way.
pub fn step(scene: &Scene, state: &mut State, event: &Event) -> Step {
    let mut turn = Turn::new(scene, state);
    let understanding = turn.take(event);
    let actions = turn.into_actions();
    Step { understanding, node: state.node.clone(), actions }
}

/// What the customer's words may be taken for now: the branches of the active node, and all knowledge. None while
/// the robot does not listen.
#[must_use]
pub fn candidates(scene: &Scene, state: &State) -> Vec<Candidate> {
    listening(scene, state).map_or_else(Vec::new, |listening| understand::candidates(scene, state, listening))
}

/// How near words come to everything that they may be taken for now, the nearest first, also where that is not near enough
/// to be understood: for whoever writes the scene. Nothing while the robot does not listen.
#[must_use]
pub fn weigh(scene: &Scene, state: &State, text: &str) -> Vec<Match> {
    let said = Normalized::new(text);
    let Some(listening) = listening(scene, state).filter(|_| !said.is_empty()) else {
        return Vec::new();
    };
    let words = understand::Words { text, said: &said, now: state.now, choice: None };
    understand::weigh(scene, listening, &understand::questions(scene, state), &words)
}

/// Whether the rules of the scene understand these words now; where they do, nobody else need be asked.
#[must_use]
pub fn would_understand(scene: &Scene, state: &State, text: &str) -> bool {
    let said = Normalized::new(text);
    if said.is_empty() {
        return true;
    }
    let Some(listening) = listening(scene, state) else {
        return true;
    };
    let words = understand::Words { text, said: &said, now: state.now, choice: None };
    let questions = understand::questions(scene, state);
    let understood = understand::understand(scene, listening, &questions, &words);
    !matches!(understood.meaning, Meaning::Unknown | Meaning::Anything { .. })
}

/// What the active node listens for; none while the robot does not listen.
fn listening<'a>(scene: &'a Scene, state: &State) -> Option<&'a Listening> {
    if state.phase != Phase::Talking {
        return None;
    }
    match &scene.node(&state.node)?.then {
        Then::Listen(listening) => Some(listening),
        _ => None,
    }
}
