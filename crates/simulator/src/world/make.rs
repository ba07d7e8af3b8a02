//! Making the companies of a scenario, with their lines, robots and tasks.

use std::collections::BTreeMap;

use hutong_domain::ids::{BlacklistGroupId, CompanyId, LineId, TaskId};
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::moment::Moment;
use hutong_domain::phone::PhoneNumber;
use hutong_domain::rules::CompanyRules;
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_domain::task::TaskKind;
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::call::{self, NewCustomer};
use hutong_store::robot::{self, Publication};
use hutong_store::task::{self, Extras, NewTask};
use hutong_store::{Error, IdKind, Result, Store, blacklist, company, line};
use jiff::ToSpan as _;
use jiff::civil::{Time, time};

use super::FIRST_DAY;
use crate::sabotage::Sabotage;
use crate::scenario::{CompanyPlan, LinePlan, Scenario, TaskPlan};

/// Numbers that are imported at a time.
const IMPORT: usize = 1000;

/// A company that was made, with the ids of what it has, in the order of its plan.
pub(super) struct Made {
    pub(super) id: CompanyId,
    pub(super) rules: CompanyRules,
    pub(super) lines: Vec<LineId>,
    pub(super) tasks: Vec<(TaskId, task::Settings)>,
}

/// Makes all companies of a scenario.
pub(super) async fn make(
    store: &Store,
    scenario: &Scenario,
    sabotage: Option<Sabotage>,
    now: Moment,
) -> Result<Vec<Made>> {
    let mut made = Vec::new();
    for plan in &scenario.companies {
        made.push(make_company(store, plan, sabotage, now).await?);
    }
    Ok(made)
}

async fn make_company(store: &Store, plan: &CompanyPlan, sabotage: Option<Sabotage>, now: Moment) -> Result<Made> {
    let built_in = BUILT_IN.first().ok_or(Error::Closed)?;
    let scene = Scene::parse(built_in.yaml).map_err(|_| Error::Closed)?;
    let publication = Publication::of(&scene, built_in.yaml);
    let rules = CompanyRules { legal: plan.hours.map(span), caps: plan.caps };
    let (seats, kept) = sabotage.map_or((plan.seats, rules), |sabotage| sabotage.of_company((plan.seats, rules)));
    let lines: Vec<LinePlan> =
        plan.lines.iter().map(|line| sabotage.map_or(line.clone(), |it| it.of_line(line.clone()))).collect();
    let first = settings(plan.tasks.first().ok_or(Error::Closed)?);
    let template = store
        .write(CompanyId(1), move |db| {
            let company = company::insert(db, "公司", seats.into(), now)?;
            company::update(db, company, seats.into(), &kept)?;
            let (scene, scene_version) = robot::publish(db, company, &publication, now)?;
            let lines = lines.iter().map(|plan| line::insert(db, &a_line(company, plan, now)));
            let lines: Vec<LineId> = lines.collect::<Result<_>>()?;
            let robot = robot::of_company(db, company)?.into_iter().next().ok_or(Error::Closed)?;
            let voice = robot.voices.first().ok_or(Error::Closed)?.id;
            Ok(NewTask { company, settings: first.clone(), robot: robot.id, scene, scene_version, voice, lines })
        })
        .await?;
    let mut tasks = Vec::new();
    for plan in &plan.tasks {
        let settings = settings(plan);
        let kept = sabotage.map_or(settings.clone(), |sabotage| sabotage.of_task(settings.clone()));
        let id = make_task(store, NewTask { settings: kept, ..template.clone() }, plan, now).await?;
        if sabotage != Some(Sabotage::IgnoresBlacklist) {
            for at in 0..plan.blacklisted {
                forbid(store, template.company, plan.number(at), now).await?;
            }
        }
        tasks.push((id, settings));
    }
    Ok(Made { id: template.company, rules, lines: template.lines, tasks })
}

async fn make_task(store: &Store, new: NewTask, plan: &TaskPlan, now: Moment) -> Result<TaskId> {
    let company = new.company;
    let id = store.write(company, move |db| task::insert(db, &new, now)).await?;
    let numbers: Vec<String> = (0..plan.numbers).map(|at| plan.number(at)).collect();
    for numbers in numbers.chunks(IMPORT) {
        import(store, (company, id), numbers, now).await?;
    }
    Ok(id)
}

/// Imports numbers into a task; false where it has ended.
pub(super) async fn import(
    store: &Store,
    (company, id): (CompanyId, TaskId),
    numbers: &[String],
    now: Moment,
) -> Result<bool> {
    let customers: Vec<NewCustomer> = numbers
        .iter()
        .filter_map(|number| PhoneNumber::parse(number))
        .map(|phone| NewCustomer { name: phone.as_str().to_owned(), phone, properties: BTreeMap::new() })
        .collect();
    let ids =
        (store.reserve(IdKind::Customer, customers.len()).await?, store.reserve(IdKind::Call, customers.len()).await?);
    store
        .write(company, move |db| {
            if task::find(db, company, id)?.is_none_or(|task| task.status.is_final()) {
                return Ok(false);
            }
            call::import(db, company, id, &customers, ids, now).map(|imported| imported.is_some())
        })
        .await
}

/// Puts a number on the blacklist.
pub(super) async fn forbid(store: &Store, company: CompanyId, number: String, now: Moment) -> Result<()> {
    let entry = blacklist::NewEntry { mobile: number, name: String::new(), remark: String::new() };
    store
        .write(company, move |db| blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, now).map(|_| ()))
        .await
}

/// A span of whole hours.
pub(super) fn span((from, until): (i8, i8)) -> DaySpan {
    DaySpan { start: hour(from), end: hour(until) }
}

fn hour(hour: i8) -> Time {
    time(hour.clamp(0, 23), 0, 0, 0)
}

fn settings(plan: &TaskPlan) -> task::Settings {
    task::Settings {
        name: "任务".to_owned(),
        kind: if plan.timed.is_some() { TaskKind::Timed } else { TaskKind::Manual },
        start_date: FIRST_DAY.saturating_add(plan.timed.unwrap_or(0).days()),
        window: CallingWindow { working: span(plan.hours), rest: plan.rest.map(|rest| span((rest, rest + 1))) },
        line_kind: None,
        quota: plan.quota,
        in_progress_max: plan.in_progress_max,
        elastic: plan.elastic,
        redial_rules: plan.redial_rules.clone(),
        remark: String::new(),
        extras: Extras::default(),
    }
}

fn a_line(company: CompanyId, plan: &LinePlan, now: Moment) -> line::Line {
    line::Line {
        id: LineId(0),
        company,
        name: "线路".to_owned(),
        phone: "01088880000".to_owned(),
        kind: LineKind::Fixed,
        driver: LineDriver::Simulated,
        channels: Some(plan.channels),
        pace: plan.pace,
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: None,
        settings: "{}".to_owned(),
        created_at: now,
    }
}
