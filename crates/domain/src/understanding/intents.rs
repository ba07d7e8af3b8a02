//! What customers mean in every scene.

use std::sync::LazyLock;

use super::trigger::Trigger;
use super::words::Normalized;

/// How sure it must be that a complaint asks for no more calls as well.
const DO_NOT_CALL_SCORE_MIN: f64 = 0.55;

/// A language that customers speak. One scene has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// 普通话.
    #[default]
    Mandarin,
    /// English.
    English,
}

/// An intent that every scene understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltInIntent {
    /// Agrees, or answers yes.
    Yes,
    /// Refuses, or answers no.
    No,
    /// Cannot talk now.
    Busy,
    /// Wants to be called at another time.
    CallLater,
    /// Asks who is calling, and why.
    WhoAreYou,
    /// Asks whether a machine is talking.
    AreYouRobot,
    /// Asks where the number comes from.
    WhereNumberFrom,
    /// Is not the person who is looked for.
    WrongPerson,
    /// Did not hear or understand.
    RepeatPlease,
    /// Never wants to be called again.
    DoNotCall,
    /// Complains, or threatens to.
    Complaint,
    /// Says hello.
    Greeting,
    /// Takes leave.
    Goodbye,
    /// Wants to talk to a person.
    Human,
}

/// The words of every intent in one language: an intent in brackets, then lines of a kind each.
const MANDARIN_WORDS: &str = include_str!("intents/mandarin.words");
const ENGLISH_WORDS: &str = include_str!("intents/english.words");

impl BuiltInIntent {
    /// Every built-in intent.
    pub const ALL: &'static [Self] = &[
        Self::Yes,
        Self::No,
        Self::Busy,
        Self::CallLater,
        Self::WhoAreYou,
        Self::AreYouRobot,
        Self::WhereNumberFrom,
        Self::WrongPerson,
        Self::RepeatPlease,
        Self::DoNotCall,
        Self::Complaint,
        Self::Greeting,
        Self::Goodbye,
        Self::Human,
    ];

    /// Its name in a language; scenes of any language may use either.
    #[must_use]
    pub const fn name(self, language: Language) -> &'static str {
        let (mandarin, english) = match self {
            Self::Yes => ("肯定", "yes"),
            Self::No => ("否定", "no"),
            Self::Busy => ("忙碌", "busy"),
            Self::CallLater => ("稍后再打", "call_later"),
            Self::WhoAreYou => ("询问身份", "who_are_you"),
            Self::AreYouRobot => ("询问机器人", "are_you_robot"),
            Self::WhereNumberFrom => ("询问号码来源", "where_number_from"),
            Self::WrongPerson => ("打错", "wrong_person"),
            Self::RepeatPlease => ("没听清", "repeat_please"),
            Self::DoNotCall => ("拒绝再打", "do_not_call"),
            Self::Complaint => ("投诉", "complaint"),
            Self::Greeting => ("打招呼", "greeting"),
            Self::Goodbye => ("告别", "goodbye"),
            Self::Human => ("转人工", "human"),
        };
        match language {
            Language::Mandarin => mandarin,
            Language::English => english,
        }
    }

    /// The intent of a name, in whichever language.
    #[must_use]
    pub fn resolve(name: &str) -> Option<Self> {
        let called = |intent: &Self| intent.name(Language::Mandarin) == name || intent.name(Language::English) == name;
        Self::ALL.iter().copied().find(called)
    }

    /// Whether a customer who meant this must not be called again. A complaint alone does not say so:
    /// it must ask for it as well (再打我就投诉, but not 你们投诉电话多少).
    #[must_use]
    pub fn forbids_calls(self, said: &Normalized) -> bool {
        match self {
            Self::DoNotCall => true,
            Self::Complaint => DO_NOT_CALL
                .iter()
                .filter_map(|trigger| trigger.score(said))
                .any(|score| score.value >= DO_NOT_CALL_SCORE_MIN),
            _ => false,
        }
    }

    /// The words that give it away in a language.
    #[must_use]
    pub fn trigger(self, language: Language) -> Trigger {
        let mut trigger = self.trigger_of_its_own(language);
        for (kind, word) in self.words(language) {
            if kind == "neighbours" {
                trigger.add_neighbour(word);
            }
        }
        trigger
    }

    /// Each of its words in a language with its kind.
    fn words(self, language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = match language {
            Language::Mandarin => MANDARIN_WORDS,
            Language::English => ENGLISH_WORDS,
        };
        let heading = move |line: &&str| {
            line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) != Some(self.name(language))
        };
        let lines = all.lines().skip_while(heading).skip(1).take_while(|line| !line.starts_with('['));
        lines.filter_map(|line| line.split_once(": ")).flat_map(|(kind, words)| {
            words.split([',', '、']).map(move |word| (kind, word.trim())).filter(|(_, word)| !word.is_empty())
        })
    }

    /// Without the words of neighbours.
    fn trigger_of_its_own(self, language: Language) -> Trigger {
        let trigger = Trigger::new(true);
        // Only answers are taken back by asking: 你能晚点打吗 is as good as 晚点打.
        let mut trigger = if matches!(self, Self::Yes | Self::No) { trigger.answering() } else { trigger };
        for (kind, word) in self.words(language) {
            match kind {
                "keywords" => trigger.add_keyword(word),
                "openings" => trigger.add_opening(word),
                "patterns" => trigger.add_pattern(word),
                "samples" => trigger.add_sample(word),
                _ => false,
            };
        }
        trigger
    }
}

