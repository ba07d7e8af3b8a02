//! What is to be spoken: the prompts of the built-in scenes, and the lists of this crate.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use hutong_domain::scene::{BUILT_IN, Language, Scene, VoiceSource};
use hutong_prompts::SHIPPED_SPEAKER;

/// What the robots of the built-in scenes say about a customer.
const CUSTOMERS: &str = include_str!("../lists/customers.tsv");
/// What amounts, dates and digits are put together from.
const PIECES: &str = include_str!("../lists/pieces.tsv");
/// What people say who take a call.
const CALLEES: &str = include_str!("../lists/callees.tsv");
/// What carriers play instead of ringing.
const ANNOUNCEMENTS: &str = include_str!("../lists/announcements.tsv");
/// What answering machines say.
const GREETINGS: &str = include_str!("../lists/greetings.tsv");

/// Scenes that say nothing themselves: what is left is what every scene says that does not say otherwise.
const BARE: [&str; 2] = [
    "{ hutong: 1, name: 空, robot: { name: 空 }, voices: [空], nodes: [{ name: 问, say: 好, otherwise: 完 }, \
     { name: 完, say: 好, end: { reason: 完 } }], voicemail: { do: leave_message }, \
     results: [{ name: 客户意向等级, values: [C], default: C, unanswered: C }] }",
    "{ hutong: 1, language: en, name: bare, robot: { name: bare }, voices: [{ name: bare, speaker: af_heart, speed: 1.0 }], \
     nodes: [{ name: ask, say: Okay, otherwise: end }, { name: end, say: Okay, end: { reason: end } }], \
     voicemail: { do: leave_message }, results: [{ name: 客户意向等级, values: [C], default: C, unanswered: C }] }",
];

const ROBOT_VOICES: &[&str] = &[SHIPPED_SPEAKER];
const CALLEE_VOICES: &[&str] = &["zm_yunjian", "zf_xiaoxiao"];
const CARRIER_VOICES: &[&str] = &["zf_xiaoxiao"];

/// One text in one voice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) voice: String,
    /// Who speaks it: `prompt`, `value`, `callee`, `announcement` or `greeting`.
    pub(crate) role: &'static str,
    /// The scene, the variable, the manner of the callee, the announcement's meaning.
    pub(crate) group: String,
    /// The words, as they stand where they are used.
    pub(crate) text: String,
    /// Who sells by telephone in Mandarin speaks faster than who reads aloud.
    is_fast: bool,
}

impl Line {
    /// The words, without the marks that a text begins with where it follows another.
    pub(crate) fn spoken(&self) -> &str {
        self.text.trim_start_matches(|it: char| !it.is_alphanumeric())
    }

    /// How fast it is spoken.
    pub(crate) fn speed(&self) -> f32 {
        if self.is_fast { 1.15 } else { 1.0 }
    }
}

/// Everything that is to be spoken, each text once in each of its voices.
pub(crate) fn all() -> Result<Vec<Line>> {
    let mut lines = BTreeSet::new();
    for built_in in BUILT_IN {
        let scene = Scene::parse(built_in.yaml).map_err(|problems| anyhow!("{}: {problems:?}", built_in.file))?;
        lines.extend(prompts(&scene, built_in.file.trim_end_matches(".yaml")));
    }
    for bare in BARE {
        let scene = Scene::parse(bare).map_err(|problems| anyhow!("{bare}: {problems:?}"))?;
        lines.extend(prompts(&scene, "built-in"));
    }
    for (role, list, voices) in [
        ("value", CUSTOMERS, ROBOT_VOICES),
        ("value", PIECES, ROBOT_VOICES),
        ("callee", CALLEES, CALLEE_VOICES),
        ("announcement", ANNOUNCEMENTS, CARRIER_VOICES),
        ("greeting", GREETINGS, CARRIER_VOICES),
    ] {
        for row in list.lines() {
            let (group, text) = row.split_once('\t').with_context(|| format!("no tabulator in {row:?}"))?;
            for voice in voices {
                let (voice, group, text) = ((*voice).to_owned(), group.to_owned(), text.to_owned());
                lines.insert(Line { voice, role, group, text, is_fast: false });
            }
        }
    }
    // Two scenes may share a text: it is spoken once, for the first of them.
    let mut seen = BTreeSet::new();
    Ok(lines.into_iter().filter(|line| seen.insert((line.voice.clone(), line.text.clone()))).collect())
}

/// The fixed texts of a scene in the voices that ship.
fn prompts(scene: &Scene, group: &str) -> BTreeSet<Line> {
    let speakers: BTreeSet<&str> = scene
        .voices()
        .iter()
        .filter_map(|voice| match &voice.source {
            VoiceSource::Installation => Some(SHIPPED_SPEAKER),
            VoiceSource::Speaker { speaker, .. } => Some(speaker.as_str()),
            VoiceSource::Recordings(_) => None,
        })
        .collect();
    let heard = scene.fixed_texts().iter().filter(|it| it.text.chars().any(char::is_alphanumeric));
    heard
        .flat_map(|it| speakers.iter().map(move |speaker| (it, (*speaker).to_owned())))
        .map(|(it, voice)| Line {
            voice,
            role: "prompt",
            group: group.to_owned(),
            text: it.text.clone(),
            is_fast: scene.language() == Language::Zh,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scene_gives_texts_without_slots() {
        let lines = all().unwrap();
        for built_in in BUILT_IN {
            let group = built_in.file.trim_end_matches(".yaml");
            assert!(lines.iter().filter(|line| line.group == group).count() > 10, "{group}");
        }
        assert!(lines.iter().all(|line| !line.text.contains(['{', '}', '\t', '\n'])));
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
