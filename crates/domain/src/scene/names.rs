//! The names of one kind of thing in a scene.

use std::collections::BTreeMap;

use super::problem::Problems;
use super::source::{Located, Position};
use crate::message::Message;
use crate::say;

/// Names of one kind, each with its position in the scene.
#[derive(Debug)]
pub(crate) struct Names {
    kind: Message,
    places: BTreeMap<String, (usize, Position)>,
}

impl Names {
    /// No names yet of this kind, which messages call `kind`.
    pub(crate) const fn new(kind: Message) -> Self {
        Self { kind, places: BTreeMap::new() }
    }

    /// Notes a name at the next position; empty and repeated ones are problems.
    pub(crate) fn add(&mut self, name: &Located<String>, index: usize, problems: &mut Problems) {
        let Message { en, zh } = &self.kind;
        if name.value.trim().is_empty() {
            problems.error(name.at, say!("a {en} needs a name", "{zh}缺少名称"));
        } else if let Some((_, first)) = self.places.get(&name.value) {
            let (known, line) = (&name.value, first.line);
            let message = say!(
                "the {en} `{known}` exists already, in line {line}",
                "{zh}“{known}”已存在（第 {line} 行），请换个名称"
            );
            problems.error(name.at, message);
        } else {
            self.places.insert(name.value.clone(), (index, name.at));
        }
    }

    /// Notes a name that is built in, unless the scene has it already.
    pub(crate) fn add_built_in(&mut self, name: &str, index: usize) {
        self.places.entry(name.to_owned()).or_insert((index, Position::START));
    }

    /// Notes a name that may be given again; its first place counts.
    pub(crate) fn note(&mut self, name: &str, index: usize, at: Position) {
        self.places.entry(name.to_owned()).or_insert((index, at));
    }

    /// Every name with its place.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, Position)> {
        self.places.iter().map(|(name, &(_, at))| (name.as_str(), at))
    }

    /// The position of what `name` stands for; an unknown name is a problem.
    pub(crate) fn resolve(&self, name: &Located<String>, problems: &mut Problems) -> Option<usize> {
        let found = self.get(&name.value);
        if found.is_none() {
            problems.unknown(name.at, &self.kind, &name.value, self.iter());
        }
        found
    }

    /// The position of what `name` stands for.
    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        self.places.get(name).map(|&(index, _)| index)
    }

    /// What messages call things of this kind.
    pub(crate) const fn kind(&self) -> &Message {
        &self.kind
    }

    /// Every name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }
}
