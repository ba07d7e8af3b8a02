//! The telephone network of a simulation: what was really dialled, whatever the store says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_dialer::line::{Briefing, Heard, Line, LiveCall, Said, TransferTarget, Transferred};
use hutong_dialer::runtime::BoxFuture;
use hutong_dialer::simulated::SimulatedLine;
use hutong_domain::dialogue::{Interruption, Listen};
use hutong_domain::ids::{CallId, LineId};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;
use hutong_store::claim::Claimed;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The number of a callee at whose side the call never arrives: its line fails.
const LINE_FAILS: &str = "13800138003";
/// Numbers of callees who answer, each in a manner of its own; the first is the most frequent.
const ANSWERING: [&str; 8] = [
    "13800138000",
    "13800138000",
    "13800138020",
    "13800138021",
    "13800138023",
    "13800138024",
    "13800138026",
    "13800138027",
];
/// Numbers of callees who do not.
const SILENT: [&str; 8] = [
    "13800138008",
    "13800138001",
    "13800138006",
    "13800138008",
    "13800138004",
    "13800138005",
    "13800138002",
    "13800138007",
];

/// A number was dialled.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// The true time.
    pub at: Moment,
    /// The time on the clock of the process that dialled.
    pub clock: Moment,
    /// What the process believed to have claimed.
    pub claimed: Claimed,
    /// Another call to the same number that goes on: its call and attempt.
    pub beside: Option<(CallId, i64)>,
}

/// Everything that was dialled and not looked at yet, and what goes on.
#[derive(Debug, Clone, Default)]
pub struct Network(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    dialled: Vec<Dialled>,
    /// Calls that go on, by number: a call and its attempt.
    going_on: HashMap<String, Vec<(CallId, i64)>>,
    /// When lines fail, in true time.
    outages: HashMap<LineId, (Moment, Moment)>,
}

impl Network {
    /// What was dialled since this was asked last.
    #[must_use]
    pub fn take(&self) -> Vec<Dialled> {
        std::mem::take(&mut self.lock().dialled)
    }

    /// All calls on this line fail in this span of true time.
    pub fn fail(&self, line: LineId, from: Moment, until: Moment) {
        self.lock().outages.insert(line, (from, until));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, (at, clock): (Moment, Moment), claimed: &Claimed) {
        let mut state = self.lock();
        let this = (claimed.call, claimed.attempt_no);
        let calls = state.going_on.entry(claimed.customer_phone.clone()).or_default();
        let beside = calls.iter().find(|call| **call != this).copied();
        calls.push(this);
        state.dialled.push(Dialled { at, clock, claimed: claimed.clone(), beside });
    }

    fn end(&self, claimed: &Claimed) {
        let mut state = self.lock();
        if let Some(calls) = state.going_on.get_mut(&claimed.customer_phone) {
            calls.retain(|call| *call != (claimed.call, claimed.attempt_no));
            if calls.is_empty() {
                state.going_on.remove(&claimed.customer_phone);
            }
        }
    }

    fn is_out(&self, line: LineId, at: Moment) -> bool {
        self.lock().outages.get(&line).is_some_and(|(from, until)| (*from..*until).contains(&at))
    }
}

/// How the people behind a network answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct People {
    pub(crate) seed: u64,
    /// How many of a thousand answer; those of the simulated line where it is not said.
    pub(crate) answers_per_mille: Option<u32>,
}

/// What is wrong with a line, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Every number is dialled twice.
    Twice,
    /// A number is dialled a while after that was asked for, whatever became of whoever asked.
    Late(Duration),
}

/// The line of a process: callees are those of the product's simulated line.
pub(crate) struct NetworkLine {
    callees: SimulatedLine,
    people: People,
    network: Network,
    true_time: Arc<dyn Runtime>,
    clock: Arc<dyn Runtime>,
    fault: Fault,
}

impl NetworkLine {
    pub(crate) fn new(
        network: Network,
        (true_time, clock): (Arc<dyn Runtime>, Arc<dyn Runtime>),
        people: People,
        fault: Fault,
    ) -> Self {
        let callees = SimulatedLine::new(clock.clone(), people.seed);
        Self { callees, people, network, true_time, clock, fault }
    }

    /// Who is called: another one than the number says where the line is out, or people answer as the scenario says.
    fn callee(&self, claimed: &Claimed) -> Claimed {
        let call = claimed.call.get().unsigned_abs().rotate_left(21);
        let mut rng = StdRng::seed_from_u64(self.people.seed ^ call ^ claimed.attempt_no.unsigned_abs());
        let number = if self.network.is_out(claimed.line, self.true_time.now()) {
            Some(LINE_FAILS)
        } else {
            self.people.answers_per_mille.and_then(|answers| {
                let numbers = if rng.random_range(0..1000) < answers { ANSWERING } else { SILENT };
                numbers.get(rng.random_range(0..numbers.len())).copied()
            })
        };
        Claimed {
            customer_phone: number.map_or_else(|| claimed.customer_phone.clone(), str::to_owned),
            ..claimed.clone()
        }
    }
}

impl Line for NetworkLine {
    fn dial(&self, claimed: &Claimed) -> Box<dyn LiveCall> {
        let times = (self.true_time.now(), self.clock.now());
        match self.fault {
            Fault::None => self.network.begin(times, claimed),
            Fault::Twice => (0..2).for_each(|_| self.network.begin(times, claimed)),
            Fault::Late(by) => {
                let (network, claimed) = (self.network.clone(), claimed.clone());
                let (clock, true_time) = (self.clock.clone(), self.true_time.clone());
                // In the world's own process: it outlives the one that asked.
                self.true_time.spawn(Box::pin(async move {
                    true_time.sleep(by).await;
                    network.begin((true_time.now(), clock.now()), &claimed);
                }));
            }
        }
        let call = self.callees.dial(&self.callee(claimed));
        Box::new(NotedCall { call, network: self.network.clone(), claimed: claimed.clone() })
    }
}

/// A call whose end is noted, whatever ends it.
struct NotedCall {
    call: Box<dyn LiveCall>,
    network: Network,
    claimed: Claimed,
}

impl Drop for NotedCall {
    fn drop(&mut self) {
        self.network.end(&self.claimed);
    }
}

impl LiveCall for NotedCall {
    fn answered(&mut self) -> BoxFuture<'_, Result<(), Disposition>> {
        self.call.answered()
    }

    fn brief(&mut self, briefing: Briefing) {
        self.call.brief(briefing);
    }

    fn say<'a>(&'a mut self, text: &'a str, interruption: Interruption) -> BoxFuture<'a, Said> {
        self.call.say(text, interruption)
    }

    fn listen(&mut self, listen: Listen) -> BoxFuture<'_, Heard> {
        self.call.listen(listen)
    }

    fn transfer<'a>(&'a mut self, to: &'a TransferTarget) -> BoxFuture<'a, Transferred> {
        self.call.transfer(to)
    }

    fn hang_up(&mut self) -> BoxFuture<'_, ()> {
        self.call.hang_up()
    }
}
