//! Plays whose outcome can be reckoned by hand.

mod properties;

use std::collections::BTreeMap;

use jiff::civil::{DateTime, date, datetime, time};

use super::play::Play;
use super::*;
use crate::hours::DiallingDays;
use crate::outcome::{Disposition, Response};
use crate::window::DaySpan;

const SECOND_MS: u64 = 1000;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn moment(at: DateTime) -> Moment {
    Moment::from_civil(at, &zone())
}

/// Of a Monday and the days after it.
fn at(day: i8, hour: i8, minute: i8, second: i8) -> Moment {
    moment(datetime(2026, 5, 10 + day, hour, minute, second, 0))
}

fn span(from: i8, until: i8) -> DaySpan {
    DaySpan::new(time(from, 0, 0, 0), time(until, 0, 0, 0)).unwrap()
}

/// From nine to eight, with ten seats, at nine on the first day.
fn campaign(fresh: u64) -> Campaign {
    Campaign {
        now: at(1, 9, 0, 0),
        zone: zone(),
        hours: Hours { legal: span(9, 20), days: DiallingDays::default() },
        start_date: date(2026, 5, 11),
        window: CallingWindow { working: span(9, 20), rest: None },
        kind: TaskKind::Manual,
        status: TaskStatus::Running,
        quota: 10,
        in_progress_max: 10,
        elastic: false,
        redial_rules: Vec::new(),
        seats: 10,
        lost_per_mille_max: 30,
        lines: vec![Line::default()],
        fresh,
        redials: Vec::new(),
        in_progress: Vec::new(),
        history: History::default(),
    }
}

fn sample(disposition: Disposition, ring_s: u32, talk_s: u32) -> Sample {
    Sample {
        disposition,
        ring_ms: ring_s * 1000,
        talk_ms: talk_s * 1000,
        talk_goes_on: false,
        hour: 10,
        is_redial: false,
    }
}

/// Everybody does the same.
fn all(disposition: Disposition, ring_s: u32, talk_s: u32) -> Behaviour {
    Behaviour::of(&[sample(disposition, ring_s, talk_s); SAMPLES_MIN])
}

/// Everybody answers after ten seconds and talks for fifty.
fn a_minute_each() -> Behaviour {
    all(Disposition::Answered, 10, 50)
}

fn rule(status: FinishStatus, times: u32, interval_minutes: u32) -> RedialRule {
    RedialRule { status, times, interval_minutes }
}

fn finish(campaign: &Campaign, behaviour: &Behaviour) -> Option<Moment> {
    play(campaign, behaviour, 1).finish
}

#[test]
fn where_all_calls_last_a_minute_the_finish_can_be_reckoned() {
    let outcome = play(&campaign(100), &a_minute_each(), 1);
    assert_eq!((outcome.finish, outcome.left), (Some(at(1, 9, 10, 0)), 0));
    assert_eq!((outcome.finished_with(FinishStatus::Answered), outcome.seats), (100, 10));
    let (open_ms, talk_ms) = (600 * SECOND_MS, 100 * 50 * SECOND_MS);
    let total = Tally { attempts: 100, answered: 100, lost: 0, open_ms, talk_ms };
    assert_eq!(outcome.total(), total);
    assert_eq!(outcome.days, [(date(2026, 5, 11), total)]);
    assert_eq!(total.seat_use_per_mille(outcome.seats), 833);
    assert_eq!(Tally::default().seat_use_per_mille(0), 0);
}

#[test]
fn the_smallest_of_all_limits_counts() {
    let check = |change: &dyn Fn(&mut Campaign), minutes: i8| {
        let mut campaign = campaign(20);
        change(&mut campaign);
        assert_eq!(finish(&campaign, &a_minute_each()), Some(at(1, 9, minutes, 0)), "{campaign:?}");
    };
    let channels = |channels| Line { channels: Some(channels), ..Line::default() };
    check(&|_| {}, 2);
    check(&|it| it.seats = 5, 4);
    check(&|it| (it.quota, it.in_progress_max) = (4, 4), 5);
    check(&|it| (it.quota, it.in_progress_max, it.elastic) = (4, 4, true), 2);
    check(&|it| it.lines = vec![channels(2)], 10);
    check(&|it| it.lines = vec![channels(2), channels(3)], 4);
    check(&|it| it.lines[0].valid_from = Some(at(1, 9, 5, 0)), 7);
    check(&|it| it.lines = vec![Line { valid_until: Some(it.now), ..Line::default() }, channels(1)], 11);
    check(&|it| it.in_progress_max = 20, 2);
}

