//! What is wrong with a scene or a script, and where.

use std::fmt;

use super::source::Position;
use crate::message::Message;
use crate::say;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scene works, but probably not as its author meant.
    Warning,
    /// The scene cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong with a scene or a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: u32,
    /// Column of the line in characters, from 1.
    pub column: u32,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in words that need no knowledge of the code.
    pub message: Message,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.severity, self.message.en)
    }
}

impl std::error::Error for Problem {}

/// Gathers the problems of one file, so that its author sees all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Notes something that makes the file unusable.
    pub(crate) fn error(&mut self, at: Position, message: Message) {
        self.push(at, Severity::Error, message);
    }

    /// Notes something that the author should look at.
    pub(crate) fn warning(&mut self, at: Position, message: Message) {
        self.push(at, Severity::Warning, message);
    }

    /// Notes that `name` stands for nothing known of this kind, with the nearest name that does.
    pub(crate) fn unknown<'a>(
        &mut self,
        at: Position,
        Message { en, zh }: &Message,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let message = match nearest(name, known) {
            Some(near) => {
                say!("unknown {en} `{name}`; did you mean `{near}`?", "没有{zh}“{name}”；是不是“{near}”？")
            }
            None => say!("unknown {en} `{name}`", "没有{zh}“{name}”"),
        };
        self.error(at, message);
    }

    /// Whether anything noted so far makes the file unusable.
    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Everything noted, in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| (problem.line, problem.column));
        self.0
    }

    fn push(&mut self, at: Position, severity: Severity, message: Message) {
        self.0.push(Problem { line: at.line, column: at.column, severity, message });
    }
}

/// The candidate that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Half of the characters may differ: Chinese names are short, and two of four characters wrong
    // is a usual slip of an input method.
    let distance_max = (name.chars().count() / 2).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= distance_max && distance < candidate.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let names = ["介绍项目", "预约看房", "结束"];
        assert_eq!(nearest("介绍项日", names), Some("介绍项目"));
        assert_eq!(nearest("预约", names), None);
        assert_eq!(nearest("结朿", names), Some("结束"));
        assert_eq!(nearest("全不相干", names), None);
    }
}
