//! What others see of a scene: its language, its voices, and every text that somebody has to speak or to recognise.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::intents;
use super::problem::{Problem, Severity};
use super::{ResultDefinition, Scene};
use crate::message::Message;
use crate::say;

/// How many words a recogniser is told to expect.
const HOTWORDS_MAX: usize = 200;

/// Characters of a word that a recogniser is told to expect: longer ones are sentences.
const HOTWORD_CHARS: std::ops::RangeInclusive<usize> = 2..=10;

/// The language that a scene is spoken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Mandarin.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// The same language where customers are understood.
    pub(crate) const fn of_customers(self) -> intents::Language {
        match self {
            Self::Zh => intents::Language::Mandarin,
            Self::En => intents::Language::English,
        }
    }
}

/// A voice (录音) that a scene can be spoken with.
#[derive(Debug, Clone, PartialEq)]
pub struct Voice {
    /// What operators and the API call it.
    pub name: String,
    /// Where its audio comes from.
    pub source: VoiceSource,
}

/// Where the audio of a voice comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum VoiceSource {
    /// The installation's own choice.
    Installation,
    /// A speaker of a voice server, or one that ships with hutong.
    Speaker {
        /// For example `zf_xiaobei`.
        speaker: String,
        /// 1 is the speaker's own.
        speed: f64,
    },
    /// A folder of recordings.
    Recordings(String),
}

/// A fixed piece of a prompt: what a voice must have audio for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedText {
    /// The words.
    pub text: String,
    /// Where it is said: the name of a node or a knowledge entry, or a field of the scene such as `closing`.
    pub place: String,
    /// The recording that the scene names for it.
    pub audio: Option<String>,
    /// Line of its wording, from 1.
    pub line: u32,
    /// Column of its wording in characters, from 1.
    pub column: u32,
}

impl Scene {
    /// What the author should look at, although the scene can be used.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// For example 房产电销.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The language that it is spoken in.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// What an import must supply for every customer, besides 客户名称 and 联系方式.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|variable| variable.required).map(|variable| variable.name.as_str())
    }

    /// The voices (录音) that it can be spoken with; the first is the default.
    #[must_use]
    pub fn voices(&self) -> &[Voice] {
        &self.voices
    }

    /// What the robot is for, in two steps; empty where the scene does not say.
    #[must_use]
    pub fn industry(&self) -> (&str, &str) {
        (&self.industry.0, &self.industry.1)
    }

    /// What operators and the API call the robot, for example 产品电销.
    #[must_use]
    pub fn robot_name(&self) -> &str {
        &self.robot_name
    }

    /// How sure the robot must be of what it understood, from 0 to 1.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What it can conclude, in the scene's order.
    #[must_use]
    pub fn results(&self) -> &[ResultDefinition] {
        &self.definitions
    }

    /// Whether a value that an import gives can be spoken as the variable of this name.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check_value(&self, name: &str, value: &str) -> Result<(), Message> {
        let variable = self.variables.iter().find(|variable| variable.name == name);
        variable.map_or(Ok(()), |variable| variable.kind.check(value, self.language))
    }

    /// Every fixed piece of every prompt, cut at its slots: the built-in ones of the whole scene, then those of the file
    /// in its order. A text that is said in several places is there for each.
    #[must_use]
    pub fn fixed_texts(&self) -> &[FixedText] {
        &self.texts
    }

    /// The spoken forms of this customer's variables that any prompt uses: what a voice must have just before the
    /// call, besides the fixed texts.
    #[must_use]
    pub fn slot_texts(&self, variables: &BTreeMap<String, String>, now: DateTime) -> Vec<String> {
        let known = self.complete(variables);
        let spoken = self.spoken_forms(&known, now);
        let used = self.spoken_slots.iter().filter_map(|name| spoken.get(name).or_else(|| known.get(name)));
        let texts: BTreeSet<&String> = used.filter(|text| !text.trim().is_empty()).collect();
        texts.into_iter().cloned().collect()
    }

    /// What is known of a customer, with the scene's defaults for what is not.
    pub(crate) fn complete(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut known = given.clone();
        for variable in &self.variables {
            let is_given = given.get(&variable.name).is_some_and(|value| !value.trim().is_empty());
            if let (Some(default), false) = (&variable.default, is_given) {
                known.insert(variable.name.clone(), default.clone());
            }
        }
        known
    }

    /// The words for those variables that are not spoken as they are written.
    pub(crate) fn spoken_forms(&self, known: &BTreeMap<String, String>, now: DateTime) -> BTreeMap<String, String> {
        let typed = self.variables.iter().filter_map(|variable| Some((variable, known.get(&variable.name)?)));
        let spoken =
            typed.map(|(variable, value)| (variable.name.clone(), variable.kind.spoken(value, self.language, now)));
        spoken.filter(|(name, text)| known.get(name) != Some(text)).collect()
    }

    /// Words that a recogniser should expect: what gives the scene's own intents and questions away, and the names in
    /// it. A bounded number of them.
    #[must_use]
    pub fn hotwords(&self) -> Vec<String> {
        let fits = |word: &&String| HOTWORD_CHARS.contains(&word.chars().count());
        let mut seen = BTreeSet::new();
        let words = self.hotwords.iter().filter(fits).filter(|word| seen.insert(*word));
        words.take(HOTWORDS_MAX).cloned().collect()
    }

    /// The prompts that a voice has no audio for, as errors at their places. `has_audio` says whether it has a text.
    #[must_use]
    pub fn without_audio(&self, has_audio: impl Fn(&FixedText) -> bool) -> Vec<Problem> {
        let missing = self.texts.iter().filter(|text| !has_audio(text));
        missing
            .map(|text| Problem {
                line: text.line,
                column: text.column,
                severity: Severity::Error,
                message: say!(
                    "no audio for “{words}”, which `{place}` says",
                    "“{place}”说的“{words}”没有录音",
                    words = text.text,
                    place = text.place
                ),
            })
            .collect()
    }
}
