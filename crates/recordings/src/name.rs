//! The names of recordings: `2026/11/22/7/493-1.wav` is the first attempt of call 493 of company 7, begun on that day.

use std::fmt;
use std::str::FromStr;

use hutong_domain::ids::{CallId, CompanyId};
use hutong_domain::moment::Moment;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Names the recording of one attempt of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordingName {
    /// The company that calls.
    pub company: CompanyId,
    /// The call.
    pub call: CallId,
    /// Which attempt of the call: 1 is the first.
    pub attempt: i64,
    /// The day on which the attempt began, in the installation's zone.
    pub day: Date,
}

/// What is in a file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Both voices mixed, from the answer on; of a call that nobody answered, what was heard before.
    Both,
    /// The customer alone, as long as the mixed copy.
    Customer,
    /// The customer on the left and the robot on the right, from the first sound of the line on.
    Stereo,
}

/// Names a file of a recording, as it stands in the store and in addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileName {
    /// The recording.
    pub recording: RecordingName,
    /// What is in the file.
    pub part: Part,
}

impl RecordingName {
    /// The recording of an attempt that began at `begun_at`; days are those of `zone`.
    #[must_use]
    pub fn new(company: CompanyId, call: CallId, attempt: i64, begun_at: Moment, zone: &TimeZone) -> Self {
        Self { company, call, attempt, day: begun_at.civil(zone).date() }
    }

    /// One of its files.
    #[must_use]
    pub fn file(self, part: Part) -> FileName {
        FileName { recording: self, part }
    }
}

impl Part {
    /// Every part of a recording.
    pub const ALL: [Self; 3] = [Self::Both, Self::Customer, Self::Stereo];

    fn suffix(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::Customer => "-customer",
            Self::Stereo => "-stereo",
        }
    }
}

impl FileName {
    /// The name in the spool, where there are no folders of days.
    pub(crate) fn flat(self) -> String {
        self.to_string().replace('/', "_")
    }

    pub(crate) fn from_flat(name: &str) -> Option<Self> {
        if name.contains('/') { None } else { name.replace('_', "/").parse().ok() }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recording: RecordingName { company, call, attempt, day }, part } = self;
        let (year, month, day) = (day.year(), day.month(), day.day());
        write!(f, "{year:04}/{month:02}/{day:02}/{company}/{call}-{attempt}{}.wav", part.suffix())
    }
}

/// A text that is not the name of a recording's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a recording")]
pub struct NotAName;

impl FromStr for FileName {
    type Err = NotAName;

    /// Only names as [`fmt::Display`] writes them are taken: so nothing outside of the recordings can be named.
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let name = parse(text).ok_or(NotAName)?;
        if name.to_string() == text { Ok(name) } else { Err(NotAName) }
    }
}

fn parse(text: &str) -> Option<FileName> {
    let mut folders = text.splitn(5, '/');
    let (year, month, day) =
        (folders.next()?.parse().ok()?, folders.next()?.parse().ok()?, folders.next()?.parse().ok()?);
    let company = folders.next()?.parse().ok()?;
    let stem = folders.next()?.strip_suffix(".wav")?;
    let (call, attempt) = stem.split_once('-')?;
    let (attempt, part) = match attempt.split_once('-') {
        None => (attempt, Part::Both),
        Some((attempt, "customer")) => (attempt, Part::Customer),
        Some((attempt, "stereo")) => (attempt, Part::Stereo),
        Some(_) => return None,
    };
    let recording = RecordingName {
        company: CompanyId(company),
        call: CallId(call.parse().ok()?),
        attempt: attempt.parse().ok()?,
        day: Date::new(year, month, day).ok()?,
    };
    Some(recording.file(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_made_of_day_company_call_and_attempt() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // Half past midnight in Shanghai is still the day before in Greenwich.
        let begun_at = Moment::from_civil(jiff::civil::datetime(2026, 11, 22, 0, 30, 0, 0), &zone);
        let name = RecordingName::new(CompanyId(7), CallId(493), 1, begun_at, &zone);
        let text = |part| name.file(part).to_string();
        assert_eq!(text(Part::Both), "2026/11/22/7/493-1.wav");
        assert_eq!(text(Part::Customer), "2026/11/22/7/493-1-customer.wav");
        assert_eq!(text(Part::Stereo), "2026/11/22/7/493-1-stereo.wav");
        assert_eq!(name.file(Part::Stereo).flat(), "2026_11_22_7_493-1-stereo.wav");
    }

    #[test]
    fn what_is_not_exactly_a_name_is_refused() {
        for text in [
            "",
            "/",
            "2026/11/22/7/493-1",
            "2026/11/22/7/493-1.wav.part",
            "2026/11/22/7/493.wav",
            "2026/11/22/7/493-1-robot.wav",
            "2026/11/22/7/493-1-.wav",
            "2026/11/22/7/+493-1.wav",
            "2026/11/22/7/-493-1.wav",
            "2026/11/22/7/0493-1.wav",
            "2026/11/22/7/493--1.wav",
            "2026/11/31/7/493-1.wav",
            "2026/1/2/7/493-1.wav",
            "2026/11/22/../493-1.wav",
            "2026/11/22/7/../493-1.wav",
            "../../11/22/7/493-1.wav",
            "/2026/11/22/7/493-1.wav",
            "2026/11/22/7/493-1.wav/",
            "2026\\11\\22\\7\\493-1.wav",
            "2026/11/22/99999999999999999999/493-1.wav",
        ] {
            assert_eq!(text.parse::<FileName>(), Err(NotAName), "{text}");
        }
        assert_eq!(FileName::from_flat("2026/11/22/7/493-1.wav"), None);
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_it_is_written(
            company in 0..=i64::MAX, call in 0..=i64::MAX, attempt in 0..=i64::MAX, ms in 0..=4_102_444_800_000_i64,
            part in proptest::sample::select(&Part::ALL),
        ) {
            let name = RecordingName::new(CompanyId(company), CallId(call), attempt, Moment(ms), &TimeZone::UTC).file(part);
            prop_assert_eq!(name.to_string().parse::<FileName>(), Ok(name));
            prop_assert_eq!(FileName::from_flat(&name.flat()), Some(name));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9/\\-.a-z]{0,40}") {
            let _ = text.parse::<FileName>();
        }
    }
}
