//! What holds for every text, whoever wrote it.

use hutong_domain::understanding::intents::{BuiltInIntent, Language, built_in};
use hutong_domain::understanding::spoken::{Spoken, speak};
use hutong_domain::understanding::values::{Number, amounts, digits, numbers, percentages, times};
use hutong_domain::understanding::{Normalized, Trigger, candidates};
use jiff::civil::date;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

const LANGUAGES: [Language; 2] = [Language::Mandarin, Language::English];

static TRIGGERS: LazyLock<Vec<(&'static str, Trigger)>> =
    LazyLock::new(|| LANGUAGES.into_iter().flat_map(built_in).collect());

/// Pieces that mean something here, so that random texts go deep.
const PIECES: &[&str] = &[
    "不",
    "没",
    "要",
    "好",
    "什么",
    "方便",
    "不是",
    "再打",
    "明天",
    "下午",
    "三点",
    "半",
    "个",
    "小时",
    "以后",
    "周",
    "下",
    "月底",
    "31号",
    "十",
    "百",
    "千",
    "万",
    "亿",
    "零",
    "两",
    "五",
    "块",
    "毛",
    "百分之",
    "点",
    "尾号",
    "幺",
    "，",
    "。",
    " ",
    "¥",
    "99999999999999999999",
    "1,200",
    ".",
    "not",
    "don't",
    "no",
    "interested",
    "two",
    "hundred",
    "thousand",
    "billion",
    "and",
    "a",
    "half",
    "dollars",
    "double",
    "oh",
    "at",
    "3",
    "pm",
    "next",
    "monday",
    "in",
    "minutes",
    "the",
    "fifth",
    "of",
    "may",
    "：",
    "30",
    "2月",
    "过",
    "年",
    "内",
    "儿",
    "😀",
    "É",
    "ß",
    "İ",
    "﷽",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(PIECES), 0..14).prop_map(|pieces| pieces.concat()),
        1 => prop::collection::vec(prop::sample::select(PIECES), 0..14).prop_map(|pieces| pieces.join(" ")),
        1 => any::<String>(),
        1 => prop::sample::select(PIECES).prop_map(|piece| piece.repeat(300)),
    ]
}

fn now() -> impl Strategy<Value = jiff::civil::DateTime> {
    (0..10_000_i64, 0..1440_i64)
        .prop_map(|(days, minutes)| date(2024, 1, 1).at(0, 0, 0, 0) + jiff::Span::new().days(days).minutes(minutes))
}

proptest! {
    #[test]
    fn every_text_has_scores_between_nothing_and_certainty_and_always_the_same(text in text()) {
        let said = Normalized::new(&text);
        let understand = |said: &Normalized| candidates(TRIGGERS.iter().map(|(name, trigger)| (*name, trigger)), said)
            .into_iter().map(|candidate| (candidate.name, candidate.score)).collect::<Vec<_>>();
        let first = understand(&said);
        for (name, score) in &first {
            prop_assert!(score.value > 0.0 && score.value <= 1.0, "{name} {score:?}");
            prop_assert!(!score.sample.is_empty());
        }
        prop_assert!(first.windows(2).all(|pair| pair[0].1.value >= pair[1].1.value));
        prop_assert_eq!(understand(&Normalized::new(&text)), first);
        for intent in BuiltInIntent::ALL {
            prop_assert!(*intent != BuiltInIntent::DoNotCall || intent.forbids_calls(&said));
        }
    }

    #[test]
    fn the_places_of_values_lie_in_the_text_one_after_the_other(text in text(), now in now()) {
        for language in LANGUAGES {
            let time = times(&text, language, now);
            for found in &time {
                prop_assert!(found.value.from <= found.value.to, "{found:?}");
                prop_assert!(found.value.to > now || found.value.from >= now, "{found:?} at {now}");
                prop_assert!(!found.value.spoken.is_empty());
            }
            let places: [Vec<Range<usize>>; 5] = [
                time.into_iter().map(|found| found.place).collect(),
                numbers(&text, language).into_iter().map(|found| found.place).collect(),
                percentages(&text, language).into_iter().map(|found| found.place).collect(),
                amounts(&text, language).into_iter().map(|found| found.place).collect(),
                digits(&text, language).into_iter().map(|found| found.place).collect(),
            ];
            for places in places {
                let mut end = 0;
                for place in places {
                    prop_assert!(place.start >= end && place.start < place.end, "{place:?} in {text}");
                    prop_assert!(text.get(place.clone()).is_some(), "{place:?} in {text}");
                    end = place.end;
                }
            }
        }
    }

    #[test]
    fn nothing_that_an_import_brings_breaks_the_voice(text in text(), now in now()) {
        let kinds = [Spoken::Text, Spoken::Name, Spoken::Money, Spoken::Number, Spoken::Digits, Spoken::Date, Spoken::Time];
        for language in LANGUAGES {
            for kind in kinds {
                if let Ok(words) = speak(kind, &text, language, now.date()) {
                    prop_assert!(!words.trim().is_empty());
                }
            }
        }
    }

    #[test]
    fn a_number_that_is_spoken_is_understood_again(value in 0..10_000_000_000_i64, cents in 0..100_i64) {
        let today = date(2026, 11, 27);
        for language in LANGUAGES {
            let written = value.to_string();
            let words = speak(Spoken::Number, &written, language, today).unwrap();
            // 一 alone is a number, and two and more digits without a unit are not spoken here.
            let heard = numbers(&words, language);
            prop_assert_eq!(heard.len(), 1, "{}", words);
            prop_assert_eq!(Some(heard[0].value), Number::whole(value), "{}", words);
            let written = format!("{}.{cents:02}", value / 1000);
            let words = speak(Spoken::Money, &written, language, today).unwrap();
            let heard = amounts(&words, language);
            prop_assert_eq!(heard.first().map(|found| found.value), Number::parse(&written), "{}", words);
        }
    }

    #[test]
    fn a_moment_that_is_said_back_is_the_same_moment(now in now(), minutes in 1..40_000_i64) {
        let then = now.checked_add(jiff::Span::new().minutes(minutes)).unwrap();
        let words = format!("{minutes}分钟以后");
        let found = times(&words, Language::Mandarin, now);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(found[0].value.from, then);
        let again = times(&found[0].value.spoken, Language::Mandarin, now);
        prop_assert_eq!(again.first().map(|found| found.value.from), Some(then), "{}", found[0].value.spoken);
    }
}
