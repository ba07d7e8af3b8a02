//! One written dialogue, played.

use jiff::civil::{DateTime, date};

use super::super::source::{Located, Position};
use super::document::{Dialogue, Turn};
use super::{Covered, DialogueReport, Failure, Scene, UNKNOWN};
use crate::call::{CallResult, Speaker, Understanding, Utterance};
use crate::dialogue::{Action, Event, Opening, Step};
use crate::scene::rehearsal::Rehearsal;

/// What clocks show in a dialogue that does not say: a Tuesday.
const NOW_DEFAULT: DateTime = date(2026, 12, 1).at(10, 0, 0, 0);

/// Plays one dialogue to its last turn.
pub(super) fn play(scene: &Scene, dialogue: &Dialogue) -> DialogueReport {
    let now = dialogue.clock().ok().flatten().unwrap_or(NOW_DEFAULT);
    let opening = Opening { seed: dialogue.seed, now };
    let mut player =
        Player { scene, rehearsal: Rehearsal::begin(scene, &dialogue.variables, opening), failures: Vec::new() };
    let opening = player.rehearsal.step(scene, &Event::Answered);
    player.expect_node(0, dialogue.opening.node.as_ref(), &opening);
    player.expect_words(0, dialogue.opening.says.as_ref(), &opening);
    for (index, turn) in dialogue.turns.iter().enumerate() {
        player.turn(index + 1, turn, dialogue.name.at);
    }
    let results = player.rehearsal.results(scene);
    player.expect_end(dialogue, &results);
    let circumstances = player.rehearsal.state().circumstances();
    let covered = Covered {
        nodes: circumstances.visited.into_iter().collect(),
        questions: circumstances.knowledge.into_iter().collect(),
        results: results.into_iter().map(|result| (result.name, result.value)).collect(),
    };
    DialogueReport {
        name: dialogue.name.value.clone(),
        failures: player.failures,
        transcript: player.rehearsal.transcript().iter().map(line).collect(),
        covered,
    }
}

fn line(utterance: &Utterance) -> String {
    let speaker = match utterance.speaker {
        Speaker::Robot => "AI",
        Speaker::Customer => "ME",
    };
    format!("{speaker}: {}", utterance.text)
}

fn list(values: &[&str]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join("、") }
}

struct Player<'a> {
    scene: &'a Scene,
    rehearsal: Rehearsal,
    failures: Vec<Failure>,
}

impl Player<'_> {
    fn turn(&mut self, number: usize, turn: &Turn, dialogue_at: Position) {
        let at = turn.at().unwrap_or(dialogue_at);
        let mut all: Option<Step> = None;
        for event in turn.events().unwrap_or_default() {
            if self.rehearsal.state().is_ended() {
                self.fail(at, Some(number), "a conversation that goes on", "it was over already");
                return;
            }
            let mut step = self.rehearsal.step(self.scene, &event);
            if let Some(earlier) = all.take() {
                // Of several keys, everything that was said counts.
                step.actions.splice(0..0, earlier.actions);
            }
            all = Some(step);
        }
        let Some(step) = all else {
            return;
        };
        self.expect_node(number, turn.node.as_ref(), &step);
        self.expect_words(number, turn.says.as_ref(), &step);
        if let Some(intent) = &turn.intent {
            let got = match &step.understanding {
                Some(Understanding::Matched(hit)) => hit.name.as_str(),
                Some(Understanding::Unknown) => UNKNOWN,
                Some(Understanding::NotNeeded) | None => "nothing in particular",
            };
            if got != intent.value {
                let expected = format!("intent {}", intent.value);
                self.fail(intent.at, Some(number), &expected, got);
            }
        }
    }

    fn expect_node(&mut self, turn: usize, expected: Option<&Located<String>>, step: &Step) {
        if let Some(node) = expected.filter(|node| node.value != step.node) {
            let expected = format!("node {}", node.value);
            self.fail(node.at, Some(turn), &expected, &step.node);
        }
    }

    fn expect_words(&mut self, turn: usize, expected: Option<&Located<String>>, step: &Step) {
        let Some(words) = expected else {
            return;
        };
        let said: Vec<&str> = step
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Say { text, .. } => Some(text.as_str()),
                Action::Listen(_) | Action::Transfer { .. } | Action::HangUp { .. } => None,
            })
            .collect();
        if !said.iter().any(|text| text.contains(&words.value)) {
            let expected = format!("words with “{}”", words.value);
            let got = if said.is_empty() { "no word".to_owned() } else { format!("“{}”", said.concat()) };
            self.fail(words.at, Some(turn), &expected, &got);
        }
    }

    fn expect_end(&mut self, dialogue: &Dialogue, results: &[CallResult]) {
        if let Some(reason) = &dialogue.expect.reason {
            let got = match (self.rehearsal.state().is_ended(), self.rehearsal.state().hang_up_reason()) {
                (true, Some(reason)) => reason.to_owned(),
                (false, _) if self.rehearsal.state().is_transferring() => "that a person is being called".to_owned(),
                (true, None) => "that the customer hung up".to_owned(),
                (false, _) => "that the conversation goes on".to_owned(),
            };
            if got != reason.value {
                let expected = format!("hang-up reason {}", reason.value);
                self.fail(reason.at, None, &expected, &got);
            }
        }
        for (name, expected) in &dialogue.expect.values {
            let got =
                self.rehearsal.state().values().get(name).map_or("nothing", |kept| kept.value.as_str()).to_owned();
            if got != expected.value {
                self.fail(expected.at, None, &format!("{name} {}", expected.value), &got);
            }
        }
        if let Some(expected) = dialogue.expect.do_not_call.as_ref() {
            let words = |asked: bool| if asked { "no more calls" } else { "nothing against more calls" };
            if expected.value != self.rehearsal.state().do_not_call() {
                self.fail(expected.at, None, words(expected.value), words(self.rehearsal.state().do_not_call()));
            }
        }
        for (name, expected) in &dialogue.expect.results {
            let mut wanted: Vec<&str> = expected.value.0.iter().map(|value| value.text.value.as_str()).collect();
            let of_name = results.iter().filter(|result| result.name == *name);
            let mut got: Vec<&str> = of_name.map(|result| result.value.as_str()).collect();
            wanted.sort_unstable();
            got.sort_unstable();
            if wanted != got {
                let expected_words = format!("{name} {}", list(&wanted));
                self.fail(expected.at, None, &expected_words, &list(&got));
            }
        }
    }

    fn fail(&mut self, at: Position, turn: Option<usize>, expected: &str, got: &str) {
        self.failures.push(Failure {
            line: at.line,
            column: at.column,
            turn,
            expected: expected.to_owned(),
            got: got.to_owned(),
        });
    }
}
