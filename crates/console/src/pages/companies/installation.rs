//! How the installation is configured, as far as it matters to people; it is changed in its file.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use hutong_api::Condition;
use hutong_domain::access::Permission;
use hutong_domain::rules::Rules;
use jiff::civil::{Date, Weekday};

use super::{SECTION, hours};
use crate::error::Result;
use crate::installation::Installation;
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "installation.html")]
struct InstallationPage {
    ui: Ui,
    rules: Arc<Rules>,
    installation: Arc<Installation>,
    conditions: Vec<Condition>,
    version: &'static str,
}

impl InstallationPage {
    /// The zone by its name, or as far from UTC as it is now where it has none.
    fn zone(&self) -> String {
        let zone = &self.rules.zone;
        let offset = || {
            let now = jiff::Timestamp::from_millisecond(self.ui.now.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            zone.to_offset(now).to_string()
        };
        zone.iana_name().map_or_else(offset, str::to_owned)
    }

    fn legal(&self) -> String {
        hours(&self.rules.hours.legal)
    }

    fn weekdays_off(&self) -> String {
        let days = [
            (Weekday::Monday, "周一", "Monday"),
            (Weekday::Tuesday, "周二", "Tuesday"),
            (Weekday::Wednesday, "周三", "Wednesday"),
            (Weekday::Thursday, "周四", "Thursday"),
            (Weekday::Friday, "周五", "Friday"),
            (Weekday::Saturday, "周六", "Saturday"),
            (Weekday::Sunday, "周日", "Sunday"),
        ];
        let off = days.into_iter().filter(|(day, ..)| self.rules.hours.days.weekdays_off.contains(*day));
        self.listed(off.map(|(_, zh, en)| self.ui.t(zh, en).to_owned()))
    }

    fn days<'a>(&self, days: impl IntoIterator<Item = &'a Date>) -> String {
        self.listed(days.into_iter().map(ToString::to_string))
    }

    fn listed(&self, all: impl Iterator<Item = String>) -> String {
        let all: Vec<String> = all.collect();
        if all.is_empty() { self.ui.t("无", "none").to_owned() } else { all.join(self.ui.t("、", ", ")) }
    }

    fn cap(&self, cap: &Option<u32>) -> String {
        cap.map_or_else(|| self.ui.t("不限", "no limit").to_owned(), |most| most.to_string())
    }

    fn kept(&self, days: &u32) -> String {
        match days {
            0 => self.ui.t("一直保留", "for good").to_owned(),
            days => format!("{days} {}", self.ui.t("天", "days")),
        }
    }

    fn is_ready(&self) -> bool {
        self.conditions.iter().all(|condition| condition.problem.is_none())
    }
}

/// `GET /installation`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visitor: Visitor) -> Result<Html> {
    visitor.require(Permission::ManageCompanies)?;
    let conditions = hutong_api::look(&shared.app).await;
    let (ui, rules) = (visitor.ui.in_section(SECTION), shared.app.rules.clone());
    let installation = shared.installation.clone();
    html(&InstallationPage { ui, rules, installation, conditions, version: env!("CARGO_PKG_VERSION") })
}
