//! What the customer does at a node: words, keys, silence.

use super::border::Captured;
use super::turn::Turn;
use super::understand::{self, Meaning, Words};
use crate::call::{Match, Understanding};
use crate::chance::draw;
use crate::scene::kind::{Found, ValueKind};
use crate::scene::model::{Branch, Entry, Knowledge, Listening, Node};
use crate::scene::trigger::Normalized;

/// How often at one node the robot takes up again what a mere sign of listening has cut off. The next one is taken
/// for an answer.
const RESUMED_MAX: u32 = 2;

impl<'a> Turn<'a> {
    pub(super) fn heard(
        &mut self,
        node: &'a Node,
        listening: &'a Listening,
        text: &str,
        interrupted: bool,
        choice: Option<&str>,
    ) -> Understanding {
        let said = Normalized::new(text);
        self.state.silences_here = 0;
        self.state.typed.clear();
        self.state.late_key = None;
        let resumes = interrupted && self.state.resumed_here < RESUMED_MAX;
        if resumes && (said.is_empty() || understand::is_backchannel(text)) {
            self.resume(node, listening);
            return Understanding::NotNeeded;
        }
        if said.is_empty() {
            // A cough, or a recogniser that heard none: the customer still has the floor.
            self.await_customer(listening);
            return Understanding::NotNeeded;
        }
        let words = Words { text, said: &said, now: self.state.now, choice };
        let questions = understand::questions(self.scene, self.state);
        let understood = understand::understand(self.scene, listening, &questions, &words);
        self.state.do_not_call |= understood.do_not_call;
        match understood.meaning {
            Meaning::Branch { branch, hit, found } => {
                self.branch(branch, found, text);
                Understanding::Matched(hit)
            }
            Meaning::Question { entry, hit } => {
                self.question(node, listening, entry, &hit);
                Understanding::Matched(hit)
            }
            Meaning::DoNotCall { hit } => {
                self.state.history.intents.push(hit.name.clone());
                self.take_leave(&self.scene.do_not_call);
                Understanding::Matched(hit)
            }
            Meaning::Anything { next } => {
                self.go(next);
                Understanding::NotNeeded
            }
            Meaning::Unknown => {
                self.unknown(node, listening);
                Understanding::Unknown
            }
        }
    }

    fn resume(&mut self, node: &'a Node, listening: &'a Listening) {
        self.state.resumed_here = self.state.resumed_here.saturating_add(1);
        let wordings = if node.again.is_empty() { &node.say } else { &node.again };
        self.say(wordings, node.interruption);
        self.await_customer(listening);
    }

    fn branch(&mut self, branch: &'a Branch, found: Option<Found>, text: &str) {
        if let Some(intent) = branch.intent.and_then(|intent| self.scene.intents.get(intent)) {
            self.state.history.intents.push(intent.name.clone());
        }
        if let Some(name) = &branch.keep {
            let captured = match found {
                Some(found) => Captured::of(found, text),
                None => Captured::words(text),
            };
            self.state.values.insert(name.clone(), captured);
        }
        self.go(&branch.next);
    }

    fn question(&mut self, node: &'a Node, listening: &'a Listening, entry: &'a Knowledge, hit: &Match) {
        let asked = self.state.history.knowledge.iter().filter(|name| **name == entry.name).count();
        self.state.history.knowledge.push(entry.name.clone());
        if entry.limit.is_some_and(|limit| u32::try_from(asked).unwrap_or(u32::MAX) >= limit) {
            match &entry.then {
                Some(then) => self.go(then),
                None => self.unknown(node, listening),
            }
            return;
        }
        self.state.unknowns_here = 0;
        // The call chooses the first answer; who asks again hears the next one.
        let first = draw(self.state.seed, hit.knowledge.unwrap_or_default().into());
        let turn = first.wrapping_add(u64::try_from(asked).unwrap_or(u64::MAX));
        self.say_one(&entry.answer, turn, entry.interruption);
        match &entry.then {
            Some(then) => self.go(then),
            None => {
                self.say(&node.again, node.interruption);
                self.await_customer(listening);
            }
        }
    }

    /// Whether a key only adds to digits that are not complete yet, or came too late to mean anything.
    pub(super) fn typing(&mut self, listening: &'a Listening, digit: char) -> bool {
        let late = self.state.late_key.take() == Some(digit);
        let Some(entry) = &listening.entry else {
            if late {
                self.await_customer(listening);
            }
            return late;
        };
        let typed = u32::try_from(self.state.typed.len()).unwrap_or(u32::MAX);
        let more = digit.is_ascii_digit() && typed.saturating_add(1) < entry.digits;
        if more {
            self.state.typed.push(digit);
        }
        if more || (late && typed == 0) {
            self.state.silences_here = 0;
            self.await_customer(listening);
        }
        more || (late && typed == 0)
    }

    pub(super) fn key(&mut self, node: &'a Node, listening: &'a Listening, digit: char) {
        self.state.silences_here = 0;
        if let Some(entry) = &listening.entry
            && (digit.is_ascii_digit() || entry.until == Some(digit))
        {
            if digit.is_ascii_digit() {
                self.state.typed.push(digit);
                self.state.late_key = entry.until;
            }
            return self.typed(node, listening, entry);
        }
        self.state.typed.clear();
        match listening.keys.get(&digit) {
            Some(branch) => {
                if let Some(name) = &branch.keep {
                    self.keep_digits(name, &digit.to_string());
                }
                self.go(&branch.next);
            }
            // Where no key means anything, one was pressed by a cheek.
            None if !listening.takes_keys() => self.await_customer(listening),
            None => self.unknown(node, listening),
        }
    }

    /// No more digits come.
    fn typed(&mut self, node: &'a Node, listening: &'a Listening, entry: &'a Entry) {
        let typed = std::mem::take(&mut self.state.typed);
        let complete = typed.len() == usize::try_from(entry.digits).unwrap_or(usize::MAX);
        if typed.is_empty() || !(complete || entry.until.is_some()) {
            self.state.late_key = None;
            return self.unknown(node, listening);
        }
        if let Some(name) = &entry.keep {
            self.keep_digits(name, &typed);
        }
        self.go(&entry.next);
    }

    fn keep_digits(&mut self, name: &str, digits: &str) {
        let captured = Captured::of(ValueKind::typed(digits, self.scene.language()), "");
        self.state.values.insert(name.to_owned(), captured);
    }

    pub(super) fn silence(&mut self, node: &'a Node, listening: &'a Listening) {
        self.state.late_key = None;
        if let Some(entry) = listening.entry.as_ref().filter(|_| !self.state.typed.is_empty()) {
            return self.typed(node, listening, entry);
        }
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
}

impl Captured {
    fn of(found: Found, utterance: &str) -> Self {
        let Found { spoken, value, moment, numeric, .. } = found;
        Self { spoken, value, numeric, moment, utterance: utterance.to_owned() }
    }

    fn words(text: &str) -> Self {
        let words = text.trim().to_owned();
        Self { spoken: words.clone(), value: words.clone(), numeric: false, moment: None, utterance: words }
    }
}