#[test]
fn a_line_spaces_its_calls() {
    let mut campaign = Campaign { seats: 100, quota: 100, in_progress_max: 100, ..campaign(20) };
    campaign.lines[0].pace = Some(Pace { per_s: 2, ramp: Duration::ZERO });
    // Two at once, then one each half a second: the last after nine seconds.
    assert_eq!(finish(&campaign, &a_minute_each()), Some(at(1, 9, 1, 9)));
    campaign.lines[0].pace = Some(Pace { per_s: 0, ramp: Duration::ZERO });
    assert_eq!(finish(&campaign, &a_minute_each()), None);
}

#[test]
fn redials_come_when_their_rule_says_and_are_dialled_first() {
    let busy = all(Disposition::Busy, 5, 0);
    let redialling = Campaign { redial_rules: vec![rule(FinishStatus::Busy, 2, 10)], ..campaign(1) };
    let outcome = play(&redialling, &busy, 1);
    assert_eq!(outcome.finish, Some(at(1, 9, 20, 15)));
    assert_eq!((outcome.total().attempts, outcome.finished_with(FinishStatus::Busy)), (3, 1));
    // Only the time in which there was something to do counts.
    assert_eq!(outcome.total().open_ms, 15 * SECOND_MS);

    let planned = |used| PlannedRedials { due: at(1, 9, 0, 30), calls: 10, used };
    let with_planned = |used| Campaign { redials: vec![planned(used)], fresh: 30, ..redialling.clone() };
    let spent = Used { callee: 2, caller: 2 };
    assert_eq!(play(&with_planned(spent), &busy, 1).total().attempts, 30 * 3 + 10);
    assert_eq!(play(&with_planned(Used { callee: 1, caller: 1 }), &busy, 1).total().attempts, 30 * 3 + 20);
    let long = all(Disposition::Answered, 10, 20);
    let mut order = Vec::new();
    Play::new(&with_planned(spent), &long, 1).run(|play| order.extend(play.starts.iter().map(|(_, used)| *used)));
    assert_eq!(order[..10], [Used::default(); 10]);
    assert_eq!(order[10..20], [spent; 10]);
    assert_eq!(order[20..], [Used::default(); 20]);
}

#[test]
fn nothing_is_dialled_outside_the_hours() {
    let calls = all(Disposition::Answered, 0, 60);
    let hour = CallingWindow { working: span(10, 11), rest: None };
    let alone = Campaign { seats: 1, window: hour, ..campaign(90) };
    assert_eq!(finish(&alone, &calls), Some(at(2, 10, 30, 0)));
    let days: Vec<u64> = play(&alone, &calls, 1).days.iter().map(|(_, day)| day.attempts).collect();
    assert_eq!(days, [60, 30]);
    let break_at_noon = CallingWindow { working: span(9, 20), rest: Some(span(10, 12)) };
    assert_eq!(finish(&Campaign { window: break_at_noon, ..alone.clone() }, &calls), Some(at(1, 12, 30, 0)));
    let later = Campaign { start_date: date(2026, 5, 14), ..alone.clone() };
    assert_eq!(finish(&later, &calls), Some(at(5, 10, 30, 0)));
    let holiday = DiallingDays { days_off: [date(2026, 5, 12)].into(), ..DiallingDays::default() };
    let hours = Hours { days: holiday, ..alone.hours.clone() };
    assert_eq!(finish(&Campaign { hours, ..alone }, &calls), Some(at(3, 10, 30, 0)));
}

