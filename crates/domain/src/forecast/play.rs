//! One play of a campaign: events in virtual time, from a seed.

mod shift;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::civil::Date;

use super::{ATTEMPTS_MAX, Behaviour, CallInProgress, Campaign, Line, Outcome, PlannedRedials, Sample, Tally};
use crate::breaker::Allows;
use crate::call::FinishStatus;
use crate::chance::draw;
use crate::moment::Moment;
use crate::outcome::{Disposition, Response};
use crate::pace::{PaceState, available, take};
use crate::pacing::History;
use crate::plan::{CompanyView, LineView, Start, TaskView, plan};
use crate::redial::{Used, next_redial};
use crate::task::{MoveReason, TaskStatus};
use shift::Shift;

/// After an answer has changed what may be dialled beyond the seats, that is looked at so much later: the scheduler does
/// so when the next call of the company ends, or on its tick.
const TICK: Duration = Duration::from_secs(1);
/// With more calls in progress than this, calls that end within [`CROWD_PAUSE`] are looked after together: each look
/// takes time in proportion to the calls, and a seat that waits so shortly is no loss.
const CROWD: usize = 256;
/// The pause between two looks while there is a crowd.
const CROWD_PAUSE: Duration = Duration::from_millis(100);

/// Plays the rest of a campaign once. The same seed gives the same outcome; and a number's attempts meet the same luck
/// whatever the campaign's settings are, so that outcomes under different settings can be compared.
#[must_use]
pub fn play(campaign: &Campaign, behaviour: &Behaviour, seed: u64) -> Outcome {
    Play::new(campaign, behaviour, seed).run(|_| {})
}

/// Numbers that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Numbers {
    /// The first of them; the others follow.
    first: u64,
    count: u64,
    /// Budgets for redials, callee's and caller's, as [`Used`] has them.
    used: (u32, u32),
}

/// A number that is dialled.
#[derive(Debug, Clone, Copy)]
struct Number {
    id: u64,
    used: Used,
}

/// A call in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    number: Number,
    line: Option<usize>,
    seated: bool,
    talking: bool,
    fate: Sample,
}

/// A line, and what is in use of it.
struct LineInPlay {
    line: Line,
    pace: PaceState,
    in_use: u32,
}

/// A campaign while it is played.
pub(super) struct Play<'a> {
    pub(super) campaign: &'a Campaign,
    behaviour: &'a Behaviour,
    seed: u64,
    pub(super) now: Moment,
    /// It is played no longer.
    end: Moment,
    shift: Shift,
    status: TaskStatus,
    queued_since: Option<Moment>,
    history: History,
    lines: Vec<LineInPlay>,
    /// By the order in which they started.
    calls: BTreeMap<u64, Call>,
    started: u64,
    /// Calls that nobody has answered and that hold a seat.
    reserved: BTreeSet<u64>,
    pub(super) seated: u32,
    pub(super) talking: u32,
    /// When something happens to a call: an answer, or its end.
    events: BinaryHeap<Reverse<(Moment, u64)>>,
    fresh: u64,
    fresh_dialled: u64,
    /// Redials that are due, in order.
    due: VecDeque<Numbers>,
    due_count: u64,
    /// Redials that are not due, by when they are.
    later: BinaryHeap<Reverse<(Moment, u64, Numbers)>>,
    look_at: Option<Moment>,
    looked_at: Moment,
    held_by: Option<MoveReason>,
    finish: Option<Moment>,
    by_finish_status: [u64; FinishStatus::ALL.len()],
    days: BTreeMap<Date, Tally>,
    /// Calls that started at this moment, for whoever watches.
    pub(super) starts: Vec<(u64, Used)>,
}

impl<'a> Play<'a> {
    pub(super) fn new(campaign: &'a Campaign, behaviour: &'a Behaviour, seed: u64) -> Self {
        let mut play = Self {
            campaign,
            behaviour,
            seed,
            now: campaign.now,
            end: shift::end(campaign),
            shift: Shift::new(campaign),
            status: if campaign.is_under_way() { campaign.status } else { TaskStatus::Ready },
            queued_since: (campaign.status == TaskStatus::Queued).then_some(campaign.now),
            history: campaign.history,
            lines: campaign.lines.iter().map(LineInPlay::new).collect(),
            calls: BTreeMap::new(),
            started: 0,
            reserved: BTreeSet::new(),
            seated: 0,
            talking: 0,
            events: BinaryHeap::new(),
            fresh: campaign.fresh,
            fresh_dialled: 0,
            due: VecDeque::new(),
            due_count: 0,
            later: BinaryHeap::new(),
            look_at: None,
            looked_at: campaign.now,
            held_by: None,
            finish: None,
            by_finish_status: Default::default(),
            days: BTreeMap::new(),
            starts: Vec::new(),
        };
        let mut first = campaign.fresh;
        for PlannedRedials { due, calls, used } in campaign.redials.iter().filter(|it| it.calls > 0) {
            let numbers = Numbers { first, count: *calls, used: (used.callee, used.caller) };
            play.later.push(Reverse((*due, first, numbers)));
            first = first.saturating_add(*calls);
        }
        for call in &campaign.in_progress {
            play.go_on(first, call);
            first = first.saturating_add(1);
        }
        play
    }

