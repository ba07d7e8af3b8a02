//! The seats of a company, shared fairly by its running tasks.

use crate::moment::Moment;

/// A task that wants seats. Everything counts seats, and so calls that may talk at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claimant {
    /// Seats that its calls hold.
    pub held: u32,
    /// Seats that are its own to ask for (`concurrencyQuota`).
    pub quota: u32,
    /// Whether it takes idle seats beyond its quota (`openElasticity`).
    pub elastic: bool,
    /// How many more calls it could start.
    pub wanted: u32,
    /// Since when it has waited for a seat (排队中); none where it does not.
    pub waiting_since: Option<Moment>,
}

/// How many of the `free` seats each task may take now, in the order of `tasks`.
///
/// The next seat goes to the task with the fewest seats among those that want one and are below their
/// quota; among equals to the one that has waited longest, then to the one that stands first. What no
/// task wants within its quota is shared by the elastic ones in the same way.
#[must_use]
pub fn share(free: u32, tasks: &[Claimant]) -> Vec<u32> {
    let within = |task: &Claimant| task.wanted.min(task.quota.saturating_sub(task.held));
    let mut bowls: Vec<Bowl> = tasks.iter().map(|task| Bowl { level: task.held, room: within(task) }).collect();
    let turns = turns(tasks);
    let mut granted = vec![0; tasks.len()];
    let left = pour(free, &bowls, &turns, &mut granted);
    for ((bowl, task), granted) in bowls.iter_mut().zip(tasks).zip(&granted) {
        let more = if task.elastic { task.wanted - granted } else { 0 };
        *bowl = Bowl { level: task.held.saturating_add(*granted), room: more };
    }
    pour(left, &bowls, &turns, &mut granted);
    granted
}

/// Whose turn it is among equals: positions of tasks, the one that has waited longest first.
fn turns(tasks: &[Claimant]) -> Vec<usize> {
    let mut turns: Vec<usize> = (0..tasks.len()).collect();
    turns.sort_by_key(|&at| tasks.get(at).and_then(|task| task.waiting_since).map_or((1, None), |it| (0, Some(it))));
    turns
}

/// A task as the sharing sees it: how many seats it has, and how many more it takes.
#[derive(Clone, Copy)]
struct Bowl {
    level: u32,
    room: u32,
}

impl Bowl {
    /// Seats that it takes until it has `level`.
    fn up_to(self, level: u64) -> u64 {
        level.saturating_sub(u64::from(self.level)).min(u64::from(self.room))
    }
}

