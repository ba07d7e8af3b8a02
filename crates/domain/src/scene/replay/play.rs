//! One past call, played: its events are fed to the dialogue, and what comes of them is held against its transcript.

use super::{Flip, KeptCall, Replay, Scene, Understanding, Utterance, compare, grading, is_unknown, meaning};
use crate::call::{FinishStatus, Speaker};
use crate::dialogue::{self, Action, Event, State};
use crate::grading::Facts;

/// Misunderstandings in a row, after the conversation has taken another way, of words that were understood in the call:
/// then they answer nothing that was asked, and nothing more is learnt from the rest.
const SENSELESS_MAX: u32 = 2;

/// Plays a past call.
pub(super) fn play(scene: &Scene, call: &KeptCall) -> Replay {
    let mut player = Player::new(scene, call);
    let events = &call.course.events;
    for (turn, event) in events.iter().enumerate() {
        if player.state.is_ended() || player.senseless >= SENSELESS_MAX {
            player.stop(turn, event);
            break;
        }
        player.turn(turn, event, events.get(turn + 1));
    }
    player.finish(events.last())
}

struct Player<'a> {
    scene: &'a Scene,
    call: &'a KeptCall,
    state: State,
    /// What was said in the call: the robot's words after each turn in which the customer spoke, those before all of
    /// them first.
    said_then: Vec<Vec<&'a Utterance>>,
    /// The customer's words in the call.
    heard_then: Vec<&'a Utterance>,
    /// How many of the customer's words were heard by now.
    heard: usize,
    /// How many of the robot's words since then were found again.
    found: usize,
    transcript: Vec<Utterance>,
    chat_rounds: i64,
    senseless: u32,
    replay: Replay,
}

impl<'a> Player<'a> {
    fn new(scene: &'a Scene, call: &'a KeptCall) -> Self {
        let mut said_then = vec![Vec::new()];
        let mut heard_then = Vec::new();
        for said in &call.transcript {
            if said.speaker == Speaker::Customer {
                heard_then.push(said);
                said_then.push(Vec::new());
            } else if let Some(after) = said_then.last_mut() {
                after.push(said);
            }
        }
        Self {
            scene,
            call,
            state: dialogue::begin(scene, &call.variables, call.course.opening),
            said_then,
            heard_then,
            heard: 0,
            found: 0,
            transcript: Vec::new(),
            chat_rounds: 0,
            senseless: 0,
            replay: Replay::default(),
        }
    }

    fn turn(&mut self, turn: usize, event: &Event, next: Option<&Event>) {
        let node = self.state.node().to_owned();
        let step = dialogue::step(self.scene, &mut self.state, event);
        let mut reworded_only = true;
        if let Event::Heard { text, .. } = event {
            reworded_only = self.take_words(turn, event, text, node, step.understanding.as_ref());
        }
        let says: Vec<(&str, &str)> = step.actions.iter().filter_map(spoken).collect();
        let way = if self.replay.diverged_at.is_none() { self.another_way(&says, next, reworded_only) } else { None };
        if let Some((from, to)) = way {
            self.replay.diverged_at = Some(turn);
            let is_told = self.replay.flips.last().is_some_and(|flip| flip.turn == turn);
            if !is_told {
                self.replay.flips.push(Flip { turn, said: done(event), from, to, certain: true });
            }
        }
        if self.replay.diverged_at.is_some() {
            for (text, node) in says {
                self.speak(text, node);
            }
        }
    }

    /// Notes the customer's words; whether they are taken as in the call, or at least for another branch.
    fn take_words(
        &mut self,
        turn: usize,
        event: &Event,
        text: &str,
        node: String,
        now: Option<&Understanding>,
    ) -> bool {
        let then = self.heard_then.get(self.heard).copied();
        (self.heard, self.found) = (self.heard + 1, 0);
        let before = then.and_then(|said| said.understanding.as_ref());
        let mut said = then.cloned().unwrap_or_else(|| self.words(Speaker::Customer, text, &node));
        said.understanding = Some(now.cloned().unwrap_or(Understanding::NotNeeded));
        said.node = node;
        self.transcript.push(said);
        let diverged = self.replay.diverged_at.is_some();
        let (from, to) = (meaning(before).to_owned(), meaning(now).to_owned());
        let senseless = diverged && now == Some(&Understanding::Unknown) && before != now;
        self.senseless = if senseless { self.senseless + 1 } else { 0 };
        if from == to {
            return true;
        }
        self.replay.flips.push(Flip { turn, said: done(event), from, to, certain: !diverged });
        is_branch(before) && is_branch(now)
    }

