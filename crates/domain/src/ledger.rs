//! Why a number of a task is dialled now, or is not: one explanation from all facts.

mod words;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::call::FinishStatus;
use crate::caps::Capped;
use crate::hours::{Closed, Hours, Opening, opening};
use crate::ids::TaskId;
use crate::moment::Moment;
use crate::task::{MoveReason, TaskKind, TaskStatus};
use crate::window::CallingWindow;

/// All that decides on a number of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The moment.
    pub now: Moment,
    /// The installation's zone.
    pub zone: TimeZone,
    /// The task.
    pub task: TaskFacts,
    /// Where the call stands.
    pub call: CallFacts,
    /// Redials that were made.
    pub redials: u32,
    /// The most that the task's rules would make.
    pub redials_max: u32,
    /// The blacklist group that holds the number.
    pub blacklisted_in: Option<String>,
    /// The frequency cap that it has reached.
    pub capped: Option<Capped>,
    /// Another task that dials the same number, or talks with it, now.
    pub busy_in: Option<TaskId>,
    /// Numbers of the task that are dialled before this one.
    pub before: u64,
    /// The company's seats, as the task sees them.
    pub seats: SeatFacts,
    /// The task's lines.
    pub lines: Vec<LineFacts>,
}

/// What of the task decides.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFacts {
    /// Where it stands.
    pub status: TaskStatus,
    /// Why the scheduler moved it there; none where a person did.
    pub moved: Option<MoveReason>,
    /// How it starts.
    pub kind: TaskKind,
    /// Its first day.
    pub start_date: Date,
    /// Its hours.
    pub window: CallingWindow,
    /// The hours of its company.
    pub hours: Hours,
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFacts {
    /// Never dialled.
    Fresh {
        /// It was put off until this moment; in the past where it was not.
        not_before: Moment,
    },
    /// Waiting for a redial.
    AwaitingRedial {
        /// When it is due.
        due: Moment,
    },
    /// Being dialled or talking.
    InProgress {
        /// Since when.
        since: Moment,
    },
    /// Finished for good.
    Finished {
        /// The outcome.
        status: FinishStatus,
        /// Its place among the finished calls of the task.
        call_index: Option<i64>,
    },
}

/// The seats of a company, as one task sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeatFacts {
    /// Seats that the task may take now.
    pub free: u32,
    /// Seats that its calls hold.
    pub held: u32,
    /// Its place in the queue for seats, from 1.
    pub queued: Option<usize>,
}

/// A line of the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineFacts {
    /// What operators call it.
    pub name: String,
    /// Whether it can be used, or why not.
    pub state: LineState,
}

/// Whether a line can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// It can.
    Usable,
    /// The operator has switched it off.
    Disabled,
    /// For incoming calls only.
    Inbound,
    /// Not valid yet, or no more.
    NotValid {
        /// When it begins to be; none where that is over.
        from: Option<Moment>,
    },
    /// Left alone because of its failures.
    LeftAlone {
        /// When it is tried again.
        until: Moment,
    },
    /// Every channel carries a call.
    NoChannel,
    /// It has taken its calls per second.
    Paced {
        /// When it takes the next.
        until: Moment,
    },
}

