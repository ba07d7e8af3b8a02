//! A conversation with a scene in writing: nobody is called, and time passes as the words take.

use std::collections::BTreeMap;

use super::Scene;
use crate::call::{CallResult, FinishStatus, Speaker, Understanding, Utterance};
use crate::dialogue::{self, Action, Event, Opening, State, Step};
use crate::grading::{self, Facts};
use crate::moment::Moment;

/// How long one character takes to speak, so that a conversation in writing has a talk time.
const CHARACTER_MS: i64 = 220;

/// A conversation in writing, and everything that was said in it.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    state: State,
    transcript: Vec<Utterance>,
    now_ms: i64,
}

impl Rehearsal {
    /// Before the first word. Every step has to be given the same scene.
    #[must_use]
    pub fn begin(scene: &Scene, variables: &BTreeMap<String, String>, opening: Opening) -> Self {
        Self { state: dialogue::begin(scene, variables, opening), transcript: Vec::new(), now_ms: 0 }
    }

    /// What an event leads to.
    pub fn step(&mut self, scene: &Scene, event: &Event) -> Step {
        let heard_at = self.state.node().to_owned();
        let step = dialogue::step(scene, &mut self.state, event);
        if let Event::Heard { text, .. } = event {
            self.utter(Speaker::Customer, text, &heard_at, step.understanding.clone());
        }
        for action in &step.actions {
            match action {
                Action::Say { text, node, .. } => self.utter(Speaker::Robot, text, node, None),
                Action::Listen(_) | Action::Transfer { .. } | Action::HangUp { .. } => {}
            }
        }
        if matches!(event, Event::Silence) {
            self.now_ms = self.now_ms.saturating_add(CHARACTER_MS);
        }
        step
    }

    fn utter(&mut self, speaker: Speaker, text: &str, node: &str, understanding: Option<Understanding>) {
        let characters = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let end_ms = self.now_ms.saturating_add(characters.saturating_mul(CHARACTER_MS));
        self.transcript.push(Utterance {
            speaker,
            text: text.to_owned(),
            start_ms: self.now_ms,
            end_ms,
            at: Moment(self.now_ms),
            understanding,
            node: node.to_owned(),
            latency: None,
            recogniser: None,
        });
        self.now_ms = end_ms;
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Everything that was said, in order.
    #[must_use]
    pub fn transcript(&self) -> &[Utterance] {
        &self.transcript
    }

    /// What would be concluded if it were over now.
    #[must_use]
    pub fn results(&self, scene: &Scene) -> Vec<CallResult> {
        let robot_spoke = self.transcript.iter().filter(|line| line.speaker == Speaker::Robot);
        let facts = Facts {
            finish_status: FinishStatus::Answered,
            talk_ms: self.now_ms,
            chat_rounds: i64::try_from(robot_spoke.count()).unwrap_or(i64::MAX),
            state: Some(&self.state),
            transcript: &self.transcript,
        };
        grading::grade(scene, &facts)
    }
}
