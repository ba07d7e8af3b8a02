//! The life of a task, per `operate.md` “Life of a task”.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::call::numbered;

numbered! {
    /// Where a task stands.
    TaskStatus {
        /// Created, never started.
        NotStarted = 0 "未开始",
        /// Dialling.
        Running = 1 "进行中",
        /// Every number has finished.
        Done = 2 "已完成",
        /// Started; the scheduler looks at it next.
        Ready = 3 "可运行",
        /// Paused by a person.
        UserPaused = 4 "用户暂停",
        /// Outside its calling window, in its break, or with nothing due.
        SystemPaused = 5 "系统暂停",
        /// Stopped for good.
        Stopped = 6 "已终止",
        /// Waiting for AI seats.
        Queued = 7 "排队中",
        /// The robot's licence has run out.
        RobotExpired = 8 "AI到期",
        /// The line's account is in arrears.
        LineInArrears = 9 "线路欠费",
        /// The text message account is in arrears.
        SmsInArrears = 10 "短信欠费",
    }
}

numbered! {
    /// How a task starts.
    TaskKind {
        /// By itself, at its start date.
        Timed = 1 "定时",
        /// By hand.
        Manual = 2 "手动",
    }
}

impl TaskStatus {
    /// Whether the scheduler looks after a task in this state.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Ready | Self::SystemPaused | Self::Queued)
    }

    /// Whether the task has ended for good.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Stopped)
    }
}

/// What a person asks of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Dial, or go on dialling.
    Start,
    /// Dial no more for now.
    Pause,
    /// Dial no more, ever.
    Stop,
    /// Change the task's settings.
    Update,
}

impl Command {
    /// The state that the command leads to from `status`.
    ///
    /// # Errors
    /// [`Refused`] when the command does not fit the state; nothing is to be changed then.
    pub const fn apply(self, status: TaskStatus) -> Result<TaskStatus, Refused> {
        use TaskStatus::{
            Done, LineInArrears, NotStarted, Queued, Ready, RobotExpired, Running, SmsInArrears, Stopped, SystemPaused,
            UserPaused,
        };
        match (self, status) {
            (Self::Start, Running | Ready | Queued) => Ok(status),
            (Self::Start, NotStarted | UserPaused | SystemPaused | RobotExpired | LineInArrears | SmsInArrears) => {
                Ok(Ready)
            }
            (Self::Pause, Running | Ready | SystemPaused | Queued) => Ok(UserPaused),
            (Self::Stop, Done) => Err(Refused { command: self, status }),
            (Self::Stop, _) => Ok(Stopped),
            (Self::Update, NotStarted | UserPaused | SystemPaused | RobotExpired | LineInArrears | SmsInArrears) => {
                Ok(status)
            }
            (Self::Start, Done | Stopped)
            | (Self::Pause, _)
            | (Self::Update, Running | Ready | Queued | Done | Stopped) => Err(Refused { command: self, status }),
        }
    }
}

/// A command that does not fit the state of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{command:?} does not fit a task that is {status:?}")]
pub struct Refused {
    /// What was asked.
    pub command: Command,
    /// The state that it does not fit.
    pub status: TaskStatus,
}

/// What the scheduler sees of a task when it decides on its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// The state now.
    pub status: TaskStatus,
    /// How the task starts.
    pub kind: TaskKind,
    /// The first day of dialling.
    pub start_date: Date,
    /// The day now, in the installation's zone.
    pub today: Date,
    /// Whether the calling window is open now.
    pub window_open: bool,
    /// Whether the task has any number at all.
    pub has_numbers: bool,
    /// Whether a number could be dialled now: one never dialled, or a redial that is due.
    pub has_due: bool,
    /// Whether a redial is planned for later.
    pub has_later: bool,
    /// Calls being dialled or talking.
    pub in_progress: u32,
    /// Whether a seat of the company and a channel of a line are free.
    pub has_room: bool,
}

/// Why the scheduler moved a task, kept with the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// A timed task's start date has come.
    StartDateReached,
    /// Dialling goes on.
    RoomToDial,
    /// No seat or no channel is free.
    NoRoom,
    /// Outside the calling window or in the break.
    OutsideWindow,
    /// A timed task that was started before its first day.
    BeforeStartDate,
    /// Only redials are left, and none is due.
    RedialsNotDue,
    /// Nothing was imported yet.
    NoNumbers,
    /// Every number has finished.
    AllFinished,
}

