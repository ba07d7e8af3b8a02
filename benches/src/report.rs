//! Tables of the report, and the document that they stand in.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const BEGIN: &str = "<!-- measured: what stands from here on is written by `cargo xtask bench all` -->";
const END: &str = "<!-- measured: end -->";

/// A Markdown table: figures are aligned by whoever reads the text, not here.
pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self { lines: vec![row(&heads.map(str::to_owned)), row(&heads.map(|_| "---".to_owned()))] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: &[String; N]) {
        self.lines.push(row(cells));
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// How a figure stands to its goal.
pub(crate) const fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "**missed**" }
}

/// Puts the report into the document, in the place of the one before; the words around it stay.
pub(crate) fn write(document: &Path, report: &str) -> Result<()> {
    let text = fs::read_to_string(document).with_context(|| document.display().to_string())?;
    fs::write(document, replaced(&text, report)?)?;
    println!("\n{report}\nwritten to {}", document.display());
    Ok(())
}

fn replaced(text: &str, report: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", report.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = format!("words\n{BEGIN}\nold\n{END}\nmore words\n");
        let new = replaced(&text, "new\n").unwrap();
        assert_eq!(new, format!("words\n{BEGIN}\n\nnew\n\n{END}\nmore words\n"));
        assert!(replaced("no marks", "new").is_err());
    }

    #[test]
    fn a_table_has_a_head_and_rows() {
        let mut table = Table::new(["a", "b"]);
        table.row(&["1".to_owned(), "2".to_owned()]);
        assert_eq!(table.text(), "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
