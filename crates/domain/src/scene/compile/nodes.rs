//! Nodes: what they say, and what follows.

use std::ops::RangeInclusive;

use super::super::document::forms::{self, Interruptible};
use super::super::document::{self, Document, Expects};
use super::super::model::{Fallback, Listening, Node, Then, Transfer, Way};
use super::super::source::Located;
use super::super::template::Template;
use super::prompts::Words;
use super::{Compiler, full_name};
use crate::dialogue::Interruption;
use crate::message::Message;
use crate::say;

/// How long nothing may be heard before it counts as silence, unless the scene says otherwise.
const SILENCE_MS_DEFAULT: u32 = 4_000;

/// Shorter than a breath is no silence, and nobody waits longer on the phone.
const SILENCE_MS_RANGE: RangeInclusive<u32> = 500..=60_000;

/// Shorter than a pause between two words ends a sentence in its middle; longer than a few seconds is rude.
const PAUSE_MS_RANGE: RangeInclusive<u32> = 200..=5_000;

/// How long it may ring at the person who is to take a call, in seconds.
const RING_S_RANGE: RangeInclusive<u32> = 3..=120;
const RING_S_DEFAULT: u32 = 25;

/// How often a fallback is said at one node before it goes on, unless the scene says otherwise.
const FALLBACK_LIMIT_DEFAULT: u32 = 2;

/// What holds for nodes that do not say otherwise.
pub(super) struct Defaults {
    silence_ms: u32,
    pause_ms: u32,
    interruption: Interruption,
    on_silence: Parts,
    on_unknown: Parts,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            silence_ms: SILENCE_MS_DEFAULT,
            pause_ms: Expects::Sentence.pause_ms(),
            interruption: Interruption::Always,
            on_silence: Parts::default(),
            on_unknown: Parts::default(),
        }
    }
}

impl Expects {
    const fn pause_ms(self) -> u32 {
        match self {
            Self::Short => 400,
            Self::Sentence => 700,
            Self::Digits => 1_500,
        }
    }
}

/// The parts of a fallback that somebody wrote.
#[derive(Debug, Clone, Default)]
struct Parts {
    say: Vec<Template>,
    limit: Option<u32>,
    next: Option<Way>,
}

/// The words of a fallback for which a scene has none.
#[derive(Clone, Copy)]
enum Kind {
    Silence,
    Unknown,
}