    /// Plays to the end; `watch` sees it after every moment at which something happened.
    pub(super) fn run(mut self, mut watch: impl FnMut(&Self)) -> Outcome {
        self.fall_due();
        self.look();
        watch(&self);
        while self.finish.is_none() && self.started < ATTEMPTS_MAX {
            let Some(next) = self.next().filter(|next| *next < self.end) else { break };
            self.pass_to(next);
            let mut look = self.shift.turn(self.campaign, next);
            look |= self.fall_due() | self.lines.iter().any(|it| it.line.valid_from == Some(next));
            while self.events.peek().is_some_and(|Reverse((at, _))| *at <= next) {
                let Some(Reverse((_, order))) = self.events.pop() else { break };
                look |= self.happen(order);
            }
            self.starts.clear();
            if look && self.calls.len() > CROWD {
                self.look_by(self.looked_at.after(CROWD_PAUSE).max(next));
            } else if look {
                self.look_by(next);
            }
            if self.look_at.is_some_and(|at| at <= next) {
                self.look();
            }
            watch(&self);
        }
        let left = self.fresh + self.due_count + self.later.iter().map(|Reverse((.., it))| it.count).sum::<u64>();
        Outcome {
            finish: self.finish,
            left: left + self.calls.len() as u64,
            held_by: self.held_by.filter(|_| self.finish.is_none()),
            by_finish_status: self.by_finish_status,
            seats: self.campaign.seats_usable(),
            days: self.days.into_iter().collect(),
        }
    }

    /// The next moment at which anything happens. None of them lies behind, and only what happens to calls can happen
    /// at the same moment again: so time goes on.
    fn next(&self) -> Option<Moment> {
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let due = self.later.peek().map(|Reverse((due, ..))| *due).filter(|_| self.shift.closed.is_none());
        let valid = self.lines.iter().filter_map(|it| it.line.valid_from).filter(|from| *from > self.now).min();
        [event, due, valid, self.look_at, self.shift.until].into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// Lets time pass in which nothing happens.
    fn pass_to(&mut self, next: Moment) {
        let passed = u64::try_from(next.since(self.now).as_millis()).unwrap_or(u64::MAX);
        self.now = next;
        let has_work = self.fresh + self.due_count > 0 || !self.calls.is_empty();
        if passed > 0 && has_work && self.shift.closed.is_none() {
            let talking = u64::from(self.talking);
            let today = self.today();
            today.open_ms = today.open_ms.saturating_add(passed);
            today.talk_ms = today.talk_ms.saturating_add(passed.saturating_mul(talking));
        }
    }

    fn today(&mut self) -> &mut Tally {
        self.days.entry(self.shift.date).or_default()
    }

    /// Puts redials that have fallen due into the queue; whether there were any.
    fn fall_due(&mut self) -> bool {
        let before = self.due_count;
        while self.later.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
            let Some(Reverse((_, _, numbers))) = self.later.pop() else { break };
            self.due_count += numbers.count;
            self.due.push_back(numbers);
        }
        self.due_count > before
    }

    /// Has the task looked at when this moment comes, or before.
    fn look_by(&mut self, at: Moment) {
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }

    /// Moves the task on and starts what may start.
    fn look(&mut self) {
        (self.look_at, self.looked_at) = (None, self.now);
        let planned = plan(&self.view());
        for it in planned.moves {
            self.status = it.to;
            self.queued_since = (it.to == TaskStatus::Queued).then_some(self.now);
        }
        if self.status == TaskStatus::Done {
            self.finish = Some(self.now);
        }
        let mut by_line = vec![0; self.lines.len()];
        for start in planned.starts {
            if let Some(calls) = by_line.get_mut(start.line) {
                *calls += 1;
            }
            self.start(start);
        }
        self.keep_pace(&by_line);
        self.held_by = if self.calls.is_empty() { self.what_holds_back() } else { None };
    }

