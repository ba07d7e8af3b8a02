//! Every gate by itself, and all of them together.

use std::mem::discriminant;

use jiff::civil::{DateTime, date, datetime, time};
use proptest::prelude::*;

use super::*;
use crate::caps::Cap;
use crate::hours::DiallingDays;
use crate::window::DaySpan;

fn zone() -> TimeZone {
    TimeZone::get("Asia/Shanghai").unwrap()
}

fn moment(at: DateTime) -> Moment {
    Moment::from_civil(at, &zone())
}

/// Of a Friday: 10:00, in the hours of the task.
fn at(day: i8, hour: i8, minute: i8) -> Moment {
    moment(datetime(2026, 5, day, hour, minute, 0, 0))
}

fn line(state: LineState) -> LineFacts {
    LineFacts { name: "01088880000".to_owned(), state }
}

fn dialled_now() -> Facts {
    let hours = |start, end| DaySpan { start: time(start, 0, 0, 0), end: time(end, 0, 0, 0) };
    Facts {
        now: at(8, 10, 0),
        zone: zone(),
        task: TaskFacts {
            status: TaskStatus::Running,
            moved: Some(MoveReason::RoomToDial),
            kind: TaskKind::Manual,
            start_date: date(2026, 5, 8),
            window: CallingWindow { working: hours(9, 18), rest: Some(hours(12, 14)) },
            hours: Hours { legal: hours(9, 20), days: DiallingDays::default() },
        },
        call: CallFacts::Fresh { not_before: Moment(0) },
        redials: 0,
        redials_max: 2,
        blacklisted_in: None,
        capped: None,
        busy_in: None,
        before: 0,
        seats: SeatFacts { free: 1, held: 4, queued: None },
        lines: vec![line(LineState::Disabled), line(LineState::Usable)],
    }
}

fn facts(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = dialled_now();
    change(&mut facts);
    facts
}

fn check(facts: &Facts, verdict: &Verdict, dialled_next: Option<Moment>) {
    let found = explain(facts);
    assert_eq!((&found.verdict, &found.also[..]), (verdict, &[][..]));
    assert_eq!(found.dialled_next, dialled_next, "{verdict:?}");
}

#[test]
fn nothing_more_is_said_of_what_has_ended_or_is_in_progress() {
    check(&dialled_now(), &Verdict::DialledNow, Some(at(8, 10, 0)));
    let finished = CallFacts::Finished { status: FinishStatus::Vacant, call_index: Some(5) };
    let verdict = Verdict::Finished { status: FinishStatus::Vacant, call_index: Some(5), redials: 0, redials_max: 2 };
    check(&facts(|it| (it.call, it.before, it.task.status) = (finished, 9, TaskStatus::Stopped)), &verdict, None);
    let since = at(8, 9, 59);
    let talking = facts(|it| (it.call, it.blacklisted_in) = (CallFacts::InProgress { since }, Some(String::new())));
    check(&talking, &Verdict::InProgress { since }, None);
    let stopped = facts(|it| (it.task.status, it.lines) = (TaskStatus::Stopped, vec![]));
    check(&stopped, &Verdict::TaskEnded { status: TaskStatus::Stopped }, None);
}

#[test]
fn a_task_holds_its_numbers_back_until_somebody_changes_it() {
    let held = |status| facts(|it| it.task.status = status);
    check(&held(TaskStatus::UserPaused), &Verdict::TaskPausedByUser, None);
    let status = TaskStatus::LineInArrears;
    check(&held(status), &Verdict::TaskHeld { status }, None);
    check(&held(TaskStatus::NotStarted), &Verdict::TaskNotStarted { starts: None }, None);
    for status in [TaskStatus::Ready, TaskStatus::SystemPaused, TaskStatus::Queued] {
        check(&held(status), &Verdict::DialledNow, Some(at(8, 10, 0)));
    }
    let timed = |start_date| {
        facts(|it| {
            it.task =
                TaskFacts { status: TaskStatus::NotStarted, kind: TaskKind::Timed, start_date, ..it.task.clone() };
        })
    };
    check(&timed(date(2026, 5, 8)), &Verdict::DialledNow, Some(at(8, 10, 0)));
    let waiting = explain(&timed(date(2026, 5, 9)));
    assert_eq!(waiting.verdict, Verdict::TaskNotStarted { starts: Some(date(2026, 5, 9)) });
    assert_eq!(waiting.also, [Verdict::WindowClosed { why: Closed::BeforeStartDate, opens: Some(at(9, 9, 0)) }]);
    assert_eq!(waiting.dialled_next, Some(at(9, 9, 0)));
}