#[test]
fn a_task_that_waits_for_a_person_is_played_as_if_it_were_started() {
    let check = |status, kind, start_day: i8, expected| {
        let start_date = date(2026, 5, 10 + start_day);
        let campaign = Campaign { status, kind, start_date, ..campaign(10) };
        assert_eq!(finish(&campaign, &a_minute_each()), Some(expected), "{status:?} {kind:?}");
        campaign.is_under_way()
    };
    use TaskStatus::{NotStarted, Queued, SystemPaused, UserPaused};
    let soon = at(1, 9, 1, 0);
    assert!(!check(NotStarted, TaskKind::Manual, 1, soon));
    assert!(!check(UserPaused, TaskKind::Manual, 1, soon));
    assert!(check(Queued, TaskKind::Manual, 1, soon));
    assert!(check(SystemPaused, TaskKind::Manual, 1, soon));
    assert!(check(NotStarted, TaskKind::Timed, 1, soon));
    assert!(check(NotStarted, TaskKind::Timed, 3, at(3, 9, 1, 0)));
}

#[test]
fn what_cannot_finish_says_what_holds_it_back() {
    let check = |change: &dyn Fn(&mut Campaign), held_by: Option<MoveReason>| {
        let mut campaign = campaign(20);
        change(&mut campaign);
        let outcome = play(&campaign, &a_minute_each(), 1);
        assert_eq!((outcome.finish, outcome.left, outcome.held_by), (None, 20, held_by), "{campaign:?}");
    };
    check(&|it| it.lines.clear(), Some(MoveReason::NoUsableLine));
    check(&|it| it.seats = 0, Some(MoveReason::NoSeat));
    check(&|it| it.quota = 0, Some(MoveReason::NoSeat));
    check(&|it| it.window.working = span(20, 22), Some(MoveReason::OutsideWindow));
    check(&|it| it.lines[0].channels = Some(0), Some(MoveReason::NoChannel));
    let long = Campaign { seats: 1, ..campaign(200_000) };
    let outcome = play(&long, &a_minute_each(), 1);
    assert_eq!((outcome.finish, outcome.held_by, outcome.days.len()), (None, None, 60));
    assert_eq!(outcome.total().attempts + outcome.left, 200_000);
    assert_eq!(finish(&campaign(0), &a_minute_each()), Some(at(1, 9, 0, 0)), "nothing is left to do");
}

#[test]
fn calls_in_progress_go_on_for_as_long_as_such_calls_last() {
    let call = |answered_s: Option<i64>, ago_s: i64| CallInProgress {
        since: Moment(at(1, 9, 0, 0).ms() - ago_s * 1000),
        answered_at: answered_s.map(|ago_s| Moment(at(1, 9, 0, 0).ms() - ago_s * 1000)),
        seated: true,
        used: Used::default(),
        line: Some(0),
    };
    let ends = |call: CallInProgress| {
        let campaign = Campaign { in_progress: vec![call], ..campaign(0) };
        let outcome = play(&campaign, &a_minute_each(), 1);
        (outcome.finish, outcome.finished_with(FinishStatus::Answered))
    };
    assert_eq!(ends(call(None, 4)), (Some(at(1, 9, 0, 56)), 1));
    assert_eq!(ends(call(Some(20), 30)), (Some(at(1, 9, 0, 30)), 1));
    assert_eq!(ends(call(Some(70), 80)), (Some(at(1, 9, 0, 0)), 1), "longer than any talk");
    assert_eq!(ends(call(None, 70)), (Some(at(1, 9, 0, 0)), 0), "longer than any ring");
    let waits = Campaign { in_progress: vec![call(Some(20), 30)], seats: 1, ..campaign(1) };
    assert_eq!(finish(&waits, &a_minute_each()), Some(at(1, 9, 1, 30)), "its seat is taken until then");
}

