//! What the tasks of a company do next: one plan for all of them, from one look at everything that limits them.

use crate::breaker::Allows;
use crate::hours::Closed;
use crate::moment::Moment;
use crate::pacing::{Allowance, History, Room, allowance_learning};
use crate::sharing::{Claimant, share};
use crate::task::{MoveReason, Situation, TaskKind, TaskStatus, next_status};

/// Moves of one task in one plan: a start date that has come leads over 可运行 to 进行中, and there is no way round.
const MOVES_MAX: usize = 4;

/// A company at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompanyView {
    /// Seats that no call holds.
    pub seats_free: u32,
    /// The share of answers that may find no seat (呼损), in thousandths.
    pub lost_per_mille_max: u32,
    /// At most so many calls are started by one plan.
    pub starts_max: u32,
    /// Its lines.
    pub lines: Vec<LineView>,
    /// Its tasks, in a stable order.
    pub tasks: Vec<TaskView>,
}

/// A line at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineView {
    /// Whether it is enabled, for calls that go out, and valid now.
    pub is_usable: bool,
    /// Calls on it at once; none where there is no limit.
    pub channels: Option<u32>,
    /// Calls on it now.
    pub in_use: u32,
    /// Calls that may start on it now by its pace.
    pub paced: u32,
    /// Calls that its circuit breaker lets out.
    pub allows: Allows,
}

/// A task at one moment. Everything counts calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Where it stands.
    pub status: TaskStatus,
    /// How it starts.
    pub kind: TaskKind,
    /// Why it may not dial now by its hours; none when it may.
    pub closed: Option<Closed>,
    /// Whether it has any number at all.
    pub has_numbers: bool,
    /// Numbers that could be dialled now, counted up to [`CompanyView::starts_max`].
    pub due: u32,
    /// Whether a redial is planned for later.
    pub has_later: bool,
    /// Whether a frequency cap, or a call of somebody else, holds back a number that could be dialled otherwise.
    pub has_capped: bool,
    /// Calls that may talk at once (`concurrencyQuota`).
    pub quota: u32,
    /// Calls that may be in progress at once (`concurrencyPhone`).
    pub in_progress_max: u32,
    /// Whether it takes idle seats beyond its quota (`openElasticity`).
    pub elastic: bool,
    /// Calls in progress.
    pub in_progress: u32,
    /// Of these, those that hold a seat.
    pub seated: u32,
    /// Of these, those that somebody answered.
    pub talking: u32,
    /// How its attempts went lately.
    pub history: History,
    /// Since when it has waited for a seat (排队中); none where it does not.
    pub waiting_since: Option<Moment>,
    /// Its lines: positions in [`CompanyView::lines`].
    pub lines: Vec<usize>,
}

/// What is to be done. Tasks and lines are named by their positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Moves, in their order.
    pub moves: Vec<PlannedMove>,
    /// Calls that start, in their order.
    pub starts: Vec<Start>,
}

/// A move of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedMove {
    /// The task.
    pub task: usize,
    /// Where to.
    pub to: TaskStatus,
    /// Why.
    pub reason: MoveReason,
}

/// A call that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The task; its next number is dialled.
    pub task: usize,
    /// The line.
    pub line: usize,
    /// Whether it has a seat from the beginning.
    pub seated: bool,
}

impl LineView {
    /// Whether calls can be expected to get out on it, now or soon.
    #[must_use]
    pub const fn works(&self) -> bool {
        self.is_usable && matches!(self.allows, Allows::Any | Allows::One)
    }

    /// Calls that may start on it now.
    #[must_use]
    pub fn room(&self) -> u32 {
        let allowed = match self.allows {
            Allows::Any => u32::MAX,
            Allows::One => 1,
            Allows::None { .. } | Allows::Unpaid { .. } => 0,
        };
        let channels = self.channels.map_or(u32::MAX, |channels| channels.saturating_sub(self.in_use));
        if self.is_usable { channels.min(self.paced).min(allowed) } else { 0 }
    }

    /// The share of its channels that is in use, in thousandths. A line without a limit counts as one of a thousand.
    fn load(&self) -> u64 {
        u64::from(self.in_use) * 1000 / u64::from(self.channels.unwrap_or(1000).max(1))
    }

    fn started(&mut self) {
        self.in_use = self.in_use.saturating_add(1);
        self.paced = self.paced.saturating_sub(1);
        if self.allows == Allows::One {
            // The trial is out; until it reports back nothing else goes.
            self.allows = Allows::None { until: Moment(i64::MAX) };
        }
    }
}