impl Compiler<'_> {
    pub(super) fn defaults(&mut self, written: &document::Defaults) {
        self.at_place("defaults", super::Position::START);
        self.defaults.interruption = self.interruption(written.interruptible);
        self.defaults.silence_ms = self.silence_ms(written.silence_ms.as_ref());
        self.defaults.pause_ms = self.pause_ms(written.pause_ms.as_ref(), written.expects);
        self.defaults.on_silence = self.parts(written.on_silence.as_ref()).unwrap_or_default();
        self.defaults.on_unknown = self.parts(written.on_unknown.as_ref()).unwrap_or_default();
    }

    fn silence_ms(&mut self, silence_ms: Option<&Located<u32>>) -> u32 {
        let Some(silence_ms) = silence_ms else {
            return self.defaults.silence_ms;
        };
        self.in_range(silence_ms, &SILENCE_MS_RANGE, |least, most| {
            say!(
                "a silence lasts between {least} and {most} milliseconds",
                "silence_ms 应在 {least} 与 {most} 毫秒之间"
            )
        })
    }

    fn pause_ms(&mut self, pause_ms: Option<&Located<u32>>, expects: Option<Expects>) -> u32 {
        match (pause_ms, expects) {
            (Some(pause_ms), _) => self.in_range(pause_ms, &PAUSE_MS_RANGE, |least, most| {
                say!(
                    "the pause that ends an utterance lasts between {least} and {most} milliseconds",
                    "pause_ms 应在 {least} 与 {most} 毫秒之间"
                )
            }),
            (None, Some(expects)) => expects.pause_ms(),
            (None, None) => self.defaults.pause_ms,
        }
    }

    /// The number, which is a problem in the words of `message` where it lies outside of the range.
    pub(super) fn in_range(
        &mut self,
        number: &Located<u32>,
        range: &RangeInclusive<u32>,
        message: impl FnOnce(u32, u32) -> Message,
    ) -> u32 {
        if !range.contains(&number.value) {
            self.problems.error(number.at, message(*range.start(), *range.end()));
        }
        number.value
    }

    pub(super) fn interruption(&self, written: Option<Interruptible>) -> Interruption {
        match written {
            None => self.defaults.interruption,
            Some(Interruptible::Flag(true) | Interruptible::After(0)) => Interruption::Always,
            Some(Interruptible::Flag(false)) => Interruption::Never,
            Some(Interruptible::After(ms)) => Interruption::After { ms },
        }
    }

    fn parts(&mut self, written: Option<&document::Fallback>) -> Option<Parts> {
        let Some(written) = written else {
            return Some(Parts::default());
        };
        let say = self.wordings(&written.say);
        let next = self.optional_way(written.next.as_ref());
        Some(Parts { say: say?, limit: written.limit, next: next? })
    }

    /// These parts, completed by the defaults of the scene and the built-in ones.
    fn fallback(&mut self, parts: Parts, kind: Kind) -> Fallback {
        let (defaults, built_in) = match kind {
            Kind::Silence => (&self.defaults.on_silence, Words::silence(self.language)),
            Kind::Unknown => (&self.defaults.on_unknown, Words::unknown(self.language)),
        };
        let say = if parts.say.is_empty() { defaults.say.clone() } else { parts.say };
        let limit = parts.limit.or(defaults.limit).unwrap_or(FALLBACK_LIMIT_DEFAULT);
        let next = parts.next.or_else(|| defaults.next.clone());
        Fallback { say: self.or_built_in(say, built_in), limit, next }
    }

    pub(super) fn all_nodes(&mut self, document: &Document) -> Option<Vec<Node>> {
        let mut nodes: Vec<Option<Node>> = document.nodes.iter().map(|node| self.one_node(node, None)).collect();
        for (index, flow) in document.flows.iter().enumerate() {
            self.scope = Some(index);
            nodes.extend(flow.nodes.iter().map(|node| self.one_node(node, Some(&flow.name.value))));
        }
        self.scope = None;
        nodes.into_iter().collect()
    }

    fn one_node(&mut self, written: &document::Node, flow: Option<&str>) -> Option<Node> {
        let name = flow.map_or_else(|| written.name.value.clone(), |flow| full_name(flow, &written.name.value));
        self.at_place(&name, written.name.at);
        let say = match &written.say {
            Some(say) => self.prompt(say),
            None => Some(Vec::new()),
        };
        let again = self.wordings(&written.again);
        let then = self.then(written);
        let must_speak = matches!(then, Some(Then::Listen(_) | Then::End { .. }));
        if written.say.is_none() && must_speak {
            let message = say!(
                "the node `{name}` listens or ends the call, so it must `say` something first",
                "节点“{name}”要听客户说或挂机，请先用 say 说一句"
            );
            self.problems.error(written.name.at, message);
        }
        Some(Node {
            name,
            flow: self.scope,
            say: say?,
            again: again?,
            interruption: self.interruption(written.interruptible),
            then: then?,
        })
    }

    fn then(&mut self, written: &document::Node) -> Option<Then> {
        let name = &written.name;
        let listens = !written.branches.is_empty() || written.otherwise.is_some();
        let ways = [
            listens,
            written.next.is_some(),
            written.end.is_some(),
            written.transfer.is_some(),
            written.call.is_some(),
            written.returns.is_some(),
        ];
        match ways.iter().filter(|&&way| way).count() {
            0 => {
                let message = say!(
                    "the node `{name}` is a dead end: give it branches, `otherwise`, `next`, `end`, `transfer`, `call` or `return`",
                    "节点“{name}”没有去向：请写 branches、otherwise、next、end、transfer、call 或 return",
                    name = name.value
                );
                self.problems.error(name.at, message);
                return None;
            }
            1 => {}
            _ => {
                let message = say!(
                    "the node `{name}` can do only one of these: listen (`branches`, `otherwise`), go on (`next`), end (`end`), \
                     `transfer`, `call`, `return`",
                    "节点“{name}”只能选一种：听客户说（branches、otherwise）、next、end、transfer、call 或 return",
                    name = name.value
                );
                self.problems.error(name.at, message);
                return None;
            }
        }
        if let (Some(then), None) = (&written.then, &written.call) {
            self.problems.error(then.at, say!("`then` belongs to a `call`", "then 只能与 call 一起写"));
        }
        if let Some(next) = &written.next {
            return self.way(next).map(Then::GoOn);
        }
        if let Some(end) = &written.end {
            return Some(Then::End { reason: end.reason.clone(), label: end.label.clone() });
        }
        if let Some(transfer) = &written.transfer {
            return self.transfer(transfer).map(Then::Transfer);
        }
        if let Some(called) = &written.call {
            return self.call(called, written.then.as_ref());
        }
        if let Some(returned) = &written.returns {
            return self.leaves(returned);
        }
        self.listening(written).map(|listening| Then::Listen(Box::new(listening)))
    }

    fn leaves(&mut self, returned: &Located<String>) -> Option<Then> {
        if self.scope.is_none() {
            self.problems
                .error(returned.at, say!("only a node of a flow can `return`", "只有流程里的节点才能写 return"));
            return None;
        }
        if returned.value.trim().is_empty() {
            self.problems.error(returned.at, say!("what a flow returns needs a name", "return 要有名称"));
            return None;
        }
        Some(Then::Return { name: returned.value.clone() })
    }

    fn transfer(&mut self, written: &document::node::Transfer) -> Option<Transfer> {
        if written.to.value.trim().is_empty() {
            let message = say!("a transfer needs a number or an address", "转接要写号码或 SIP 地址");
            self.problems.error(written.to.at, message);
        }
        let to = self.template(&written.to);
        let failed = self.way(&written.failed);
        let ring_s = match &written.ring_s {
            Some(ring_s) => self.in_range(ring_s, &RING_S_RANGE, |least, most| {
                say!("it rings between {least} and {most} seconds", "ring_s 应在 {least} 与 {most} 秒之间")
            }),
            None => RING_S_DEFAULT,
        };
        let reason = written.reason.clone().unwrap_or_else(|| Words::transferred(self.language).to_owned());
        Some(Transfer { to: to?, how: written.how, ring_ms: ring_s.saturating_mul(1_000), failed: failed?, reason })
    }

    fn listening(&mut self, written: &document::Node) -> Option<Listening> {
        let own = self.branches(&written.branches, false);
        let otherwise: Option<Option<Way>> = self.optional_way(written.otherwise.as_ref() as Option<&forms::Way>);
        let silence_ms = self.silence_ms(written.silence_ms.as_ref());
        let pause_ms = self.pause_ms(written.pause_ms.as_ref(), written.expects);
        let on_silence = self.parts(written.on_silence.as_ref());
        let on_unknown = self.parts(written.on_unknown.as_ref());
        let own = own?;
        let mut branches = own.branches;
        let inherits = |branch: &&super::Branch| {
            branches.iter().all(|own| own.intent != branch.intent || own.value != branch.value)
        };
        let inherited: Vec<_> = self.anywhere.iter().filter(inherits).cloned().collect();
        branches.extend(inherited);
        let mut keys = self.anywhere_keys.clone();
        if own.entry.is_some() {
            keys.retain(|key, _| !key.is_ascii_digit());
        }
        keys.extend(own.keys);
        if let Some(until) = own.entry.as_ref().and_then(|entry| entry.until) {
            keys.remove(&until);
        }
        Some(Listening {
            silence_ms,
            pause_ms,
            branches,
            keys,
            entry: own.entry,
            otherwise: otherwise?,
            on_silence: self.fallback(on_silence?, Kind::Silence),
            on_unknown: self.fallback(on_unknown?, Kind::Unknown),
        })
    }
}
