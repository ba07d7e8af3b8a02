//! The feed against a naive model: random calls, random questions, random judgements by hand, in random order.

use futures::executor::block_on;
use hutong_domain::audit::Actor;
use hutong_domain::call::FinishStatus;
use hutong_domain::ids::{CallId, TaskId};
use hutong_domain::outcome::Disposition;
use hutong_domain::scene::Scene;
use hutong_domain::task::Command;
use hutong_store::feed::FeedFilter;
use hutong_store::finish::{self, Ending};
use hutong_store::regrade::{Judgement, Outcome};
use hutong_store::robot::{self, Publication};
use hutong_store::scenes::Scenes;
use hutong_store::{Db, PageRequest, Store};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{result, settings};
use hutong_testkit::recount::assert_counts_are_facts;
use hutong_testkit::{Fixture, TestStore, conformance};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

conformance! { the_feed_is_what_a_naive_filter_over_all_calls_says }

/// Campaigns that are tried: few, since each is written to disk.
const CASES: u32 = 24;
/// Calls of a campaign at most: what its steps finish at most.
const CALLS_MAX: usize = STEPS_MAX * FINISHED_AT_ONCE_MAX;
const STEPS_MAX: usize = 16;
const FINISHED_AT_ONCE_MAX: usize = 8;
/// Small sets of values, so that calls and questions meet.
const SECONDS_MAX: i64 = 6;
const ROUNDS_MAX: i64 = 3;
const NAMES: [&str; 2] = ["意向", "it's"];
const VALUES: [&str; 3] = ["A", "a", "%"];
const OUTCOMES: [Disposition; 3] = [Disposition::Answered, Disposition::Busy, Disposition::Vacant];

/// How a call ended.
#[derive(Debug, Clone)]
struct Call {
    disposition: Disposition,
    talk_s: i64,
    chat_rounds: i64,
    results: Vec<(String, String)>,
}

/// What happens next in a campaign.
#[derive(Debug, Clone)]
enum Step {
    Finish(Vec<Call>),
    Ask(FeedFilter, PageRequest),
    /// The call at this place, counted round and round, has these values of this result from now on.
    Judge(usize, String, Vec<String>),
}

/// What the robot of these calls can conclude: all names and values.
const SCENE: &str = "
hutong: 1
name: 模型
robot: { name: 模型 }
voices: [女声]
nodes: [{ name: 通知, say: 您好。, end: { reason: 已通知 } }]
results:
  - { name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }
  - name: 意向
    values: [A, a, '%']
    multiple: true
    rules:
      - { when: rounds > 1, value: A, because: 一 }
      - { when: rounds > 2, value: a, because: 二 }
      - { when: rounds > 3, value: '%', because: 三 }
  - name: it's
    values: [A, a, '%']
    multiple: true
    rules:
      - { when: rounds > 1, value: A, because: 一 }
      - { when: rounds > 2, value: a, because: 二 }
      - { when: rounds > 3, value: '%', because: 三 }
";

fn pair() -> impl Strategy<Value = (String, String)> {
    (prop::sample::select(&NAMES[..]), prop::sample::select(&VALUES[..]))
        .prop_map(|(name, value)| (name.to_owned(), value.to_owned()))
}

fn call() -> impl Strategy<Value = Call> {
    (prop::sample::select(&OUTCOMES[..]), 0..=SECONDS_MAX, 0..=ROUNDS_MAX, vec(pair(), 0..4)).prop_map(
        |(disposition, talk_s, chat_rounds, results)| Call {
            disposition,
            talk_s: if disposition == Disposition::Answered { talk_s } else { 0 },
            chat_rounds,
            results,
        },
    )
}

/// A range with both ends included, sometimes empty.
fn range(most: i64) -> impl Strategy<Value = Option<(i64, i64)>> {
    option::of((0..=most, 0..=most))
}

fn question() -> impl Strategy<Value = FeedFilter> {
    let status = option::weighted(
        0.4,
        prop::sample::select(&[FinishStatus::Answered, FinishStatus::Busy, FinishStatus::Vacant][..]),
    );
    let values = btree_set(prop::sample::select(&VALUES[..]), 0..3);
    let results = vec((prop::sample::select(&NAMES[..]), values), 0..3);
    (-1..40_i64, range(SECONDS_MAX), range(ROUNDS_MAX), status, results).prop_map(
        |(after, duration_s, chat_rounds, finish_status, results)| FeedFilter {
            after,
            duration_s,
            chat_rounds,
            finish_status,
            results: results
                .into_iter()
                .map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()))
                .collect(),
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let page = (1..5_i64, 1..12_i64).prop_map(|(number, size)| PageRequest { number, size });
    let values = vec(prop::sample::select(&VALUES[..]).prop_map(str::to_owned), 0..3);
    let judged = (0..CALLS_MAX, prop::sample::select(&NAMES[..]), values);
    prop_oneof![
        2 => vec(call(), 1..=FINISHED_AT_ONCE_MAX).prop_map(Step::Finish),
        2 => judged.prop_map(|(call, name, values)| Step::Judge(call, name.to_owned(), values)),
        3 => (question(), page).prop_map(|(filter, page)| Step::Ask(filter, page)),
    ]
}

