//! The ways on from a listening node: by intent, by value, by key.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document;
use super::super::model::{Branch, Entry, KeyBranch};
use super::super::source::Located;
use super::Compiler;

/// The keys of a telephone.
const KEYS: &str = "0123456789*#";

/// The keys that can end others.
const ENDING_KEYS: &str = "*#";

/// How many digits make one answer at most.
const DIGITS_RANGE: std::ops::RangeInclusive<u32> = 1..=20;

/// How long the next digit may take.
const BETWEEN_MS_RANGE: std::ops::RangeInclusive<u32> = 500..=20_000;
const BETWEEN_MS_DEFAULT: u32 = 4_000;

/// The ways on from somewhere.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) branches: Vec<Branch>,
    pub(super) keys: BTreeMap<char, KeyBranch>,
    pub(super) entry: Option<Entry>,
}

impl Compiler<'_> {
    pub(super) fn anywhere(&mut self, written: &[document::Branch]) {
        self.at_place("anywhere", super::Position::START);
        if let Some(ways) = self.branches(written, true) {
            self.anywhere = ways.branches;
            self.anywhere_keys = ways.keys;
        }
        if let Some(keys) = written.iter().find_map(|branch| branch.keys.as_ref()) {
            self.problems.error(keys.at, "several keys are asked for at one node, not anywhere");
        }
    }

    /// The ways on; none where one of them leads nowhere.
    pub(super) fn branches(&mut self, written: &[document::Branch], anywhere: bool) -> Option<Ways> {
        let mut ways = Ways::default();
        let mut seen = BTreeSet::new();
        let mut complete = true;
        for branch in written {
            complete &= self.branch(branch, anywhere, &mut ways, &mut seen).is_some();
        }
        if let Some(entry) = &ways.entry {
            let clash = |key: &char| key.is_ascii_digit() || entry.until == Some(*key);
            if let (Some(key), Some(keys)) =
                (ways.keys.keys().find(|key| clash(key)), written.iter().find_map(|branch| branch.keys.as_ref()))
            {
                let message = format!("the key `{key}` cannot be an answer by itself where several keys are one");
                self.problems.error(keys.at, message);
            }
        }
        complete.then_some(ways)
    }

    fn branch<'w>(
        &mut self,
        written: &'w document::Branch,
        anywhere: bool,
        ways: &mut Ways,
        seen: &mut BTreeSet<(&'w str, &'static str)>,
    ) -> Option<()> {
        let next = self.way(&written.next);
        let keep = written.keep.as_ref().map(|keep| keep.value.clone());
        match (&written.intent, &written.value, &written.key, &written.keys) {
            (None, Some(value), None, None) if keep.is_none() => {
                self.problems.error(value.at, "say under which name the value is kept: `keep: NAME`");
                None
            }
            (intent, value, None, None) if intent.is_some() || value.is_some() => {
                let value = value.as_ref().map(|value| value.value);
                if let Some(name) = intent {
                    self.once(seen, name, value.map_or("", super::super::kind::ValueKind::name));
                }
                let intent = match intent {
                    Some(intent) => Some(self.intents.resolve(intent, &mut self.problems)?),
                    None => None,
                };
                ways.branches.push(Branch { intent, value, keep, next: next?, anywhere });
                Some(())
            }
            (None, None, Some(name), None) => {
                self.once(seen, name, "");
                let key = self.key(name, KEYS)?;
                ways.keys.insert(key, KeyBranch { keep, next: next? });
                Some(())
            }
            (None, None, None, Some(keys)) => {
                if ways.entry.is_some() {
                    self.problems.error(keys.at, "only one branch of a node can take several keys");
                }
                let until = match &keys.value.until {
                    Some(until) => Some(self.key(until, ENDING_KEYS)?),
                    None => None,
                };
                let digits = keys.with(keys.value.digits);
                let digits = self.in_range("an answer has", &digits, &DIGITS_RANGE, "digits");
                let between_ms = match &keys.value.between_ms {
                    Some(between_ms) => {
                        self.in_range("the next digit may take", between_ms, &BETWEEN_MS_RANGE, "milliseconds")
                    }
                    None => BETWEEN_MS_DEFAULT,
                };
                let keep = keys.value.keep.as_ref().map(|keep| keep.value.clone()).or(keep);
                ways.entry = Some(Entry { digits, until, between_ms, keep, next: next? });
                Some(())
            }
            (intent, value, key, keys) => {
                let at = [intent.as_ref().map(|it| it.at), value.as_ref().map(|it| it.at)];
                let others = [key.as_ref().map(|it| it.at), keys.as_ref().map(|it| it.at)];
                let at = at.into_iter().chain(others).flatten().next().unwrap_or_else(|| first_place(written));
                let message = "a branch has an `intent`, a `value`, both of them, a `key`, or `keys`";
                self.problems.error(at, message);
                None
            }
        }
    }

    fn once<'n>(
        &mut self,
        seen: &mut BTreeSet<(&'n str, &'static str)>,
        name: &'n Located<String>,
        value: &'static str,
    ) {
        if !seen.insert((&name.value, value)) {
            let message = format!("`{}` leads on from here already", name.value);
            self.problems.error(name.at, message);
        }
    }

    fn key(&mut self, key: &Located<String>, known: &str) -> Option<char> {
        let mut characters = key.value.chars();
        match (characters.next(), characters.next()) {
            (Some(digit), None) if known.contains(digit) => Some(digit),
            _ => {
                let message = format!("`{}` is no key; a key is one of {known}", key.value);
                self.problems.error(key.at, message);
                None
            }
        }
    }
}

/// Where a branch without anything but a way on stands.
fn first_place(written: &document::Branch) -> super::Position {
    use super::super::document::forms::Step;
    match written.next.0.first() {
        Some(Step::To(node)) => node.at,
        Some(Step::When(guard)) => guard.when.at,
        None => super::Position::START,
    }
}
