//! Companies: their seats, and where each is stricter than the installation.

pub(crate) mod installation;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::audit::Action;
use hutong_domain::caps::Caps;
use hutong_domain::ids::CompanyId;
use hutong_domain::retention::Keep;
use hutong_domain::rules::CompanyRules;
use hutong_domain::window::DaySpan;
use hutong_store::audit::{By, Object};
use hutong_store::company::{self, Company};
use hutong_store::{Db, PageRequest};
use jiff::civil::Time;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::form::Problems;
use crate::page::{Html, go_to, html};
use crate::paging::{self, Pager};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::{Visit, Visitor};

const SECTION: &str = "companies";
const SEATS_MAX: i64 = 1_000_000;
const DIALS_MAX: u32 = 1000;
/// A hundred years.
const DAYS_MAX: u32 = 36_500;

#[derive(Template)]
#[template(path = "companies.html", blocks = ["form"])]
struct Companies {
    ui: Ui,
    /// Those of the page, with the seats that each uses.
    companies: Vec<(Company, i64)>,
    pager: Pager,
    given: Given,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "company.html", blocks = ["form"])]
struct OneCompany {
    ui: Ui,
    company: Company,
    given: Given,
    problems: Problems,
    done: bool,
    /// What holds for all companies.
    legal: String,
    caps: Caps,
    keep: Keep,
}

/// A company as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Given {
    name: String,
    seats: String,
    start: String,
    end: String,
    per_day: String,
    per_week: String,
    recordings: String,
    transcripts: String,
    numbers: String,
}

/// What a form says of a company.
struct Wanted {
    name: String,
    seats: i64,
    rules: CompanyRules,
    keep: Keep,
}

impl Companies {
    fn hours(&self, company: &Company) -> String {
        company.rules.legal.map_or_else(String::new, |legal| hours(&legal))
    }
}

impl OneCompany {
    /// How many days the installation keeps something, as a hint.
    fn kept(&self, days: &u32) -> String {
        match days {
            0 => self.ui.t("系统不限；0 为不限", "The installation keeps it for good; 0 for as long").to_owned(),
            days => {
                let zh = format!("系统保留 {days} 天，只能更短；0 为同系统");
                let en = format!("The installation keeps it for {days} days; 0 for as long, otherwise fewer");
                self.ui.t(&zh, &en).to_owned()
            }
        }
    }

    fn cap(&self, cap: &Option<u32>) -> String {
        match cap {
            None => self.ui.t("系统不限；0 为不限", "The installation has no limit; 0 for none").to_owned(),
            Some(most) => {
                let zh = format!("系统上限 {most} 次，两者取小；0 为同系统");
                let en = format!("The installation has {most}; the smaller one counts, 0 for none of its own");
                self.ui.t(&zh, &en).to_owned()
            }
        }
    }
}

fn hours(span: &DaySpan) -> String {
    format!("{}–{}", span.start.strftime("%H:%M"), span.end.strftime("%H:%M"))
}

impl Given {
    fn of(company: &Company) -> Self {
        let CompanyRules { legal, caps } = company.rules;
        let time = |time: Time| time.strftime("%H:%M").to_string();
        let Keep { recordings_days, transcripts_days, numbers_days } = company.keep;
        Self {
            name: company.name.clone(),
            seats: company.seats.to_string(),
            start: legal.map(|legal| time(legal.start)).unwrap_or_default(),
            end: legal.map(|legal| time(legal.end)).unwrap_or_default(),
            per_day: caps.per_day.unwrap_or(0).to_string(),
            per_week: caps.per_week.unwrap_or(0).to_string(),
            recordings: recordings_days.to_string(),
            transcripts: transcripts_days.to_string(),
            numbers: numbers_days.to_string(),
        }
    }

    fn name_and_seats(&self, ui: &Ui, problems: &mut Problems) -> (String, i64) {
        let name = self.name.trim().to_owned();
        if !company::is_name(&name) {
            problems.add("name", ui.t("名称应有 1 至 100 个字符", "A name has 1 to 100 characters"));
        }
        let seats = self.seats.trim().parse().ok().filter(|seats| (1..=SEATS_MAX).contains(seats));
        if seats.is_none() {
            problems.add("seats", ui.t("坐席数应为 1 至 1000000", "Seats are from 1 to 1000000"));
        }
        (name, seats.unwrap_or(1))
    }

