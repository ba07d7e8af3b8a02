//! Nodes and the ways between them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document;
use super::super::model::{Branch, Fallback, Listening, Node, NodeIndex, Then};
use super::super::source::Located;
use super::super::template::Template;
use super::{Compiler, or_built_in};

/// How long nothing may be heard before it counts as silence, unless the scene says otherwise.
const SILENCE_MS_DEFAULT: u32 = 4_000;

/// Shorter than a breath is no silence, and nobody waits longer on the phone.
const SILENCE_MS_RANGE: std::ops::RangeInclusive<u32> = 500..=60_000;

/// How often a fallback is said at one node before it goes on, unless the scene says otherwise.
const FALLBACK_LIMIT_DEFAULT: u32 = 2;

const SILENCE_SAY: &str = "喂，您好，能听见我说话吗？";
const UNKNOWN_SAY: &str = "不好意思，刚才没听清楚，麻烦您再说一遍好吗？";

/// The keys of a telephone.
const KEYS: &str = "0123456789*#";

/// What holds for nodes that do not say otherwise.
pub(super) struct Defaults {
    silence_ms: u32,
    pub(super) interruptible: bool,
    on_silence: Parts,
    on_unknown: Parts,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            silence_ms: SILENCE_MS_DEFAULT,
            interruptible: true,
            on_silence: Parts::default(),
            on_unknown: Parts::default(),
        }
    }
}

/// The parts of a fallback that somebody wrote.
#[derive(Debug, Clone, Default)]
struct Parts {
    say: Vec<Template>,
    limit: Option<u32>,
    next: Option<NodeIndex>,
}

impl Parts {
    /// These parts, completed by the defaults of the scene and the built-in ones.
    fn complete(self, defaults: &Self, built_in: &str) -> Fallback {
        let say = if self.say.is_empty() { defaults.say.clone() } else { self.say };
        Fallback {
            say: or_built_in(say, built_in),
            limit: self.limit.or(defaults.limit).unwrap_or(FALLBACK_LIMIT_DEFAULT),
            next: self.next.or(defaults.next),
        }
    }
}

/// The ways on from somewhere, by intent and by key.
type Ways = (Vec<Branch>, Vec<(char, NodeIndex)>);

