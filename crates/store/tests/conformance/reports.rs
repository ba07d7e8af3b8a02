//! Reports: what was done is counted in the hour in which it was, and every count is a fact.

use std::time::Duration;

use hutong_domain::audit::Actor;
use hutong_domain::call::{FinishStatus, TurnLatency};
use hutong_domain::ids::{CompanyId, LineId, TaskId};
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_domain::report::{Counts, Days};
use hutong_store::claim::Claimed;
use hutong_store::finish::Ending;
use hutong_store::report::{self, Question};
use hutong_store::robot::Publication;
use hutong_store::scenes::Scenes;
use hutong_store::task::{self, Happening, Settings};
use hutong_store::{Store, call_count, count_calls_anew, line, robot};
use hutong_testkit::clock::{START, zone};
use hutong_testkit::fixture::{customers, first_number, new_line, publication, settings};
use hutong_testkit::recount::{assert_counts_are_facts, counted_hours, kept_hours};
use hutong_testkit::{Fixture, TestStore, conformance};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use crate::lookups::blacklist;
use crate::regrades::{judge, with_scene};
use crate::singles::{place, single};

conformance! {
    what_was_done_is_counted_in_its_hour,
    a_call_counts_with_its_last_attempt,
    a_number_that_is_blacklisted_was_not_dialled,
    calls_by_themselves_have_no_task,
    a_judgement_moves_a_call_to_another_level,
    a_report_has_every_day_and_nothing_of_other_days_or_companies,
    what_was_done_is_told_by_line_and_by_robot,
    the_migration_counts_what_the_transactions_count,
    what_happened_to_a_task_is_told_newest_first,
}

const LEVEL: &str = "客户意向等级";
const TODAY: Date = date(2026, 5, 6);

fn of_today(company: CompanyId) -> Question {
    Question::of_company(company, Days::one(TODAY), zone())
}

async fn total(fixture: &Fixture, question: Question) -> Counts {
    fixture.read(move |db, _| report::total(db, &question)).await
}

/// An answered call with this level, in which the robot answered once within so many milliseconds.
fn answered(fixture: &Fixture, talk_s: i64, level: &str, turn_ms: u32) -> Ending {
    let mut ending = fixture.answered(talk_s, 3, &[(LEVEL, level)]);
    ending.utterances[0].latency = Some(TurnLatency { pause_ms: 100, recognition_ms: 100, ours_ms: turn_ms - 200 });
    ending
}

async fn what_was_done_is_counted_in_its_hour(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 4).await;
    fixture.clock.advance(Duration::from_secs(3_600));
    let claimed = fixture.claim(id, 3).await;
    let begun = total(&fixture, of_today(fixture.company)).await;
    assert_eq!((begun.imported, begun.dialled, begun.numbers_dialled, begun.finished), (4, 3, 3, 0));

    // They end in the next hour, and count where they began.
    fixture.clock.advance(Duration::from_secs(3_600));
    fixture.finish(&claimed[0], answered(&fixture, 45, "A级(较强)", 700)).await;
    fixture.finish(&claimed[1], answered(&fixture, 5, "B级(一般)", 1_500)).await;
    fixture.finish(&claimed[2], fixture.unanswered(Disposition::NoSeat)).await;

    let question = of_today(fixture.company);
    let hours = fixture.read(move |db, _| report::by_hour_of_day(db, &question)).await;
    let expected = Counts {
        dialled: 3,
        numbers_dialled: 3,
        answered: 2,
        lost: 1,
        finished: 3,
        talk_s: 50,
        by_talk_time: [1, 0, 1, 0, 0],
        by_grade: [1, 1, 0, 1, 0, 0, 0],
        turns: 2,
        turns_ms: 2_200,
        by_turn_time: [0, 0, 1, 0, 0, 1, 0, 0, 0],
        ..Counts::default()
    };
    assert_eq!(hours[10], Counts::imported(4));
    assert_eq!(hours[11], expected);
    assert_eq!(hours.into_iter().sum::<Counts>(), expected + Counts::imported(4));
    assert_eq!(total(&fixture, Question::of_task(fixture.company, id, zone())).await, expected + Counts::imported(4));
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_call_counts_with_its_last_attempt(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 90 };
    let id = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 1).await;
    let first = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&first, fixture.unanswered(Disposition::Busy)).await;
    fixture.clock.advance(Duration::from_secs(5_400));
    let second = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&second, answered(&fixture, 20, "C级(很少)", 500)).await;

    let question = of_today(fixture.company);
    let hours = fixture.read(move |db, _| report::by_hour_of_day(db, &question)).await;
    assert_eq!((hours[10].dialled, hours[10].numbers_dialled, hours[10].finished), (1, 1, 0));
    assert_eq!((hours[11].dialled, hours[11].numbers_dialled, hours[11].finished, hours[11].answered), (1, 0, 1, 1));
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_number_that_is_blacklisted_was_not_dialled(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    blacklist(&fixture, customers(first_number(id), 1)[0].phone.as_str()).await;
    let looked = fixture.look(id).await;
    for claimed in &looked.blacklisted {
        fixture.finish(claimed, fixture.unanswered(Disposition::Blacklisted)).await;
    }

    let counts = total(&fixture, of_today(fixture.company)).await;
    assert_eq!((looked.blacklisted.len(), counts.dialled, counts.numbers_dialled, counts.finished), (1, 1, 1, 1));
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn calls_by_themselves_have_no_task(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let claimed = place(&fixture, single(&fixture).await).await.unwrap();
    fixture.finish(&claimed, answered(&fixture, 130, "A级(较强)", 300)).await;

    let question = of_today(fixture.company);
    let tasks = fixture.read(move |db, _| report::by_task(db, &question)).await;
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].id, tasks[0].name.as_str(), tasks[0].counts.of_grade('A')), (TaskId(0), "", 1));
    let hours = fixture
        .read(|db, company| Ok((kept_hours(db, company, TaskId(0))?, counted_hours(db, company, TaskId(0))?)))
        .await;
    assert_eq!(hours.0, hours.1);
}

