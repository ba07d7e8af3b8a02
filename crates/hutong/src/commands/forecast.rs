//! `hutong forecast`: when a task will finish, and what other settings would change.

mod report;
mod words;

use std::num::NonZero;
use std::thread::ScopedJoinHandle;

use clap::Args;
use hutong_domain::forecast::{Behaviour, Campaign, Change, Outcome, Summary, run as play, worth_trying};
use hutong_domain::hours::Hours;
use hutong_domain::ids::TaskId;
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::forecast::{self, Basis, Question, SAMPLES_MAX};
use hutong_store::task;
use jiff::civil::Time;

use self::report::{Report, Variant};
use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

/// Plays of a task where nobody says how many.
const RUNS: u64 = 20;
/// Fewer where it has very many numbers: the more there are, the less plays differ. Never fewer than this.
const RUNS_MIN: u64 = 3;
/// Numbers that are played in all, unless somebody says how many plays there are.
const NUMBERS_PLAYED: u64 = 2_000_000;
/// Parts of a day that `--hours` may name: before the break and after it.
const HOURS_MAX: usize = 2;

/// Which task is asked about, and what is to be tried.
#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    /// The task
    #[arg(long, value_name = "ID")]
    task: i64,
    /// Try so many AI seats of the company, all of them for this task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    seats: Option<u32>,
    /// Try so many AI seats for the task (concurrencyQuota)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    quota: Option<u32>,
    /// Try so many calls in progress at once (phoneNum), one to two times the seats for the task
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200_000))]
    phone_num: Option<u32>,
    /// Try these hours; given twice, with a break between them
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = span)]
    hours: Vec<DaySpan>,
    /// Try without redials, except for those that are planned
    #[arg(long)]
    no_redials: bool,
    /// How often the rest of the task is played; 20 times, or fewer where it has very many numbers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: Option<u64>,
    /// Seed of everything that happens by chance in the plays
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Report in English, not in Chinese
    #[arg(long)]
    english: bool,
    #[command(flatten)]
    installation: InstallationArgs,
}

/// `09:00-20:00`; an end of 24:00 is the end of the day.
fn span(text: &str) -> std::result::Result<DaySpan, String> {
    let time = |text: &str| match text.trim() {
        "24:00" => Some(Time::constant(23, 59, 59, 0)),
        text => text.parse().ok(),
    };
    let ends = text.split_once('-').and_then(|(start, end)| Some((time(start)?, time(end)?)));
    ends.and_then(|(start, end)| DaySpan::new(start, end))
        .ok_or_else(|| "two times of day, the later one last, such as 09:00-20:00".to_owned())
}

pub(crate) async fn run(args: ForecastArgs) -> Result<()> {
    let config = args.installation.load()?;
    let rules = config.rules()?;
    let window = window(&args.hours, &rules.hours)?;
    let question = Question { now: installation::now(), rules, samples_max: SAMPLES_MAX };
    let store = installation::open(&config)?.store;
    let id = TaskId(args.task);
    let found = store
        .read_snapshot(move |db| {
            let Some(company) = task::owner(db, id)? else { return Ok(None) };
            forecast::of_task(db, company, id, &question)
        })
        .await?;
    let basis = found
        .filter(|basis| basis.task.deleted_at.is_none())
        .ok_or_else(|| Error::Failed(format!("there is no task {id}; task/getTasks lists those of a company")))?;
    check_left(&basis)?;
    let asked = asked(&args, window, &basis.campaign)?;
    let (tries, english) = ((args.seed, args.runs), args.english);
    let made = tokio::task::spawn_blocking(move || forecast_text(&basis, &asked, tries, english));
    print(&made.await.map_err(|error| Error::Failed(format!("the forecast broke: {error}")))??)
}

fn forecast_text(basis: &Basis, asked: &Change, tries: (u64, Option<u64>), english: bool) -> Result<String> {
    let behaviour = Behaviour::of(&basis.samples);
    let variants = variants(&basis.campaign, &behaviour, asked, tries)?;
    Ok(Report { basis, figures: behaviour.figures(), variants: &variants, english }.text())
}

/// A forecast needs numbers that are still to be dialled, and a task that dials.
fn check_left(basis: &Basis) -> Result<()> {
    let task = &basis.task;
    if task.status.is_final() {
        let status = task.status.english();
        return Err(Error::Failed(format!("task {} is {status}: nothing is left to forecast", task.id)));
    }
    if basis.campaign.numbers() == 0 {
        let mend = "import some with task/importTaskCustomer";
        return Err(Error::Failed(format!("task {} has no numbers that are still to be dialled; {mend}", task.id)));
    }
    Ok(())
}