impl TaskView {
    /// Whether it would dial if it got a seat: in its state, or in the one that it is about to be moved to.
    fn wants_seats(&self, lines: &[LineView]) -> bool {
        let starts = self.status.is_active() || (self.status == TaskStatus::NotStarted && self.kind == TaskKind::Timed);
        starts && self.closed.is_none() && self.due > 0 && self.channels(lines) > 0
    }

    /// Calls that may start on its lines now.
    fn channels(&self, lines: &[LineView]) -> u32 {
        self.its(lines).map(LineView::room).fold(0, u32::saturating_add)
    }

    fn its<'a>(&'a self, lines: &'a [LineView]) -> impl Iterator<Item = &'a LineView> {
        self.lines.iter().filter_map(|&line| lines.get(line))
    }

    fn claimant(&self, lines: &[LineView]) -> Claimant {
        let below_max = if self.elastic { u32::MAX } else { self.in_progress_max.saturating_sub(self.in_progress) };
        let wanted = if self.wants_seats(lines) { self.due.min(below_max).min(self.channels(lines)) } else { 0 };
        Claimant {
            held: self.seated,
            quota: self.quota,
            elastic: self.elastic,
            wanted,
            waiting_since: self.waiting_since,
        }
    }

    fn situation(&self, status: TaskStatus, granted: u32, lines: &[LineView]) -> Situation {
        Situation {
            status,
            kind: self.kind,
            closed: self.closed,
            has_numbers: self.has_numbers,
            has_due: self.due > 0,
            has_later: self.has_later,
            has_capped: self.has_capped,
            in_progress: self.in_progress,
            has_usable_line: self.its(lines).any(LineView::works),
            in_arrears: {
                let mut usable = self.its(lines).filter(|line| line.is_usable).peekable();
                usable.peek().is_some() && usable.all(|line| matches!(line.allows, Allows::Unpaid { .. }))
            },
            // Without a channel no seat was asked for: the lack of channels is what holds it back.
            has_seat: granted > 0 || self.channels(lines) == 0,
            has_channel: self.channels(lines) > 0,
        }
    }

    fn allowance(&self, granted: u32, company: &CompanyView) -> Allowance {
        let own = if self.elastic { self.quota.max(self.seated.saturating_add(granted)) } else { self.quota };
        let room = Room {
            quota: own,
            in_progress_max: self.in_progress_max.max(own),
            in_progress: self.in_progress,
            seated: self.seated,
            company_seats_free: granted,
            channels_free: self.channels(&company.lines),
        };
        let allowed = allowance_learning(&room, self.talking, &self.history, company.lost_per_mille_max);
        let seated = allowed.seated.min(self.due);
        Allowance { seated, overdialled: allowed.overdialled.min(self.due - seated) }
    }
}

/// What the company's tasks do next.
///
/// Seats are shared fairly ([`share`]); calls start in turns, a call of each task, so that a limit on starts or channels
/// is felt by all; each on the line of its task with the smallest share of channels in use.
#[must_use]
pub fn plan(company: &CompanyView) -> Plan {
    let claimants: Vec<Claimant> = company.tasks.iter().map(|task| task.claimant(&company.lines)).collect();
    let granted = share(company.seats_free, &claimants);
    let mut plan = Plan::default();
    let mut allowed = vec![Allowance::default(); company.tasks.len()];
    for (at, (task, &granted)) in company.tasks.iter().zip(&granted).enumerate() {
        let mut status = task.status;
        for _ in 0..MOVES_MAX {
            let Some((to, reason)) = next_status(&task.situation(status, granted, &company.lines)) else { break };
            plan.moves.push(PlannedMove { task: at, to, reason });
            status = to;
        }
        if let Some(slot) = allowed.get_mut(at).filter(|_| status == TaskStatus::Running && task.closed.is_none()) {
            *slot = task.allowance(granted, company);
        }
    }
    plan.starts = starts(company, allowed);
    plan
}

/// The line out of `candidates`, positions in `lines`, that the next call goes out on: of those with room the one with
/// the smallest share of its channels in use, the first given among equals.
#[must_use]
pub fn least_busy(lines: &[LineView], candidates: &[usize]) -> Option<usize> {
    let free = candidates.iter().filter_map(|&line| Some((line, lines.get(line).filter(|it| it.room() > 0)?)));
    free.min_by_key(|(_, line)| line.load()).map(|(line, _)| line)
}

