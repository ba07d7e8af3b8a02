//! What an expression may not do, and which names it looks for.

use cel::Program;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use super::super::problem::nearest;
use super::{AFTERWARDS, FUNCTIONS, Fault, LISTS, Mention, MentionList, NESTING_MAX, OPERATORS, SCALARS, Use};
use crate::message::Message;
use crate::say;

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

    fn fault(&mut self, id: u64, message: Message) {
        let offset = self.offset(id);
        self.faults.push(Fault { offset, message });
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
                let message = say!(
                    "conditions compare what happened; they build no values",
                    "条件只比较通话中发生的事，不能构造新的值"
                );
                self.fault(node.id, message);
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
            let message =
                say!("`{name}` is known only when the call is over", "{name} 要到通话结束后才知道，这里不能用");
            self.fault(id, message);
            return;
        }
        let known = LISTS.contains(&name)
            || SCALARS.contains(&name)
            || AFTERWARDS.contains(&name)
            || self.locals.contains(&name)
            || name.starts_with('@');
        self.asks |= !self.locals.contains(&name) && !name.starts_with('@');
        if !known {
            let near = nearest(name, LISTS.iter().chain(SCALARS).chain(AFTERWARDS).copied());
            let Message { en, zh } = suggestion(near);
            self.fault(id, say!("unknown name `{name}` in a condition{en}", "条件里没有 {name} 这个名称{zh}"));
        }
    }

    fn call(&mut self, id: u64, call: &'a CallExpr) {
        let name = call.func_name.as_str();
        if !OPERATORS.contains(&name) && !FUNCTIONS.contains(&name) {
            let Message { en, zh } = suggestion(nearest(name, FUNCTIONS.iter().copied()));
            self.fault(id, say!("unknown function `{name}` in a condition{en}", "条件里没有 {name} 这个函数{zh}"));
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
            let message = say!(
                "`map` and `filter` are not allowed; use `exists` or `all`",
                "不能用 map 和 filter；请用 exists 或 all"
            );
            self.fault(id, message);
            return;
        }
        let over_list = matches!(&comprehension.iter_range.expr,
            Expr::Ident(name) if LISTS.contains(&name.as_str()));
        if !over_list {
            let message = say!(
                "`exists` and `all` run over `{in_english}` only",
                "exists 和 all 只能用于 {in_chinese}",
                in_english = LISTS.join("`, `"),
                in_chinese = LISTS.join("、")
            );
            self.fault(id, message);
            return;
        }
        if self.nesting == NESTING_MAX {
            let message =
                say!("`exists` and `all` nest at most {NESTING_MAX} deep", "exists 和 all 最多嵌套 {NESTING_MAX} 层");
            self.fault(id, message);
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

/// What ends a message about an unknown name.
fn suggestion(near: Option<&str>) -> Message {
    near.map_or_else(|| say!("", ""), |near| say!("; did you mean `{near}`?", "；是不是 {near}？"))
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}
