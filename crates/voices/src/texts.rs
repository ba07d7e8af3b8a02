//! What is to be spoken: the prompts of the built-in scenes, and the lists of this crate.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use hutong_domain::scene::BUILT_IN;
use serde_json::Value;

/// What the robot of the built-in scenes says about a customer.
const CUSTOMERS: &str = include_str!("../lists/customers.tsv");
/// What people say who take a call.
const CALLEES: &str = include_str!("../lists/callees.tsv");
/// What carriers play instead of ringing.
const ANNOUNCEMENTS: &str = include_str!("../lists/announcements.tsv");
/// What answering machines say.
const GREETINGS: &str = include_str!("../lists/greetings.tsv");

const ROBOT_VOICES: &[&str] = &["zf_xiaobei"];
const CALLEE_VOICES: &[&str] = &["zm_yunjian", "zf_xiaoxiao"];
const CARRIER_VOICES: &[&str] = &["zf_xiaoxiao"];
/// The keys of a scene whose texts are spoken.
const SPOKEN_KEYS: [&str; 3] = ["say", "again", "answer"];

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
        for text in prompts(built_in.yaml).with_context(|| built_in.file)? {
            let group = built_in.file.trim_end_matches(".yaml").to_owned();
            lines.insert(Line { voice: ROBOT_VOICES[0], role: "prompt", group, text });
        }
    }
    for (role, list, voices) in [
        ("value", CUSTOMERS, ROBOT_VOICES),
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

/// The texts of a scene with its defaults filled in, cut where each customer has words of their own.
fn prompts(yaml: &str) -> Result<BTreeSet<String>> {
    let scene: Value = serde_saphyr::from_str(yaml)?;
    let mut wordings = Vec::new();
    collect(&scene, &mut wordings);
    let defaults = defaults(&scene);
    Ok(wordings.into_iter().flat_map(|wording| fragments(wording, &defaults)).collect())
}

/// Everything spoken below this value.
fn collect<'a>(value: &'a Value, wordings: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, wordings)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(text) if SPOKEN_KEYS.contains(&key.as_str()) => wordings.push(text),
                    Value::Array(texts) if SPOKEN_KEYS.contains(&key.as_str()) => {
                        wordings.extend(texts.iter().filter_map(Value::as_str));
                    }
                    value => collect(value, wordings),
                }
            }
        }
        _ => {}
    }
}

/// The constants of a scene, and its variables that have a default.
fn defaults(scene: &Value) -> BTreeMap<&str, &str> {
    let variables = scene.get("variables").and_then(Value::as_array).into_iter().flatten();
    let defaults = variables.filter_map(|it| Some((it.get("name")?.as_str()?, it.get("default")?.as_str()?)));
    let constants = scene.get("constants").and_then(Value::as_object).into_iter().flatten();
    let constants = constants.filter_map(|(name, words)| Some((name.as_str(), words.as_str()?)));
    defaults.chain(constants).collect()
}

/// The fixed parts of a wording, in their order; those without a word in them are left out.
fn fragments(wording: &str, defaults: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut fragments = vec![String::new()];
    for (index, part) in wording.split(['{', '}']).enumerate() {
        // Every second part stands between braces.
        let fixed = if index % 2 == 0 { Some(part) } else { defaults.get(part.trim()).copied() };
        match (fixed, fragments.last_mut()) {
            (Some(fixed), Some(last)) => last.push_str(fixed),
            _ => fragments.push(String::new()),
        }
    }
    fragments.retain(|fragment| fragment.chars().any(char::is_alphanumeric));
    fragments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_cut_at_what_differs_from_customer_to_customer() {
        let defaults = BTreeMap::from([("机构", "示例金融")]);
        let check = |wording, expected: &[&str]| assert_eq!(fragments(wording, &defaults), expected, "{wording}");
        check("您好。", &["您好。"]);
        check("这里是{机构}，您是{姓名}吗？", &["这里是示例金融，您是", "吗？"]);
        check("{姓名}您好", &["您好"]);
        check("您欠{金额}。", &["您欠"]);
    }

    #[test]
    fn every_built_in_scene_gives_texts_without_slots() {
        let lines = all().unwrap();
        for group in ["real-estate", "debt-collection"] {
            assert!(lines.iter().filter(|line| line.group == group).count() > 30, "{group}");
        }
        assert!(lines.iter().all(|line| !line.text.contains(['{', '}', '\t', '\n'])));
    }

    #[test]
    fn every_wording_of_a_scene_can_be_played_row_by_row() {
        let lines = all().unwrap();
        let of_robot = |line: &&Line| line.voice == ROBOT_VOICES[0];
        let texts: Vec<&str> = lines.iter().filter(of_robot).map(|line| line.text.as_str()).collect();
        let mut played = 0;
        for built_in in BUILT_IN {
            let scene: Value = serde_saphyr::from_str(built_in.yaml).unwrap();
            let (mut wordings, defaults) = (Vec::new(), defaults(&scene));
            collect(&scene, &mut wordings);
            for wording in wordings {
                let value = |name: &str| {
                    let of_customer = || lines.iter().find(|it| it.role == "value" && it.group == name);
                    defaults.get(name).copied().unwrap_or_else(|| &of_customer().unwrap().text)
                };
                let parts = wording.split(['{', '}']).enumerate();
                let said: String = parts.map(|(n, it)| if n % 2 == 0 { it } else { value(it.trim()) }).collect();
                let mut rest = said.as_str();
                while rest.contains(char::is_alphanumeric) {
                    let next = texts.iter().filter(|text| rest.starts_with(**text)).max_by_key(|text| text.len());
                    let mark = rest.chars().next().filter(|it| !it.is_alphanumeric()).map(char::len_utf8);
                    let length = next.map(|text| text.len()).or(mark);
                    rest = &rest[length.unwrap_or_else(|| panic!("nothing to play for {rest} of {said}"))..];
                    played += usize::from(next.is_some());
                }
            }
        }
        assert!(played > 100, "{played}");
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
