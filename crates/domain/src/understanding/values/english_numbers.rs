//! Numbers, money and digits in English.

use super::letters::{Word, words};
use super::{Found, Number};
use crate::understanding::spoken::english::{SMALL, TENS};

/// Digits in a row, from which on they are dictated rather than counted.
const DICTATED_MIN: usize = 3;

/// Arabic digits in a row, from which on they are a number of something, where nothing says
/// otherwise.
const ARABIC_DICTATED_MIN: usize = 7;

/// What follows a number that is no amount of money.
const OTHER_UNITS: &[&str] = &[
    "percent", "%", "years", "year", "months", "month", "days", "day", "weeks", "week", "hours", "hour", "minutes",
    "minute", "people", "bedrooms", "bedroom", "rooms", "times", "am", "pm", "o'clock", "th", "st", "nd", "rd",
    "miles", "kids", "children",
];

/// Before an amount.
const SIGNS: &[&str] = &["$", "£", "€", "¥"];

pub(super) fn numbers(text: &str) -> Vec<Found<Number>> {
    let words = words(text);
    scan(&words, |index| match dictated(&words, index) {
        Some((_, end)) => Step::Skip(end),
        None => cardinal(&words, index).map_or(Step::Next, |(value, end)| Step::Found(value, end)),
    })
}

pub(super) fn percentages(text: &str) -> Vec<Found<Number>> {
    let words = words(text);
    scan(&words, |index| {
        let Some((value, end)) = cardinal(&words, index) else {
            return Step::Next;
        };
        match word(&words, end) {
            Some("percent" | "%") => Step::Found(value, end + 1),
            Some("per") if word(&words, end + 1) == Some("cent") => Step::Found(value, end + 2),
            _ => Step::Skip(end),
        }
    })
}

pub(super) fn amounts(text: &str) -> Vec<Found<Number>> {
    let words = words(text);
    let marked = scan(&words, |index| {
        let sign = word(&words, index).is_some_and(|word| SIGNS.contains(&word));
        let Some((value, end)) = cardinal(&words, index + usize::from(sign)) else {
            return Step::Next;
        };
        match money_after(&words, value, end) {
            Some((value, end)) => Step::Found(value, end),
            None if sign => Step::Found(value, end),
            None => Step::Skip(end),
        }
    });
    if !marked.is_empty() {
        return marked;
    }
    scan(&words, |index| {
        if let Some((_, end)) = dictated(&words, index) {
            return Step::Skip(end);
        }
        let Some((value, end)) = cardinal(&words, index) else {
            return Step::Next;
        };
        let other = word(&words, end).is_some_and(|next| OTHER_UNITS.contains(&next));
        if other { Step::Skip(end) } else { Step::Found(value, end) }
    })
}

pub(super) fn digits(text: &str) -> Vec<Found<String>> {
    let words = words(text);
    scan(&words, |index| match dictated(&words, index).or_else(|| plain(&words, index)) {
        Some((value, end)) => Step::Found(value, end),
        None => cardinal(&words, index).map_or(Step::Next, |(_, end)| Step::Skip(end)),
    })
}

enum Step<T> {
    Found(T, usize),
    Skip(usize),
    Next,
}

fn scan<T>(words: &[Word], step: impl Fn(usize) -> Step<T>) -> Vec<Found<T>> {
    let mut found = Vec::new();
    let mut index = 0;
    // Each step goes on by one word at least.
    while index < words.len() {
        let (value, end) = match step(index) {
            Step::Found(value, end) => (Some(value), end.max(index + 1)),
            Step::Skip(end) => (None, end.max(index + 1)),
            Step::Next => (None, index + 1),
        };
        let last = words.get(end - 1).or(words.last());
        if let (Some(value), Some(first), Some(last)) = (value, words.get(index), last) {
            found.push(Found { value, place: first.place.start..last.place.end });
        }
        index = end;
    }
    found
}

fn word(words: &[Word], index: usize) -> Option<&str> {
    words.get(index).map(|word| word.text.as_str())
}

fn dictated(words: &[Word], index: usize) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut end = index;
    let mut spoken = false;
    while let Some(next) = word(words, end) {
        let times = match next {
            "double" => 2,
            "triple" => 3,
            _ => 1,
        };
        if times > 1 {
            let Some(digit) = word(words, end + 1).and_then(spoken_digit) else {
                break;
            };
            value.extend(std::iter::repeat_n(digit, times));
            spoken = true;
            end += 2;
        } else if let Some(digit) = spoken_digit(next) {
            value.push(digit);
            spoken = true;
            end += 1;
        } else if next.bytes().all(|byte| byte.is_ascii_digit()) {
            value.push_str(next);
            end += 1;
        } else {
            break;
        }
    }
    // 3 5 7 8: one by one is how digits are dictated.
    spoken |= value.len() == end - index;
    let enough = if spoken { DICTATED_MIN } else { ARABIC_DICTATED_MIN };
    let announced = index.checked_sub(1).and_then(|before| word(words, before)).is_some_and(|before| {
        matches!(before, "number" | "in" | "with") && words.iter().take(index).any(|word| word.text.starts_with("end"))
    });
    let scale = word(words, end).is_some_and(|next| scale_of(next).is_some() || next == "point");
    ((value.len() >= enough && !scale) || (announced && value.len() > 1)).then_some((value, end))
}