async fn a_judgement_moves_a_call_to_another_level(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let id = fixture.running_task(settings(), 1).await;
    let claimed = fixture.claim(id, 1).await.remove(0);
    fixture.finish(&claimed, answered(&fixture, 20, "A级(较强)", 500)).await;
    let single = place(&fixture, single(&fixture).await).await.unwrap();
    fixture.finish(&single, answered(&fixture, 20, "A级(较强)", 500)).await;
    fixture.clock.advance(Duration::from_secs(86_400));

    for call in [claimed.call, single.call] {
        judge(&fixture, &scenes, call, LEVEL, &["B级(一般)"]).await;
    }

    let counts = total(&fixture, of_today(fixture.company)).await;
    assert_eq!((counts.of_grade('A'), counts.of_grade('B'), counts.finished), (0, 2, 2));
    assert_counts_are_facts(&store, fixture.company, id).await;
}

async fn a_report_has_every_day_and_nothing_of_other_days_or_companies(store: TestStore) {
    let (fixture, other) = (Fixture::new(&store).await, Fixture::new(&store).await);
    let id = fixture.running_task(settings(), 3).await;
    let elsewhere = other.running_task(settings(), 1).await;
    other.claim(elsewhere, 1).await;
    for _ in 0..3 {
        fixture.claim(id, 1).await;
        fixture.clock.advance(Duration::from_secs(86_400));
    }

    let days = Days::new(TODAY.saturating_sub(1.day()), TODAY.saturating_add(1.day())).unwrap();
    let question = Question::of_company(fixture.company, days, zone());
    let reported = fixture.read(move |db, _| report::by_day(db, &question)).await;

    let dialled: Vec<_> = reported.iter().map(|(day, counts)| (*day, counts.imported, counts.dialled)).collect();
    assert_eq!(dialled, [(date(2026, 5, 5), 0, 0), (TODAY, 3, 1), (date(2026, 5, 7), 0, 1)]);
    let of_task = Question::of_task(fixture.company, id, zone());
    let days = fixture.read(move |db, _| report::by_day(db, &of_task)).await;
    assert_eq!(days.iter().map(|(day, _)| *day).collect::<Vec<_>>(), [TODAY, date(2026, 5, 7), date(2026, 5, 8)]);
}

async fn what_was_done_is_told_by_line_and_by_robot(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let company = fixture.company;
    let (second, robot) = fixture
        .write(move |db, company| {
            let scene =
                Publication { scene_name: "第二话术".to_owned(), robot_name: "小二".to_owned(), ..publication() };
            robot::publish(db, company, &scene, START)?;
            let second = line::insert(db, &line::Line { name: "备用".to_owned(), ..new_line(company) })?;
            Ok((second, robot::of_company(db, company)?.remove(1)))
        })
        .await;
    let first = fixture.running_task(settings(), 2).await;
    fixture.claim(first, 2).await;
    let new = task::NewTask {
        robot: robot.id,
        scene: robot.scene,
        voice: robot.voices[0].id,
        lines: vec![second],
        ..fixture.new_task()
    };
    let other = fixture.insert_task(new).await;
    fixture.import(other, customers(5_000, 3)).await;
    fixture.command(other, hutong_domain::task::Command::Start).await;
    fixture.claim(other, 10).await;

    let question = of_today(company);
    let (lines, robots, tasks) = fixture
        .read(move |db, _| {
            let question = &question;
            Ok((report::by_line(db, question)?, report::by_robot(db, question)?, report::by_task(db, question)?))
        })
        .await;

    let lines: Vec<_> = lines.iter().map(|it| (it.id, it.name.as_str(), it.counts.dialled)).collect();
    let name = fixture.read(line::of_company).await.remove(0).name;
    assert_eq!(lines, [(second, "备用", 3), (fixture.line, name.as_str(), 2), (LineId(0), "", 0)]);
    let robots: Vec<_> = robots.iter().map(|it| (it.id, it.name.as_str(), it.counts.dialled)).collect();
    assert_eq!(robots, [(robot.id, "小二", 3), (fixture.robot.id, "小呼", 2)]);
    assert_eq!(tasks.iter().map(|it| (it.id, it.counts.dialled)).collect::<Vec<_>>(), [(other, 3), (first, 2)]);
    for (question, dialled) in [
        (Question { line: Some(second), ..of_today(company) }, 3),
        (Question { robot: Some(fixture.robot.id), ..of_today(company) }, 2),
        (Question { task: Some(other), line: Some(fixture.line), ..of_today(company) }, 0),
    ] {
        assert_eq!(total(&fixture, question.clone()).await.dialled, dialled, "{question:?}");
    }
}

