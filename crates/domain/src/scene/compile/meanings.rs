//! What customers may mean: intents and knowledge.

use std::sync::Arc;

use super::super::condition::Use;
use super::super::document::{self, ResultRules};
use super::super::intents::{self, BuiltInIntent};
use super::super::model::{Intent, Knowledge};
use super::super::source::Located;
use super::super::trigger::Trigger;
use super::Compiler;
use crate::say;

impl Compiler<'_> {
    /// The built-in intents, then those of the scene; one of a built-in name adds to it. Also the words of the scene's
    /// own ones.
    pub(super) fn intents(&mut self, written: &[document::Intent]) -> (Vec<Intent>, Vec<String>) {
        let language = self.language.of_customers();
        let mut intents: Vec<Intent> = intents::built_in(language)
            .map(|(name, trigger)| Intent { name: name.to_owned(), trigger, do_not_call: is_do_not_call(name) })
            .collect();
        self.places.intents.resize(intents.len(), None);
        let mut words = Vec::new();
        for intent in written {
            let mut trigger = Trigger::new(true);
            self.fill(&mut trigger, &intent.keywords, &intent.patterns, &intent.samples);
            words.extend(intent.keywords.iter().map(|keyword| keyword.value.clone()));
            if trigger.is_empty() {
                let message = say!(
                    "nothing that is said can mean `{name}`",
                    "意图“{name}”没有任何说法，请加 keywords、patterns 或 samples",
                    name = intent.name.value
                );
                self.problems.error(intent.name.at, message);
            }
            let other_name = intents::other_names(language).find(|(name, _)| *name == intent.name.value);
            let position = intents.iter().position(|known| known.name == intent.name.value);
            let position = position.or(other_name.map(|(_, position)| position));
            self.intents.add(&intent.name, position.unwrap_or(intents.len()), &mut self.problems);
            match position.and_then(|position| intents.get_mut(position)) {
                Some(known) => {
                    known.trigger.extend(&trigger);
                    known.do_not_call |= intent.do_not_call;
                }
                None => {
                    let (name, do_not_call) = (intent.name.value.clone(), intent.do_not_call);
                    intents.push(Intent { name, trigger, do_not_call });
                    self.places.intents.push(Some(intent.name.at));
                }
            }
        }
        for (index, intent) in intents.iter().enumerate() {
            self.intents.add_built_in(&intent.name, index);
        }
        for (name, index) in intents::other_names(language) {
            self.intents.add_built_in(name, index);
        }
        (intents, words)
    }

    fn fill(
        &mut self,
        trigger: &mut Trigger,
        keywords: &[Located<String>],
        patterns: &[Located<String>],
        samples: &[Located<String>],
    ) {
        type Add = fn(&mut Trigger, &str) -> bool;
        let kinds =
            [(keywords, Trigger::add_keyword as Add), (patterns, Trigger::add_pattern), (samples, Trigger::add_sample)];
        for (wordings, add) in kinds {
            for wording in wordings {
                if !add(trigger, &wording.value) {
                    let message = say!(
                        "`{words}` has nothing in it that can be heard",
                        "“{words}”里没有能听出来的字",
                        words = wording.value
                    );
                    self.problems.error(wording.at, message);
                }
            }
        }
    }

    pub(super) fn all_knowledge(
        &mut self,
        entries: &[document::Knowledge],
        results: &[ResultRules],
        intents: &[Intent],
    ) -> Option<Vec<Knowledge>> {
        let compiled: Vec<_> = entries.iter().map(|entry| self.one_knowledge(entry, results, intents)).collect();
        compiled.into_iter().collect()
    }

    fn one_knowledge(
        &mut self,
        entry: &document::Knowledge,
        results: &[ResultRules],
        intents: &[Intent],
    ) -> Option<Knowledge> {
        // Questions about a thing stay questions when they are denied: 价格不清楚 asks for the price.
        let mut trigger = Trigger::new(false);
        self.fill(&mut trigger, &entry.keywords, &entry.patterns, &entry.samples);
        if let Some(name) = &entry.intent {
            let intent = self.intents.resolve(name, &mut self.problems);
            if let Some(intent) = intent.and_then(|intent| intents.get(intent)) {
                trigger.extend(&intent.trigger);
            }
        }
        if trigger.is_empty() {
            let message = say!(
                "nothing that is said can ask for `{name}`",
                "知识库条目“{name}”没有任何问法，请加 keywords、patterns、samples 或 intent",
                name = entry.name.value
            );
            self.problems.error(entry.name.at, message);
        }
        for (name, value) in &entry.reveals {
            self.revealed(name, value, results);
        }
        if let Some(limit) = entry.limit.as_ref().filter(|limit| limit.value == 0) {
            let message = say!(
                "a question that is never answered is no knowledge; the limit is at least 1",
                "limit 至少为 1：永远不回答的问题不必写进知识库"
            );
            self.problems.error(limit.at, message);
        }
        self.at_place(&entry.name.value, entry.name.at);
        let then = self.optional_way(entry.then.as_ref());
        let when = match &entry.when {
            Some(when) => Some(Arc::new(self.condition(when, Use::Way)?)),
            None => None,
        };
        let answer = self.prompt(&entry.answer);
        let interruption = self.interruption(entry.interruptible);
        Some(Knowledge {
            name: entry.name.value.clone(),
            trigger,
            when,
            answer: answer?,
            interruption,
            reveals: entry.reveals.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            then: then?,
            limit: entry.limit.as_ref().map(|limit| limit.value),
        })
    }

    /// Words that a recogniser should expect: keywords of intents and knowledge, then the scene's constants.
    pub(super) fn hotwords(&self, mut words: Vec<String>, entries: &[document::Knowledge]) -> Vec<String> {
        let keywords = entries.iter().flat_map(|entry| &entry.keywords);
        words.extend(keywords.map(|keyword| keyword.value.clone()));
        words.extend(self.constants.values().cloned());
        words
    }
}

/// Whether a built-in intent of this name asks never to be called again.
pub(super) fn is_do_not_call(name: &str) -> bool {
    BuiltInIntent::resolve(name) == Some(BuiltInIntent::DoNotCall)
}