/// What asks for no more calls, in every language.
static DO_NOT_CALL: LazyLock<[Trigger; 2]> = LazyLock::new(|| {
    [Language::Mandarin, Language::English].map(|language| BuiltInIntent::DoNotCall.trigger_of_its_own(language))
});

/// Every built-in intent with its name and its words in a language.
pub fn built_in(language: Language) -> impl Iterator<Item = (&'static str, Trigger)> {
    let triggers = match language {
        Language::Mandarin => &MANDARIN,
        Language::English => &ENGLISH,
    };
    BuiltInIntent::ALL
        .iter()
        .zip(triggers.iter())
        .map(move |(intent, trigger)| (intent.name(language), trigger.clone()))
}

// Made once: how a thousand words sound takes longer to look up than to copy.
static MANDARIN: LazyLock<Vec<Trigger>> = LazyLock::new(|| triggers(Language::Mandarin));
static ENGLISH: LazyLock<Vec<Trigger>> = LazyLock::new(|| triggers(Language::English));

fn triggers(language: Language) -> Vec<Trigger> {
    BuiltInIntent::ALL.iter().map(|intent| intent.trigger(language)).collect()
}

/// The position in [`built_in`] of every name that an intent has in the other language.
pub(crate) fn other_names(language: Language) -> impl Iterator<Item = (&'static str, usize)> {
    let other = match language {
        Language::Mandarin => Language::English,
        Language::English => Language::Mandarin,
    };
    BuiltInIntent::ALL.iter().enumerate().map(move |(position, intent)| (intent.name(other), position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_words_is_one_of_an_intent() {
        for (language, words) in [(Language::Mandarin, MANDARIN_WORDS), (Language::English, ENGLISH_WORDS)] {
            let mut headings = Vec::new();
            let mut count = 0;
            for line in words.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                    headings.push(name);
                    continue;
                }
                let (kind, words) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
                assert!(["keywords", "openings", "neighbours", "patterns", "samples"].contains(&kind), "{line}");
                count += words.split([',', '、']).filter(|word| !word.trim().is_empty()).count();
            }
            let names: Vec<&str> = BuiltInIntent::ALL.iter().map(|intent| intent.name(language)).collect();
            assert_eq!(headings, names);
            assert_eq!(BuiltInIntent::ALL.iter().flat_map(|intent| intent.words(language)).count(), count);
            for intent in BuiltInIntent::ALL {
                assert!(intent.words(language).count() >= 10, "{intent:?}");
            }
        }
    }
}
