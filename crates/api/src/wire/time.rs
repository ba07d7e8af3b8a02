//! Dates and times on the wire: local time of the installation's zone, without naming it.

use std::str;

use hutong_domain::moment::Moment;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::json::Plain;

/// On this date stand times of day that have none.
const NO_DATE: LocalMoment = LocalMoment(*b"1970-01-01 00:00:00");
const DAY_MS: i64 = 86_400_000;
/// Import and call of most rows of a page are of these.
const DAYS_KNOWN: usize = 4;

/// The installation's zone.
#[derive(Clone)]
pub(crate) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    pub(crate) const fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// What clocks show at a moment.
    pub(crate) fn local(&self, moment: Moment) -> LocalMoment {
        LocalMoment::from(moment.civil(&self.zone))
    }

    /// The same for many moments: a page of calls has hundreds of them, of a few days.
    pub(crate) fn page(&self) -> CalendarPage {
        CalendarPage { calendar: self.clone(), known: [None; DAYS_KNOWN], oldest: 0 }
    }

    /// The first moment of a day, and the first moment after it.
    pub(crate) fn day(&self, day: Date) -> (Moment, Moment) {
        let next = day.tomorrow().unwrap_or(Date::MAX);
        (self.moment(day.to_datetime(Time::midnight())), self.moment(next.to_datetime(Time::midnight())))
    }

    /// The moment at which clocks show `civil`.
    pub(crate) fn moment(&self, civil: DateTime) -> Moment {
        Moment::from_civil(civil, &self.zone)
    }
}

/// A calendar that remembers the last few days that were looked up.
pub(crate) struct CalendarPage {
    calendar: Calendar,
    known: [Option<KnownDay>; DAYS_KNOWN],
    oldest: usize,
}

/// A day of 24 hours, and how its midnight is written.
#[derive(Clone, Copy)]
struct KnownDay {
    from: Moment,
    until: Moment,
    midnight: LocalMoment,
}

impl CalendarPage {
    /// See [`Calendar::local`].
    pub(crate) fn local(&mut self, moment: Moment) -> LocalMoment {
        let known = self.known.iter().flatten().find(|day| (day.from..day.until).contains(&moment));
        if let Some(day) = known {
            return day.midnight.later((moment.ms() - day.from.ms()) / 1000);
        }
        let civil = moment.civil(&self.calendar.zone);
        let midnight = civil.date().to_datetime(Time::midnight());
        let (from, until) = self.calendar.day(civil.date());
        if until.ms() - from.ms() == DAY_MS && from.civil(&self.calendar.zone) == midnight {
            self.known[self.oldest] = Some(KnownDay { from, until, midnight: LocalMoment::from(midnight) });
            self.oldest = (self.oldest + 1) % DAYS_KNOWN;
        }
        LocalMoment::from(civil)
    }

    /// The time of day of the last planned redial, or `otherwise`, on a date that means nothing: so the
    /// document shows `secondaryCallTime`.
    pub(crate) fn redial_time(&mut self, planned: Option<Moment>, otherwise: Time) -> LocalMoment {
        let local = planned.map(|planned| self.local(planned));
        local.map_or_else(|| LocalMoment::without_date(otherwise), LocalMoment::on_no_date)
    }
}

/// A moment as `yyyy-MM-dd HH:mm:ss`, written by hand: a page of calls has hundreds of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalMoment([u8; 19]);

impl From<DateTime> for LocalMoment {
    fn from(civil: DateTime) -> Self {
        let mut text = *b"0000-00-00 00:00:00";
        let year = civil.year().unsigned_abs();
        two_digits(&mut text, 0, year / 100);
        two_digits(&mut text, 2, year % 100);
        let rest = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
        for (part, at) in rest.into_iter().zip([5, 8, 11, 14, 17]) {
            two_digits(&mut text, at, u16::from(part.unsigned_abs()));
        }
        Self(text)
    }
}

impl LocalMoment {
    /// A time of day alone, on a date that means nothing.
    fn without_date(time: Time) -> Self {
        NO_DATE.later(i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second()))
    }

    /// The same time of day, on a date that means nothing.
    fn on_no_date(mut self) -> Self {
        self.0[..11].copy_from_slice(&NO_DATE.0[..11]);
        self
    }

    /// So many seconds after midnight, on the same day.
    fn later(mut self, seconds: i64) -> Self {
        for (part, at) in [seconds / 3600, seconds / 60 % 60, seconds % 60].into_iter().zip([11, 14, 17]) {
            two_digits(&mut self.0, at, u16::try_from(part).unwrap_or_default());
        }
        self
    }
}