/// Fills the bowls up to one level as water does, and hands out the rest by turns: the same as giving seat
/// by seat to the lowest, without looking at every bowl for every seat. Gives back what nobody wants.
fn pour(free: u32, bowls: &[Bowl], turns: &[usize], granted: &mut [u32]) -> u32 {
    let needed = |level: u64| bowls.iter().map(|bowl| bowl.up_to(level)).sum::<u64>();
    let free = u64::from(free);
    // The highest level that the free seats reach; above the top nobody wants more.
    let top = bowls.iter().map(|bowl| u64::from(bowl.level) + u64::from(bowl.room)).max().unwrap_or(0);
    let (mut reached, mut beyond) = (0, top + 1);
    while beyond - reached > 1 {
        let middle = reached.midpoint(beyond);
        if needed(middle) <= free {
            reached = middle;
        } else {
            beyond = middle;
        }
    }
    let mut left = free - needed(reached);
    for &at in turns {
        let (Some(bowl), Some(granted)) = (bowls.get(at), granted.get_mut(at)) else { continue };
        // One more for those that stand exactly at the level, as long as there are some.
        let one = left.min(bowl.up_to(reached + 1) - bowl.up_to(reached));
        left -= one;
        *granted = granted.saturating_add(u32::try_from(bowl.up_to(reached) + one).unwrap_or(u32::MAX));
    }
    u32::try_from(left).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TASK: Claimant = Claimant { held: 0, quota: 10, elastic: false, wanted: 10, waiting_since: None };

    #[test]
    fn seats_go_to_the_tasks_that_have_least() {
        let check = |free, tasks: &[Claimant], expected: &[u32]| assert_eq!(share(free, tasks), expected, "{tasks:?}");
        check(5, &[], &[]);
        check(0, &[TASK], &[0]);
        check(5, &[TASK], &[5]);
        check(5, &[TASK, TASK], &[3, 2]);
        check(6, &[Claimant { held: 4, ..TASK }, TASK], &[1, 5]);
        check(6, &[Claimant { wanted: 1, ..TASK }, TASK, Claimant { quota: 2, ..TASK }], &[1, 3, 2]);
        check(100, &[TASK, Claimant { held: 12, ..TASK }], &[10, 0]);
    }

    #[test]
    fn among_equals_who_has_waited_longest_comes_first() {
        let since = |ms| Claimant { waiting_since: Some(Moment(ms)), ..TASK };
        assert_eq!(share(2, &[TASK, since(20), since(10)]), [0, 1, 1]);
        assert_eq!(share(1, &[TASK, since(20), since(10)]), [0, 0, 1]);
        assert_eq!(share(1, &[Claimant { held: 1, ..since(5) }, TASK]), [0, 1]);
    }

    #[test]
    fn elastic_tasks_take_what_is_left_of_the_quotas() {
        let elastic = Claimant { quota: 2, elastic: true, wanted: 100, ..TASK };
        assert_eq!(share(12, &[elastic, TASK]), [2, 10]);
        assert_eq!(share(20, &[elastic, TASK]), [10, 10]);
        assert_eq!(share(20, &[elastic, TASK, elastic]), [5, 10, 5]);
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let most = Claimant { held: u32::MAX, quota: u32::MAX, elastic: true, wanted: u32::MAX, waiting_since: None };
        let granted = share(u32::MAX, &[most, Claimant { held: 0, ..most }, Claimant { held: 0, ..most }]);
        assert_eq!(granted, [0, u32::MAX / 2 + 1, u32::MAX / 2]);
    }

    /// Seat by seat, as the rule says it.
    fn one_by_one(free: u32, tasks: &[Claimant]) -> Vec<u32> {
        let mut granted = vec![0; tasks.len()];
        for _ in 0..free {
            let next = |elastic: bool| {
                (0..tasks.len())
                    .filter(|&at| granted[at] < tasks[at].wanted)
                    .filter(|&at| tasks[at].held + granted[at] < tasks[at].quota || (elastic && tasks[at].elastic))
                    .min_by_key(|&at| {
                        let since = tasks[at].waiting_since;
                        (tasks[at].held + granted[at], since.is_none(), since, at)
                    })
            };
            let Some(at) = next(false).or_else(|| next(true)) else { break };
            granted[at] += 1;
        }
        granted
    }

    fn any_task() -> impl Strategy<Value = Claimant> {
        (0u32..12, 0u32..12, any::<bool>(), 0u32..12, proptest::option::of(0i64..4)).prop_map(
            |(held, quota, elastic, wanted, since)| Claimant {
                held,
                quota,
                elastic,
                wanted,
                waiting_since: since.map(Moment),
            },
        )
    }

    /// A company whose calls end by chance and whose seats are shared again after each.
    struct Model {
        tasks: Vec<Claimant>,
        free: u32,
        waited: Vec<usize>,
    }

    impl Model {
        fn new(seats: u32, quotas: &[(u32, bool)]) -> Self {
            let task = |&(quota, elastic): &(u32, bool)| Claimant { quota, elastic, wanted: 1000, ..TASK };
            Self { tasks: quotas.iter().map(task).collect(), free: seats, waited: vec![0; quotas.len()] }
        }

        fn share(&mut self, now: i64) {
            let granted = share(self.free, &self.tasks);
            for ((task, granted), waited) in self.tasks.iter_mut().zip(granted).zip(&mut self.waited) {
                self.free -= granted;
                task.held += granted;
                let waits = task.held == 0;
                *waited = if waits { *waited + 1 } else { 0 };
                task.waiting_since = waits.then(|| task.waiting_since.unwrap_or(Moment(now)));
            }
        }

        fn end_a_call(&mut self, pick: usize) {
            let calls = self.tasks.iter().map(|task| task.held as usize).sum::<usize>();
            let mut pick = pick % calls.max(1);
            for task in &mut self.tasks {
                if pick < task.held as usize {
                    task.held -= 1;
                    self.free += 1;
                    return;
                }
                pick -= task.held as usize;
            }
        }
    }

    proptest! {
        #[test]
        fn pouring_is_the_same_as_giving_seat_by_seat(
            free in 0u32..60, tasks in proptest::collection::vec(any_task(), 0..9),
        ) {
            let granted = share(free, &tasks);
            prop_assert_eq!(&granted, &one_by_one(free, &tasks));
            let left = free - granted.iter().sum::<u32>();
            for (task, granted) in tasks.iter().zip(&granted) {
                prop_assert!(*granted <= task.wanted);
                prop_assert!(*granted == 0 || task.elastic || task.held + granted <= task.quota);
                let could = task.wanted > *granted && (task.elastic || task.held + granted < task.quota);
                prop_assert!(left == 0 || !could);
            }
        }

        #[test]
        fn shares_of_tasks_that_want_as_much_differ_by_at_most_one(
            free in 0u32..60, wanted in 0u32..20, quota in 0u32..20, count in 1usize..8,
        ) {
            let granted = share(free, &vec![Claimant { wanted, quota, ..TASK }; count]);
            let (least, most) = (granted.iter().min().unwrap(), granted.iter().max().unwrap());
            prop_assert!(most - least <= 1);
        }

        #[test]
        fn no_task_starves(
            seats in 1u32..10, quotas in proptest::collection::vec((1u32..6, any::<bool>()), 1..8),
            picks in proptest::collection::vec(any::<usize>(), 0..200),
        ) {
            let mut model = Model::new(seats, &quotas);
            model.share(0);
            for (round, pick) in picks.into_iter().enumerate() {
                model.end_a_call(pick);
                model.share(1 + i64::try_from(round).unwrap());
                let longest = model.waited.iter().max().unwrap();
                prop_assert!(*longest <= quotas.len(), "{:?}", model.tasks);
            }
        }
    }

    #[test]
    fn many_tasks_and_seats_are_shared_exactly() {
        let tasks: Vec<_> =
            (0..1000u32).map(|n| Claimant { held: n % 7, quota: n % 31, wanted: n % 23, ..TASK }).collect();
        assert_eq!(share(10_000, &tasks).iter().sum::<u32>(), one_by_one(10_000, &tasks).iter().sum::<u32>());
        let equals = vec![TASK; 1000];
        assert!(share(9_999, &equals).iter().all(|granted| (9..=10).contains(granted)));
    }
}