#[test]
fn dialling_beyond_the_seats_is_faster_and_loses_few() {
    let mixed: Vec<Sample> = (0..100)
        .map(|n| match n % 10 {
            0..3 => sample(Disposition::Answered, 5 + n % 7, 30 + n),
            _ => sample(Disposition::RangOut, 15 + n % 11, 0),
        })
        .collect();
    let behaviour = Behaviour::of(&mixed);
    let alone = Campaign { seats: 20, quota: 20, in_progress_max: 20, ..campaign(3000) };
    let beyond = Campaign { in_progress_max: 40, ..alone.clone() };
    let (alone, beyond) = (play(&alone, &behaviour, 5), play(&beyond, &behaviour, 5));
    assert!(beyond.finish < alone.finish, "{:?} {:?}", beyond.finish, alone.finish);
    assert_eq!(alone.total().lost, 0);
    let total = beyond.total();
    assert!(total.lost > 0 && total.lost * 1000 <= 45 * (total.answered + total.lost), "{total:?}");
}

#[test]
fn hours_and_redials_are_drawn_from_their_own_samples_where_there_are_enough() {
    let of = |disposition, hour, is_redial| Sample { hour, is_redial, ..sample(disposition, 5, 5) };
    let mut samples = vec![of(Disposition::Busy, 10, false); SAMPLES_MIN];
    samples.extend(vec![of(Disposition::Vacant, 11, false); SAMPLES_MIN - 1]);
    samples.extend(vec![of(Disposition::Answered, 11, true); SAMPLES_MIN]);
    let behaviour = Behaviour::of(&samples);
    let drawn = |hour, is_redial| {
        let fates = (0..200).map(|n| behaviour.fate(hour, is_redial, crate::chance::draw(3, n)).disposition);
        fates.fold(BTreeMap::new(), |mut seen, fate| {
            *seen.entry(fate.finish_status()).or_insert(0) += 1;
            seen
        })
    };
    assert_eq!(drawn(10, false), [(FinishStatus::Busy, 200)].into());
    assert_eq!(drawn(11, false).len(), 2, "too few of the hour: all first attempts");
    assert_eq!(drawn(9, true), [(FinishStatus::Answered, 200)].into());
    samples.truncate(2 * SAMPLES_MIN);
    let few = Behaviour::of(&samples);
    assert_eq!(few.fate(9, true, 0).disposition, Disposition::Answered, "too few redials: all attempts");
    assert_eq!(few.fate(9, true, u64::MAX).disposition, Disposition::Busy);
}

#[test]
fn samples_of_our_own_failures_say_nothing_and_lost_answers_would_have_talked() {
    let ours = [sample(Disposition::Interrupted, 1, 0); 100];
    assert_eq!(Behaviour::of(&ours), Behaviour::of(&[]));
    let lost =
        [sample(Disposition::NoSeat, 4, 0), sample(Disposition::Answered, 6, 30), sample(Disposition::Busy, 2, 9)];
    let figures = Behaviour::of(&lost.repeat(10)).figures();
    let expected = Figures { samples: 30, typical: 0, answered_per_mille: 666, ring_ms: 4000, talk_ms: 30_000 };
    assert_eq!(figures, expected);

    let goes_on = |talk_s| Sample { talk_goes_on: true, ..sample(Disposition::Answered, 6, talk_s) };
    let talks: Vec<Sample> = (1..=30).map(|talk_s| sample(Disposition::Answered, 6, talk_s)).collect();
    let mean = |talk_s| Behaviour::of(&[talks.clone(), vec![goes_on(talk_s); 1000]].concat()).figures().talk_ms;
    assert!((15_000..16_000).contains(&mean(0)), "{}", mean(0));
    assert!((25_000..26_000).contains(&mean(21)), "as long as those of 21 s or more: {}", mean(21));
    assert!((15_000..16_000).contains(&mean(90)), "none was so long: {}", mean(90));
}

#[test]
fn few_samples_are_filled_up_with_typical_ones() {
    let figures = |answered: usize| Behaviour::of(&vec![sample(Disposition::Answered, 20, 40); answered]).figures();
    let expected = Figures { samples: 0, typical: 30, answered_per_mille: 300, ring_ms: 20_000, talk_ms: 40_000 };
    assert_eq!(figures(0), expected);
    assert_eq!(figures(20), Figures { samples: 20, typical: 10, answered_per_mille: 766, ..expected });
    assert_eq!(figures(40), Figures { samples: 40, typical: 0, answered_per_mille: 1000, ..expected });
    let again = Behaviour::of(&[]).resampled(4);
    assert_eq!((again.figures().typical, again == Behaviour::of(&[])), (30, false));
}

