//! What an installation and its companies decide about dialling, whatever the task.

use jiff::tz::TimeZone;

use crate::caps::Caps;
use crate::hours::Hours;
use crate::window::DaySpan;

/// The share of answers that may find no seat where nothing else is configured, in thousandths.
pub const LOST_PER_MILLE_MAX: u32 = 30;

/// What an installation decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The zone of all times of day.
    pub zone: TimeZone,
    /// When people may be called at all.
    pub hours: Hours,
    /// How often a number may be dialled, by all companies together.
    pub caps: Caps,
    /// The share of answers that may find no seat (呼损), in thousandths: what overdialling keeps to.
    pub lost_per_mille_max: u32,
}

/// What a company decides on top: it can only be stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompanyRules {
    /// The hours of the day in which it calls; those of the installation where it does not say.
    pub legal: Option<DaySpan>,
    /// How often it may dial a number.
    pub caps: Caps,
}

impl Rules {
    /// When a company may call: in its own hours, and in those of the installation. None at all where they do not
    /// meet.
    #[must_use]
    pub fn hours_of(&self, company: &CompanyRules) -> Hours {
        let Some(own) = company.legal else { return self.hours.clone() };
        let never = DaySpan { start: own.start, end: own.start };
        Hours { legal: self.hours.legal.intersection(&own).unwrap_or(never), days: self.hours.days.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    fn span(start: i8, end: i8) -> DaySpan {
        DaySpan { start: time(start, 0, 0, 0), end: time(end, 0, 0, 0) }
    }

    #[test]
    fn a_company_narrows_the_hours_and_never_widens_them() {
        let rules = Rules {
            zone: TimeZone::UTC,
            hours: span(9, 20).into(),
            caps: Caps::default(),
            lost_per_mille_max: LOST_PER_MILLE_MAX,
        };
        let calls = |legal: Option<DaySpan>| -> Vec<i8> {
            let company = CompanyRules { legal, ..CompanyRules::default() };
            let legal = rules.hours_of(&company).legal;
            (0..24).filter(|hour| legal.contains(time(*hour, 0, 0, 0))).collect()
        };
        assert_eq!(calls(None), (9..20).collect::<Vec<_>>());
        assert_eq!(calls(Some(span(10, 12))), [10, 11]);
        assert_eq!(calls(Some(span(7, 10))), [9]);
        assert_eq!(calls(Some(span(20, 23))), Vec::<i8>::new());
    }
}
