//! The rule about the length of functions.

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::source::Source;
use crate::{Offence, Rule};

/// The most lines a function may have, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// A function and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    first_line: usize,
    lines: usize,
}

/// The functions of this file that are too long.
///
/// # Errors
/// When the file is not Rust.
pub(crate) fn check(source: &Source) -> Result<Vec<Offence>> {
    if !source.is("rs") {
        return Ok(Vec::new());
    }
    let functions = functions_of(&source.text).with_context(|| format!("cannot parse {}", source.path))?;
    let long = functions.into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    Ok(long.map(|function| offence(&source.path, function)).collect())
}

fn offence(path: &str, function: Function) -> Offence {
    let Function { name, first_line, lines } = function;
    let message = format!("{path}:{first_line}: `{name}` has {lines} lines, more than {FUNCTION_LINES_MAX}");
    Offence { rule: Rule::FunctionLength, path: path.to_owned(), function: Some(name), message }
}

/// Every function with a body, nested ones and those of impls and traits included.
fn functions_of(text: &str) -> syn::Result<Vec<Function>> {
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(text)?);
    Ok(finder.functions)
}

#[derive(Debug, Default)]
struct Finder {
    functions: Vec<Function>,
}

impl Finder {
    fn add(&mut self, signature: &Signature, body: &Block) {
        let first_line = signature.span().start().line;
        let last_line = body.span().end().line;
        let name = signature.ident.to_string();
        self.functions.push(Function { name, first_line, lines: last_line - first_line + 1 });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[test]
fn functions_are_found_wherever_they_stand() -> Result<()> {
    let text = "/// Not counted.\nfn outer() {\n    fn inner() {}\n}\n\
                trait T {\n    fn declared();\n    fn given() {\n    }\n}\n\
                impl T for () {\n    fn declared() {}\n}\n";

    let found = functions_of(text)?;

    let found: Vec<_> =
        found.iter().map(|function| (function.name.as_str(), function.first_line, function.lines)).collect();
    assert_eq!(found, [("outer", 2, 3), ("inner", 3, 1), ("given", 7, 2), ("declared", 11, 1)]);
    Ok(())
}

#[test]
fn only_a_function_of_more_lines_than_allowed_is_too_long() -> Result<()> {
    let function_of = |lines: usize| format!("fn long() {{\n{}}}\n", "    f();\n".repeat(lines - 2));
    let source = |lines| Source { path: "a.rs".to_owned(), text: function_of(lines) };

    assert!(check(&source(FUNCTION_LINES_MAX))?.is_empty());
    assert_eq!(check(&source(FUNCTION_LINES_MAX + 1))?.len(), 1);
    Ok(())
}
