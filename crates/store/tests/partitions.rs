//! The store can be sharded by company: with the big tables partitioned by it on PostgreSQL, each statement
//! that a campaign or a client of the API runs scans one partition only.
//!
//! The statements are those that the store really sends: the server explains each of them into its log
//! (`auto_explain`), and the test reads that. Not hot, and not in here: to look for the owner of an id,
//! whoever that is, and for the attempts of a dead process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "Clippy does not see that helpers of a test are tests")]

#[path = "partitions/plans.rs"]
mod plans;

use std::collections::BTreeSet;
use std::time::Duration;

use hutong_domain::audit::Actor;
use hutong_domain::call::{FinishStatus, Speaker, Understanding};
use hutong_domain::dialogue::{Event, Opening};
use hutong_domain::ids::{CallId, CustomerId, TaskId};
use hutong_domain::outcome::Disposition;
use hutong_domain::redial::RedialRule;
use hutong_domain::scene::Scene;
use hutong_domain::scene::replay::Course;
use hutong_store::claim::{self, Single};
use hutong_store::feed::FeedFilter;
use hutong_store::finish::Ending;
use hutong_store::forecast::{Question, SAMPLES_MAX};
use hutong_store::regrade::{Judgement, Outcome};
use hutong_store::robot::{self, Publication};
use hutong_store::scenes::Scenes;
use hutong_store::task::Settings;
use hutong_store::{BIG_TABLES, IdKind, PageRequest, call, company, forecast, line, past_calls, unheard, waiting};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customer, rules, settings};
use hutong_testkit::{Engine, Fixture, Place, TestStore};

use plans::{Explained, explained};

/// Companies that run a campaign each, so that more than one partition is in use.
const COMPANIES: usize = 5;
/// The fewest different statements over big tables that a campaign is known to run: so that a test which
/// sees none fails.
const STATEMENTS_MIN: usize = 25;
/// Has the server explain every statement as it was run.
const EXPLAIN_ALL: [&str; 5] = [
    "shared_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_analyze=on",
    "auto_explain.log_timing=off",
    "auto_explain.log_format=json",
];

#[test]
fn each_hot_statement_scans_one_partition_when_it_is_planned_for_its_parameters() {
    check("plan_cache_mode=force_custom_plan");
}

#[test]
fn each_hot_statement_scans_one_partition_when_its_plan_is_kept_for_all_parameters() {
    check("plan_cache_mode=force_generic_plan");
}

fn check(plan_cache_mode: &str) {
    let settings = [&EXPLAIN_ALL[..], &[plan_cache_mode]].concat();
    let store = TestStore::open_in(Place::with_postgres_settings(Engine::PostgresPartitioned, &settings));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for _ in 0..COMPANIES {
            let mut fixture = Fixture::with_seats(&store, 3).await;
            publish(&mut fixture).await;
            run_everything_hot(&fixture).await;
        }
    });
    let log = store.close().into_server().unwrap().stop_and_read_log();
    let mut statements = explained(&log);
    // A migration looks at all companies, once.
    statements.retain(|it| !it.sql.trim_start().starts_with("CREATE TABLE"));

    for Explained { sql, partitions, .. } in &statements {
        let numbers: BTreeSet<u32> = partitions.iter().map(|(_, number)| *number).collect();
        assert!(numbers.len() <= 1, "{partitions:?} are scanned by\n{sql}");
    }
    let over_big_tables: Vec<_> = statements.iter().filter(|it| !it.big_tables.is_empty()).collect();
    let different: BTreeSet<_> = over_big_tables.iter().map(|it| &it.sql).collect();
    assert!(different.len() >= STATEMENTS_MIN, "only these were seen: {different:#?}");
    let tables: BTreeSet<_> = over_big_tables.iter().flat_map(|it| it.big_tables.clone()).collect();
    assert_eq!(tables, BTreeSet::from(BIG_TABLES.map(str::to_owned)));
    let used: BTreeSet<_> = statements.iter().flat_map(|it| &it.partitions).map(|(_, number)| number).collect();
    assert!(used.len() > 1, "the companies are all in one partition");
}

/// A scene that concludes what the calls of this test are made of.
const SCENE: &str = "
hutong: 1
name: 分区
robot: { name: 分区 }
voices: [女声]
nodes: [{ name: 通知, say: 您好。, end: { reason: 已通知 } }]
results:
  - { name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }
  - { name: 意向, values: [A, B], default: A, rules: [{ when: rounds > 1, value: B, because: 一 }] }