fn two_digits(text: &mut [u8; 19], at: usize, number: u16) {
    const DIGITS: &[u8; 10] = b"0123456789";
    text[at] = DIGITS[usize::from(number / 10 % 10)];
    text[at + 1] = DIGITS[usize::from(number % 10)];
}

impl LocalMoment {
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for LocalMoment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Plain(self.as_str()).serialize(serializer)
    }
}

impl PartialSchema for LocalMoment {
    fn schema() -> RefOr<Schema> {
        text_schema("2018-01-24 20:51:53", r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
    }
}

impl ToSchema for LocalMoment {}

/// A day in a request: `yyyy-MM-dd`, whatever time of day follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day(pub(crate) Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (date, time) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), "00:00"));
        let date = strict_date(date).filter(|_| time_of_day(time.trim()).is_some());
        date.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &" yyyy-MM-dd 格式的日期"))
    }
}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        text_schema("2017-10-19", r"^\d{4}-\d{2}-\d{2}")
    }
}

impl ToSchema for Day {}

/// A time of day in a request: `HH:mm`, `H:mm` or `HH:mm:ss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeOfDay(pub(crate) Time);

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        time_of_day(text.trim())
            .map(Self)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &" HH:mm 或 HH:mm:ss 格式的时间"))
    }
}

impl PartialSchema for TimeOfDay {
    fn schema() -> RefOr<Schema> {
        text_schema("09:00:00", r"^\d{1,2}:\d{2}(:\d{2})?$")
    }
}

impl ToSchema for TimeOfDay {}

/// jiff alone would read `20171019` and `+002017-10-19` as well.
fn strict_date(text: &str) -> Option<Date> {
    let well_formed = text.len() == 10
        && text.bytes().zip(0..).all(|(byte, at)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if well_formed { text.parse().ok() } else { None }
}

fn time_of_day(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| {
        let digits = matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i8>().ok().filter(|_| digits)
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

fn text_schema(example: &str, pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).examples([example]).pattern(Some(pattern)).build().into()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn calendar() -> Calendar {
        Calendar::new(TimeZone::get("Asia/Shanghai").unwrap())
    }

    #[test]
    fn moments_are_written_in_local_time() {
        let calendar = calendar();
        assert_eq!(calendar.local(Moment(1_516_798_313_000)).as_str(), "2018-01-24 20:51:53");
        assert_eq!(calendar.local(Moment(0)).as_str(), "1970-01-01 08:00:00");
        let nine = Time::constant(9, 0, 0, 0);
        let mut page = calendar.page();
        assert_eq!(page.redial_time(None, nine).as_str(), "1970-01-01 09:00:00");
        assert_eq!(page.redial_time(Some(Moment(1_516_798_313_000)), nine).as_str(), "1970-01-01 20:51:53");
    }

    #[test]
    fn a_known_day_gives_what_the_zone_gives_summer_time_included() {
        for zone in ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns"] {
            let zone = TimeZone::get(zone).unwrap();
            let mut calendar = Calendar::new(zone.clone()).page();
            // Both changes of the year are among these, a moment every 50 minutes.
            for step in 0..11_000 {
                let moment = Moment(1_767_225_600_000 + step * 3_000_000);
                let expected = LocalMoment::from(moment.civil(&zone));
                assert_eq!(calendar.local(moment).as_str(), expected.as_str());
                let time = calendar.redial_time(Some(moment), Time::midnight());
                assert_eq!(time.as_str(), format!("1970-01-01 {}", &expected.as_str()[11..]));
            }
        }
    }

    #[test]
    fn a_day_lasts_from_midnight_to_midnight() {
        let (from, until) = calendar().day(Date::constant(2017, 10, 19));
        assert_eq!(calendar().local(from).as_str(), "2017-10-19 00:00:00");
        assert_eq!(calendar().local(until).as_str(), "2017-10-20 00:00:00");
    }

    #[test]
    fn days_and_times_are_read_strictly() {
        let text = |text: &'static str| -> StrDeserializer<'static, Error> { text.into_deserializer() };
        let day = |given| Day::deserialize(text(given)).ok().map(|day| day.0.to_string());
        assert_eq!(day("2017-10-19").as_deref(), Some("2017-10-19"));
        assert_eq!(day("2017-10-19 08:30:00").as_deref(), Some("2017-10-19"));
        for wrong in ["2017-13-01", "2017-1-1", "20171019", "19/10/2017", "2017-10-19 x", ""] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
        let time = |given| TimeOfDay::deserialize(text(given)).ok().map(|time| time.0.to_string());
        assert_eq!(time("9:05").as_deref(), Some("09:05:00"));
        assert_eq!(time("09:05:07").as_deref(), Some("09:05:07"));
        for wrong in ["24:00", "9", "09:5x", "09:05:07:01", "-1:00", "+9:00", ""] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