/// Arabic digits that are written together and count nothing, and the index after them: recognisers write dictated
/// digits so.
fn plain(words: &[Word], index: usize) -> Option<(String, usize)> {
    let digits = word(words, index).filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let sign =
        index.checked_sub(1).and_then(|before| word(words, before)).is_some_and(|before| SIGNS.contains(&before));
    let end = index + 1;
    let measured = money_after(words, Number::whole(0)?, end).is_some()
        || word(words, end).is_some_and(|next| {
            OTHER_UNITS.contains(&next) || scale_of(next).is_some() || matches!(next, "point" | "per")
        });
    (digits.len() >= DICTATED_MIN && !sign && !measured).then(|| (digits.to_owned(), end))
}

fn spoken_digit(word: &str) -> Option<char> {
    Some(match word {
        "zero" | "oh" | "o" => '0',
        _ => char::from_digit(u32::try_from(small(word).filter(|value| *value < 10)?).ok()?, 10)?,
    })
}

/// The number that begins at a word, and the index after it.
pub(super) fn cardinal(words: &[Word], index: usize) -> Option<(Number, usize)> {
    let first = word(words, index)?;
    let half = Number { millionths: 500_000 };
    if first == "half" {
        return Some((half, index + 1));
    }
    let article = matches!(first, "a" | "an");
    if article && word(words, index + 1).and_then(scale_of).is_none() {
        return None;
    }
    let (mut value, mut end) = if article { (Number::whole(1)?, index + 1) } else { below_hundred(words, index)? };
    let mut total = Number::default();
    while let Some(next) = word(words, end) {
        if let Some(scale) = scale_of(next) {
            value = value.times(scale)?;
            end += 1;
            if scale >= 1_000 {
                total = total.plus(value)?;
                value = Number::default();
            }
            continue;
        }
        let start = if next == "and" { end + 1 } else { end };
        let scaled = words.get(end - 1).is_some_and(|last| scale_of(&last.text).is_some());
        match below_hundred(words, start).filter(|_| scaled) {
            Some((more, after)) => {
                value = value.plus(more)?;
                end = after;
            }
            None => break,
        }
    }
    value = total.plus(value)?;
    if word(words, end) == Some("point") {
        let mut places = String::new();
        let mut next = end + 1;
        while let Some(digit) = word(words, next).and_then(spoken_digit).filter(|_| places.len() < 6) {
            places.push(digit);
            next += 1;
        }
        if !places.is_empty() {
            value = value.plus(Number::parse(&format!("0.{places}"))?)?;
            end = next;
        }
    }
    if words.get(end..end + 3).is_some_and(|next| next.iter().map(|word| word.text.as_str()).eq(["and", "a", "half"])) {
        return Some((value.plus(half)?, end + 3));
    }
    Some((value, end))
}

fn below_hundred(words: &[Word], index: usize) -> Option<(Number, usize)> {
    let first = word(words, index)?;
    if first.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Some((Number::parse(&first.replace(',', ""))?, index + 1));
    }
    let value = small(first)?;
    let tens = value >= 20;
    match word(words, index + 1).and_then(small).filter(|ones| tens && (1..10).contains(ones)) {
        Some(ones) => Some((Number::whole(value + ones)?, index + 2)),
        None => Some((Number::whole(value)?, index + 1)),
    }
}

fn money_after(words: &[Word], value: Number, end: usize) -> Option<(Number, usize)> {
    match word(words, end)? {
        "dollars" | "dollar" | "bucks" | "buck" | "pounds" | "pound" | "euros" | "euro" | "yuan" => {}
        "cents" | "cent" | "pence" => return Some((value.divided(100)?, end + 1)),
        _ => return None,
    }
    let start = if word(words, end + 1) == Some("and") { end + 2 } else { end + 1 };
    let cents =
        cardinal(words, start).filter(|(_, after)| matches!(word(words, *after), Some("cents" | "cent" | "pence")));
    match cents {
        Some((cents, after)) => Some((value.plus(cents.divided(100)?)?, after + 1)),
        None => Some((value, end + 1)),
    }
}

fn scale_of(word: &str) -> Option<i64> {
    Some(match word {
        "hundred" => 100,
        "thousand" | "grand" | "k" => 1_000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        _ => return None,
    })
}

/// The value of a number word below a hundred.
pub(super) fn small(word: &str) -> Option<i64> {
    let position =
        |list: &[&str]| list.iter().position(|known| *known == word).and_then(|index| i64::try_from(index).ok());
    // Nothing and ten have no word among the tens.
    position(&SMALL).or_else(|| position(&TENS).filter(|tens| *tens > 0).map(|tens| tens * 10))
}