    fn checked(&self, ui: &Ui, legal: &DaySpan, keep: Keep) -> std::result::Result<Wanted, Problems> {
        let mut problems = Problems::default();
        let (name, seats) = self.name_and_seats(ui, &mut problems);
        let mut number = |field: &'static str, text: &str, most: u32| {
            let text = text.trim();
            let number = if text.is_empty() { Some(0) } else { text.parse().ok().filter(|number| *number <= most) };
            if number.is_none() {
                let (zh, en) = (format!("应为 0 至 {most} 的整数"), format!("A number from 0 to {most}"));
                problems.add(field, ui.t(&zh, &en));
            }
            number.unwrap_or(0)
        };
        let cap = |attempts: u32| (attempts > 0).then_some(attempts);
        let caps = Caps {
            per_day: cap(number("per_day", &self.per_day, DIALS_MAX)),
            per_week: cap(number("per_week", &self.per_week, DIALS_MAX)),
        };
        let own = Keep {
            recordings_days: number("recordings", &self.recordings, DAYS_MAX),
            transcripts_days: number("transcripts", &self.transcripts, DAYS_MAX),
            numbers_days: number("numbers", &self.numbers, DAYS_MAX),
        };
        for too_long in own.longer_than(keep) {
            let most = too_long.most;
            let (zh, en) = (
                format!("最多 {most} 天：系统不保留更久"),
                format!("At most {most} days: the installation keeps nothing longer"),
            );
            problems.add(too_long.what, ui.t(&zh, &en));
        }
        let rules = CompanyRules { legal: self.hours(ui, legal, &mut problems), caps };
        if problems.is_empty() { Ok(Wanted { name, seats, rules, keep: own }) } else { Err(problems) }
    }

    /// The hours of the company, within those of the installation; none where nothing is filled in.
    fn hours(&self, ui: &Ui, legal: &DaySpan, problems: &mut Problems) -> Option<DaySpan> {
        let (start, end) = (self.start.trim(), self.end.trim());
        if start.is_empty() && end.is_empty() {
            return None;
        }
        let own = start.parse().ok().zip(end.parse().ok()).and_then(|(start, end)| DaySpan::new(start, end));
        match own {
            None => problems.add(
                "start",
                ui.t("请填写两个时间，后者较晚，或都留空", "Two times, the later one last, or none of them"),
            ),
            Some(own) if !legal.encloses(&own) => {
                let within = hours(legal);
                let (zh, en) =
                    (format!("应在系统的合法时段 {within} 之内"), format!("Within the installation's hours, {within}"));
                problems.add("start", ui.t(&zh, &en));
            }
            Some(_) => {}
        }
        own
    }
}

async fn list(shared: &Shared, ui: &Ui, page: PageRequest, (given, problems): (Given, Problems)) -> Result<Companies> {
    let read = move |db: &mut Db| {
        let all = company::all(db)?;
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let [skip, take] = [page.offset(), page.size].map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        let shown = all.into_iter().skip(skip).take(take);
        let shown = shown.map(|company| company::seats_in_use(db, company.id).map(|in_use| (company, in_use)));
        Ok((shown.collect::<hutong_store::Result<_>>()?, total))
    };
    let (companies, total) = shared.app.store.read_snapshot(read).await?;
    let pager = Pager::new(page, total, String::new());
    Ok(Companies { ui: ui.in_section(SECTION), companies, pager, given, problems })
}

/// Which part of the list is asked for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    page: Option<i64>,
}

/// `GET /companies`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Query(Asked { page }): Query<Asked>,
) -> Result<Html> {
    visitor.require(Permission::ManageCompanies)?;
    html(&list(&shared, &visitor.ui, paging::request(page), Default::default()).await?)
}

/// `POST /companies`
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    visitor: Visitor,
    Form(given): Form<Given>,
) -> Result<Response> {
    visitor.require(Permission::ManageCompanies)?;
    let mut problems = Problems::default();
    let (name, seats) = given.name_and_seats(&visitor.ui, &mut problems);
    if !problems.is_empty() {
        let page = list(&shared, &visitor.ui, paging::request(None), (given, problems)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_form().render()?)).into_response());
    }
    let by = By { actor: visitor.actor(), at: visitor.ui.now };
    let insert = move |db: &mut Db| {
        let id = company::insert(db, &name, seats, by.at)?;
        by.made(db, Action::CompanyCreate, &Object::Company(id))?;
        Ok(id)
    };
    let id = shared.app.store.write(CompanyId(0), insert).await?;
    Ok(go_to(&format!("/companies/{id}")))
}

async fn read(shared: &Shared, visit: &Visit) -> Result<OneCompany> {
    visit.require(Permission::ManageCompanies)?;
    let id = visit.company;
    let company = shared.app.store.read(move |db| company::find(db, id)).await?.ok_or(Error::NotFound)?;
    let (given, problems) = (Given::of(&company), Problems::default());
    let (rules, keep) = (&shared.app.rules, shared.installation.keep);
    let (ui, legal) = (visit.ui.in_section(SECTION), hours(&rules.hours.legal));
    Ok(OneCompany { ui, company, given, problems, done: false, legal, caps: rules.caps, keep })
}

/// `GET /companies/{company}`
pub(crate) async fn one(State(shared): State<Arc<Shared>>, visit: Visit) -> Result<Html> {
    html(&read(&shared, &visit).await?)
}

/// `POST /companies/{company}`
pub(crate) async fn update(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(given): Form<Given>,
) -> Result<Response> {
    visit.require(Permission::ManageCompanies)?;
    match given.checked(&visit.ui, &shared.app.rules.hours.legal, shared.installation.keep) {
        Ok(wanted) => {
            let (id, by) = (visit.company, visit.by());
            let change = move |db: &mut Db| {
                by.change(db, Action::CompanyUpdate, &Object::Company(id), |db| {
                    company::rename(db, id, &wanted.name)?;
                    company::update(db, id, wanted.seats, &wanted.rules)?;
                    company::set_keep(db, id, wanted.keep)
                })
            };
            shared.app.store.write(id, change).await?;
            // Other seats or hours may let calls start at once.
            shared.app.wake.notify_one();
            let page = OneCompany { done: true, ..read(&shared, &visit).await? };
            Ok(Html(page.as_form().render()?).into_response())
        }
        Err(problems) => {
            let page = OneCompany { given, problems, ..read(&shared, &visit).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.as_form().render()?)).into_response())
        }
    }
}
