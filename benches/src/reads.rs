//! `reads`: what the console's pages read, on a store with tasks of a million calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hutong_domain::call::FinishStatus;
use hutong_domain::caps::Caps;
use hutong_domain::hours::Hours;
use hutong_domain::ids::TaskId;
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::report::Days;
use hutong_domain::rules::Rules;
use hutong_domain::window::DaySpan;
use hutong_store::feed::FeedFilter;
use hutong_store::feed::search::{Search, Text};
use hutong_store::report::{self, Question};
use hutong_store::{Db, Options, PageRequest, Store, Url, forecast, lookup, overview, task, waiting};
use jiff::civil::{date, time};
use jiff::tz::{Offset, TimeZone};
use rusqlite::params;
use tokio::runtime::Runtime;

use crate::dataset::{Dataset, Facts};
use crate::report::{Table, verdict};
use crate::statistics::{figure, micros, percentile};

/// How often each is read.
const SAMPLES: usize = 30;
/// The most that the middle one of these may take.
const GOAL: Duration = Duration::from_millis(50);

type Read = Box<dyn Fn(&mut Db) -> hutong_store::Result<()> + Send + Sync>;

/// A read of a page.
enum Case {
    /// Of the store.
    Plain(Read),
    /// Of the finished calls of a task.
    Search(Search, i64),
}

/// Measures every read, and reports.
pub(crate) fn measure(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let runtime = Runtime::new()?;
    let (number, name) = someone(dataset, facts.million_finished)?;
    let cases = [cases(facts, &number)?, searches(&number, &name)].concat();
    let store = Store::open(&Options::new(Url::Sqlite(dataset.database())), Moment(0))?;
    let mut table = Table::new(["read", "first", "p50", "p95", ""]);
    for (what, case) in cases {
        let mut times = Vec::with_capacity(SAMPLES);
        for _ in 0..=SAMPLES {
            let begun = Instant::now();
            runtime.block_on(read(&store, facts, &case)).with_context(|| what.clone())?;
            times.push(micros(begun.elapsed()));
        }
        let first = times.remove(0);
        let (p50, p95) = (percentile(&mut times, 50), percentile(&mut times, 95));
        println!("{what}: first {first} µs, p50 {p50} µs, p95 {p95} µs");
        let ms = |us: u64| format!("{:.1} ms", figure(us) / 1000.0);
        table.row(&[what, ms(first), ms(p50), ms(p95), verdict(p50 <= micros(GOAL)).to_owned()]);
    }
    Ok(format!("## What the console reads\n\nOne read after another, on tasks of a million calls.\n\n{}", table.text()))
}

async fn read(store: &Store, facts: &Facts, case: &Arc<Case>) -> Result<()> {
    let case = Arc::clone(case);
    match &*case {
        Case::Plain(_) => {
            let work = move |db: &mut Db| if let Case::Plain(read) = &*case { read(db) } else { Ok(()) };
            store.read_snapshot(work).await?;
        }
        Case::Search(search, number) => {
            let page = PageRequest { number: *number, size: 50 };
            store.feed_search(facts.company, facts.million_finished, search.clone(), page).await?;
        }
    }
    Ok(())
}

/// The number and the name of somebody in the middle of a task.
fn someone(dataset: &Dataset, id: TaskId) -> Result<(String, String)> {
    let sql = "SELECT customer_phone, customer_name FROM call WHERE task_id = ?1 AND import_no = 4000 LIMIT 1";
    Ok(dataset.connect()?.query_row(sql, params![id.get()], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn rules() -> Rules {
    let legal = DaySpan { start: time(8, 0, 0, 0), end: time(21, 0, 0, 0) };
    Rules { zone: zone(), hours: Hours::from(legal), caps: Caps::default(), lost_per_mille_max: 30 }
}

fn zone() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

fn plain(
    what: &str,
    read: impl Fn(&mut Db) -> hutong_store::Result<()> + Send + Sync + 'static,
) -> (String, Arc<Case>) {
    (what.to_owned(), Arc::new(Case::Plain(Box::new(read))))
}

fn cases(facts: &Facts, number: &str) -> Result<Vec<(String, Arc<Case>)>> {
    let (company, finished, waits) = (facts.company, facts.million_finished, facts.million_waiting);
    let now = Moment::from_civil(date(2026, 3, 1).at(15, 0, 0, 0), &zone());
    let days = Question::of_company(company, Days::new(date(2026, 1, 5), date(2026, 4, 6))?, zone());
    let of_task = Question::of_task(company, finished, zone());
    let [by_day, by_task, by_line, by_robot] = [(); 4].map(|()| days.clone());
    let phone = PhoneNumber::parse(number).context("a number is a number")?;
    let (begins, has) = (Text::NumberBegins(number.chars().take(8).collect()), Text::NameHas("王".to_owned()));
    Ok(vec![
        plain("overview", move |db| overview::of_company(db, company, (&zone(), now)).map(drop)),
        plain("report of 92 days, by day", move |db| report::by_day(db, &by_day).map(drop)),
        plain("report of 92 days, by task", move |db| report::by_task(db, &by_task).map(drop)),
        plain("report of 92 days, by line", move |db| report::by_line(db, &by_line).map(drop)),
        plain("report of 92 days, by robot", move |db| report::by_robot(db, &by_robot).map(drop)),
        plain("a task by hour of day", move |db| report::by_hour_of_day(db, &of_task).map(drop)),
        plain("a task and its results", move |db| {
            task::find_view(db, company, finished)?;
            task::result_counts(db, company, finished).map(drop)
        }),
        plain("the log of a task", move |db| task::log(db, company, finished, 50).map(drop)),
        plain("what a forecast is made from", move |db| {
            let question = forecast::Question { now, rules: rules(), samples_max: forecast::SAMPLES_MAX };
            forecast::of_task(db, company, waits, &question).map(drop)
        }),
        plain("what waits: a number's beginning", move |db| waiting::search(db, company, waits, &begins, 50).map(drop)),
        plain("what waits: part of a name", move |db| waiting::search(db, company, waits, &has, 50).map(drop)),
        plain("a number across all tasks", move |db| lookup::number(db, company, &phone, (&rules(), now)).map(drop)),
    ])
}

fn searches(number: &str, name: &str) -> Vec<(String, Arc<Case>)> {
    let all = FeedFilter { after: -1, ..FeedFilter::default() };
    let answered = FeedFilter { finish_status: Some(FinishStatus::Answered), ..all.clone() };
    let begins = |digits: usize| Some(Text::NumberBegins(number.chars().take(digits).collect()));
    let has = Some(Text::NameHas(name.to_owned()));
    let case = |what: &str, filter: &FeedFilter, text: Option<Text>, page| {
        let search = Search { filter: filter.clone(), text, newest_first: true };
        (format!("calls, newest first: {what}"), Arc::new(Case::Search(search, page)))
    };
    vec![
        case("the first page", &all, None, 1),
        case("page 10,000", &all, None, 10_000),
        case("answered ones", &answered, None, 1),
        case("a number", &all, begins(11), 1),
        case("a number's first three digits", &all, begins(3), 1),
        case("a name", &all, has.clone(), 1),
        case("a name among answered ones", &answered, has, 1),
    ]
}