/// Where the scheduler moves a task next; none where it stays.
#[must_use]
pub fn next_status(situation: &Situation) -> Option<(TaskStatus, MoveReason)> {
    let started = situation.today >= situation.start_date;
    if situation.status == TaskStatus::NotStarted {
        let due = situation.kind == TaskKind::Timed && started;
        return due.then_some((TaskStatus::Ready, MoveReason::StartDateReached));
    }
    if !situation.status.is_active() {
        return None;
    }
    let next = if !situation.has_numbers {
        (TaskStatus::SystemPaused, MoveReason::NoNumbers)
    } else if !situation.has_due && !situation.has_later && situation.in_progress == 0 {
        (TaskStatus::Done, MoveReason::AllFinished)
    } else if !started {
        (TaskStatus::SystemPaused, MoveReason::BeforeStartDate)
    } else if !situation.window_open {
        (TaskStatus::SystemPaused, MoveReason::OutsideWindow)
    } else if situation.in_progress > 0 {
        (TaskStatus::Running, MoveReason::RoomToDial)
    } else if !situation.has_due {
        (TaskStatus::SystemPaused, MoveReason::RedialsNotDue)
    } else if situation.has_room {
        (TaskStatus::Running, MoveReason::RoomToDial)
    } else {
        (TaskStatus::Queued, MoveReason::NoRoom)
    };
    (next.0 != situation.status).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const RUNNING: Situation = Situation {
        status: TaskStatus::Running,
        kind: TaskKind::Manual,
        start_date: date(2026, 5, 1),
        today: date(2026, 5, 1),
        window_open: true,
        has_numbers: true,
        has_due: true,
        has_later: false,
        in_progress: 0,
        has_room: true,
    };

    #[test]
    fn commands_that_do_not_fit_are_refused() {
        use Command::{Pause, Start, Stop, Update};
        let refused = |command: Command| -> Vec<i64> {
            TaskStatus::ALL.iter().filter(|s| command.apply(**s).is_err()).map(|s| s.number()).collect()
        };
        assert_eq!(refused(Start), [2, 6]);
        assert_eq!(refused(Pause), [0, 2, 4, 6, 8, 9, 10]);
        assert_eq!(refused(Stop), [2]);
        assert_eq!(refused(Update), [1, 2, 3, 6, 7]);
    }

    #[test]
    fn a_timed_task_starts_by_itself_and_a_manual_one_does_not() {
        let fresh = Situation { status: TaskStatus::NotStarted, ..RUNNING };
        assert_eq!(next_status(&fresh), None);
        let timed = Situation { kind: TaskKind::Timed, ..fresh };
        assert_eq!(next_status(&timed), Some((TaskStatus::Ready, MoveReason::StartDateReached)));
        assert_eq!(next_status(&Situation { today: date(2026, 4, 30), ..timed }), None);
    }

    #[test]
    fn a_task_moves_as_the_contract_draws_it() {
        let check = |situation: Situation, expected: Option<TaskStatus>| {
            assert_eq!(next_status(&situation).map(|(status, _)| status), expected, "{situation:?}");
        };
        check(RUNNING, None);
        check(Situation { status: TaskStatus::Ready, ..RUNNING }, Some(TaskStatus::Running));
        check(Situation { has_room: false, ..RUNNING }, Some(TaskStatus::Queued));
        check(Situation { has_room: false, in_progress: 3, ..RUNNING }, None);
        check(Situation { window_open: false, in_progress: 3, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { has_due: false, has_later: true, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { has_due: false, has_later: true, in_progress: 1, ..RUNNING }, None);
        check(Situation { has_due: false, ..RUNNING }, Some(TaskStatus::Done));
        check(Situation { has_due: false, in_progress: 1, ..RUNNING }, None);
        check(Situation { has_numbers: false, has_due: false, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { status: TaskStatus::UserPaused, ..RUNNING }, None);
        check(Situation { status: TaskStatus::Stopped, has_due: false, ..RUNNING }, None);
    }
}
