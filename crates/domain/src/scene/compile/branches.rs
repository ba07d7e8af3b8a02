//! The ways on from a listening node: by intent, by value, by key.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document;
use super::super::model::{Branch, Entry, KeyBranch, Way};
use super::super::source::Located;
use super::Compiler;
use crate::say;

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
            let message = say!(
                "several keys are asked for at one node, not anywhere",
                "keys 只能写在具体节点上，不能写在 anywhere"
            );
            self.problems.error(keys.at, message);
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
                let message = say!(
                    "the key `{key}` cannot be an answer by itself where several keys are one",
                    "这里要输入多位数字，按键“{key}”不能再单独作为回答"
                );
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
                let message = say!(
                    "say under which name the value is kept: `keep: NAME`",
                    "请写明这个值记在哪个名称下：keep: 名称"
                );
                self.problems.error(value.at, message);
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
                    let message =
                        say!("only one branch of a node can take several keys", "一个节点只能有一个分支使用 keys");
                    self.problems.error(keys.at, message);
                }
                ways.entry = Some(self.entry(keys, keep, next)?);
                Some(())
            }
            (intent, value, key, keys) => {
                let at = [intent.as_ref().map(|it| it.at), value.as_ref().map(|it| it.at)];
                let others = [key.as_ref().map(|it| it.at), keys.as_ref().map(|it| it.at)];
                let at = at.into_iter().chain(others).flatten().next().unwrap_or_else(|| first_place(written));
                let message = say!(
                    "a branch has an `intent`, a `value`, both of them, a `key`, or `keys`",
                    "分支应写 intent、value（可同时写）、key 或 keys"
                );
                self.problems.error(at, message);
                None
            }
        }
    }

    /// Several keys that are one answer.
    fn entry(
        &mut self,
        keys: &Located<document::node::Keys>,
        keep: Option<String>,
        next: Option<Way>,
    ) -> Option<Entry> {
        let until = match &keys.value.until {
            Some(until) => Some(self.key(until, ENDING_KEYS)?),
            None => None,
        };
        let digits = keys.with(keys.value.digits);
        let digits = self.in_range(&digits, &DIGITS_RANGE, |least, most| {
            say!("an answer has between {least} and {most} digits", "digits 应在 {least} 与 {most} 之间")
        });
        let between_ms = match &keys.value.between_ms {
            Some(between_ms) => self.in_range(between_ms, &BETWEEN_MS_RANGE, |least, most| {
                say!(
                    "the next digit may take between {least} and {most} milliseconds",
                    "between_ms 应在 {least} 与 {most} 毫秒之间"
                )
            }),
            None => BETWEEN_MS_DEFAULT,
        };
        let keep = keys.value.keep.as_ref().map(|keep| keep.value.clone()).or(keep);
        Some(Entry { digits, until, between_ms, keep, next: next? })
    }

    fn once<'n>(
        &mut self,
        seen: &mut BTreeSet<(&'n str, &'static str)>,
        name: &'n Located<String>,
        value: &'static str,
    ) {
        if !seen.insert((&name.value, value)) {
            let message =
                say!("`{name}` leads on from here already", "这里已有“{name}”的分支，请删去一个", name = name.value);
            self.problems.error(name.at, message);
        }
    }

    fn key(&mut self, key: &Located<String>, known: &str) -> Option<char> {
        let mut characters = key.value.chars();
        match (characters.next(), characters.next()) {
            (Some(digit), None) if known.contains(digit) => Some(digit),
            _ => {
                let message = say!(
                    "`{key}` is no key; a key is one of {known}",
                    "“{key}”不是按键；按键为 {known} 之一",
                    key = key.value
                );
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
