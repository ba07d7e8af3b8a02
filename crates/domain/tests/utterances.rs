//! What customers say is understood: a table of utterances, with the errors that recognisers make,
//! against the built-in intents.
//!
//! What is wrong stands in a list beside each table, so that a change of what is wrong shows in a
//! diff. `HUTONG_WRITE_WRONG=1` writes the lists anew.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests, which may fail like tests")]
#![allow(clippy::print_stdout, reason = "what is wrong is shown in full")]

use std::fmt::Write;
use std::path::Path;

use hutong_domain::understanding::intents::{BuiltInIntent, Language, built_in};
use hutong_domain::understanding::{Candidate, Normalized, Trigger, candidates};

/// What a scene takes for understood, unless it says otherwise.
const THRESHOLD: f64 = 0.55;

const UNKNOWN: &str = "AI_UNKNOWN";

struct Row<'a> {
    said: &'a str,
    expected: &'a str,
    note: &'a str,
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            Row { said: cell(), expected: cell(), note: cell() }
        })
        .collect()
}

fn triggers(language: Language) -> Vec<(&'static str, Trigger)> {
    built_in(language).collect()
}

fn understand<'a>(triggers: &'a [(&'static str, Trigger)], said: &str) -> Vec<Candidate<'a>> {
    candidates(triggers.iter().map(|(name, trigger)| (*name, trigger)), &Normalized::new(said))
}

/// The share that is right, and a line for each that is wrong.
fn judge(table: &str, language: Language) -> (f64, String) {
    let triggers = triggers(language);
    let rows = rows(table);
    let mut wrong = String::new();
    let mut right = 0.0;
    for row in &rows {
        let name = row.expected;
        assert!(name == UNKNOWN || BuiltInIntent::resolve(name).is_some(), "the table has no intent `{name}`");
        let candidates = understand(&triggers, row.said);
        let best = candidates.first().filter(|best| best.score.value >= THRESHOLD);
        let got = best.map_or(UNKNOWN, |best| best.name);
        if got == name {
            right += 1.0;
        } else {
            let why = best.map_or(String::new(), |best| format!("{} {:.2}", best.score.sample, best.score.value));
            let _ = writeln!(wrong, "{}\t{name}\t{got}\t{why}\t{}", row.said, row.note);
        }
    }
    (right / f64::from(u32::try_from(rows.len()).unwrap()), wrong)
}

fn check(table: &str, language: Language, list: &str) {
    let (share, wrong) = judge(table, language);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(list);
    let heading = "# utterance\texpected\tunderstood\tbecause of\tnote\n";
    let now = format!("{heading}{wrong}");
    println!("{:.2} % right; wrong:\n{wrong}", share * 100.0);
    if std::env::var_os("HUTONG_WRITE_WRONG").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    assert!(share >= 0.95, "{:.2} % right", share * 100.0);
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(now, reviewed, "what is wrong has changed; look at it, and write {list} with HUTONG_WRITE_WRONG=1");
}

#[test]
fn mandarin_utterances_are_understood() {
    check(include_str!("data/utterances.zh.tsv"), Language::Mandarin, "utterances.zh.wrong.tsv");
}

#[test]
fn english_utterances_are_understood() {
    check(include_str!("data/utterances.en.tsv"), Language::English, "utterances.en.wrong.tsv");
}

#[test]
fn the_tables_are_as_large_as_they_should_be() {
    let mandarin = rows(include_str!("data/utterances.zh.tsv"));
    let unknown = mandarin.iter().filter(|row| row.expected == UNKNOWN).count();
    let by_sound = mandarin.iter().filter(|row| !row.note.is_empty() && row.note != "double negation").count();
    assert!(mandarin.len() >= 300 && unknown >= 40 && by_sound >= 100, "{} {unknown} {by_sound}", mandarin.len());
    let english = rows(include_str!("data/utterances.en.tsv"));
    assert!(english.len() >= 60, "{}", english.len());
    for (rows, language) in [(&mandarin, Language::Mandarin), (&english, Language::English)] {
        for intent in BuiltInIntent::ALL {
            let name = intent.name(language);
            assert!(rows.iter().any(|row| row.expected == name), "no utterance means {name}");
        }
        let mut said: Vec<&str> = rows.iter().map(|row| row.said).collect();
        said.sort_unstable();
        assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "an utterance stands twice");
    }
}

#[test]
fn intents_have_a_name_in_each_language() {
    for &intent in BuiltInIntent::ALL {
        for language in [Language::Mandarin, Language::English] {
            assert_eq!(BuiltInIntent::resolve(intent.name(language)), Some(intent));
        }
    }
    assert_eq!(BuiltInIntent::resolve("是本人"), None);
    let yaml = "
hutong: 1
name: 两种名字
robot: { name: 机 }
intents: [{ name: 'yes', keywords: [妥妥的] }]
nodes:
  - name: 开场
    say: 方便吗？
    branches: [{ intent: 肯定, next: 好 }, { intent: call_later, next: 再见 }, { intent: do_not_call, next: 再见 }]
  - { name: 好, say: 好。, end: { reason: 好 } }
  - { name: 再见, say: 再见。, end: { reason: 再见 } }
results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]
";
    let scene = hutong_domain::scene::Scene::parse(yaml).unwrap();
    for (said, reason) in [("妥妥的", "好"), ("可以", "好"), ("明天下午三点再打给我", "再见"), ("别再打了", "再见")]
    {
        let mut state = {
            let now = jiff::civil::date(2026, 12, 1).at(10, 0, 0, 0);
            let opening = hutong_domain::dialogue::Opening { seed: 0, now };
            hutong_domain::dialogue::begin(&scene, &std::collections::BTreeMap::new(), opening)
        };
        hutong_domain::dialogue::step(&scene, &mut state, &hutong_domain::dialogue::Event::Answered);
        let heard = hutong_domain::dialogue::Event::heard(said);
        hutong_domain::dialogue::step(&scene, &mut state, &heard);
        assert_eq!(state.hang_up_reason(), Some(reason), "{said}");
    }
}