#[test]
fn a_number_has_gates_of_its_own() {
    let group = "默认分组".to_owned();
    check(&facts(|it| it.blacklisted_in = Some(group.clone())), &Verdict::Blacklisted { group: group.clone() }, None);
    let capped = |until| Capped { which: Cap::PerDay, until };
    let tomorrow = capped(date(2026, 5, 9));
    check(&facts(|it| it.capped = Some(tomorrow)), &Verdict::Capped(tomorrow), Some(at(9, 9, 0)));
    let never = capped(Date::MAX);
    check(&facts(|it| it.capped = Some(never)), &Verdict::Capped(never), None);
    let task = TaskId(7);
    check(&facts(|it| it.busy_in = Some(task)), &Verdict::NumberBusyElsewhere { task }, Some(at(8, 10, 0)));
    let redial = |due| facts(|it| (it.call, it.redials) = (CallFacts::AwaitingRedial { due }, 1));
    check(&redial(at(8, 10, 0)), &Verdict::DialledNow, Some(at(8, 10, 0)));
    let due = |at| Verdict::RedialDueAt { at, redials: 1, redials_max: 2 };
    check(&redial(at(8, 10, 30)), &due(at(8, 10, 30)), Some(at(8, 10, 30)));
    // In the break, and after the last hour.
    check(&redial(at(8, 12, 30)), &due(at(8, 12, 30)), Some(at(8, 14, 0)));
    check(&redial(at(8, 18, 0)), &due(at(8, 18, 0)), Some(at(9, 9, 0)));
}

#[test]
fn the_line_that_comes_nearest_to_be_usable_says_what_is_missing() {
    let (soon, later) = (at(8, 10, 1), at(8, 10, 5));
    let on = |states: &[LineState]| facts(|it| it.lines = states.iter().copied().map(line).collect());
    let down = |states: &[LineState], until| {
        let lines = states.iter().copied().map(line).collect();
        check(&on(states), &Verdict::LineDown { lines, until }, until);
    };
    check(&on(&[]), &Verdict::NoLine, None);
    down(&[LineState::Disabled, LineState::Inbound, LineState::NotValid { from: None }], None);
    down(&[LineState::LeftAlone { until: later }, LineState::NotValid { from: Some(soon) }], Some(soon));
    let full = [LineState::LeftAlone { until: soon }, LineState::NoChannel];
    check(&on(&full), &Verdict::NoChannel, Some(at(8, 10, 0)));
    let paced = [LineState::NoChannel, LineState::Paced { until: later }, LineState::Paced { until: soon }];
    check(&on(&paced), &Verdict::PacedUntil { at: soon }, Some(soon));
}

#[test]
fn seats_and_the_line_of_numbers_come_last() {
    let seats = SeatFacts { free: 0, held: 3, queued: Some(2) };
    let no_seat = Verdict::NoSeat { held: 3, queued: Some(2) };
    check(&facts(|it| it.seats = seats), &no_seat, Some(at(8, 10, 0)));
    check(&facts(|it| it.before = 1), &Verdict::InLine { before: 1 }, Some(at(8, 10, 0)));
    check(&facts(|it| (it.before, it.seats.free) = (3, 4)), &Verdict::DialledNow, Some(at(8, 10, 0)));
    let both = explain(&facts(|it| (it.seats, it.before) = (seats, 9)));
    assert_eq!((both.verdict, both.also), (no_seat, vec![Verdict::InLine { before: 9 }]));
}

