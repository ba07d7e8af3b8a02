//! How many calls a task may start now.

mod learning;

pub use learning::{History, allowance_learning};

/// What limits a task at one moment. Everything counts calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Calls of the task that may talk at once (`concurrencyQuota`).
    pub quota: u32,
    /// Calls of the task that may be in progress at once (`concurrencyPhone`), at least `quota`.
    pub in_progress_max: u32,
    /// Calls of the task in progress.
    pub in_progress: u32,
    /// Calls of the task in progress that hold a seat.
    pub seated: u32,
    /// Seats of the company that no call holds.
    pub company_seats_free: u32,
    /// Channels free on the task's usable lines; [`u32::MAX`] where a line has no limit.
    pub channels_free: u32,
}

/// Calls that a task may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Calls that start with a seat of their own.
    pub seated: u32,
    /// Calls that start in the hope of a seat by the time somebody answers.
    pub overdialled: u32,
}

impl Allowance {
    /// All calls that may start.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.seated + self.overdialled
    }
}

/// How many calls may start. Calls beyond the seats are dialled only up to the task's own ratio of
/// overdialling, scaled down when the company has fewer seats than the task's quota.
#[must_use]
pub fn allowance(room: &Room) -> Allowance {
    let free = room.in_progress_max.saturating_sub(room.in_progress).min(room.channels_free);
    let seated = room.quota.saturating_sub(room.seated).min(room.company_seats_free).min(free);
    let seats_held = room.seated + seated;
    let extra_max = if room.quota == 0 {
        0
    } else {
        let per_quota = u64::from(room.in_progress_max.saturating_sub(room.quota));
        u32::try_from(per_quota * u64::from(seats_held) / u64::from(room.quota)).unwrap_or(u32::MAX)
    };
    let extra_now = room.in_progress.saturating_sub(room.seated);
    let overdialled = extra_max.saturating_sub(extra_now).min(free - seated);
    Allowance { seated, overdialled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_task_without_overdialling_dials_as_many_as_it_has_seats() {
        let room = Room { quota: 5, in_progress_max: 5, company_seats_free: 3, channels_free: 10, ..Room::default() };
        assert_eq!(allowance(&room), Allowance { seated: 3, overdialled: 0 });
    }

    #[test]
    fn overdialling_scales_with_the_seats_that_are_there() {
        let room =
            Room { quota: 10, in_progress_max: 20, company_seats_free: 4, channels_free: 100, ..Room::default() };
        assert_eq!(allowance(&room), Allowance { seated: 4, overdialled: 4 });
    }

    proptest! {
        #[test]
        fn no_limit_is_ever_exceeded(
            quota in 0u32..50, extra in 0u32..50, in_progress in 0u32..120, seated in 0u32..60,
            company_seats_free in 0u32..60, channels_free in 0u32..60,
        ) {
            let seated = seated.min(in_progress);
            let room = Room { quota, in_progress_max: quota + extra.min(quota), in_progress, seated, company_seats_free, channels_free };
            let allowed = allowance(&room);
            prop_assert!(allowed.total() == 0 || in_progress + allowed.total() <= room.in_progress_max);
            prop_assert!(allowed.seated == 0 || seated + allowed.seated <= quota);
            prop_assert!(allowed.seated <= company_seats_free);
            prop_assert!(allowed.total() <= channels_free);
        }
    }
}