    /// Where the robot says something else than in the call, from where to where; its words of the call are found again
    /// otherwise. Words at the same node are the same question, however they are put.
    fn another_way(
        &mut self,
        says: &[(&str, &str)],
        next: Option<&Event>,
        reworded_only: bool,
    ) -> Option<(String, String)> {
        let then = self.said_then.get(self.heard).map_or(&[][..], Vec::as_slice);
        let then = then.get(self.found..).unwrap_or_default();
        let is_same = |(said, (text, node)): &(&&Utterance, &(&str, &str))| {
            said.text == *text || (reworded_only && said.node == *node)
        };
        let same = then.iter().zip(says).take_while(is_same).count();
        self.transcript.extend(then.iter().take(same).map(|&said| said.clone()));
        self.found += same;
        // What follows may have cut off the robot's words, so that not all of them were said in the call.
        let cut_off = match next {
            None | Some(Event::HungUp | Event::Machine | Event::Key { .. } | Event::Deaf) => true,
            Some(Event::Heard { interrupted, .. }) => *interrupted,
            Some(_) => false,
        };
        let more_then = then.get(same);
        let more_now = says.get(same).filter(|_| !cut_off || more_then.is_some() && same == 0);
        let must_be_all = matches!(next, None | Some(Event::HungUp | Event::Heard { .. }));
        let more_then = more_then.filter(|_| must_be_all || more_now.is_some());
        let node = |node: Option<&str>| node.map_or_else(|| "nothing more".to_owned(), |node| format!("[{node}]"));
        (more_then.is_some() || more_now.is_some())
            .then(|| (node(more_then.map(|said| said.node.as_str())), node(says.get(same).map(|&(_, node)| node))))
    }

    fn speak(&mut self, text: &str, node: &str) {
        self.chat_rounds += 1;
        let said = self.words(Speaker::Robot, text, node);
        self.transcript.push(said);
    }

    /// Words that were not said in the call, at the end of what was.
    fn words(&self, speaker: Speaker, text: &str, node: &str) -> Utterance {
        let end_ms = self.transcript.last().map_or(0, |said| said.end_ms);
        Utterance {
            speaker,
            text: text.to_owned(),
            start_ms: end_ms,
            end_ms,
            at: self.transcript.last().map(|said| said.at).unwrap_or_default(),
            understanding: None,
            node: node.to_owned(),
            latency: None,
            recogniser: None,
        }
    }

    /// Nothing more of the call is played.
    fn stop(&mut self, turn: usize, event: &Event) {
        if !self.state.is_ended() || *event != Event::HungUp {
            self.replay.stopped_at = Some(turn);
        }
    }

    fn finish(mut self, last: Option<&Event>) -> Replay {
        if last == Some(&Event::HungUp) && !self.state.is_ended() {
            dialogue::step(self.scene, &mut self.state, &Event::HungUp);
        }
        let diverged = self.replay.diverged_at.is_some();
        let results = grading::grade(
            self.scene,
            &Facts {
                finish_status: FinishStatus::Answered,
                talk_ms: self.call.talk_ms,
                chat_rounds: if diverged { self.rounds_before() + self.chat_rounds } else { self.call.chat_rounds },
                state: Some(&self.state),
                transcript: &self.transcript,
            },
        );
        let (flips, judged) = compare(self.call, &results, !diverged);
        let count = |transcript: &[Utterance]| {
            u32::try_from(transcript.iter().filter(|said| is_unknown(said)).count()).unwrap_or(u32::MAX)
        };
        let unknowns = (count(&self.call.transcript), count(&self.transcript));
        let last_node = |transcript: &[Utterance]| {
            transcript.iter().rfind(|said| said.speaker == Speaker::Robot).map(|said| said.node.clone())
        };
        let ends_otherwise = self.replay.stopped_at.is_some()
            || diverged && (last_node(&self.call.transcript) != last_node(&self.transcript) || !self.state.is_ended());
        Replay { results: flips, judged, unknowns, ends_otherwise, ..self.replay }
    }

    /// How often the robot had spoken before the conversation took another way.
    fn rounds_before(&self) -> i64 {
        let robot = self.transcript.iter().filter(|said| said.speaker == Speaker::Robot).count();
        i64::try_from(robot).unwrap_or(i64::MAX).saturating_sub(self.chat_rounds)
    }
}

const fn is_branch(understanding: Option<&Understanding>) -> bool {
    matches!(understanding, Some(Understanding::Matched(hit)) if hit.knowledge.is_none())
}

/// What an action says, and at which node.
const fn spoken(action: &Action) -> Option<(&str, &str)> {
    match action {
        Action::Say { text, node, .. } => Some((text.as_str(), node.as_str())),
        Action::Listen(_) | Action::Transfer { .. } | Action::HangUp { .. } => None,
    }
}

/// What the customer did, in a few words.
fn done(event: &Event) -> String {
    match event {
        Event::Answered => "(answered)".to_owned(),
        Event::Heard { text, .. } => format!("“{text}”"),
        Event::Key { digit } => format!("(key {digit})"),
        Event::Silence => "(silence)".to_owned(),
        Event::Deaf => "(not heard any more)".to_owned(),
        Event::Machine => "(machine)".to_owned(),
        Event::Transferred => "(transferred)".to_owned(),
        Event::TransferFailed { .. } => "(transfer failed)".to_owned(),
        Event::HungUp => "(hung up)".to_owned(),
    }
}