#[test]
fn an_explanation_reads_in_two_languages() {
    let found = explain(&facts(|it| {
        it.task.status = TaskStatus::SystemPaused;
        it.task.moved = Some(MoveReason::InBreak);
        it.now = at(8, 12, 30);
        it.capped = Some(Capped { which: Cap::PerWeek, until: date(2026, 5, 9) });
        it.lines = vec![line(LineState::Disabled)];
    }));
    let (mut chinese, mut english) = (found.to_string(), found.english());
    assert_eq!(
        chinese,
        "暂不拨打：号码七日内拨打次数已达上限，2026-05-09 起可再拨打。另外：休息时段，2026-05-08 14:00:00 起可拨打；\
         没有可用线路（01088880000：已停用）。任务状态：系统暂停（休息时段）。"
    );
    assert_eq!(
        english,
        "Not dialled now: the number was dialled as often in seven days as it may be, and may be again on 2026-05-09. \
         Also: in the break, it opens at 2026-05-08 14:00:00; no line can be used (01088880000: disabled). \
         The task is paused by the system (in the break)."
    );
    let finished = CallFacts::Finished { status: FinishStatus::Vacant, call_index: Some(5) };
    (chinese, english) = {
        let found = explain(&facts(|it| it.call = finished));
        (found.to_string(), found.english())
    };
    assert_eq!(
        chinese,
        "已结束：空号，序号 5，已重拨 0 次（规则上限 2 次）。任务状态：进行中（有空闲资源，继续拨打）。"
    );
    assert!(english.starts_with("Finished with index 5: no such number, after 0 redials"), "{english}");
}

