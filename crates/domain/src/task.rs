//! The life of a task, per `operate.md` “Life of a task”.

mod reason;

use crate::call::numbered;
use crate::hours::Closed;
pub use reason::MoveReason;

numbered! {
    /// Where a task stands.
    TaskStatus {
        /// Created, never started.
        NotStarted = 0 "未开始" "not started",
        /// Dialling.
        Running = 1 "进行中" "running",
        /// Every number has finished.
        Done = 2 "已完成" "done",
        /// Started; the scheduler looks at it next.
        Ready = 3 "可运行" "ready",
        /// Paused by a person.
        UserPaused = 4 "用户暂停" "paused by a person",
        /// Outside its hours, with nothing due, or without a usable line.
        SystemPaused = 5 "系统暂停" "paused by the system",
        /// Stopped for good.
        Stopped = 6 "已终止" "stopped",
        /// Waiting for AI seats.
        Queued = 7 "排队中" "queued for seats",
        /// The robot's licence has run out.
        RobotExpired = 8 "AI到期" "robot expired",
        /// The line's account is in arrears.
        LineInArrears = 9 "线路欠费" "line in arrears",
        /// The text message account is in arrears.
        SmsInArrears = 10 "短信欠费" "text messages in arrears",
    }
}

numbered! {
    /// How a task starts.
    TaskKind {
        /// By itself, at its start date.
        Timed = 1 "定时" "timed",
        /// By hand.
        Manual = 2 "手动" "manual",
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
    /// Why it may not dial now by its hours; none when it may.
    pub closed: Option<Closed>,
    /// Whether the task has any number at all.
    pub has_numbers: bool,
    /// Whether a number could be dialled now: one never dialled, or a redial that is due, that no
    /// frequency cap holds back.
    pub has_due: bool,
    /// Whether a redial is planned for later.
    pub has_later: bool,
    /// Whether a frequency cap holds back a number that could be dialled otherwise.
    pub has_capped: bool,
    /// Calls being dialled or talking.
    pub in_progress: u32,
    /// Whether a line of the task can be used: enabled, valid now, and not left alone for its failures.
    pub has_usable_line: bool,
    /// Whether every line that could be used otherwise is in arrears.
    pub in_arrears: bool,
    /// Whether the task may take a seat now.
    pub has_seat: bool,
    /// Whether a channel of a usable line is free.
    pub has_channel: bool,
}

/// Where the scheduler moves a task next; none where it stays.
///
/// One arrow of the contract's drawing at a time: a pause that is over leads to 可运行, and from there to
/// 进行中 or 排队中.
#[must_use]
pub fn next_status(situation: &Situation) -> Option<(TaskStatus, MoveReason)> {
    let status = situation.status;
    if status == TaskStatus::NotStarted {
        let due = situation.kind == TaskKind::Timed && situation.closed != Some(Closed::BeforeStartDate);
        return due.then_some((TaskStatus::Ready, MoveReason::StartDateReached));
    }
    if !status.is_active() {
        return None;
    }
    let is_finished = situation.has_numbers
        && !(situation.has_due || situation.has_later || situation.has_capped)
        && situation.in_progress == 0;
    let next = if is_finished {
        (TaskStatus::Done, MoveReason::AllFinished)
    } else if let Some(reason) = pause(situation) {
        let waits_for_a_person = reason == MoveReason::LineInArrears;
        (if waits_for_a_person { TaskStatus::LineInArrears } else { TaskStatus::SystemPaused }, reason)
    } else if status == TaskStatus::SystemPaused {
        (TaskStatus::Ready, MoveReason::PauseOver)
    } else if situation.in_progress > 0 || (situation.has_seat && situation.has_channel) {
        (TaskStatus::Running, MoveReason::RoomToDial)
    } else if !situation.has_seat {
        (TaskStatus::Queued, MoveReason::NoSeat)
    } else if status == TaskStatus::Queued {
        // It keeps its place in the queue until it can use the seat: 排队中 is for seats, and a lack of
        // channels alone moves nothing.
        return None;
    } else {
        (TaskStatus::Running, MoveReason::NoChannel)
    };
    (next.0 != status).then_some(next)
}

/// Why the task is to pause until it may go on by itself; none where it need not.
fn pause(situation: &Situation) -> Option<MoveReason> {
    if !situation.has_numbers {
        Some(MoveReason::NoNumbers)
    } else if let Some(closed) = situation.closed {
        Some(closed.into())
    } else if situation.has_due {
        let reason = if situation.in_arrears { MoveReason::LineInArrears } else { MoveReason::NoUsableLine };
        (!situation.has_usable_line).then_some(reason)
    } else if situation.in_progress > 0 {
        None
    } else if situation.has_later {
        Some(MoveReason::RedialsNotDue)
    } else {
        Some(MoveReason::CapsReached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUNNING: Situation = Situation {
        status: TaskStatus::Running,
        kind: TaskKind::Manual,
        closed: None,
        has_numbers: true,
        has_due: true,
        has_later: false,
        has_capped: false,
        in_progress: 0,
        has_usable_line: true,
        in_arrears: false,
        has_seat: true,
        has_channel: true,
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
        let at_night = Situation { closed: Some(Closed::OutsideLegalHours), ..timed };
        assert_eq!(next_status(&at_night), Some((TaskStatus::Ready, MoveReason::StartDateReached)));
        assert_eq!(next_status(&Situation { closed: Some(Closed::BeforeStartDate), ..timed }), None);
    }

    #[test]
    fn a_task_moves_as_the_contract_draws_it() {
        let check = |situation: Situation, expected: Option<TaskStatus>| {
            assert_eq!(next_status(&situation).map(|(status, _)| status), expected, "{situation:?}");
        };
        check(RUNNING, None);
        check(Situation { status: TaskStatus::Ready, ..RUNNING }, Some(TaskStatus::Running));
        check(Situation { has_seat: false, ..RUNNING }, Some(TaskStatus::Queued));
        check(Situation { has_seat: false, in_progress: 3, ..RUNNING }, None);
        check(Situation { closed: Some(Closed::InBreak), in_progress: 3, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { has_due: false, has_later: true, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { has_due: false, has_later: true, in_progress: 1, ..RUNNING }, None);
        check(Situation { has_due: false, ..RUNNING }, Some(TaskStatus::Done));
        check(Situation { has_due: false, in_progress: 1, ..RUNNING }, None);
        check(Situation { has_numbers: false, has_due: false, ..RUNNING }, Some(TaskStatus::SystemPaused));
        check(Situation { status: TaskStatus::UserPaused, ..RUNNING }, None);
        check(Situation { status: TaskStatus::Stopped, has_due: false, ..RUNNING }, None);
    }

    #[test]
    fn a_pause_says_why_and_ends_by_itself() {
        let check = |situation: Situation, expected: Option<(TaskStatus, MoveReason)>| {
            assert_eq!(next_status(&situation), expected, "{situation:?}");
        };
        let paused = |reason| Some((TaskStatus::SystemPaused, reason));
        let over = Some((TaskStatus::Ready, MoveReason::PauseOver));
        for (closed, reason) in [
            (Closed::BeforeStartDate, MoveReason::BeforeStartDate),
            (Closed::DayOff, MoveReason::DayOff),
            (Closed::OutsideLegalHours, MoveReason::OutsideLegalHours),
            (Closed::OutsideWindow, MoveReason::OutsideWindow),
            (Closed::InBreak, MoveReason::InBreak),
        ] {
            check(Situation { closed: Some(closed), ..RUNNING }, paused(reason));
        }
        let capped = Situation { has_due: false, has_capped: true, ..RUNNING };
        check(capped, paused(MoveReason::CapsReached));
        check(Situation { has_later: true, ..capped }, paused(MoveReason::RedialsNotDue));
        check(Situation { in_progress: 1, ..capped }, None);
        let no_line = Situation { has_usable_line: false, has_channel: false, ..RUNNING };
        check(Situation { in_arrears: true, ..no_line }, Some((TaskStatus::LineInArrears, MoveReason::LineInArrears)));
        check(no_line, paused(MoveReason::NoUsableLine));
        check(Situation { in_progress: 1, ..no_line }, paused(MoveReason::NoUsableLine));
        // The last calls talk: there is nothing to dial for which a line would be needed.
        check(Situation { in_progress: 1, has_due: false, ..no_line }, None);
        let asleep = Situation { status: TaskStatus::SystemPaused, ..RUNNING };
        check(asleep, over);
        check(Situation { has_seat: false, ..asleep }, over);
        check(Situation { has_due: false, in_progress: 1, ..asleep }, over);
        check(Situation { closed: Some(Closed::DayOff), ..asleep }, None);
    }

    #[test]
    fn a_task_queues_for_seats_and_not_for_channels() {
        let check = |status, has_seat, has_channel, expected: Option<(TaskStatus, MoveReason)>| {
            let situation = Situation { status, has_seat, has_channel, ..RUNNING };
            assert_eq!(next_status(&situation), expected, "{situation:?}");
        };
        use TaskStatus::{Queued, Ready, Running};
        let (queued, running) = (Some((Queued, MoveReason::NoSeat)), Some((Running, MoveReason::RoomToDial)));
        check(Ready, false, false, queued);
        check(Ready, false, true, queued);
        check(Ready, true, false, Some((Running, MoveReason::NoChannel)));
        check(Ready, true, true, running);
        check(Running, false, true, queued);
        check(Running, true, false, None);
        check(Queued, false, true, None);
        check(Queued, true, false, None);
        check(Queued, true, true, running);
    }

    fn any_situation() -> impl Strategy<Value = Situation> {
        let closed = proptest::option::of(proptest::sample::select(vec![
            Closed::BeforeStartDate,
            Closed::DayOff,
            Closed::OutsideLegalHours,
            Closed::InBreak,
        ]));
        let kind = proptest::sample::select(TaskKind::ALL);
        (proptest::sample::select(TaskStatus::ALL), kind, closed, any::<[bool; 8]>(), 0u32..3).prop_map(
            |(
                status,
                kind,
                closed,
                [has_numbers, due, later, capped, has_usable_line, in_arrears, has_seat, has_channel],
                calls,
            )| {
                Situation {
                    status,
                    kind,
                    closed,
                    has_numbers,
                    has_due: due && has_numbers,
                    has_later: later && has_numbers,
                    has_capped: capped && has_numbers,
                    in_progress: if has_numbers { calls } else { 0 },
                    has_usable_line,
                    in_arrears: in_arrears && !has_usable_line,
                    has_seat,
                    has_channel: has_channel && has_usable_line,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn every_move_is_an_arrow_and_a_few_lead_to_rest(first in any_situation()) {
            use TaskStatus::{Done, LineInArrears, NotStarted, Queued, Ready, Running, SystemPaused};
            let mut situation = first;
            let mut moves = 0;
            while let Some((to, _)) = next_status(&situation) {
                let arrow = match situation.status {
                    NotStarted => to == Ready,
                    Ready | Running | Queued => [Running, Queued, SystemPaused, LineInArrears, Done].contains(&to),
                    SystemPaused => [Ready, LineInArrears, Done].contains(&to),
                    _ => false,
                };
                prop_assert!(arrow, "{:?} to {to:?}", situation.status);
                prop_assert!(to != Done || situation.in_progress == 0);
                prop_assert!(to != Running || situation.closed.is_none());
                situation.status = to;
                moves += 1;
                prop_assert!(moves <= 3);
            }
            prop_assert!(situation.status != Ready);
        }
    }
}
