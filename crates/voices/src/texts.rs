//! What is to be spoken: the prompts of the built-in scenes, and the lists of this crate.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use hutong_domain::scene::{BUILT_IN, BuiltIn, Language, Scene};

/// What the robot of the built-in scenes says about a customer.
const CUSTOMERS: &str = include_str!("../lists/customers.tsv");
/// What people say who take a call.
const CALLEES: &str = include_str!("../lists/callees.tsv");
/// What carriers play instead of ringing.
const ANNOUNCEMENTS: &str = include_str!("../lists/announcements.tsv");
/// What answering machines say.
const GREETINGS: &str = include_str!("../lists/greetings.tsv");

/// What the robot of the built-in scenes speaks with.
const fn robot_voice(language: Language) -> &'static str {
    match language {
        Language::Zh => "zf_xiaobei",
        Language::En => "af_heart",
    }
}

const VALUE_VOICES: &[&str] = &[robot_voice(Language::Zh)];
const CALLEE_VOICES: &[&str] = &["zm_yunjian", "zf_xiaoxiao"];
const CARRIER_VOICES: &[&str] = &["zf_xiaoxiao"];

/// One text in one voice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) voice: &'static str,
    /// Who speaks it: `prompt`, `value`, `callee`, `announcement` or `greeting`.
    pub(crate) role: &'static str,
    /// The scene, the variable, the manner of the callee, the announcement's meaning.
    pub(crate) group: String,
    /// The words, as they stand where they are used.
    pub(crate) text: String,
}

impl Line {
    /// The words, without the marks that a text begins with where it follows another.
    pub(crate) fn spoken(&self) -> &str {
        self.text.trim_start_matches(|it: char| !it.is_alphanumeric())
    }

    /// How fast it is spoken: who sells by telephone speaks faster than who reads aloud.
    pub(crate) fn speed(&self) -> f64 {
        if self.role == "prompt" { 1.15 } else { 1.0 }
    }
}

/// Everything that is to be spoken, each text once in each of its voices.
pub(crate) fn all() -> Result<Vec<Line>> {
    let mut lines = BTreeSet::new();
    for built_in in BUILT_IN {
        let scene = read(built_in)?;
        let voice = robot_voice(scene.language());
        for text in scene.fixed_texts() {
            let group = built_in.file.trim_end_matches(".yaml").to_owned();
            lines.insert(Line { voice, role: "prompt", group, text: text.text.clone() });
        }
    }
    for (role, list, voices) in [
        ("value", CUSTOMERS, VALUE_VOICES),
        ("callee", CALLEES, CALLEE_VOICES),
        ("announcement", ANNOUNCEMENTS, CARRIER_VOICES),
        ("greeting", GREETINGS, CARRIER_VOICES),
    ] {
        for row in list.lines() {
            let (group, text) = row.split_once('\t').with_context(|| format!("no tabulator in {row:?}"))?;
            for voice in voices {
                lines.insert(Line { voice, role, group: group.to_owned(), text: text.to_owned() });
            }
        }
    }
    // Two scenes may share a text: it is spoken once, for the first of them.
    let mut seen = BTreeSet::new();
    Ok(lines.into_iter().filter(|line| seen.insert((line.voice, line.text.clone()))).collect())
}

fn read(built_in: &BuiltIn) -> Result<Scene> {
    Scene::parse(built_in.yaml).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}: {}", built_in.file, problems.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scene_gives_texts_without_slots() {
        let lines = all().unwrap();
        for group in ["real-estate", "debt-collection", "appointment-reminder"] {
            assert!(lines.iter().filter(|line| line.group == group).count() > 30, "{group}");
        }
        assert!(lines.iter().all(|line| !line.text.contains(['{', '}', '\t', '\n'])));
    }

    #[test]
    fn whatever_a_robot_says_of_every_customer_is_there_to_be_spoken() {
        let lines = all().unwrap();
        for built_in in BUILT_IN {
            let scene = read(built_in).unwrap();
            let voice = robot_voice(scene.language());
            for text in scene.fixed_texts() {
                assert!(lines.iter().any(|line| line.voice == voice && line.text == text.text), "{}", text.text);
            }
        }
    }

    #[test]
    fn what_the_demo_knows_of_its_customers_is_there_to_be_spoken() {
        let lines = all().unwrap();
        for built_in in &BUILT_IN[..2] {
            for name in read(built_in).unwrap().variables() {
                assert!(lines.iter().any(|line| line.role == "value" && line.group == name), "{name}");
            }
        }
    }

    #[test]
    fn every_text_has_its_audio_and_no_other_audio_is_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/voices");
        let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
        let expected: Vec<String> = all().unwrap().iter().map(crate::row).collect();
        assert_eq!(index.lines().skip(1).collect::<Vec<_>>(), expected, "run cargo xtask voices");
        let named: BTreeSet<_> = expected.iter().map(|row| folder.join(row.split('\t').next().unwrap())).collect();
        let voices: BTreeSet<_> = named.iter().map(|file| file.parent().unwrap()).collect();
        let found = voices.iter().flat_map(|voice| std::fs::read_dir(voice).unwrap());
        let found: BTreeSet<_> = found.map(|file| file.unwrap().path()).collect();
        assert_eq!(found, named, "run cargo xtask voices");
    }
}
