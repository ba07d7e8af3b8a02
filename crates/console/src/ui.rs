//! What every page has at hand: who looks at it and in which language, and how things are written.

use std::sync::Arc;

use hutong_domain::access::{Permission, Role};
use hutong_domain::ids::CompanyId;
use hutong_domain::message::Message;
use hutong_domain::moment::Moment;
use hutong_domain::phone;
use hutong_store::company::Company;
use jiff::tz::TimeZone;

use crate::assets;

/// The languages of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    pub(crate) fn from_code(code: &str) -> Self {
        if code == "en" { Self::En } else { Self::Zh }
    }

    /// The code in the cookie.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The code of RFC 5646, for `lang`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn from_code(code: &str) -> Self {
        match code {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// How pages look to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    pub(crate) language: Language,
    pub(crate) theme: Theme,
}

/// The parts of a company's console: name, path, and what it is called.
pub(crate) const COMPANY_SECTIONS: &[(&str, &str, &str, &str)] = &[
    ("overview", "overview", "总览", "Overview"),
    ("tasks", "tasks", "任务", "Tasks"),
    ("scenes", "scenes", "话术", "Scenes"),
    ("numbers", "numbers", "号码", "Numbers"),
    ("lines", "lines", "线路与语音", "Lines and speech"),
    ("reports", "reports", "报表", "Reports"),
    ("integration", "integration", "开放接口", "Integration"),
];

/// Those of the installation, each with what it takes to see it.
pub(crate) const INSTALLATION_SECTIONS: &[(&str, &str, &str, &str, Permission)] = &[
    ("companies", "companies", "公司", "Companies", Permission::ManageCompanies),
    ("users", "users", "用户", "Users", Permission::ManageUsers),
    ("audit", "audit", "审计日志", "Audit log", Permission::ReadAudit),
];

/// Something small that is given as it is or, by templates, as a reference, or as a reference to one.
pub(crate) trait Given<T> {
    fn given(self) -> T;
}

impl<T: Copy> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

impl<T: Copy> Given<T> for &T {
    fn given(self) -> T {
        *self
    }
}

impl<T: Copy> Given<T> for &&T {
    fn given(self) -> T {
        **self
    }
}

/// What every template has as `ui`.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    pub(crate) look: Look,
    pub(crate) zone: TimeZone,
    pub(crate) now: Moment,
    /// Who is signed in; none on the page to sign in.
    pub(crate) user: Option<Arc<Known>>,
    /// The company that the page is about; none on pages of the installation.
    pub(crate) company: Option<CompanyId>,
    /// The part of the console that the page belongs to: its entry in the navigation.
    pub(crate) section: &'static str,
}

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The session's second token.
    pub(crate) csrf: String,
    /// The companies that the user reaches.
    pub(crate) companies: Vec<Company>,
}

impl Ui {
    /// The text in the language of the page.
    pub(crate) fn t<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.look.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// The words in the language of the page.
    pub(crate) fn message<'a>(&self, Message { en, zh }: &'a Message) -> &'a str {
        self.t(zh, en)
    }

    pub(crate) fn is_english(&self) -> bool {
        self.look.language == Language::En
    }

    /// The same page in another part of the console.
    pub(crate) fn in_section(&self, section: &'static str) -> Self {
        Self { section, ..self.clone() }
    }

    /// Whether the role includes the permission: what it does not include is not shown.
    pub(crate) fn may(&self, permission: impl Given<Permission>) -> bool {
        self.user.as_ref().is_some_and(|user| user.role.may(permission.given()))
    }

    /// Whether the page is about this company.
    pub(crate) fn is_about(&self, company: impl Given<CompanyId>) -> bool {
        self.company == Some(company.given())
    }

    /// The role, in words.
    pub(crate) fn role(&self, role: impl Given<Role>) -> &'static str {
        match role.given() {
            Role::Viewer => self.t("观察员", "viewer"),
            Role::Operator => self.t("操作员", "operator"),
            Role::Admin => self.t("管理员", "admin"),
        }
    }

    /// The address of a page of the company: `url("tasks/3")`.
    pub(crate) fn url(&self, path: &str) -> String {
        match self.company {
            Some(company) => format!("/c/{company}/{path}"),
            None => format!("/{path}"),
        }
    }

    /// The address of an asset, with the digest of what is in it.
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// A number, for whoever may see it whole: viewers may not.
    pub(crate) fn phone(&self, number: &str) -> String {
        match &self.user {
            Some(user) if user.role > Role::Viewer => number.to_owned(),
            _ => phone::mask(number),
        }
    }

    /// `2026-11-27 13:05:10` in the installation's zone.
    pub(crate) fn when(&self, moment: impl Given<Moment>) -> String {
        moment.given().civil(&self.zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The same where there may be none.
    pub(crate) fn when_any(&self, moment: impl Given<Option<Moment>>) -> String {
        moment.given().map_or_else(|| "—".to_owned(), |moment| self.when(moment))
    }

    /// `13:05:10` today, with the day before it on any other day.
    pub(crate) fn lately(&self, moment: impl Given<Moment>) -> String {
        let (then, today) = (moment.given().civil(&self.zone), self.now.civil(&self.zone).date());
        let form = if then.date() == today { "%H:%M:%S" } else { "%m-%d %H:%M" };
        then.strftime(form).to_string()
    }

    /// `12,345`
    pub(crate) fn count(&self, number: impl Given<i64>) -> String {
        let number = number.given();
        let digits = number.unsigned_abs().to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
        if number < 0 {
            text.push('-');
        }
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// `3:07`, or `1:02:03` from an hour on.
    pub(crate) fn duration(&self, seconds: impl Given<i64>) -> String {
        let seconds = seconds.given();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
    }

    /// `37.5 %` of a whole; a dash where there is none.
    pub(crate) fn percent(&self, part: impl Given<i64>, whole: impl Given<i64>) -> String {
        let (part, whole) = (part.given(), whole.given());
        if whole == 0 {
            return "—".to_owned();
        }
        // Rounded down to a tenth: a share of 100 % is a whole one.
        let tenths = part.saturating_mul(1000) / whole;
        format!("{}.{} %", tenths / 10, tenths % 10)
    }

    /// So many of a whole, as the width of a bar of 100 units.
    pub(crate) fn share(&self, part: impl Given<i64>, whole: impl Given<i64>) -> i64 {
        let (part, whole) = (part.given(), whole.given());
        if whole <= 0 { 0 } else { (part.saturating_mul(100) / whole).clamp(0, 100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ui() -> Ui {
        Ui { look: Look::default(), zone: TimeZone::UTC, now: Moment(0), user: None, company: None, section: "" }
    }

    #[test]
    fn numbers_are_written_in_groups() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "-12,345")]
        {
            assert_eq!(ui().count(number), text);
        }
    }

    #[test]
    fn shares_are_never_more_than_they_are() {
        assert_eq!(ui().percent(0, 0), "—");
        assert_eq!(ui().percent(1999, 2000), "99.9 %");
        assert_eq!(ui().percent(3, 8), "37.5 %");
        assert_eq!((ui().share(5, 0), ui().share(9, 3), ui().share(1, 3)), (0, 100, 33));
    }

    #[test]
    fn talk_times_read_like_a_clock() {
        assert_eq!(
            (ui().duration(7), ui().duration(187), ui().duration(3723)),
            ("0:07".into(), "3:07".into(), "1:02:03".into())
        );
    }

    #[test]
    fn whoever_is_not_signed_in_as_more_than_a_viewer_sees_no_whole_number() {
        assert_eq!(ui().phone("13800138000"), "138****8000");
    }
}
