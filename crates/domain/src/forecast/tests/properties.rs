//! What holds in every play.

use proptest::prelude::*;

use super::*;
use crate::hours::closed;
use crate::redial::{REDIALS_MAX, is_of_caller};

fn any_behaviour() -> impl Strategy<Value = Behaviour> {
    let disposition = prop::sample::select(vec![
        Disposition::Answered,
        Disposition::Answered,
        Disposition::NoSeat,
        Disposition::Busy,
        Disposition::Unreachable,
        Disposition::RangOut,
        Disposition::LineFailed,
        Disposition::Blacklisted,
    ]);
    let sample = (disposition, 0u32..40_000, 0u32..120_000, 8u8..21, any::<bool>()).prop_map(
        |(disposition, ring_ms, talk_ms, hour, is_redial)| {
            let talk_goes_on = talk_ms % 5 == 0;
            Sample { disposition, ring_ms, talk_ms, talk_goes_on, hour, is_redial }
        },
    );
    prop::collection::vec(sample, 1..80).prop_map(|samples| Behaviour::of(&samples))
}

fn any_campaign() -> impl Strategy<Value = Campaign> {
    let limits = (0u32..12, 0u32..12, 0u32..12, any::<bool>());
    let line = (prop::option::of(0u32..8), prop::option::of((0u32..4, 0u64..20)));
    let lines = prop::collection::vec(line, 0..3);
    let hours = (9i8..19, 1i8..10, any::<bool>(), 0i8..3);
    let rules = prop::collection::vec((1u32..=REDIALS_MAX, 0u32..=40), 4);
    let planned = prop::collection::vec((-600i64..4000, 1u64..20, 0u32..3), 0..4);
    let minute = 0i64..2 * 1440;
    (limits, lines, hours, rules, planned, 0u64..150, minute, prop::sample::select(TaskStatus::ALL)).prop_map(
        |(
            (seats, quota, extra, elastic),
            lines,
            (from, length, has_break, start),
            rules,
            planned,
            fresh,
            minute,
            status,
        )| {
            let of = [FinishStatus::Busy, FinishStatus::NoAnswer, FinishStatus::Lost, FinishStatus::CallerUnavailable];
            let now = Moment(at(1, 0, 0, 0).ms() + minute * 60_000);
            Campaign {
                now,
                start_date: date(2026, 5, 11 + start),
                window: CallingWindow {
                    working: span(from, from + length.min(23 - from)),
                    rest: has_break.then(|| span(12, 13)),
                },
                status,
                quota,
                in_progress_max: quota + extra.min(quota),
                elastic,
                redial_rules: of.into_iter().zip(rules).map(|(it, (times, after))| rule(it, times, after)).collect(),
                seats,
                lines: lines
                    .into_iter()
                    .map(|(channels, pace)| Line {
                        channels,
                        pace: pace.map(|(per_s, ramp_s)| Pace { per_s, ramp: Duration::from_secs(ramp_s) }),
                        ..Line::default()
                    })
                    .collect(),
                fresh,
                redials: planned
                    .into_iter()
                    .map(|(after_s, calls, used)| PlannedRedials {
                        due: Moment(now.ms() + after_s * 1000),
                        calls,
                        used: Used { callee: used, caller: used },
                    })
                    .collect(),
                ..campaign(0)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_limit_and_rule_holds_in_every_play(
        campaign in any_campaign(), behaviour in any_behaviour(), seed in any::<u64>(),
    ) {
        let most = |of_caller: bool| {
            let rules = campaign.redial_rules.iter().filter(|it| is_of_caller(it.status) == of_caller);
            rules.map(|it| it.times).max().unwrap_or(0)
        };
        let (callee_max, caller_max) = (most(false).max(2), most(true).max(2));
        let mut dialled = BTreeMap::new();
        let outcome = Play::new(&campaign, &behaviour, seed).run(|play| {
            assert!(play.talking <= play.seated && play.seated <= campaign.seats);
            assert!(campaign.elastic || play.seated <= campaign.quota);
            let civil = play.now.civil(&campaign.zone);
            let shut = closed(&campaign.window, campaign.start_date, &campaign.hours, civil);
            assert!(play.starts.is_empty() || shut.is_none(), "dialled at {civil}: {shut:?}");
            for (number, used) in &play.starts {
                assert!(used.callee <= callee_max && used.caller <= caller_max, "{used:?}");
                // A number is dialled again only with more of its budget used.
                let before = dialled.insert(*number, used.total());
                assert!(before.is_none_or(|before| before < used.total()));
            }
        });
        let total = outcome.total();
        let finished: u64 = outcome.by_finish_status.iter().sum();
        prop_assert_eq!(finished + outcome.left, campaign.numbers());
        prop_assert_eq!(outcome.finish.is_some(), outcome.left == 0);
        prop_assert!(total.attempts >= finished.saturating_sub(outcome.left));
        prop_assert_eq!(total.answered, outcome.finished_with(FinishStatus::Answered));
        prop_assert!(total.talk_ms <= total.open_ms * u64::from(campaign.seats));
        prop_assert!(outcome.finish.is_none_or(|at| at >= campaign.now));
        prop_assert!(outcome.days.len() <= 62);
        prop_assert_eq!(&outcome, &play(&campaign, &behaviour, seed));
    }

    #[test]
    fn more_seats_never_finish_later_where_all_calls_are_alike(
        seats in 1u32..30, more in 1u32..30, fresh in 0u64..600, ring_s in 0u32..30, talk_s in 0u32..300, from in 9i8..19,
    ) {
        let behaviour = all(Disposition::Answered, ring_s, talk_s);
        let window = CallingWindow { working: span(from, 20), rest: None };
        let with = |seats| {
            let campaign = Campaign { seats, quota: seats, in_progress_max: seats, window, ..campaign(fresh) };
            play(&campaign, &behaviour, 1).finish.unwrap()
        };
        prop_assert!(with(seats + more) <= with(seats));
    }

    #[test]
    fn a_change_that_makes_no_difference_leads_to_the_same_outcome(
        campaign in any_campaign(), behaviour in any_behaviour(), seed in any::<u64>(), to in 1u32..40,
    ) {
        let campaign = Campaign { lines: vec![Line { pace: None, ..campaign.lines.first().copied().unwrap_or_default() }], ..campaign };
        let changes = [
            Change { seats: Some(to), ..Change::default() },
            Change { quota: Some(to), ..Change::default() },
            Change { in_progress_max: Some(campaign.quota + to), ..Change::default() },
            Change { elastic: Some(true), ..Change::default() },
            Change { channels_times: Some(to), ..Change::default() },
            Change { window: Some(CallingWindow { working: span(8, 20), rest: None }), ..Change::default() },
        ];
        for change in changes.iter().filter(|it| !it.makes_a_difference(&campaign)) {
            let (now, then) = (play(&campaign, &behaviour, seed), play(&change.applied_to(&campaign), &behaviour, seed));
            prop_assert_eq!(Outcome { seats: now.seats, ..then }, now, "{:?}", change);
        }
    }
}