";

async fn publish(fixture: &mut Fixture) {
    let publication = Publication::of(&Scene::parse(SCENE).unwrap(), SCENE);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
}

/// A campaign with redials, overdialling, a call by itself, and everything that clients ask about it.
async fn run_everything_hot(fixture: &Fixture) {
    let rule = RedialRule { status: FinishStatus::Busy, times: 1, interval_minutes: 10 };
    let settings = Settings { quota: 5, in_progress_max: 10, redial_rules: vec![rule], ..settings() };
    let id = fixture.running_task(settings, 120).await;
    for _ in 0..4 {
        let look = fixture.looking();
        fixture.prospect(look).await;
        for (n, claimed) in fixture.claim(id, 6).await.iter().enumerate() {
            let talks = fixture.answer(claimed).await;
            let ending = match n % 3 {
                0 => fixture.unanswered(Disposition::Busy),
                _ if talks => talk(fixture),
                _ => fixture.unanswered(Disposition::NoSeat),
            };
            fixture.finish(claimed, ending).await;
        }
        ask(fixture, id).await;
        fixture.clock.advance(Duration::from_secs(600));
    }
    let single = Single {
        company: fixture.company,
        robot: fixture.robot.id,
        customer: customer("13900000000"),
        customer_id: CustomerId(fixture.store.reserve(IdKind::Customer, 1).await.unwrap()),
        known_customer: false,
        call: CallId(fixture.store.reserve(IdKind::Call, 1).await.unwrap()),
    };
    let look = fixture.looking();
    let placed = fixture.write(move |db, _| claim::place_single(db, &single, &look)).await.unwrap();
    fixture.finish(&placed, fixture.answered(3, 1, &[("意向", "A")])).await;
}

/// A conversation whose course is kept, and of which something was not understood.
fn talk(fixture: &Fixture) -> Ending {
    let opening = Opening { seed: 1, now: fixture.now().civil(&jiff::tz::TimeZone::UTC) };
    let mut ending = fixture.answered(7, 2, &[("意向", "A"), ("行业", "金融")]);
    ending.course = Some(Course { opening, events: vec![Event::Answered, Event::heard("啥"), Event::HungUp] });
    let mut said = ending.utterances[0].clone();
    (said.speaker, said.understanding) = (Speaker::Customer, Some(Understanding::Unknown));
    ending.utterances.push(said);
    ending
}

/// What people do with finished calls.
async fn judge(fixture: &Fixture, id: TaskId, call: CallId) {
    let judgement = Judgement {
        call,
        name: "意向".to_owned(),
        values: vec!["B".to_owned()],
        by: "质检员".to_owned(),
        actor: Actor::User("anna".to_owned()),
        note: String::new(),
        at: fixture.now(),
    };
    let scenes = Scenes::new(fixture.store.clone());
    let outcome = fixture.store.regrade(&scenes, fixture.company, judgement).await.unwrap();
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    let past = fixture.read(move |db, company| past_calls::page(db, (company, id), i64::MAX, START, 5)).await;
    assert!(!past.is_empty());
    assert!(!fixture.read(|db, company| unheard::list(db, company, None, 5)).await.is_empty());
}

async fn ask(fixture: &Fixture, id: TaskId) {
    let page = PageRequest { number: 1, size: 3 };
    let all = FeedFilter { after: -1, ..FeedFilter::default() };
    let by_result = vec![("意向".to_owned(), vec!["A".to_owned()])];
    for filter in
        [all.clone(), FeedFilter { duration_s: Some((1, 9)), ..all.clone() }, FeedFilter { results: by_result, ..all }]
    {
        let answer = fixture.store.feed(fixture.company, id, filter, page).await;
        let listed = answer.unwrap().unwrap().1;
        if let Some(row) = listed.rows.iter().find(|row| row.finish_status == FinishStatus::Answered) {
            judge(fixture, id, row.id).await;
        }
        for row in listed.rows {
            let view = fixture.read(move |db, company| call::find(db, company, row.id)).await.unwrap();
            fixture.read(move |db, company| call::customer(db, company, view.customer)).await.unwrap();
        }
    }
    let now = fixture.now();
    fixture.read(move |db, company| waiting::page(db, company, id, now, page)).await;
    let question = Question { now, rules: rules(), samples_max: SAMPLES_MAX };
    fixture.read(move |db, company| forecast::of_task(db, company, id, &question)).await;
    fixture.read(company::seats_in_use).await;
    fixture.read(line::channels_in_use).await;
}