impl Compiler<'_> {
    pub(super) fn defaults(&mut self, written: &document::Defaults) {
        self.defaults.interruptible = written.interruptible.unwrap_or(true);
        self.defaults.silence_ms = self.silence_ms(written.silence_ms.as_ref());
        self.defaults.on_silence = self.parts(written.on_silence.as_ref()).unwrap_or_default();
        self.defaults.on_unknown = self.parts(written.on_unknown.as_ref()).unwrap_or_default();
    }

    fn silence_ms(&mut self, silence_ms: Option<&Located<u32>>) -> u32 {
        let Some(silence_ms) = silence_ms else {
            return self.defaults.silence_ms;
        };
        if !SILENCE_MS_RANGE.contains(&silence_ms.value) {
            let (least, most) = (SILENCE_MS_RANGE.start(), SILENCE_MS_RANGE.end());
            let message = format!("a silence lasts between {least} and {most} milliseconds");
            self.problems.error(silence_ms.at, message);
        }
        silence_ms.value
    }

    fn parts(&mut self, written: Option<&document::Fallback>) -> Option<Parts> {
        let Some(written) = written else {
            return Some(Parts::default());
        };
        let say = self.wordings(&written.say);
        let next = self.optional_node(written.next.as_ref());
        Some(Parts { say: say?, limit: written.limit, next: next? })
    }

    /// None where the name is unknown, `Some(None)` where there is none.
    #[expect(clippy::option_option, reason = "an unknown name is not the same as no name")]
    fn optional_node(&mut self, name: Option<&Located<String>>) -> Option<Option<NodeIndex>> {
        match name {
            None => Some(None),
            Some(name) => self.nodes.resolve(name, &mut self.problems).map(Some),
        }
    }

    pub(super) fn anywhere(&mut self, written: &[document::Branch]) {
        if let Some((branches, keys)) = self.branches(written, true) {
            self.anywhere = branches;
            self.anywhere_keys = keys;
        }
    }

    pub(super) fn all_nodes(&mut self, written: &[document::Node]) -> Option<Vec<Node>> {
        let nodes: Vec<_> = written.iter().map(|node| self.node(node)).collect();
        nodes.into_iter().collect()
    }

    fn node(&mut self, written: &document::Node) -> Option<Node> {
        let say = self.prompt(&written.say);
        let again = self.wordings(&written.again);
        let then = self.then(written);
        Some(Node {
            name: written.name.value.clone(),
            say: say?,
            again: again?,
            interruptible: written.interruptible.unwrap_or(self.defaults.interruptible),
            then: then?,
        })
    }

    fn then(&mut self, written: &document::Node) -> Option<Then> {
        let listens = !written.branches.is_empty() || written.otherwise.is_some();
        let name = &written.name;
        match (&written.end, &written.next, listens) {
            (Some(end), None, false) => Some(Then::End { reason: end.reason.clone() }),
            (None, Some(next), false) => {
                let next = self.nodes.resolve(next, &mut self.problems)?;
                Some(Then::GoOn(next))
            }
            (None, None, true) => self.listening(written).map(Then::Listen),
            (None, None, false) => {
                let message =
                    format!("the node `{}` is a dead end: give it branches, `otherwise`, `next` or `end`", name.value);
                self.problems.error(name.at, message);
                None
            }
            _ => {
                let message = format!(
                    "the node `{}` can do only one of these: listen (`branches`, `otherwise`), go on (`next`), end (`end`)",
                    name.value
                );
                self.problems.error(name.at, message);
                None
            }
        }
    }

    fn listening(&mut self, written: &document::Node) -> Option<Listening> {
        let own = self.branches(&written.branches, false);
        let otherwise = self.optional_node(written.otherwise.as_ref());
        let silence_ms = self.silence_ms(written.silence_ms.as_ref());
        let on_silence = self.parts(written.on_silence.as_ref());
        let on_unknown = self.parts(written.on_unknown.as_ref());
        let (mut branches, own_keys) = own?;
        let inherited: Vec<Branch> = self
            .anywhere
            .iter()
            .filter(|inherited| branches.iter().all(|own| own.intent != inherited.intent))
            .copied()
            .collect();
        branches.extend(inherited);
        let mut keys: BTreeMap<char, NodeIndex> = self.anywhere_keys.iter().copied().collect();
        keys.extend(own_keys);
        Some(Listening {
            silence_ms,
            branches,
            keys,
            otherwise: otherwise?,
            on_silence: on_silence?.complete(&self.defaults.on_silence, SILENCE_SAY),
            on_unknown: on_unknown?.complete(&self.defaults.on_unknown, UNKNOWN_SAY),
        })
    }

    /// The ways on by intent and by key; none where one of them leads nowhere.
    fn branches(&mut self, written: &[document::Branch], anywhere: bool) -> Option<Ways> {
        let mut branches = Vec::new();
        let mut keys = Vec::new();
        let mut seen = BTreeSet::new();
        let mut complete = true;
        for branch in written {
            let next = self.nodes.resolve(&branch.next, &mut self.problems);
            match (&branch.intent, &branch.key) {
                (Some(name), None) => {
                    self.once(&mut seen, name);
                    let intent = self.intents.resolve(name, &mut self.problems);
                    match (intent, next) {
                        (Some(intent), Some(next)) => branches.push(Branch { intent, next, anywhere }),
                        _ => complete = false,
                    }
                }
                (None, Some(name)) => {
                    self.once(&mut seen, name);
                    match (self.key(name), next) {
                        (Some(key), Some(next)) => keys.push((key, next)),
                        _ => complete = false,
                    }
                }
                _ => {
                    let message = "a branch has either an `intent` or a `key`";
                    self.problems.error(branch.next.at, message);
                    complete = false;
                }
            }
        }
        complete.then_some((branches, keys))
    }

    fn once<'n>(&mut self, seen: &mut BTreeSet<&'n str>, name: &'n Located<String>) {
        if !seen.insert(&name.value) {
            let message = format!("`{}` leads on from here already", name.value);
            self.problems.error(name.at, message);
        }
    }

    fn key(&mut self, key: &Located<String>) -> Option<char> {
        let mut characters = key.value.chars();
        match (characters.next(), characters.next()) {
            (Some(digit), None) if KEYS.contains(digit) => Some(digit),
            _ => {
                let message = format!("`{}` is no key; a key is one of {KEYS}", key.value);
                self.problems.error(key.at, message);
                None
            }
        }
    }
}