/// What holds a number back, or that nothing does. In the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Verdict {
    /// It has finished.
    Finished {
        /// The outcome.
        status: FinishStatus,
        /// Its place among the finished calls of the task.
        call_index: Option<i64>,
        /// Redials that were made.
        redials: u32,
        /// The most that the rules would have made.
        redials_max: u32,
    },
    /// It is being dialled, or talks.
    InProgress {
        /// Since when.
        since: Moment,
    },
    /// The task has ended.
    TaskEnded {
        /// How.
        status: TaskStatus,
    },
    /// A person has paused the task.
    TaskPausedByUser,
    /// The task waits for an account or a licence.
    TaskHeld {
        /// For which.
        status: TaskStatus,
    },
    /// The task has not been started.
    TaskNotStarted {
        /// When it starts by itself; none where a person must start it.
        starts: Option<Date>,
    },
    /// The number is blacklisted.
    Blacklisted {
        /// The group that holds it.
        group: String,
    },
    /// The number was dialled as often as it may be.
    Capped(Capped),
    /// Another call to the number is in progress.
    NumberBusyElsewhere {
        /// The task of that call.
        task: TaskId,
    },
    /// It waits for its redial.
    RedialDueAt {
        /// When it is due.
        at: Moment,
        /// Redials that were made.
        redials: u32,
        /// The most that the rules make.
        redials_max: u32,
    },
    /// It was put off when its turn came, since a cap or another call held it back.
    PutOff {
        /// Until when.
        until: Moment,
    },
    /// The task may not dial at this time.
    WindowClosed {
        /// Why.
        why: Closed,
        /// When it may; none where that is not to be seen.
        opens: Option<Moment>,
    },
    /// The task has no line.
    NoLine,
    /// None of its lines can be used.
    LineDown {
        /// Why each cannot.
        lines: Vec<LineFacts>,
        /// When the first may be used again; none where a person must help.
        until: Option<Moment>,
    },
    /// Lines could be used, but every channel carries a call.
    NoChannel,
    /// Lines could be used, but have taken their calls per second.
    PacedUntil {
        /// When the first takes another.
        at: Moment,
    },
    /// No seat is free for the task.
    NoSeat {
        /// Seats that its calls hold.
        held: u32,
        /// Its place in the queue, from 1.
        queued: Option<usize>,
    },
    /// More numbers stand before it than there are seats.
    InLine {
        /// How many.
        before: u64,
    },
    /// Nothing holds it back: it is dialled now.
    DialledNow,
}

/// Why a number is dialled or not. `Display` says it in Chinese, [`Explanation::english`] in English.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The first reason.
    pub verdict: Verdict,
    /// What would hold it back after that.
    pub also: Vec<Verdict>,
    /// The earliest moment when it can be dialled, as far as that is known.
    pub dialled_next: Option<Moment>,
    /// Where the task stands, and why the scheduler moved it there.
    pub task: (TaskStatus, Option<MoveReason>),
    /// The zone in which moments are shown.
    pub zone: TimeZone,
}

/// Explains why a number is dialled now, or is not.
#[must_use]
pub fn explain(facts: &Facts) -> Explanation {
    let mut gates = match ended(facts) {
        Some(verdict) => vec![verdict],
        None => {
            [task_gate(facts), number_gates(facts), opening_gate(facts), line_gate(facts), seat_gates(facts)].concat()
        }
    };
    let dialled_next = next(facts, &gates);
    let also = gates.split_off(gates.len().min(1));
    Explanation {
        verdict: gates.pop().unwrap_or(Verdict::DialledNow),
        also,
        dialled_next,
        task: (facts.task.status, facts.task.moved),
        zone: facts.zone.clone(),
    }
}

/// What leaves nothing else to be said.
fn ended(facts: &Facts) -> Option<Verdict> {
    match facts.call {
        CallFacts::Finished { status, call_index } => {
            let Facts { redials, redials_max, .. } = *facts;
            Some(Verdict::Finished { status, call_index, redials, redials_max })
        }
        CallFacts::InProgress { since } => Some(Verdict::InProgress { since }),
        CallFacts::Fresh { .. } | CallFacts::AwaitingRedial { .. } => {
            facts.task.status.is_final().then_some(Verdict::TaskEnded { status: facts.task.status })
        }
    }
}

/// The task's own state, where a person or a date must change it. All other states follow from the gates.
fn task_gate(facts: &Facts) -> Vec<Verdict> {
    let task = &facts.task;
    let gate = match task.status {
        TaskStatus::UserPaused => Some(Verdict::TaskPausedByUser),
        TaskStatus::RobotExpired | TaskStatus::LineInArrears | TaskStatus::SmsInArrears => {
            Some(Verdict::TaskHeld { status: task.status })
        }
        TaskStatus::NotStarted => {
            let is_timed = task.kind == TaskKind::Timed;
            let has_come = facts.now.civil(&facts.zone).date() >= task.start_date;
            (!(is_timed && has_come)).then_some(Verdict::TaskNotStarted { starts: is_timed.then_some(task.start_date) })
        }
        TaskStatus::Running
        | TaskStatus::Done
        | TaskStatus::Ready
        | TaskStatus::SystemPaused
        | TaskStatus::Stopped
        | TaskStatus::Queued => None,
    };
    gate.into_iter().collect()
}

