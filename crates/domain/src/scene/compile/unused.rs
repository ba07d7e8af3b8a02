//! What a scene has and nothing uses.

use std::collections::BTreeSet;

use super::super::document::Document;
use super::Compiler;
use crate::say;

impl Compiler<'_> {
    pub(super) fn unused(&mut self, document: &Document) {
        self.unused_intents(document);
        for variable in &document.variables {
            if !self.used.contains(&variable.name.value) {
                let message = say!(
                    "no prompt and no condition uses the variable `{name}`",
                    "没有一句话或条件用到变量“{name}”",
                    name = variable.name.value
                );
                self.problems.warning(variable.name.at, message);
            }
        }
        for (name, text) in &document.constants {
            if self.constants.contains_key(name) && !self.used.contains(name) {
                let message = say!("no prompt uses the constant `{name}`", "没有一句话用到常量“{name}”");
                self.problems.warning(text.at, message);
            }
        }
        let unused: Vec<_> = self.kept.places().filter(|(name, _)| !self.used.contains(*name)).collect();
        for (name, at) in unused {
            self.problems.warning(at, say!("`{name}` is kept, and nothing uses it", "记下了“{name}”，但没有用到"));
        }
    }

    fn unused_intents(&mut self, document: &Document) {
        let flows = document.flows.iter().flat_map(|flow| &flow.nodes);
        let branches = document.nodes.iter().chain(flows).flat_map(|node| &node.branches);
        let used: BTreeSet<&str> = branches
            .chain(&document.anywhere)
            .filter_map(|branch| branch.intent.as_ref())
            .chain(document.knowledge.iter().filter_map(|entry| entry.intent.as_ref()))
            .map(|intent| intent.value.as_str())
            .collect();
        for intent in &document.intents {
            let built_in = self.places.intents.get(self.intents.get(&intent.name.value).unwrap_or(usize::MAX));
            let adds_to_built_in = matches!(built_in, Some(None));
            let works_by_itself =
                intent.do_not_call || (adds_to_built_in && super::meanings::is_do_not_call(&intent.name.value));
            if !used.contains(intent.name.value.as_str()) && !works_by_itself {
                let message = say!(
                    "no branch and no knowledge uses the intent `{name}`",
                    "没有分支或知识库条目用到意图“{name}”",
                    name = intent.name.value
                );
                self.problems.warning(intent.name.at, message);
            }
        }
    }
}