    /// Why nothing is dialled where nothing is in progress; none where nothing is due.
    fn what_holds_back(&self) -> Option<MoveReason> {
        if let Some(closed) = self.shift.closed {
            // Nights are no reason where there are days.
            return self.held_by.or(self.days.is_empty().then(|| closed.into()));
        }
        if self.fresh + self.due_count == 0 {
            return None;
        }
        // Where it stands still it is not moved again: so it is asked where it would be moved to.
        let mut view = self.view();
        view.tasks.iter_mut().for_each(|task| task.status = TaskStatus::Ready);
        plan(&view).moves.last().map(|it| it.reason)
    }

    fn view(&self) -> CompanyView {
        let count = |numbers: u64| u32::try_from(numbers).unwrap_or(u32::MAX);
        let campaign = self.campaign;
        let task = TaskView {
            status: self.status,
            kind: campaign.kind,
            closed: self.shift.closed,
            has_numbers: true,
            due: count(self.fresh + self.due_count),
            has_later: !self.later.is_empty(),
            has_capped: false,
            quota: campaign.quota,
            in_progress_max: campaign.in_progress_max,
            elastic: campaign.elastic,
            in_progress: count(self.calls.len() as u64),
            seated: self.seated,
            talking: self.talking,
            history: self.history,
            waiting_since: self.queued_since,
            lines: (0..self.lines.len()).collect(),
        };
        CompanyView {
            seats_free: campaign.seats.saturating_sub(self.seated),
            lost_per_mille_max: campaign.lost_per_mille_max,
            starts_max: u32::MAX,
            lines: self.lines.iter().map(|line| line.view(self.now)).collect(),
            tasks: vec![task],
        }
    }

    /// Takes the calls that started from the pace of their lines, and looks again when a line takes the next.
    fn keep_pace(&mut self, started: &[u32]) {
        let has_due = self.fresh + self.due_count > 0 && self.shift.closed.is_none();
        let mut next_start = None;
        for (it, started) in self.lines.iter_mut().zip(started) {
            let Some(limit) = &it.line.pace else { continue };
            it.pace = take(limit, it.pace, *started, self.now);
            if let (0, Some(next)) = available(limit, &it.pace, self.now)
                && has_due
            {
                next_start = next_start.into_iter().chain([next]).min();
            }
        }
        if let Some(next) = next_start {
            self.look_by(next);
        }
    }

    /// The next number to dial: redials that are due, then numbers never dialled.
    fn take_number(&mut self) -> Option<Number> {
        if let Some(numbers) = self.due.front_mut() {
            let number = Number { id: numbers.first, used: Used { callee: numbers.used.0, caller: numbers.used.1 } };
            numbers.first += 1;
            numbers.count -= 1;
            self.due_count -= 1;
            if numbers.count == 0 {
                self.due.pop_front();
            }
            return Some(number);
        }
        self.fresh = self.fresh.checked_sub(1)?;
        self.fresh_dialled += 1;
        Some(Number { id: self.fresh_dialled - 1, used: Used::default() })
    }

    /// What chance has for this attempt at a number.
    fn luck(&self, number: &Number) -> u64 {
        draw(draw(self.seed, number.id), u64::from(number.used.total()))
    }

    fn start(&mut self, Start { line, seated, .. }: Start) {
        let Some(number) = self.take_number() else { return };
        let hour = self.shift.hour(self.campaign, self.now);
        let fate = self.behaviour.fate(hour, number.used.total() > 0, self.luck(&number));
        self.today().attempts += 1;
        self.starts.push((number.id, number.used));
        let answered_or_over = self.now.after(Duration::from_millis(fate.ring_ms.into()));
        self.add(Call { number, line: Some(line), seated, talking: false, fate }, answered_or_over);
    }

    /// Takes over a call that was in progress before.
    fn go_on(&mut self, id: u64, call: &CallInProgress) {
        let number = Number { id, used: call.used };
        let lasted = |since: Moment| u32::try_from(self.now.since(since).as_millis()).unwrap_or(u32::MAX);
        let (hour, is_redial, luck) = (call.hour(self.campaign), call.used.total() > 0, self.luck(&number));
        let (fate, since) = match call.answered_at {
            None => (self.behaviour.fate_after(hour, is_redial, luck, lasted(call.since)), call.since),
            Some(at) => {
                let talk_ms = self.behaviour.talk_after(hour, is_redial, luck, lasted(at));
                let (disposition, ring_ms) = (Disposition::Answered, 0);
                (Sample { disposition, ring_ms, talk_ms, talk_goes_on: true, hour, is_redial }, at)
            }
        };
        let talking = call.answered_at.is_some();
        let next = since.after(Duration::from_millis(if talking { fate.talk_ms } else { fate.ring_ms }.into()));
        self.add(Call { number, line: call.line, seated: call.seated || talking, talking, fate }, next.max(self.now));
    }