impl Call {
    fn ending(&self, fixture: &Fixture) -> Ending {
        Ending {
            disposition: self.disposition,
            results: self.results.iter().map(|(name, value)| result(name, value)).collect(),
            ..fixture.answered(self.talk_s, self.chat_rounds, &[])
        }
    }

    /// The values of a result are set as a whole; results stand in the scene's order.
    fn judge(&mut self, name: &str, values: &[String]) {
        self.results.retain(|(known, _)| known != name);
        for value in values {
            let result = (name.to_owned(), value.clone());
            if !self.results.contains(&result) {
                self.results.push(result);
            }
        }
        self.results.sort_by_key(|(name, _)| NAMES.iter().position(|known| known == name));
    }

    fn fits(&self, filter: &FeedFilter) -> bool {
        let within = |range: Option<(i64, i64)>, n| range.is_none_or(|(left, right)| left <= n && n <= right);
        let has = |name: &String, value: &String| self.results.iter().any(|(n, v)| n == name && v == value);
        within(filter.duration_s, self.talk_s)
            && within(filter.chat_rounds, self.chat_rounds)
            && filter.finish_status.is_none_or(|status| status == self.disposition.finish_status())
            && filter.results.iter().all(|(name, values)| values.iter().any(|value| has(name, value)))
    }
}

/// The total, and the indexes on the page.
fn expected(calls: &[Call], filter: &FeedFilter, page: PageRequest) -> (i64, Vec<i64>) {
    let fitting: Vec<i64> = (0..)
        .zip(calls)
        .filter(|(index, call)| *index > filter.after && call.fits(filter))
        .map(|(index, _)| index)
        .collect();
    let (skip, size) = (usize::try_from(page.offset()).unwrap(), usize::try_from(page.size).unwrap());
    (i64::try_from(fitting.len()).unwrap(), fitting.into_iter().skip(skip).take(size).collect())
}

async fn finish_all(fixture: &Fixture, id: TaskId, calls: &[Call]) -> Vec<CallId> {
    let claimed = fixture.claim(id, u32::try_from(calls.len()).unwrap()).await;
    let ids = claimed.iter().map(|claimed| claimed.call).collect();
    let endings: Vec<_> = claimed.into_iter().zip(calls.iter().map(|call| call.ending(fixture))).collect();
    let finish = move |db: &mut Db, _| {
        endings.iter().try_for_each(|(claimed, ending)| finish::finish(db, claimed, ending).map(|_| ()))
    };
    fixture.write(finish).await;
    ids
}

/// A robot that can conclude what these calls are made of.
async fn publish(fixture: &mut Fixture) {
    let publication = Publication::of(&Scene::parse(SCENE).unwrap(), SCENE);
    fixture.robot = fixture
        .write(move |db, company| {
            robot::publish(db, company, &publication, START)?;
            Ok(robot::of_company(db, company)?.pop().unwrap())
        })
        .await;
}

/// Questions are asked of `other`, which is the same store seen by another process.
async fn campaign(
    fixture: &Fixture,
    (other, scenes): (&Store, &Scenes),
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let id = fixture.running_task(settings(), CALLS_MAX).await;
    let mut finished: Vec<Call> = Vec::new();
    let mut ids = Vec::new();
    for step in steps {
        match step {
            Step::Finish(calls) => {
                ids.extend(finish_all(fixture, id, &calls).await);
                finished.extend(calls);
            }
            Step::Judge(_, name, values) if ids.is_empty() => drop((name, values)),
            Step::Judge(place, name, values) => {
                let place = place % ids.len();
                let (by, note, actor) = (String::new(), String::new(), Actor::Hutong);
                let call = ids[place];
                let judgement =
                    Judgement { call, name: name.clone(), values: values.clone(), by, actor, note, at: START };
                let outcome = fixture.store.regrade(scenes, fixture.company, judgement).await;
                prop_assert!(matches!(outcome, Ok(Outcome::Done { .. })), "{:?}", outcome);
                finished[place].judge(&name, &values);
            }
            Step::Ask(filter, page) => {
                let answer = other.feed(fixture.company, id, filter.clone(), page).await;
                let listed = answer.unwrap().unwrap().1;
                let indexes: Vec<i64> = listed.rows.iter().map(|row| row.call_index).collect();
                prop_assert_eq!((listed.total, indexes), expected(&finished, &filter, page));
                for row in &listed.rows {
                    let call = &finished[usize::try_from(row.call_index).unwrap()];
                    prop_assert_eq!((row.duration_s, row.chat_rounds), (call.talk_s, call.chat_rounds));
                    let results: Vec<_> =
                        row.results.parsed().unwrap().into_iter().map(|it| (it.name, it.value)).collect();
                    prop_assert_eq!(&results, &call.results);
                }
            }
        }
    }
    fixture.command(id, Command::Stop).await;
    assert_counts_are_facts(&fixture.store, fixture.company, id).await;
    Ok(())
}

async fn the_feed_is_what_a_naive_filter_over_all_calls_says(store: TestStore) {
    let mut fixture = Fixture::with_seats(&store, i64::try_from(CALLS_MAX).unwrap()).await;
    publish(&mut fixture).await;
    let (other, scenes) = (store.place().open().unwrap(), Scenes::new((*store).clone()));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);

    let outcome =
        runner.run(&vec(step(), 1..=STEPS_MAX), |steps| block_on(campaign(&fixture, (&other, &scenes), steps)));

    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
