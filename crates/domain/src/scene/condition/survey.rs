//! What an expression may not do, and which names it looks for.

use cel::Program;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use super::super::problem::nearest;
use super::{AFTERWARDS, FUNCTIONS, Fault, LISTS, Mention, MentionList, NESTING_MAX, OPERATORS, SCALARS, Use};

/// One walk through an expression: what it may not do, and which names it looks for.
pub(super) struct Survey<'a> {
    program: &'a Program,
    purpose: Use,
    locals: Vec<&'a str>,
    nesting: usize,
    pub(super) faults: Vec<Fault>,
    pub(super) mentions: Vec<Mention>,
    /// Whether it asks for anything that happened.
    pub(super) asks: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn new(program: &'a Program, purpose: Use) -> Self {
        Self { program, purpose, locals: Vec::new(), nesting: 0, faults: Vec::new(), mentions: Vec::new(), asks: false }
    }

    fn fault(&mut self, id: u64, message: impl Into<String>) {
        let offset = self.offset(id);
        self.faults.push(Fault { offset, message: message.into() });
    }

    fn offset(&self, id: u64) -> usize {
        let source = self.program.source_info();
        let start = source.offset_for(id).and_then(|(start, _)| usize::try_from(start).ok()).unwrap_or(0);
        floor_char_boundary(&source.source, start)
    }

    /// The depth of the recursion is bounded by the length of the expression.
    pub(super) fn expression(&mut self, node: &'a IdedExpr) {
        match &node.expr {
            Expr::Literal(_) => {}
            Expr::Ident(name) => self.identifier(node.id, name),
            Expr::Select(select) => self.select(node.id, select),
            Expr::List(list) => list.elements.iter().for_each(|item| self.expression(item)),
            Expr::Call(call) => self.call(node.id, call),
            Expr::Comprehension(comprehension) => self.comprehension(node.id, comprehension),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fault(node.id, "conditions compare what happened; they build no values");
            }
        }
    }

    /// `values.预约时间` is the same as `values['预约时间']`.
    fn select(&mut self, id: u64, select: &'a SelectExpr) {
        if let Expr::Ident(map) = &select.operand.expr {
            let list = match map.as_str() {
                "values" => Some(MentionList::Values),
                "variables" => Some(MentionList::Variables),
                _ => None,
            };
            let offset = self.offset(id);
            self.mentions.extend(list.map(|list| Mention { list, name: select.field.clone(), offset }));
        }
        self.expression(&select.operand);
    }

    fn identifier(&mut self, id: u64, name: &str) {
        if AFTERWARDS.contains(&name) && self.purpose == Use::Way {
            self.fault(id, format!("`{name}` is known only when the call is over"));
            return;
        }
        let known = LISTS.contains(&name)
            || SCALARS.contains(&name)
            || AFTERWARDS.contains(&name)
            || self.locals.contains(&name)
            || name.starts_with('@');
        self.asks |= !self.locals.contains(&name) && !name.starts_with('@');
        if !known {
            let suggestion = nearest(name, LISTS.iter().chain(SCALARS).chain(AFTERWARDS).copied())
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            self.fault(id, format!("unknown name `{name}` in a condition{suggestion}"));
        }
    }

    fn call(&mut self, id: u64, call: &'a CallExpr) {
        let name = call.func_name.as_str();
        if !OPERATORS.contains(&name) && !FUNCTIONS.contains(&name) {
            let suggestion = nearest(name, FUNCTIONS.iter().copied())
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            self.fault(id, format!("unknown function `{name}` in a condition{suggestion}"));
        }
        match (name, call.args.as_slice()) {
            ("@in", [needle, haystack]) | ("_[_]", [haystack, needle]) => self.mention(needle, haystack),
            _ => {}
        }
        if let Some(target) = &call.target {
            self.expression(target);
        }
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    fn mention(&mut self, needle: &IdedExpr, haystack: &IdedExpr) {
        let (Expr::Literal(LiteralValue::String(name)), Expr::Ident(list)) = (&needle.expr, &haystack.expr) else {
            return;
        };
        let list = match list.as_str() {
            "visited" => MentionList::Visited,
            "intents" => MentionList::Intents,
            "knowledge" => MentionList::Knowledge,
            "values" => MentionList::Values,
            "variables" => MentionList::Variables,
            _ => return,
        };
        self.mentions.push(Mention { list, name: name.inner().to_owned(), offset: self.offset(needle.id) });
    }

    fn comprehension(&mut self, id: u64, comprehension: &'a ComprehensionExpr) {
        if matches!(comprehension.accu_init.expr, Expr::List(_)) {
            self.fault(id, "`map` and `filter` are not allowed; use `exists` or `all`");
            return;
        }
        let over_list = matches!(&comprehension.iter_range.expr,
            Expr::Ident(name) if LISTS.contains(&name.as_str()));
        if !over_list {
            let lists = LISTS.join("`, `");
            self.fault(id, format!("`exists` and `all` run over `{lists}` only"));
            return;
        }
        if self.nesting == NESTING_MAX {
            self.fault(id, format!("`exists` and `all` nest at most {NESTING_MAX} deep"));
            return;
        }
        self.nesting += 1;
        let outer = self.locals.len();
        self.locals.push(&comprehension.iter_var);
        self.locals.push(&comprehension.accu_var);
        self.expression(&comprehension.loop_cond);
        self.expression(&comprehension.loop_step);
        self.expression(&comprehension.result);
        self.locals.truncate(outer);
        self.nesting -= 1;
    }
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}
