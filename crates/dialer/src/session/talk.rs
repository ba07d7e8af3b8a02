//! The conversation of an answered call: what the scene asks for, done on the line, and what comes back.

use std::time::Duration;

use hutong_domain::call::{HungUpBy, Speaker, TurnLatency, Understanding, Utterance};
use hutong_domain::dialogue::{self, Action, Event, Interruption, Listen, Opening, TransferHow};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::Scene;
use hutong_domain::scene::replay::Course;
use hutong_domain::transfer::{Destination, TransferFailure, TransferWay};
use hutong_store::claim::Claimed;
use hutong_store::finish::never_again;

use tracing::{Instrument as _, field, info_span};

use super::{Conversation, unless_stopped, variables};
use crate::line::{Heard, LiveCall, PartedBy, Said, TransferTarget, Transferred};
use crate::mind;
use crate::scheduler::Parts;

/// A conversation that is going on.
pub(super) struct Talk<'a> {
    parts: &'a Parts,
    claimed: &'a Claimed,
    scene: &'a Scene,
    answered_at: Moment,
    state: dialogue::State,
    course: Course,
    utterances: Vec<Utterance>,
    chat_rounds: i64,
    /// The customer cut off the last prompt, and is heard next.
    interrupted: bool,
    /// What the customer said waits for its answer.
    unanswered: Option<Unanswered>,
}

/// From where the customer waits for an answer.
struct Unanswered {
    until: Moment,
    decided: Moment,
    understood: Moment,
}

/// What a turn of the conversation led to.
enum Turn {
    GoesOn(Event),
    /// The last event, where one says how it ended.
    Ends(HungUpBy, Option<Event>),
}

impl Turn {
    const HUNG_UP: Self = Self::Ends(HungUpBy::Customer, Some(Event::HungUp));
    const BY_ROBOT: Self = Self::Ends(HungUpBy::Robot, None);
}

impl<'a> Talk<'a> {
    pub(super) fn new(parts: &'a Parts, claimed: &'a Claimed, scene: &'a Scene, answered_at: Moment) -> Self {
        let seed = parts.settings.seed ^ claimed.call.get().unsigned_abs().rotate_left(17);
        let opening = Opening { seed, now: answered_at.civil(&parts.settings.rules.zone) };
        let state = dialogue::begin(scene, &variables(claimed), opening);
        Self {
            parts,
            claimed,
            scene,
            answered_at,
            state,
            course: Course { opening, events: Vec::new() },
            utterances: Vec::new(),
            chat_rounds: 0,
            interrupted: false,
            unanswered: None,
        }
    }

    pub(super) async fn run(mut self, call: &mut dyn LiveCall) -> Conversation {
        let mut event = Event::Answered;
        let (hung_up_by, last) = loop {
            let turn = info_span!("turn", node = field::Empty);
            let actions = turn.in_scope(|| self.step(event));
            turn.record("node", self.state.node());
            let parts = self.parts;
            let turn = unless_stopped(parts, self.act(call, actions)).instrument(turn).await;
            match turn.unwrap_or(Turn::BY_ROBOT) {
                Turn::GoesOn(next) => event = next,
                Turn::Ends(by, last) => break (by, last),
            }
        };
        if let Some(last) = last {
            self.step(last);
        }
        call.hang_up().await;
        Conversation {
            disposition: Disposition::Answered,
            answered_at: Some(self.answered_at),
            hung_up_by: Some(hung_up_by),
            chat_rounds: self.chat_rounds,
            utterances: self.utterances,
            course: Some(self.course),
            state: Some(self.state),
            report: call.report(),
        }
    }

    /// What the scene makes of an event.
    fn step(&mut self, event: Event) -> Vec<Action> {
        let asked_before = self.state.do_not_call();
        let step = dialogue::step(self.scene, &mut self.state, &event);
        if self.state.do_not_call() && !asked_before {
            self.never_again();
        }
        let is_heard = matches!(&event, Event::Heard { text, .. } if !text.is_empty());
        self.course.events.push(event);
        let last_words = self.utterances.iter_mut().rev().find(|it| it.speaker == Speaker::Customer);
        if let (Some(understanding), Some(words), true) = (step.understanding, last_words, is_heard) {
            words.understanding = Some(understanding);
        }
        step.actions
    }

    /// Sees to it that the number is not called again, while the talk goes on.
    fn never_again(&self) {
        let (store, claimed, now) = (self.parts.store.clone(), self.claimed.clone(), self.parts.runtime.now());
        self.parts.runtime.spawn(Box::pin(async move {
            let company = claimed.company;
            let call = claimed.call;
            // Where it fails, the end of the call tries again, for as long as it takes.
            if let Err(error) = store.write(company, move |db| never_again(db, &claimed, now)).await {
                tracing::warn!(%call, %error, "the wish of call {call} not to be called waits for its end");
            }
        }));
    }

    /// Does what the scene asks for, up to the next thing that the customer does.
    async fn act(&mut self, call: &mut dyn LiveCall, actions: Vec<Action>) -> Turn {
        let listens = matches!(actions.last(), Some(Action::Listen(_)));
        for action in actions {
            match action {
                // Somebody who has cut in is listened to at once.
                Action::Say { .. } if self.interrupted && listens => {}
                Action::Say { text, node, interruption } => {
                    if let Some(turn) = self.say(call, text, node, interruption).await {
                        return turn;
                    }
                }
                Action::Listen(listen) => return self.listen(call, listen).await,
                Action::Transfer { to, how, ring_ms } => return self.transfer(call, &to, how, ring_ms).await,
                Action::HangUp { .. } => return Turn::BY_ROBOT,
            }
        }
        // A step without an end is a scene's fault; the call ends all the same.
        Turn::BY_ROBOT
    }