#[test]
fn a_summary_has_the_middle_and_the_tenths() {
    let outcome = |finish: Option<i64>, attempts| Outcome {
        finish: finish.map(Moment),
        left: 0,
        held_by: None,
        by_finish_status: Default::default(),
        seats: 1,
        days: vec![(date(2026, 5, 11), Tally { attempts, ..Tally::default() })],
    };
    assert_eq!(Summary::of(Vec::new()), None);
    let one = Summary::of(vec![outcome(Some(5), 7)]).unwrap();
    assert_eq!(one.finish, Spread { low: Some(Moment(5)), median: Some(Moment(5)), high: Some(Moment(5)) });
    let outcomes = (0..11u64).rev().map(|n| outcome((n < 10).then_some(n as i64), 100 - n)).collect();
    let many = Summary::of(outcomes).unwrap();
    assert_eq!(many.finish, Spread { low: Some(Moment(1)), median: Some(Moment(5)), high: Some(Moment(9)) });
    assert_eq!(many.attempts, Spread { low: 91, median: 95, high: 99 });
    assert_eq!((many.runs, many.typical.finish), (11, Some(Moment(5))));
    let never = Summary::of(vec![outcome(None, 1), outcome(None, 2), outcome(Some(3), 3)]).unwrap();
    assert_eq!(never.finish.median, None);
}

#[test]
fn only_changes_that_make_a_difference_are_tried() {
    let check = |change: &dyn Fn(&mut Campaign), expected: &[Change]| {
        let mut campaign = campaign(1000);
        change(&mut campaign);
        assert_eq!(worth_trying(&campaign), expected, "{campaign:?}");
    };
    let none = Change::default;
    let seats = |seats| Change { seats: Some(seats), ..none() };
    let quota = |quota| Change { quota: Some(quota), ..none() };
    let in_progress = |max| Change { in_progress_max: Some(max), ..none() };
    let twenty = Change { quota: Some(20), ..seats(20) };
    check(&|_| {}, &[seats(5), twenty.clone(), in_progress(20)]);
    check(&|it| it.seats = 1, &[seats(2), in_progress(20)]);
    let elastic = Change { elastic: Some(true), ..none() };
    check(&|it| it.seats = 20, &[quota(5), quota(20), in_progress(20), elastic]);
    check(&|it| (it.elastic, it.quota) = (true, 2), &[seats(5), seats(20)]);
    check(&|it| it.in_progress_max = 20, &[seats(5), twenty.clone(), in_progress(10)]);
    let channels = Change { channels_times: Some(2), ..none() };
    check(&|it| it.lines[0].channels = Some(7), &[seats(5), channels]);
    let legal = Change { window: Some(CallingWindow { working: span(9, 20), rest: None }), ..none() };
    let both = [seats(5), twenty.clone(), in_progress(20), legal];
    check(&|it| it.window.working = span(8, 18), &both);
    check(&|it| it.window.rest = Some(span(12, 13)), &both);
    let no_redials = Change { no_redials: true, ..none() };
    let rules = vec![rule(FinishStatus::Busy, 1, 1)];
    check(&|it| it.redial_rules = rules.clone(), &[seats(5), twenty, in_progress(20), no_redials]);
    check(&|it| it.fresh = 3, &[]);
    assert_eq!(quota(30).applied_to(&Campaign { in_progress_max: 15, ..campaign(1) }).in_progress_max, 45);
}

#[test]
fn a_history_of_few_answers_lets_more_be_dialled_beyond_the_seats_at_once() {
    let behaviour = all(Disposition::RangOut, 20, 0);
    let beyond = Campaign { in_progress_max: 20, ..campaign(20) };
    assert!(finish(&beyond, &behaviour) > Some(at(1, 9, 0, 20)));
    let known = (0..1000).fold(History::default(), |history, _| history.record(Response::Unanswered));
    assert_eq!(finish(&Campaign { history: known, ..beyond }, &behaviour), Some(at(1, 9, 0, 20)));
}
