//! One step in the making: what is said, and where the talk goes on.

use super::border::{Action, Event, Interruption, KeyEntry, Listen};
use super::state::{End, Phase, State};
use crate::call::Understanding;
use crate::chance::draw;
use crate::scene::Scene;
use crate::scene::model::{Closing, Fallback, Listening, Node, NodeIndex, Then, Voicemail, Way};
use crate::scene::template::Template;

/// Through how many nodes a conversation goes without listening. A checked scene has no endless chain of prompts; the
/// bound holds for any other.
const HOPS_MAX: usize = 1_000;

/// How deep sub-flows may be entered. A checked scene has no recursion; the bound holds for any other.
const CALLERS_MAX: usize = 16;

pub(super) struct Turn<'a> {
    pub(super) scene: &'a Scene,
    pub(super) state: &'a mut State,
    actions: Vec<Action>,
}

impl<'a> Turn<'a> {
    pub(super) const fn new(scene: &'a Scene, state: &'a mut State) -> Self {
        Self { scene, state, actions: Vec::new() }
    }

    pub(super) fn into_actions(self) -> Vec<Action> {
        self.actions
    }

    pub(super) fn take(&mut self, event: &Event) -> Option<Understanding> {
        if matches!(event, Event::Deaf) {
            self.state.deaf = true;
        }
        match (&self.state.phase, event) {
            (Phase::Ended(_), _) => {}
            (_, Event::HungUp) => self.state.phase = Phase::Ended(End::Customer),
            (Phase::Transferring, Event::TransferFailed { .. }) => self.transfer_failed(),
            (_, Event::Transferred) => self.transferred(),
            (Phase::Transferring, _) => {}
            (_, Event::Machine) => self.machine(),
            (Phase::Ready, event) => {
                self.state.phase = Phase::Talking;
                self.enter(self.scene.start);
                // Whatever the customer said first, a 喂 most likely, the opening answers it.
                return matches!(event, Event::Heard { .. }).then_some(Understanding::NotNeeded);
            }
            (Phase::Talking, event) => return self.talk(event),
        }
        matches!(event, Event::Heard { .. }).then_some(Understanding::NotNeeded).filter(|_| !self.state.is_ended())
    }

    fn talk(&mut self, event: &Event) -> Option<Understanding> {
        let Some((node, listening)) = self.active() else {
            // A state of another scene; its customer is not left in silence.
            self.close();
            return None;
        };
        if let Event::Key { digit } = event
            && self.typing(listening, *digit)
        {
            // The digits of one answer are one turn, however many they are.
            return None;
        }
        self.counted(&node.name, |turn| match event {
            Event::Heard { text, interrupted, choice } => {
                Some(turn.heard(node, listening, text, *interrupted, choice.as_deref()))
            }
            Event::Key { digit } => {
                turn.key(node, listening, *digit);
                None
            }
            Event::Silence => {
                turn.silence(node, listening);
                None
            }
            Event::Answered
            | Event::HungUp
            | Event::Machine
            | Event::Deaf
            | Event::Transferred
            | Event::TransferFailed { .. } => {
                turn.await_customer(listening);
                None
            }
        })
    }

    /// One turn of the customer; after the last one the robot takes its leave.
    fn counted<T>(&mut self, node: &str, turn: impl FnOnce(&mut Self) -> T) -> T {
        self.state.rounds = self.state.rounds.saturating_add(1);
        let visited = self.state.history.visited.len();
        let callers = self.state.callers.clone();
        let outcome = turn(self);
        if self.state.rounds >= self.scene.rounds_max && self.state.phase == Phase::Talking {
            // Instead of what the robot would have said, and of where that would have led: a
            // question and then a goodbye would be rude.
            self.actions.clear();
            node.clone_into(&mut self.state.node);
            self.state.callers = callers;
            self.state.history.visited.truncate(visited);
            self.close();
        }
        outcome
    }

    /// The active node, if it is one that listens.
    fn active(&self) -> Option<(&'a Node, &'a Listening)> {
        let node = self.scene.node(&self.state.node)?;
        match &node.then {
            Then::Listen(listening) => Some((node, listening)),
            _ => None,
        }
    }

    /// Where a way leads now.
    pub(super) fn choose(&self, way: &Way) -> NodeIndex {
        if way.guards.is_empty() {
            return way.to;
        }
        let context = self.state.circumstances().context();
        let holds = way.guards.iter().find(|guard| guard.condition.holds(&context));
        holds.map_or(way.to, |guard| guard.to)
    }

    pub(super) fn go(&mut self, way: &Way) {
        let next = self.choose(way);
        self.enter(next);
    }

    /// Speaks the prompt of a node, and of those that follow it at once.
    fn enter(&mut self, index: NodeIndex) {
        let mut next = index;
        for _ in 0..HOPS_MAX {
            let Some(node) = self.scene.nodes.get(next) else {
                break;
            };
            self.arrive(node);
            self.say(&node.say, node.interruption);
            match &node.then {
                Then::GoOn(way) => next = self.choose(way),
                Then::Listen(listening) => match self.deaf_to(listening) {
                    Some(elsewhere) => next = elsewhere,
                    None => return self.await_customer(listening),
                },
                Then::End { reason, label } => return self.hang_up(reason, label.clone()),
                Then::Transfer(transfer) => {
                    let state = &*self.state;
                    let to = transfer.to.render(|name| state.raw(name));
                    self.state.phase = Phase::Transferring;
                    self.actions.push(Action::Transfer { to, how: transfer.how, ring_ms: transfer.ring_ms });
                    return;
                }
                Then::Call { start, .. } => {
                    if self.state.callers.len() >= CALLERS_MAX {
                        break;
                    }
                    self.state.callers.push(node.name.clone());
                    next = *start;
                }
                Then::Return { name } => match self.after_flow(name) {
                    Some(way) => next = self.choose(way),
                    None => break,
                },
            }
        }
        self.close();
    }