#[test]
fn a_verdict_is_written_with_its_reason() {
    let text = |verdict: &Verdict| serde_json::to_string(verdict).unwrap();
    let capped = Verdict::Capped(Capped { which: Cap::PerDay, until: date(2026, 5, 9) });
    assert_eq!(text(&capped), r#"{"reason":"capped","which":"per_day","until":"2026-05-09"}"#);
    assert_eq!(text(&Verdict::DialledNow), r#"{"reason":"dialled_now"}"#);
}

fn any_line() -> impl Strategy<Value = LineFacts> {
    let soon = at(8, 10, 1);
    proptest::sample::select(vec![
        LineState::Usable,
        LineState::Disabled,
        LineState::Inbound,
        LineState::NotValid { from: Some(soon) },
        LineState::LeftAlone { until: soon },
        LineState::NoChannel,
        LineState::Paced { until: soon },
    ])
    .prop_map(line)
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let now =
        (-2i64..3, 0i64..1440).prop_map(|(day, minute)| Moment(at(8, 0, 0).ms() + (day * 1440 + minute) * 60_000));
    let call = prop_oneof![
        3 => Just(CallFacts::Fresh { not_before: Moment(0) }),
        2 => (-60i64..60).prop_map(|minutes| CallFacts::AwaitingRedial { due: Moment(at(8, 10, 0).ms() + minutes * 60_000) }),
        1 => (-60i64..60).prop_map(|minutes| CallFacts::Fresh { not_before: Moment(at(8, 10, 0).ms() + minutes * 60_000) }),
        1 => Just(CallFacts::InProgress { since: at(8, 9, 0) }),
        1 => Just(CallFacts::Finished { status: FinishStatus::Busy, call_index: None }),
    ];
    let status = prop_oneof![2 => Just(TaskStatus::Running), 1 => proptest::sample::select(TaskStatus::ALL)];
    let lines = proptest::collection::vec(any_line(), 0..4);
    let kind = proptest::sample::select(TaskKind::ALL);
    let number = (proptest::option::weighted(0.2, 0i64..3), any::<[bool; 4]>(), 0u64..3, 0u32..3);
    (now, call, status, kind, lines, number).prop_map(
        |(now, call, status, kind, lines, (capped, [blacklisted, busy, rare, queued], before, free))| Facts {
            now,
            call,
            lines,
            before,
            task: TaskFacts { status, kind, ..dialled_now().task },
            capped: capped.map(|n| Capped {
                which: Cap::PerDay,
                until: [date(2026, 5, 9), date(2026, 5, 10), Date::MAX][usize::try_from(n).unwrap()],
            }),
            blacklisted_in: (blacklisted && rare).then(String::new),
            busy_in: (busy && rare).then_some(TaskId(7)),
            seats: SeatFacts { free, held: 0, queued: queued.then_some(1) },
            ..dialled_now()
        },
    )
}

/// Whether a number is dialled, from the rules alone.
fn is_dialled(facts: &Facts) -> bool {
    let civil = facts.now.civil(&facts.zone);
    let task = &facts.task;
    let starts_itself = task.status == TaskStatus::NotStarted && task.kind == TaskKind::Timed;
    (task.status.is_active() || (starts_itself && civil.date() >= task.start_date))
        && match facts.call {
            CallFacts::Fresh { not_before } => not_before <= facts.now,
            CallFacts::AwaitingRedial { due } => due <= facts.now,
            CallFacts::InProgress { .. } | CallFacts::Finished { .. } => false,
        }
        && facts.blacklisted_in.is_none()
        && facts.capped.is_none()
        && facts.busy_in.is_none()
        && civil.date() >= task.start_date
        && task.window.is_open(civil, &task.hours.legal)
        && facts.lines.iter().any(|line| line.state == LineState::Usable)
        && facts.before < u64::from(facts.seats.free)
}

/// A variant's place in the order of precedence.
fn rank(verdict: &Verdict) -> u32 {
    match verdict {
        Verdict::Finished { .. } => 0,
        Verdict::InProgress { .. } => 1,
        Verdict::TaskEnded { .. } => 2,
        Verdict::TaskPausedByUser => 3,
        Verdict::TaskHeld { .. } => 4,
        Verdict::TaskNotStarted { .. } => 5,
        Verdict::Blacklisted { .. } => 6,
        Verdict::Capped(_) => 7,
        Verdict::NumberBusyElsewhere { .. } => 8,
        Verdict::RedialDueAt { .. } | Verdict::PutOff { .. } => 9,
        Verdict::WindowClosed { .. } => 10,
        Verdict::NoLine => 11,
        Verdict::LineDown { .. } => 12,
        Verdict::NoChannel => 13,
        Verdict::PacedUntil { .. } => 14,
        Verdict::NoSeat { .. } => 15,
        Verdict::InLine { .. } => 16,
        Verdict::DialledNow => 17,
    }
}

proptest! {
    #[test]
    fn it_is_dialled_now_exactly_when_no_gate_closes(facts in any_facts()) {
        let found = explain(&facts);
        prop_assert_eq!(found.verdict == Verdict::DialledNow, is_dialled(&facts));
        let ranks: Vec<_> = std::iter::once(&found.verdict).chain(&found.also).map(rank).collect();
        prop_assert!(ranks.is_sorted_by(|one, next| one < next), "{ranks:?}");
        prop_assert!(found.also.iter().all(|verdict| discriminant(verdict) != discriminant(&Verdict::DialledNow)));
        prop_assert!(!found.to_string().is_empty() && !found.english().is_empty());
    }

    #[test]
    fn the_next_moment_is_not_before_now_and_in_the_hours_of_the_task(facts in any_facts()) {
        let found = explain(&facts);
        if let Some(next) = found.dialled_next {
            prop_assert!(next >= facts.now);
            let closed = crate::hours::closed(
                &facts.task.window, facts.task.start_date, &facts.task.hours, next.civil(&facts.zone),
            );
            prop_assert_eq!(closed, None);
            if let Some(Capped { until, .. }) = facts.capped {
                prop_assert!(next.civil(&facts.zone).date() >= until);
            }
        }
        prop_assert!(found.verdict != Verdict::DialledNow || found.dialled_next == Some(facts.now));
    }
}