async fn the_migration_counts_what_the_transactions_count(store: TestStore) {
    let (fixture, scenes) = with_scene(&store).await;
    let (first, second) = work(&store, &fixture, &scenes).await;
    let read = move |db: &mut hutong_store::Db, company| {
        let tasks = [first, second, TaskId(0)];
        tasks.iter().map(|task| call_count::of_task(db, company, *task)).collect::<hutong_store::Result<Vec<_>>>()
    };
    let counted = fixture.read(read).await;
    assert!(counted.iter().all(|rows| !rows.is_empty()));

    fixture.write(|db, _| count_calls_anew(db)).await;

    let mut anew = fixture.read(read).await;
    let mut counted = counted;
    for rows in counted.iter_mut().chain(&mut anew) {
        rows.retain(|(_, counts)| *counts != Counts::default());
    }
    assert_eq!(counted, anew);
}

/// Some of everything that is counted, over a few hours; the tasks.
async fn work(store: &Store, fixture: &Fixture, scenes: &Scenes) -> (TaskId, TaskId) {
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 90 };
    let first = fixture.running_task(Settings { redial_rules: vec![rule], ..settings() }, 12).await;
    let levels = ["A级(较强)", "B级(一般)", "C级(很少)", "D级(需筛选)", "E级(需要再次跟进)", "F级(无需跟进)", "其他"];
    let claimed: Vec<Claimed> = fixture.claim(first, 9).await;
    for ((n, claimed), level) in (0..).zip(&claimed).zip(levels) {
        fixture.finish(claimed, answered(fixture, 7 + i64::from(n) * 25, level, 300 + n * 450)).await;
    }
    fixture.finish(&claimed[7], fixture.unanswered(Disposition::Busy)).await;
    fixture.finish(&claimed[8], fixture.unanswered(Disposition::Interrupted)).await;
    fixture.clock.advance(Duration::from_secs(7_200));
    let second = fixture.running_task(settings(), 2).await;
    fixture.look_at_all(fixture.looking()).await;
    let single = place(fixture, single(fixture).await).await.unwrap();
    fixture.finish(&single, answered(fixture, 70, "B级(一般)", 900)).await;
    judge(fixture, scenes, claimed[0].call, LEVEL, &["C级(很少)"]).await;
    assert_counts_are_facts(store, fixture.company, first).await;
    (first, second)
}

async fn what_happened_to_a_task_is_told_newest_first(store: TestStore) {
    let fixture = Fixture::new(&store).await;
    let id = fixture.running_task(settings(), 2).await;
    fixture.clock.advance(Duration::from_secs(60));
    fixture.look(id).await;
    fixture.clock.advance(Duration::from_secs(60));
    let by = hutong_store::audit::By { actor: Actor::User("anna".to_owned()), at: fixture.now() };
    fixture
        .write(move |db, company| {
            let object = hutong_store::audit::Object::Task(company, id);
            let (before, after) = (serde_json::json!({ "numbers": 0 }), serde_json::json!({ "numbers": 2 }));
            by.note(db, hutong_domain::audit::Action::TaskImport, &object, Some(before), Some(after))
        })
        .await;

    let log = fixture.read(move |db, company| task::log(db, company, id, 10)).await;

    let told: Vec<String> = log
        .iter()
        .map(|it| match it {
            Happening::Moved(moved) => format!("{} {:?}", moved.actor, moved.to),
            Happening::Changed(entry) => format!("{} {}", entry.actor, entry.action),
        })
        .collect();
    assert_eq!(told, ["user anna task.import", "scheduler Running", "tester Ready"]);
    let last = fixture.read(move |db, company| task::log(db, company, id, 1)).await;
    assert_eq!(last, log[..1]);
}