fn starts(company: &CompanyView, mut allowed: Vec<Allowance>) -> Vec<Start> {
    let mut lines = company.lines.clone();
    let mut starts = Vec::new();
    // The task with the fewest calls has the first turn.
    let mut turns: Vec<usize> = (0..company.tasks.len()).collect();
    turns.sort_by_key(|&at| company.tasks.get(at).map_or(0, |task| task.in_progress));
    loop {
        let before = starts.len();
        for &at in &turns {
            let (Some(task), Some(allowed)) = (company.tasks.get(at), allowed.get_mut(at)) else { continue };
            if allowed.total() == 0 || starts.len() >= company.starts_max as usize {
                continue;
            }
            let Some(line) = least_busy(&lines, &task.lines) else { continue };
            let seated = allowed.seated > 0;
            if seated {
                allowed.seated -= 1;
            } else {
                allowed.overdialled -= 1;
            }
            if let Some(line) = lines.get_mut(line) {
                line.started();
            }
            starts.push(Start { task: at, line, seated });
        }
        if starts.len() == before {
            return starts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: LineView =
        LineView { is_usable: true, channels: Some(10), in_use: 0, paced: u32::MAX, allows: Allows::Any };

    fn task(quota: u32) -> TaskView {
        TaskView {
            status: TaskStatus::Running,
            kind: TaskKind::Manual,
            closed: None,
            has_numbers: true,
            due: 100,
            has_later: false,
            has_capped: false,
            quota,
            in_progress_max: quota,
            elastic: false,
            in_progress: 0,
            seated: 0,
            talking: 0,
            history: History::default(),
            waiting_since: None,
            lines: vec![0],
        }
    }

    fn company(seats_free: u32, lines: Vec<LineView>, tasks: Vec<TaskView>) -> CompanyView {
        CompanyView { seats_free, lost_per_mille_max: 30, starts_max: 64, lines, tasks }
    }

    fn starts_by_task(plan: &Plan, tasks: usize) -> Vec<usize> {
        (0..tasks).map(|at| plan.starts.iter().filter(|start| start.task == at).count()).collect()
    }

    fn moves(plan: &Plan) -> Vec<(usize, TaskStatus)> {
        plan.moves.iter().map(|it| (it.task, it.to)).collect()
    }

    #[test]
    fn seats_and_channels_are_shared_by_all_tasks() {
        let plan_of = |seats, channels, tasks: Vec<TaskView>| {
            let number = tasks.len();
            let lines = vec![LineView { channels, ..LINE }];
            starts_by_task(&plan(&company(seats, lines, tasks)), number)
        };
        assert_eq!(plan_of(6, None, vec![task(10), task(10), task(1)]), [3, 2, 1]);
        assert_eq!(plan_of(20, Some(5), vec![task(10), task(10)]), [3, 2], "channels go in turns");
        assert_eq!(plan_of(20, None, vec![TaskView { due: 2, ..task(10) }, task(10)]), [2, 10]);
        assert_eq!(plan_of(0, None, vec![task(10)]), [0]);
    }

    #[test]
    fn a_task_without_a_seat_queues_and_one_that_gets_a_seat_runs() {
        let since = |ms| TaskView { status: TaskStatus::Queued, waiting_since: Some(Moment(ms)), ..task(5) };
        let plan = plan(&company(1, vec![LINE], vec![task(5), since(2), since(1)]));
        assert_eq!(moves(&plan), [(0, TaskStatus::Queued), (2, TaskStatus::Running)]);
        assert_eq!(starts_by_task(&plan, 3), [0, 0, 1]);
    }

    #[test]
    fn a_pause_that_is_over_goes_over_ready_to_running_and_dials_at_once() {
        let paused = TaskView { status: TaskStatus::SystemPaused, ..task(2) };
        let timed = TaskView { status: TaskStatus::NotStarted, kind: TaskKind::Timed, ..task(2) };
        let plan = plan(&company(10, vec![LINE], vec![paused, timed]));
        let ready_then_running = |at| [(at, TaskStatus::Ready), (at, TaskStatus::Running)];
        assert_eq!(moves(&plan), [ready_then_running(0), ready_then_running(1)].concat());
        assert_eq!(starts_by_task(&plan, 2), [2, 2]);
    }

    #[test]
    fn lines_are_used_evenly_and_a_line_in_trouble_gets_one_trial() {
        let small = LineView { channels: Some(2), ..LINE };
        let both = TaskView { lines: vec![0, 1], ..task(6) };
        let on = |plan: &Plan, line| plan.starts.iter().filter(|start| start.line == line).count();
        let even = plan(&company(10, vec![LineView { channels: Some(4), ..LINE }, small], vec![both.clone()]));
        assert_eq!((on(&even, 0), on(&even, 1)), (4, 2));
        let trial = plan(&company(10, vec![LINE, LineView { allows: Allows::One, ..LINE }], vec![both.clone()]));
        assert_eq!((on(&trial, 0), on(&trial, 1)), (5, 1));
        let down = LineView { allows: Allows::None { until: Moment(9) }, ..LINE };
        let failed_over = plan(&company(10, vec![down, LINE], vec![both.clone()]));
        assert_eq!((on(&failed_over, 0), on(&failed_over, 1)), (0, 6));
        let dead = plan(&company(10, vec![down, down], vec![both]));
        assert_eq!((moves(&dead), dead.starts.len()), (vec![(0, TaskStatus::SystemPaused)], 0));
    }

    #[test]
    fn what_lacks_a_channel_or_pace_does_not_queue_for_seats() {
        for line in [LineView { in_use: 10, ..LINE }, LineView { paced: 0, ..LINE }] {
            let plan = plan(&company(10, vec![line], vec![task(5)]));
            assert_eq!((moves(&plan), plan.starts.len()), (vec![], 0), "{line:?}");
        }
    }

    fn any_task() -> impl Strategy<Value = TaskView> {
        let status = prop::sample::select(TaskStatus::ALL);
        let calls = (0u32..12, 0u32..12, 0u32..12);
        (
            status,
            any::<bool>(),
            any::<bool>(),
            0u32..30,
            0u32..10,
            any::<bool>(),
            calls,
            prop::collection::vec(0usize..3, 0..3),
        )
            .prop_map(
                |(status, timed, closed, due, quota, elastic, (in_progress, seated, talking), mut lines)| {
                    lines.sort_unstable();
                    lines.dedup();
                    let seated = seated.min(in_progress);
                    TaskView {
                        status,
                        kind: if timed { TaskKind::Timed } else { TaskKind::Manual },
                        closed: closed.then_some(Closed::OutsideWindow),
                        due,
                        elastic,
                        in_progress_max: quota * 2,
                        in_progress,
                        seated,
                        talking: talking.min(seated),
                        lines,
                        ..task(quota)
                    }
                },
            )
    }

    fn any_line() -> impl Strategy<Value = LineView> {
        let allows = prop::sample::select(vec![Allows::Any, Allows::One, Allows::None { until: Moment(1) }]);
        (any::<bool>(), prop::option::of(0u32..20), 0u32..20, 0u32..20, allows).prop_map(
            |(is_usable, channels, in_use, paced, allows)| LineView { is_usable, channels, in_use, paced, allows },
        )
    }

    proptest! {
        #[test]
        fn no_limit_is_ever_exceeded(
            seats_free in 0u32..30, starts_max in 0u32..40,
            lines in prop::collection::vec(any_line(), 3), tasks in prop::collection::vec(any_task(), 0..6),
        ) {
            let company = CompanyView { starts_max, ..company(seats_free, lines, tasks) };
            let plan = plan(&company);
            let count = |fits: &dyn Fn(&Start) -> bool| u32::try_from(plan.starts.iter().filter(|it| fits(it)).count()).unwrap();
            prop_assert!(count(&|_| true) <= starts_max);
            prop_assert!(count(&|it| it.seated) <= seats_free);
            for (at, line) in company.lines.iter().enumerate() {
                prop_assert!(count(&|it| it.line == at) <= line.room());
            }
            for (at, task) in company.tasks.iter().enumerate() {
                let (all, seated) = (count(&|it| it.task == at), count(&|it| it.task == at && it.seated));
                prop_assert!(all == 0 || task.closed.is_none());
                prop_assert!(all <= task.due);
                let status = plan.moves.iter().rfind(|it| it.task == at).map_or(task.status, |it| it.to);
                prop_assert!(all == 0 || status == TaskStatus::Running);
                prop_assert!(task.elastic || seated == 0 || task.seated + seated <= task.quota);
                prop_assert!(task.elastic || all == 0 || task.in_progress + all <= task.in_progress_max);
                prop_assert!(plan.starts.iter().filter(|it| it.task == at).all(|it| task.lines.contains(&it.line)));
            }
        }

        #[test]
        fn a_plan_leaves_nothing_to_move(
            seats_free in 0u32..30, lines in prop::collection::vec(any_line(), 3), tasks in prop::collection::vec(any_task(), 0..6),
        ) {
            let mut company = company(seats_free, lines, tasks);
            for it in plan(&company).moves {
                company.tasks[it.task].status = it.to;
            }
            prop_assert_eq!(plan(&company).moves, vec![]);
        }
    }
}
