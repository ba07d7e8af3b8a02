//! For how long what is known of people is kept.

use jiff::Span;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::moment::Moment;

/// Whole days for which things are kept after a call; 0 for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Recordings, by the day on which their attempt began.
    pub recordings_days: u32,
    /// Words that were said, by the day on which the call ended.
    pub transcripts_days: u32,
    /// Numbers, names and variables of customers, by the day on which their call ended.
    pub numbers_days: u32,
}

/// What a company would keep for longer than the installation keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be kept for at most {most} days: the installation keeps nothing longer")]
pub struct KeptTooLong {
    /// `recordings`, `transcripts` or `numbers`.
    pub what: &'static str,
    /// Days for which the installation keeps it.
    pub most: u32,
}

impl Keep {
    /// What is kept for longer than the installation keeps it; days of 0 are as many as the installation's.
    #[must_use]
    pub fn longer_than(self, installation: Self) -> Vec<KeptTooLong> {
        let each = [
            ("recordings", self.recordings_days, installation.recordings_days),
            ("transcripts", self.transcripts_days, installation.transcripts_days),
            ("numbers", self.numbers_days, installation.numbers_days),
        ];
        let too_long = each.into_iter().filter(|(_, days, most)| *most > 0 && days > most);
        too_long.map(|(what, _, most)| KeptTooLong { what, most }).collect()
    }

    /// What a company with days of its own keeps: it can only be stricter.
    #[must_use]
    pub fn stricter(self, own: Self) -> Self {
        Self {
            recordings_days: shorter(self.recordings_days, own.recordings_days),
            transcripts_days: shorter(self.transcripts_days, own.transcripts_days),
            numbers_days: shorter(self.numbers_days, own.numbers_days),
        }
    }
}

/// The shorter of two, where 0 is for ever.
#[must_use]
pub const fn shorter(one: u32, other: u32) -> u32 {
    if one == 0 || (other != 0 && other < one) { other } else { one }
}

/// The first day that is kept; none when all are.
#[must_use]
pub fn first_day_kept(today: Date, days: u32) -> Option<Date> {
    let first = || today.checked_sub(Span::new().try_days(days).ok()?).ok();
    (days > 0).then(|| first().unwrap_or(Date::MIN))
}

/// The first moment that is kept; none when all are. Days are those of `zone`.
#[must_use]
pub fn first_moment_kept(now: Moment, days: u32, zone: &TimeZone) -> Option<Moment> {
    let first = first_day_kept(now.civil(zone).date(), days)?;
    Some(Moment::from_civil(first.to_datetime(Time::midnight()), zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, datetime};

    #[test]
    fn so_many_whole_days_are_kept() {
        assert_eq!(first_day_kept(date(2026, 3, 1), 0), None);
        assert_eq!(first_day_kept(date(2026, 3, 1), 1), Some(date(2026, 2, 28)));
        assert_eq!(first_day_kept(date(2026, 3, 1), 90), Some(date(2025, 12, 1)));
        assert_eq!(first_day_kept(date(2026, 3, 1), u32::MAX), Some(Date::MIN));
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = |civil| Moment::from_civil(civil, &zone);
        let now = at(datetime(2026, 3, 1, 23, 59, 59, 0));
        assert_eq!(first_moment_kept(now, 1, &zone), Some(at(datetime(2026, 2, 28, 0, 0, 0, 0))));
        assert_eq!(first_moment_kept(now, 0, &zone), None);
    }

    #[test]
    fn a_company_can_only_be_stricter() {
        let keep =
            |recordings_days, transcripts_days, numbers_days| Keep { recordings_days, transcripts_days, numbers_days };
        assert_eq!(keep(0, 30, 30).stricter(keep(10, 10, 60)), keep(10, 10, 30));
        assert_eq!(keep(5, 0, 7).stricter(Keep::default()), keep(5, 0, 7));
        let longer: Vec<_> =
            keep(0, 31, 30).longer_than(keep(10, 30, 30)).iter().map(|it| (it.what, it.most)).collect();
        assert_eq!(longer, [("transcripts", 30)]);
        assert_eq!(keep(99, 99, 99).longer_than(Keep::default()), []);
    }
}