fn number_gates(facts: &Facts) -> Vec<Verdict> {
    let blacklisted = facts.blacklisted_in.clone().map(|group| Verdict::Blacklisted { group });
    let capped = facts.capped.map(Verdict::Capped);
    let busy = facts.busy_in.map(|task| Verdict::NumberBusyElsewhere { task });
    let redial = match facts.call {
        CallFacts::AwaitingRedial { due } if due > facts.now => {
            Some(Verdict::RedialDueAt { at: due, redials: facts.redials, redials_max: facts.redials_max })
        }
        CallFacts::Fresh { not_before } if not_before > facts.now => Some(Verdict::PutOff { until: not_before }),
        _ => None,
    };
    [blacklisted, capped, busy, redial].into_iter().flatten().collect()
}

fn opening_gate(facts: &Facts) -> Vec<Verdict> {
    match opening_at(facts, facts.now) {
        Opening::Open { .. } => Vec::new(),
        Opening::Closed { why, opens } => {
            let opens = opens.map(|opens| Moment::from_civil(opens, &facts.zone));
            vec![Verdict::WindowClosed { why, opens }]
        }
    }
}

fn opening_at(facts: &Facts, at: Moment) -> Opening {
    let TaskFacts { window, start_date, hours, .. } = &facts.task;
    opening(window, *start_date, hours, at.civil(&facts.zone))
}

/// Of lines that cannot be used, the one that comes nearest to it says what holds the number back.
fn line_gate(facts: &Facts) -> Vec<Verdict> {
    let lines = &facts.lines;
    let paced = lines.iter().filter_map(|line| match line.state {
        LineState::Paced { until } => Some(until),
        _ => None,
    });
    let gate = if lines.is_empty() {
        Verdict::NoLine
    } else if lines.iter().any(|line| line.state == LineState::Usable) {
        return Vec::new();
    } else if let Some(at) = paced.min() {
        Verdict::PacedUntil { at }
    } else if lines.iter().any(|line| line.state == LineState::NoChannel) {
        Verdict::NoChannel
    } else {
        let until = lines.iter().filter_map(|line| match line.state {
            LineState::LeftAlone { until } => Some(until),
            LineState::NotValid { from } => from,
            _ => None,
        });
        Verdict::LineDown { lines: lines.clone(), until: until.min() }
    };
    vec![gate]
}

fn seat_gates(facts: &Facts) -> Vec<Verdict> {
    let SeatFacts { free, held, queued } = facts.seats;
    let seat = (free == 0).then_some(Verdict::NoSeat { held, queued });
    let line =
        (facts.before > 0 && facts.before >= u64::from(free)).then_some(Verdict::InLine { before: facts.before });
    seat.into_iter().chain(line).collect()
}

/// When all gates are open as far as it is known, moved into the task's hours; none where one of them waits
/// for a person, or for ever.
fn next(facts: &Facts, gates: &[Verdict]) -> Option<Moment> {
    let mut at = facts.now;
    for gate in gates {
        at = at.max(ends(facts, gate)?);
    }
    match opening_at(facts, at) {
        Opening::Open { .. } => Some(at),
        Opening::Closed { opens, .. } => opens.map(|opens| Moment::from_civil(opens, &facts.zone)),
    }
}

/// The earliest moment at which a gate can be open; none where that cannot be said.
fn ends(facts: &Facts, gate: &Verdict) -> Option<Moment> {
    let midnight = |date: Date| Moment::from_civil(date.to_datetime(Time::midnight()), &facts.zone);
    match gate {
        Verdict::Finished { .. }
        | Verdict::InProgress { .. }
        | Verdict::TaskEnded { .. }
        | Verdict::TaskPausedByUser
        | Verdict::TaskHeld { .. }
        | Verdict::Blacklisted { .. }
        | Verdict::NoLine => None,
        Verdict::TaskNotStarted { starts } => starts.map(midnight),
        Verdict::Capped(capped) => (capped.until < Date::MAX).then(|| midnight(capped.until)),
        Verdict::RedialDueAt { at, .. } | Verdict::PacedUntil { at } | Verdict::PutOff { until: at } => Some(*at),
        Verdict::WindowClosed { opens, .. } => *opens,
        Verdict::LineDown { until, .. } => *until,
        // Calls can end at any moment.
        Verdict::NumberBusyElsewhere { .. }
        | Verdict::NoChannel
        | Verdict::NoSeat { .. }
        | Verdict::InLine { .. }
        | Verdict::DialledNow => Some(facts.now),
    }
}

#[cfg(test)]
mod tests;
