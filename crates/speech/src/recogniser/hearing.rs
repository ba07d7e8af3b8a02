//! Listening to one call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::servers::{Servers, Way};
use super::spare::Spare;
use super::take::Take;
use super::utterance::Utterance;
use super::{CallHints, Failure, HearingEvent, UNANSWERED_MAX};

/// Events that wait for whoever takes them.
const EVENTS_MAX: usize = 64;
/// As many of them are kept free for what must not be lost.
const EVENTS_KEPT_FREE: usize = 48;
/// Utterances whose events nobody has taken: beyond so many there is nobody, and none are begun.
const UTTERANCES_MAX: usize = 32;

/// Takes the audio of a call. All of it can be called from anywhere, and never waits. Dropped, it gives up what it hears.
pub struct Hearing {
    call: Arc<Call>,
}

/// Gives what is heard on a call.
#[derive(Debug)]
pub struct HearingEvents {
    events: mpsc::Receiver<HearingEvent>,
}

/// What the utterances of a call share.
pub(super) struct Call {
    servers: Arc<Servers>,
    runtime: Handle,
    hints: CallHints,
    events: mpsc::Sender<HearingEvent>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    spare: Option<Spare>,
    /// What is being spoken, or not understood yet.
    utterances: HashMap<u32, Running>,
    /// What is being spoken.
    open: Option<u32>,
}

struct Running {
    take: Arc<Take>,
    task: AbortHandle,
}

pub(super) fn listen(servers: Arc<Servers>, runtime: Handle, hints: CallHints) -> (Hearing, HearingEvents) {
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    let call = Arc::new(Call { servers, runtime, hints, events: sender, state: Mutex::default() });
    call.open_spare();
    (Hearing { call }, HearingEvents { events })
}

impl Hearing {
    /// An utterance begins. One that has begun and not finished before is given up.
    pub fn begin(&self, utterance: u32) {
        let mut state = self.call.state();
        if let Some(open) = state.open.take() {
            state.give_up(open);
        }
        if state.utterances.len() >= UTTERANCES_MAX || state.utterances.contains_key(&utterance) {
            tracing::warn!(utterance, "utterance {utterance} is not listened to: nobody takes what is heard");
            return;
        }
        let take = Arc::new(Take::new());
        let is_one_too_many = state.utterances.len() >= UNANSWERED_MAX;
        let task = self.call.runtime.spawn(run(self.call.clone(), utterance, take.clone(), is_one_too_many));
        state.utterances.insert(utterance, Running { take, task: task.abort_handle() });
        state.open = Some(utterance);
    }

    /// Audio of the utterance that has begun: linear samples, 8,000 in a second. Nothing happens where none has.
    pub fn push(&self, samples: &[i16]) {
        if let Some(take) = self.call.open_take() {
            take.push(samples);
        }
    }

    /// The utterance has ended: from now on the time for its answer runs.
    pub fn finish(&self, utterance: u32) {
        let mut state = self.call.state();
        if state.open == Some(utterance) {
            state.open = None;
            if let Some(running) = state.utterances.get(&utterance) {
                running.take.finish(Instant::now());
            }
        }
    }

    /// Nobody wants to know the utterance any more: unless it has been told already, nothing more is told of it.
    pub fn cancel(&self, utterance: u32) {
        let mut state = self.call.state();
        if state.open == Some(utterance) {
            state.open = None;
        }
        state.give_up(utterance);
        let is_idle = state.utterances.is_empty();
        drop(state);
        if is_idle {
            self.call.open_spare();
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut state = self.call.state();
        for running in state.utterances.values() {
            running.task.abort();
        }
        *state = State::default();
    }
}

impl std::fmt::Debug for Hearing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Hearing").field("utterances", &self.call.state().utterances.len()).finish()
    }
}

impl HearingEvents {
    /// The next event; none when the [`Hearing`] is gone.
    pub async fn next(&mut self) -> Option<HearingEvent> {
        self.events.recv().await
    }

    /// The next event, where there is one already.
    pub fn try_next(&mut self) -> Option<HearingEvent> {
        self.events.try_recv().ok()
    }
}

impl Call {
    /// The connection that is open in advance, where it is one of this server.
    pub(super) fn spare_of(&self, server: usize) -> Option<Spare> {
        self.state().spare.take_if(|spare| spare.server == server)
    }

    /// Tells what may be left out.
    pub(super) fn tell_partial(&self, event: HearingEvent) {
        if self.events.capacity() > EVENTS_KEPT_FREE {
            let _ = self.events.try_send(event);
        }
    }

    /// Opens a connection for the next utterance, where there is none yet. Never while another one is in use: there are
    /// servers that hold one connection only, and close it for a new one.
    fn open_spare(&self) {
        let Some(server) = self.servers.likely(&self.hints, Instant::now()) else { return };
        let Some(Way::Stream(endpoint)) = self.servers.get(server).map(|it| &it.way) else { return };
        let mut state = self.state();
        if state.utterances.is_empty() && state.spare.as_ref().is_none_or(|spare| spare.server != server) {
            state.spare = Some(Spare::open(&self.runtime, server, endpoint.clone()));
        }
    }

    fn open_take(&self) -> Option<Arc<Take>> {
        let state = self.state();
        state.open.and_then(|open| state.utterances.get(&open)).map(|running| running.take.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn give_up(&mut self, utterance: u32) {
        if let Some(running) = self.utterances.remove(&utterance) {
            running.task.abort();
        }
    }
}

async fn run(call: Arc<Call>, number: u32, take: Arc<Take>, is_one_too_many: bool) {
    let (servers, hints) = (call.servers.clone(), call.hints.clone());
    let utterance = Utterance { number, take, servers, hints, call: Some(call.clone()) };
    let event = if is_one_too_many {
        super::take::Reader::new(utterance.take.clone()).finished().await;
        HearingEvent::Failed { utterance: number, why: Failure::TooMany }
    } else {
        utterance.understand().await
    };
    // Whoever takes events too late is waited for; where nobody does any more, it is lost on nobody.
    let _ = call.events.send(event).await;
    call.state().utterances.remove(&number);
    call.open_spare();
}