    fn arrive(&mut self, node: &Node) {
        if node.flow.is_none() {
            self.state.callers.clear();
        }
        self.state.node.clone_from(&node.name);
        self.state.silences_here = 0;
        self.state.unknowns_here = 0;
        self.state.resumed_here = 0;
        self.state.typed.clear();
        self.state.history.visited.push(node.name.clone());
    }

    /// Where the talk goes on after the innermost sub-flow.
    fn after_flow(&mut self, returned: &str) -> Option<&'a Way> {
        let caller = self.state.callers.pop()?;
        match &self.scene.node(&caller)?.then {
            Then::Call { returns, .. } => returns.get(returned),
            _ => None,
        }
    }

    /// Waits for the customer, unless nothing of what they say would be understood. Then the talk goes on by keys, or
    /// at another node, or it is over.
    pub(super) fn await_customer(&mut self, listening: &Listening) {
        match self.deaf_to(listening) {
            Some(elsewhere) => self.enter(elsewhere),
            None if self.state.is_ended() => {}
            None => self.listen(listening),
        }
    }

    /// Where the talk goes on because nothing can be recognised here; none where it can, or where it is over.
    fn deaf_to(&mut self, listening: &Listening) -> Option<NodeIndex> {
        if !self.state.deaf || listening.takes_keys() || self.state.is_ended() {
            return None;
        }
        let on_deaf = &self.scene.on_deaf;
        if self.state.deaf_said {
            self.close();
            return None;
        }
        self.state.deaf_said = true;
        self.say(&on_deaf.closing.say, Interruption::Never);
        if on_deaf.next.is_none() {
            self.hang_up(&on_deaf.closing.reason, None);
        }
        on_deaf.next
    }

    fn transferred(&mut self) {
        let reason = match self.scene.node(&self.state.node).map(|node| &node.then) {
            Some(Then::Transfer(transfer)) => transfer.reason.clone(),
            _ => String::new(),
        };
        self.state.phase = Phase::Ended(End::Transferred { reason });
    }

    fn transfer_failed(&mut self) {
        self.state.phase = Phase::Talking;
        let Some(node) = self.scene.node(&self.state.node) else {
            return self.close();
        };
        match &node.then {
            Then::Transfer(transfer) => self.counted(&node.name, |turn| turn.go(&transfer.failed)),
            _ => self.close(),
        }
    }

    /// Nobody is there to talk to, unless the scene goes on all the same.
    fn machine(&mut self) {
        match &self.scene.voicemail {
            Voicemail::Leave { say, reason } => {
                self.say(say, Interruption::Never);
                self.hang_up(reason, None);
            }
            Voicemail::GoOn => match self.active() {
                Some((_, listening)) if self.state.phase == Phase::Talking => self.await_customer(listening),
                _ => {
                    self.state.phase = Phase::Talking;
                    self.enter(self.scene.start);
                }
            },
        }
    }

    pub(super) fn fall_back(&mut self, node: &Node, listening: &Listening, fallback: &Fallback, said_before: u32) {
        if said_before < fallback.limit {
            self.say(&fallback.say, node.interruption);
            self.await_customer(listening);
        } else {
            match &fallback.next {
                Some(next) => self.go(next),
                None => self.close(),
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.take_leave(&self.scene.closing);
    }

    pub(super) fn take_leave(&mut self, closing: &Closing) {
        self.say(&closing.say, Interruption::Never);
        self.hang_up(&closing.reason, None);
    }

    /// Says one of the wordings; which one depends on the call.
    pub(super) fn say(&mut self, wordings: &[Template], interruption: Interruption) {
        let turn = draw(self.state.seed, self.state.prompts);
        self.say_one(wordings, turn, interruption);
    }

    /// Says the wording that has its turn.
    pub(super) fn say_one(&mut self, wordings: &[Template], turn: u64, interruption: Interruption) {
        let count = u64::try_from(wordings.len()).unwrap_or(u64::MAX);
        let index = turn.checked_rem(count).and_then(|index| usize::try_from(index).ok());
        let Some(wording) = index.and_then(|index| wordings.get(index)) else {
            return;
        };
        self.state.prompts = self.state.prompts.wrapping_add(1);
        let state = &*self.state;
        let text = wording.render(|name| state.words(name));
        if text.trim().is_empty() {
            return;
        }
        self.actions.push(Action::Say { text, node: self.state.node.clone(), interruption });
    }

    fn listen(&mut self, listening: &Listening) {
        let typed = u32::try_from(self.state.typed.len()).unwrap_or(u32::MAX);
        let (keys, silence_ms) = match &listening.entry {
            Some(entry) => {
                let missing = entry.digits.saturating_sub(typed);
                let silence_ms = if typed == 0 { listening.silence_ms } else { entry.between_ms };
                (KeyEntry::Digits { missing, typed, until: entry.until }, silence_ms)
            }
            None if listening.keys.is_empty() => (KeyEntry::Unused, listening.silence_ms),
            None => (KeyEntry::One, listening.silence_ms),
        };
        self.actions.push(Action::Listen(Listen { silence_ms, pause_ms: listening.pause_ms, keys }));
    }

    pub(super) fn hang_up(&mut self, reason: &str, label: Option<String>) {
        self.state.phase = Phase::Ended(End::Robot { reason: reason.to_owned(), label });
        self.actions.push(Action::HangUp { reason: reason.to_owned() });
    }
}