/// The hours that are to be tried, cut to the legal ones.
fn window(asked: &[DaySpan], hours: &Hours) -> Result<Option<CallingWindow>> {
    let mut spans = asked.to_vec();
    spans.sort_by_key(|span| span.start);
    let (working, rest) = match *spans.as_slice() {
        [] => return Ok(None),
        [only] => (only, None),
        [first, second] if first.end <= second.start => {
            let working = DaySpan { start: first.start, end: second.end };
            (working, DaySpan::new(first.end, second.start))
        }
        [_, _] => return Err(Error::Usage("--hours given twice must not overlap: a break is between them".to_owned())),
        _ => return Err(Error::Usage(format!("--hours may be given {HOURS_MAX} times at most"))),
    };
    let legal = &hours.legal;
    let working = working.intersection(legal).ok_or_else(|| {
        let (start, end) = (words::time(legal.start), words::time(legal.end));
        Error::Usage(format!("--hours must share time with the legal calling hours, {start} to {end}"))
    })?;
    Ok(Some(CallingWindow { working, rest: rest.and_then(|rest| rest.intersection(&working)) }))
}

/// What is to be tried, checked as the API checks it.
fn asked(args: &ForecastArgs, window: Option<CallingWindow>, campaign: &Campaign) -> Result<Change> {
    let change = Change {
        seats: args.seats,
        quota: args.quota,
        in_progress_max: args.phone_num,
        window,
        no_redials: args.no_redials,
        ..Change::default()
    };
    let quota = args.quota.unwrap_or(campaign.quota);
    let twice = quota.saturating_mul(2);
    if args.phone_num.is_some_and(|number| !(quota..=twice).contains(&number)) {
        let why = format!("one to two times the seats for the task, {quota} to {twice}");
        return Err(Error::Usage(format!("--phone-num must be {why}; --quota tries other seats for it")));
    }
    Ok(change)
}

/// What was asked for, the task as it is set where that is something else, and what is worth trying besides.
fn variants(
    as_set: &Campaign,
    behaviour: &Behaviour,
    asked: &Change,
    (seed, runs): (u64, Option<u64>),
) -> Result<Vec<Variant>> {
    let runs = runs.unwrap_or_else(|| (NUMBERS_PLAYED / as_set.numbers().max(1)).clamp(RUNS_MIN, RUNS));
    let base = asked.applied_to(as_set);
    let mut campaigns = vec![base.clone()];
    if base != *as_set {
        campaigns.push(as_set.clone());
    }
    campaigns.extend(worth_trying(&base).iter().map(|change| change.applied_to(&base)));
    let played = campaigns.into_iter().map(|campaign| {
        let summary = Summary::of(play_all(&campaign, behaviour, seed, runs)?);
        let summary = summary.ok_or_else(|| Error::Failed("the task was not played".to_owned()))?;
        Ok(Variant { campaign, summary })
    });
    played.collect()
}

/// The plays with numbers below `runs`, on all processors, in the order of their numbers.
fn play_all(campaign: &Campaign, behaviour: &Behaviour, seed: u64, runs: u64) -> Result<Vec<Outcome>> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let share = runs.div_ceil(processors).max(1);
    let first = (0..runs).step_by(usize::try_from(share).unwrap_or(usize::MAX));
    std::thread::scope(|scope| {
        let parts: Vec<_> = first
            .map(|first| first..runs.min(first + share))
            .map(|part| scope.spawn(move || part.map(|number| play(campaign, behaviour, seed, number)).collect()))
            .collect();
        let joined = parts.into_iter().map(ScopedJoinHandle::join);
        let played: std::result::Result<Vec<Vec<Outcome>>, _> = joined.collect();
        played.map(|parts| parts.concat()).map_err(|_| Error::Failed("a play of the task broke".to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use hutong_domain::hours::DiallingDays;
    use jiff::civil::time;

    use super::*;

    fn hours(start: i8, end: i8) -> DaySpan {
        DaySpan::new(time(start, 0, 0, 0), time(end, 0, 0, 0)).unwrap()
    }

    #[test]
    fn hours_are_read_and_cut_to_the_legal_ones() {
        assert_eq!(span("09:00-20:00"), Ok(hours(9, 20)));
        assert_eq!(span("09:00 - 24:00").unwrap().end, time(23, 59, 59, 0));
        for wrong in ["", "9-20", "20:00-09:00", "09:00-09:00", "09:00", "09:00-25:00"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        let legal = Hours { legal: hours(9, 20), days: DiallingDays::default() };
        let check = |asked: &[DaySpan], expected: Option<CallingWindow>| {
            assert_eq!(window(asked, &legal).unwrap(), expected, "{asked:?}");
        };
        let to = |working, rest| Some(CallingWindow { working, rest });
        check(&[], None);
        check(&[hours(8, 12)], to(hours(9, 12), None));
        check(&[hours(13, 22), hours(8, 12)], to(hours(9, 20), Some(hours(12, 13))));
        check(&[hours(9, 12), hours(12, 14)], to(hours(9, 14), None));
        check(&[hours(10, 11), hours(21, 22)], to(hours(10, 20), Some(hours(11, 20))));
        assert!(window(&[hours(20, 22)], &legal).is_err());
        assert!(window(&[hours(9, 12), hours(11, 13)], &legal).is_err());
        assert!(window(&[hours(9, 10), hours(11, 12), hours(13, 14)], &legal).is_err());
    }
}