    fn add(&mut self, call: Call, next: Moment) {
        let order = self.started;
        self.started += 1;
        self.seated += u32::from(call.seated);
        self.talking += u32::from(call.talking);
        if call.seated && !call.talking {
            self.reserved.insert(order);
        }
        if let Some(line) = call.line.and_then(|line| self.lines.get_mut(line)) {
            line.in_use += 1;
        }
        self.calls.insert(order, call);
        self.events.push(Reverse((next, order)));
    }

    /// What happens to a call now: somebody answers, or it ends. Whether that leaves room for others.
    fn happen(&mut self, order: u64) -> bool {
        let Some(&call) = self.calls.get(&order) else { return false };
        if call.talking || call.fate.disposition != Disposition::Answered {
            self.end_call(order, call.fate.disposition);
            return true;
        }
        if !self.seat(order, &call) {
            self.today().lost += 1;
            self.history = self.history.record(Response::Lost);
            self.end_call(order, Disposition::NoSeat);
            return true;
        }
        self.today().answered += 1;
        self.history = self.history.record(Response::Answered);
        self.talking += 1;
        self.reserved.remove(&order);
        self.events.push(Reverse((self.now.after(Duration::from_millis(call.fate.talk_ms.into())), order)));
        if self.campaign.in_progress_max > self.campaign.quota {
            self.look_by(self.now.after(TICK));
        }
        false
    }

    /// Makes sure that a call that was answered has a seat: its own, a free one, or that of a call which nobody has
    /// answered yet. False when every seat talks.
    fn seat(&mut self, order: u64, call: &Call) -> bool {
        if !call.seated {
            let of_task = if self.campaign.elastic { u32::MAX } else { self.campaign.quota };
            if self.seated < self.campaign.seats.min(of_task) {
                self.seated += 1;
            } else {
                let Some(giver) = self.reserved.pop_first() else { return false };
                if let Some(giver) = self.calls.get_mut(&giver) {
                    giver.seated = false;
                }
            }
        }
        if let Some(call) = self.calls.get_mut(&order) {
            call.seated = true;
            call.talking = true;
        }
        true
    }

    fn end_call(&mut self, order: u64, disposition: Disposition) {
        let Some(call) = self.calls.remove(&order) else { return };
        self.seated -= u32::from(call.seated);
        self.talking -= u32::from(call.talking);
        self.reserved.remove(&order);
        if let Some(line) = call.line.and_then(|line| self.lines.get_mut(line)) {
            line.in_use -= 1;
        }
        if disposition.response() == Some(Response::Unanswered) {
            self.history = self.history.record(Response::Unanswered);
        }
        let status = disposition.finish_status();
        match next_redial(&self.campaign.redial_rules, status, call.number.used) {
            Some(redial) if status != FinishStatus::Answered => {
                let used = (redial.used.callee, redial.used.caller);
                let numbers = Numbers { first: call.number.id, count: 1, used };
                self.later.push(Reverse((self.now.after(redial.after), order, numbers)));
            }
            _ => {
                let finished = FinishStatus::ALL.iter().zip(&mut self.by_finish_status);
                finished.filter(|(known, _)| **known == status).for_each(|(_, count)| *count += 1);
            }
        }
    }
}

impl LineInPlay {
    fn new(line: &Line) -> Self {
        Self { line: *line, pace: PaceState::default(), in_use: 0 }
    }

    fn view(&self, now: Moment) -> LineView {
        let Line { channels, pace, valid_from, valid_until } = self.line;
        LineView {
            is_usable: valid_from.is_none_or(|from| from <= now) && valid_until.is_none_or(|until| now <= until),
            channels,
            in_use: self.in_use,
            paced: pace.map_or(u32::MAX, |pace| available(&pace, &self.pace, now).0),
            allows: Allows::Any,
        }
    }
}

impl CallInProgress {
    fn hour(&self, campaign: &Campaign) -> u8 {
        shift::hour(self.since.civil(&campaign.zone))
    }
}