#[test]
fn nobody_else_is_taken_for_one_who_forbids_calls() {
    let tables = [
        (Language::Mandarin, include_str!("data/utterances.zh.tsv")),
        (Language::English, include_str!("data/utterances.en.tsv")),
    ];
    for (language, table) in tables {
        let forbids = BuiltInIntent::DoNotCall.trigger(language);
        let mistaken: Vec<&str> = rows(table)
            .iter()
            .filter(|row| {
                ![BuiltInIntent::DoNotCall, BuiltInIntent::Complaint]
                    .contains(&BuiltInIntent::resolve(row.expected).unwrap_or(BuiltInIntent::Yes))
            })
            .filter(|row| forbids.score(&Normalized::new(row.said)).is_some_and(|score| score.value >= THRESHOLD))
            .map(|row| row.said)
            .collect();
        assert_eq!(mistaken, [] as [&str; 0], "{language:?}");
    }
}

#[test]
fn who_forbids_calls_is_heard() {
    let cases = [
        (BuiltInIntent::DoNotCall, "滚", true),
        (BuiltInIntent::Complaint, "再打我就投诉", true),
        (BuiltInIntent::Complaint, "我要投诉，别再打了", true),
        (BuiltInIntent::Complaint, "你们投诉电话是多少", false),
        (BuiltInIntent::Complaint, "我要投诉", false),
        (BuiltInIntent::Complaint, "I'll report you if you call me again", true),
        (BuiltInIntent::Complaint, "I want to complain", false),
        (BuiltInIntent::No, "别再打了", false),
    ];
    for (intent, said, expected) in cases {
        assert_eq!(intent.forbids_calls(&Normalized::new(said)), expected, "{said}");
    }
}

#[test]
fn every_meaning_of_an_utterance_is_told_the_nearest_first() {
    let triggers = triggers(Language::Mandarin);
    let names = |said: &str| understand(&triggers, said).iter().map(|candidate| candidate.name).collect::<Vec<_>>();
    assert_eq!(names("我在开会，晚点再打给我").get(..2), Some(["稍后再打", "忙碌"].as_slice()));
    assert_eq!(names("床前明月光"), [] as [&str; 0]);
}