    async fn say(
        &mut self,
        call: &mut dyn LiveCall,
        text: String,
        node: String,
        interruption: Interruption,
    ) -> Option<Turn> {
        let said = call.say(&text, interruption).instrument(info_span!("speak")).await;
        self.chat_rounds += 1;
        let latency = self.unanswered.take().map(|unanswered| unanswered.until_answer(said.from));
        let Said { from, until, interrupted, hung_up, machine } = said;
        self.utterances.push(Utterance { latency, ..self.utterance(Speaker::Robot, text, (from, until), node) });
        self.interrupted |= interrupted;
        if hung_up {
            return Some(Turn::HUNG_UP);
        }
        machine.then_some(Turn::GoesOn(Event::Machine))
    }

    async fn listen(&mut self, call: &mut dyn LiveCall, listen: Listen) -> Turn {
        self.unanswered = None;
        loop {
            let event = match call.listen(listen).instrument(info_span!("hear")).await {
                Heard::Words { text, from, until, recognition } => {
                    let interrupted = std::mem::take(&mut self.interrupted);
                    if let Some(recognition) = &recognition {
                        let (decided, understood) = (recognition.decided, recognition.at);
                        self.unanswered = Some(Unanswered { until, decided, understood });
                    }
                    self.note_words(text.clone(), (from, until), recognition.map(|it| it.by));
                    let choice = self.choice(&text).instrument(info_span!("understand")).await;
                    Event::Heard { text, interrupted, choice }
                }
                Heard::Aside { text, from, until } => {
                    self.note_words(text, (from, until), None);
                    continue;
                }
                Heard::Lost => Event::Deaf,
                Heard::Key(digit) => Event::Key { digit },
                Heard::Machine => Event::Machine,
                Heard::Silence => Event::Silence,
                Heard::HungUp => return Turn::HUNG_UP,
            };
            self.interrupted = false;
            return Turn::GoesOn(event);
        }
    }

    /// What a language model takes words for that the rules do not understand.
    async fn choice(&mut self, text: &str) -> Option<String> {
        let mind = self.parts.settings.mind.clone()?;
        if dialogue::would_understand(self.scene, &self.state, text) {
            return None;
        }
        let robot_said = self.utterances.iter().rev().find(|it| it.speaker == Speaker::Robot);
        let robot_said = robot_said.map(|it| it.text.clone()).unwrap_or_default();
        let chosen = mind::choice(&*mind, (self.scene, &self.state), robot_said, text).await;
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.understood = self.parts.runtime.now();
        }
        chosen
    }

    async fn transfer(&mut self, call: &mut dyn LiveCall, to: &str, how: TransferHow, ring_ms: u32) -> Turn {
        let Ok(to) = Destination::parse(to) else {
            let reason = "the destination is neither a number nor an address".to_owned();
            return Turn::GoesOn(Event::TransferFailed { reason });
        };
        let ring = Duration::from_millis(u64::from(ring_ms));
        // Asking the trunk costs no second channel; joining two calls works everywhere.
        let ways: &[TransferWay] = match how {
            TransferHow::Refer => &[TransferWay::Refer],
            TransferHow::Bridge => &[TransferWay::Bridge],
            TransferHow::Either => &[TransferWay::Refer, TransferWay::Bridge],
        };
        let mut failure = TransferFailure::Unsupported;
        for &how in ways {
            let target = TransferTarget { to: to.clone(), how, ring, wait: None };
            match call.transfer(&target).instrument(info_span!("transfer")).await {
                Transferred::Taken { by, .. } => {
                    let by = if by == PartedBy::Customer { HungUpBy::Customer } else { HungUpBy::Robot };
                    return Turn::Ends(by, Some(Event::Transferred));
                }
                Transferred::HungUp => return Turn::HUNG_UP,
                Transferred::Failed(why) => failure = why,
            }
            if !matches!(failure, TransferFailure::Unsupported | TransferFailure::Refused) {
                break;
            }
        }
        Turn::GoesOn(Event::TransferFailed { reason: failure.name().to_owned() })
    }

    /// What cut off a prompt and was no word is not written down.
    fn note_words(&mut self, text: String, times: (Moment, Moment), recogniser: Option<String>) {
        if !text.is_empty() {
            let node = self.state.node().to_owned();
            self.utterances.push(Utterance { recogniser, ..self.utterance(Speaker::Customer, text, times, node) });
        }
    }

    fn utterance(&self, speaker: Speaker, text: String, (from, until): (Moment, Moment), node: String) -> Utterance {
        let offset = |at: Moment| i64::try_from(at.since(self.answered_at).as_millis()).unwrap_or(i64::MAX);
        Utterance {
            speaker,
            text,
            start_ms: offset(from),
            end_ms: offset(until),
            at: from,
            understanding: (speaker == Speaker::Customer).then_some(Understanding::NotNeeded),
            node,
            latency: None,
            recogniser: None,
        }
    }
}

impl Unanswered {
    /// How long the customer waited until the first sound of the answer, and for what.
    fn until_answer(&self, answer: Moment) -> TurnLatency {
        let ms = |from: Moment, until: Moment| u32::try_from(until.since(from).as_millis()).unwrap_or(u32::MAX);
        let latency = TurnLatency {
            pause_ms: ms(self.until, self.decided),
            recognition_ms: ms(self.decided, self.understood),
            ours_ms: ms(self.understood, answer),
        };
        let parts = [
            ("pause", latency.pause_ms),
            ("recognition", latency.recognition_ms),
            ("ours", latency.ours_ms),
            ("total", latency.total_ms()),
        ];
        for (part, ms) in parts {
            metrics::histogram!("hutong_talk_latency_seconds", "part" => part).record(f64::from(ms) / 1_000.0);
        }
        latency
    }
}
