//! The `datetime` header: RFC 1123 in GMT, as Java's formatters print it.
//!
//! `Sept` comes from JDK 16 and later with `Locale.UK` (CLDR 38 changed the abbreviation), `UTC` from
//! clients that format in that zone, `+0000` from the pattern letter `Z` and from JavaScript libraries.

use hutong_domain::moment::Moment;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ZONES: [&str; 5] = ["GMT", "UTC", "+0000", "+00:00", "Z"];

/// The moment that the header names; none where it cannot be read.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let mut words = text.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let _day_of_week = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
    let day = words.next()?.parse().ok()?;
    let month = month(words.next()?)?;
    let year = words.next().filter(|word| word.len() == 4)?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let zone = words.next()?;
    if time.next().is_some() || words.next().is_some() || !ZONES.iter().any(|known| known.eq_ignore_ascii_case(zone)) {
        return None;
    }
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(Moment::from_civil(civil, &TimeZone::UTC))
}

fn month(word: &str) -> Option<i8> {
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let word = if word == "sept" { "sep" } else { word.as_str() };
    MONTHS.iter().zip(1i8..).find(|(name, _)| **name == word).map(|(_, month)| month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_spelling_is_read() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(parse(text).map(Moment::ms), expect, "{text}");
        check("Thu, 13 Dec 2018 01:27:17 GMT", Some(1_544_664_437_000));
        check("thu, 13 DEC 2018 01:27:17 utc", Some(1_544_664_437_000));
        check("Thu,  13 Dec 2018 01:27:17 +0000", Some(1_544_664_437_000));
        check("Sun, 1 Sept 2019 00:00:00 GMT", Some(1_567_296_000_000));
        check("Sun, 01 Sep 2019 00:00:00 GMT", Some(1_567_296_000_000));
        check("Thu, 13 Dec 2018 01:27:17 CST", None);
        check("Thu, 13 Dec 2018 01:27:17", None);
        check("Thu, 31 Feb 2018 01:27:17 GMT", None);
        check("Thu, 13 Dec 18 01:27:17 GMT", None);
        check("2018-12-13 01:27:17", None);
        check("1544664437", None);
        check("", None);
    }
}
