//! Numbers, whatever task they are in: one looked up, the blacklist, and how often any may be dialled.

mod forget;
pub(crate) mod group;
pub(crate) mod import;
mod lines;
mod lookup;
pub(crate) mod staged;

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_api::Refused;
use hutong_domain::access::Permission;
use hutong_domain::caps::{Cap, Capped, Caps};
use hutong_domain::ids::{BlacklistGroupId, CompanyId};
use hutong_domain::phone::PhoneNumber;
use hutong_store::blacklist::{self, Group};
use hutong_store::lookup::Blacklisted;
use hutong_store::{Db, company};
use serde::Deserialize;
use serde_json::json;

pub(crate) use forget::{forget, forget_what};
use lookup::Found;
pub(crate) use lookup::{block, first, unblock};

use crate::error::{Error, Result};
use crate::page::{Html, go_to, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;
use crate::words;

/// The part of the console that these pages belong to.
const SECTION: &str = "numbers";

/// Which number is looked up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    number: String,
}

/// A group, as it stands in the list.
struct Listed {
    id: BlacklistGroupId,
    name: String,
    remark: String,
    count: i64,
}

/// A group that is to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewGroup {
    name: String,
    remark: String,
}

#[derive(Template)]
#[template(path = "numbers/numbers.html", blocks = ["found", "groups"])]
struct NumbersPage {
    ui: Ui,
    /// What was typed.
    number: String,
    problem: String,
    found: Option<Found>,
    /// Why something was not done with the number that was found.
    refused: String,
    groups: Vec<Listed>,
    new: NewGroup,
    new_problem: String,
    caps: Caps,
    caps_of_all: Caps,
}

impl NumbersPage {
    async fn read(shared: &Shared, visit: &Visit, number: &str) -> Result<Self> {
        let (id, ui) = (visit.company, visit.ui.in_section(SECTION));
        let read = move |db: &mut Db| {
            let caps = company::find(db, id)?.map(|company| company.rules.caps).unwrap_or_default();
            Ok((caps, groups(db, id)?, blacklist::counts(db, id)?))
        };
        let (caps, groups, counts) = shared.app.store.read_snapshot(read).await?;
        let number = number.trim().to_owned();
        let (mut found, mut problem) = (None, String::new());
        if !number.is_empty() {
            match parse(&ui, &number) {
                Ok(phone) => found = Some(Found::read(shared, visit, phone).await?),
                Err(wrong) => problem = wrong,
            }
        }
        Ok(Self {
            number,
            problem,
            found,
            refused: String::new(),
            groups: listed(&ui, groups, &counts),
            new: NewGroup::default(),
            new_problem: String::new(),
            caps,
            caps_of_all: shared.app.rules.caps,
            ui,
        })
    }

    fn words_of(&self, caps: &Caps) -> String {
        caps_words(&self.ui, *caps)
    }

    fn group_of(&self, entry: &Blacklisted) -> String {
        group_name(&self.ui, entry.group, &entry.group_name)
    }

    /// `2 / 3`, or `2` where there is no cap.
    fn of_cap(&self, made: &u32, cap: &Option<u32>) -> String {
        cap.map_or_else(|| made.to_string(), |cap| format!("{made} / {cap}"))
    }

    fn capped_words(&self, capped: &Capped) -> String {
        let until = capped.until;
        let (zh, en) = match capped.which {
            Cap::PerDay => ("当日", "of the day"),
            Cap::PerWeek => ("七日内", "of seven days"),
        };
        let is_forever = until == jiff::civil::Date::MAX;
        let zh =
            format!("{zh}拨打次数已达上限{}", if is_forever { String::new() } else { format!("，{until} 起可再拨") });
        let en =
            format!("the cap {en} is reached{}", if is_forever { String::new() } else { format!(", until {until}") });
        self.ui.t(&zh, &en).to_owned()
    }
}

/// Every group of the company, the default one first.
fn groups(db: &mut Db, company: CompanyId) -> hutong_store::Result<Vec<Group>> {
    let default = Group { id: BlacklistGroupId::DEFAULT, name: String::new(), remark: String::new() };
    Ok(std::iter::once(default).chain(blacklist::groups(db, company)?).collect())
}

fn listed(ui: &Ui, groups: Vec<Group>, counts: &HashMap<BlacklistGroupId, i64>) -> Vec<Listed> {
    let one = |Group { id, name, remark }: Group| {
        let name = group_name(ui, id, &name);
        Listed { count: counts.get(&id).copied().unwrap_or(0), id, name, remark }
    };
    groups.into_iter().map(one).collect()
}

/// The default group is kept nowhere, and is called in the language of the page.
fn group_name(ui: &Ui, id: BlacklistGroupId, name: &str) -> String {
    match id {
        BlacklistGroupId::DEFAULT => ui.t(blacklist::DEFAULT_GROUP_NAME, "Default group").to_owned(),
        _ => name.to_owned(),
    }
}

/// A number as people write it, or what is wrong with it.
fn parse(ui: &Ui, number: &str) -> std::result::Result<PhoneNumber, String> {
    let wrong = || ui.t("号码应为 3 到 20 位数字", "A number has 3 to 20 digits").to_owned();
    PhoneNumber::parse(number).ok_or_else(wrong)
}

/// How often a number may be dialled, in words.
fn caps_words(ui: &Ui, caps: Caps) -> String {
    let day = caps.per_day.map(|most| ui.t(&format!("每日最多 {most} 次"), &format!("{most} a day")).to_owned());
    let week = caps.per_week.map(|most| {
        let (zh, en) = (format!("任意七日内最多 {most} 次"), format!("{most} in any seven days"));
        ui.t(&zh, &en).to_owned()
    });
    let words: Vec<String> = day.into_iter().chain(week).collect();
    if words.is_empty() { ui.t("不限", "no cap").to_owned() } else { words.join(ui.t("，", ", ")) }
}

/// Why the API refused; what failed, or is forbidden, has a notice of its own.
fn refusal(ui: &Ui, refused: Refused) -> Result<String> {
    if matches!(refused.code, 403 | 404 | 500..) {
        return Err(refused.into());
    }
    Ok(ui.message(&refused.reason).to_owned())
}

/// A part of a page with a problem in it, or without.
fn part(problem: &str, part: Html) -> Response {
    let status = if problem.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    (status, part).into_response()
}

/// `GET /c/{company}/numbers`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit, Query(asked): Query<Asked>) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    html(&NumbersPage::read(&shared, &visit, &asked.number).await?)
}

/// `POST /c/{company}/numbers/groups`
pub(crate) async fn make_group(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(new): Form<NewGroup>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let asked = json!({ "companyId": visit.company, "name": new.name, "remark": new.remark });
    match shared.inside.ask(&visit.person(), "v1/company/blacklist/group/add", &asked).await {
        Ok(made) => {
            let id = made.data.as_i64().ok_or(Error::NotFound)?;
            Ok(go_to(&visit.ui.url(&format!("numbers/groups/{id}"))))
        }
        Err(refused) => {
            let mut page = NumbersPage::read(&shared, &visit, "").await?;
            (page.new_problem, page.new) = (refusal(&visit.ui, refused)?, new);
            Ok(part(&page.new_problem, html(&page.as_groups())?))
        }
    }
}
