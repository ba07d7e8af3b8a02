//! Which tasks the generated store has, and how far each of them is.

use hutong_domain::task::TaskStatus;

use super::content::chance;

/// What a task is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A fifth of all calls, every one finished.
    MillionFinished,
    /// A fifth of all calls, some finished, some to be dialled again, some never dialled.
    MillionPaused,
    /// A fifth of all calls, none dialled.
    MillionWaiting,
    /// A thousand calls, every one finished.
    ThousandFinished,
    /// A thousand calls, none dialled.
    ThousandWaiting,
    /// One of the many.
    Other,
}

/// A task to be generated. Its calls are, in the order of their ids: finished, waiting for a redial, and
/// never dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlannedTask {
    pub(crate) role: Role,
    pub(crate) calls: i64,
    pub(crate) finished: i64,
    pub(crate) redials: i64,
    /// None of these states lets a server dial.
    pub(crate) status: TaskStatus,
}

/// Calls of the small tasks that the large ones are compared with.
pub(crate) const THOUSAND: i64 = 1000;

/// The tasks, in the order of their ids: the measured ones stand apart from each other.
///
/// # Errors
/// When there are too few calls or tasks for the measured ones.
pub(crate) fn plan(calls: i64, tasks: usize) -> anyhow::Result<Vec<PlannedTask>> {
    const MEASURED: [Role; 5] = [
        Role::MillionFinished,
        Role::ThousandFinished,
        Role::MillionPaused,
        Role::ThousandWaiting,
        Role::MillionWaiting,
    ];
    let large = calls / 5;
    anyhow::ensure!(tasks >= 12 && large > THOUSAND, "at least 12 tasks and 10,000 calls are needed");
    let others = tasks - MEASURED.len();
    let mut sizes = spread(calls - 3 * large - 2 * THOUSAND, others).into_iter();
    let apart = tasks / (MEASURED.len() + 1);
    let tasks = (0..tasks).map(|n| {
        let measured = (n % apart == 0).then(|| n / apart).and_then(|n| n.checked_sub(1)).and_then(|n| MEASURED.get(n));
        match measured {
            Some(&role) => of_role(role, if role.is_large() { large } else { THOUSAND }),
            None => other(sizes.next().unwrap_or(0), n),
        }
    });
    Ok(tasks.collect())
}

impl Role {
    const fn is_large(self) -> bool {
        matches!(self, Self::MillionFinished | Self::MillionPaused | Self::MillionWaiting)
    }
}

fn of_role(role: Role, calls: i64) -> PlannedTask {
    let (finished, redials, status) = match role {
        Role::MillionPaused => (calls / 10 * 7, calls / 100, TaskStatus::UserPaused),
        Role::MillionWaiting | Role::ThousandWaiting => (0, 0, TaskStatus::NotStarted),
        Role::MillionFinished | Role::ThousandFinished | Role::Other => (calls, 0, TaskStatus::Done),
    };
    PlannedTask { role, calls, finished, redials, status }
}

/// Most tasks of a company are over; some were stopped or are paused half-way, some have not begun.
fn other(calls: i64, n: usize) -> PlannedTask {
    let (finished, redials, status) = match chance(n as u64, 1) % 100 {
        0..5 => (0, 0, TaskStatus::NotStarted),
        5..10 => (calls / 2, calls / 20, TaskStatus::UserPaused),
        10..15 => (calls / 3, 0, TaskStatus::Stopped),
        _ => (calls, 0, TaskStatus::Done),
    };
    PlannedTask { role: Role::Other, calls, finished, redials, status }
}

/// Sizes that add up to `calls`, the largest nine times the smallest.
fn spread(calls: i64, tasks: usize) -> Vec<i64> {
    let weights: Vec<i64> = (0..tasks).map(|n| 200 + i64::try_from(chance(n as u64, 0) % 1600).unwrap_or(0)).collect();
    let sum: i64 = weights.iter().sum();
    let mut sizes: Vec<i64> = weights.iter().map(|weight| calls * weight / sum).collect();
    let rest = calls - sizes.iter().sum::<i64>();
    if let Some(last) = sizes.last_mut() {
        *last += rest;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tasks_have_exactly_the_calls_asked_for() {
        for (calls, tasks) in [(5_000_000, 2000), (20_000, 12), (123_457, 77)] {
            let planned = plan(calls, tasks).unwrap();
            assert_eq!(planned.len(), tasks);
            assert_eq!(planned.iter().map(|task| task.calls).sum::<i64>(), calls);
            for role in [Role::MillionFinished, Role::MillionPaused, Role::MillionWaiting] {
                assert_eq!(
                    planned.iter().filter(|task| task.role == role).map(|task| task.calls).sum::<i64>(),
                    calls / 5
                );
            }
            for role in [Role::ThousandFinished, Role::ThousandWaiting] {
                assert_eq!(planned.iter().filter(|task| task.role == role).map(|task| task.calls).sum::<i64>(), 1000);
            }
        }
        assert!(plan(5_000, 2000).is_err());
    }
}
