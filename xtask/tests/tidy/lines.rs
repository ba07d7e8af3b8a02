//! The rules about lines of text.

use crate::source::Source;
use crate::{Offence, Rule};

/// The most lines a Rust or HTML file may have.
const FILE_LINES_MAX: usize = 500;
/// Words for what somebody means to do later, put together here so that this file has none.
const DO_LATER_MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// The beginnings of paths that exist on one machine only, put together likewise.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// What in this file breaks a rule about lines.
pub(crate) fn check(source: &Source) -> Vec<Offence> {
    let is_rust = source.is("rs");
    let mut offences = Vec::new();
    let mut add = |rule, line: usize, what: &str| {
        let message = format!("{}:{line}: {what}", source.path);
        offences.push(Offence { rule, path: source.path.clone(), function: None, message });
    };
    let count = source.text.lines().count();
    if (is_rust || source.is("html")) && count > FILE_LINES_MAX {
        add(Rule::FileLength, count, &format!("the file has more than {FILE_LINES_MAX} lines: split it"));
    }
    if is_rust && !source.text.starts_with("//!") {
        add(Rule::ModuleDoc, 1, "the file does not begin with a `//!` line that says what it is");
    }
    for (line, number) in source.text.lines().zip(1..) {
        if DO_LATER_MARKS.iter().any(|mark| has_word(line, mark)) {
            add(Rule::DoLaterMark, number, "do it, or file an issue");
        }
        if line.ends_with(char::is_whitespace) {
            add(Rule::TrailingSpace, number, "white space at the end of the line");
        }
        if is_rust && line.contains('\t') {
            add(Rule::Tab, number, "a tab");
        }
        if MACHINE_PATHS.iter().any(|path| has_path(line, path)) {
            add(Rule::MachinePath, number, "a path that exists on one machine only");
        }
    }
    offences
}

/// Whether the word stands in the line, not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// Whether a path in the line begins like this; `https://host/path` and `a/path` are no such paths.
fn has_path(line: &str, beginning: &str) -> bool {
    let goes_on_a_path = |c: char| c.is_alphanumeric() || "._-~*/}".contains(c);
    line.match_indices(beginning).any(|(at, _)| !line[..at].ends_with(goes_on_a_path))
}

/// The rules that a file of this name and text breaks.
#[cfg(test)]
fn broken(path: &str, text: &str) -> Vec<Rule> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    check(&source).into_iter().map(|offence| offence.rule).collect()
}

#[test]
fn a_tidy_file_breaks_no_rule() {
    assert_eq!(broken("a.rs", "//! What it is.\n\nfn main() {}\n"), []);
}

#[test]
fn each_rule_is_broken_by_its_line() {
    let [mark, _] = DO_LATER_MARKS;
    let [path, ..] = MACHINE_PATHS;

    assert_eq!(broken("a.rs", "fn main() {}\n"), [Rule::ModuleDoc]);
    assert_eq!(broken("a.rs", &"//! x\n".repeat(501)), [Rule::FileLength]);
    assert_eq!(broken("a.md", &"x\n".repeat(501)), []);
    assert_eq!(broken("a.rs", &format!("//! x\n// {mark}: y\n")), [Rule::DoLaterMark]);
    assert_eq!(broken("a.md", &format!("{mark}S and x{mark}\n")), []);
    assert_eq!(broken("a.md", "x \n"), [Rule::TrailingSpace]);
    assert_eq!(broken("a.rs", "//! x\n\tx\n"), [Rule::Tab]);
    assert_eq!(broken("a.md", &format!("`{path}main`\n")), [Rule::MachinePath]);
    assert_eq!(broken("a.md", &format!("https://example.com{path}main\n")), []);
}
