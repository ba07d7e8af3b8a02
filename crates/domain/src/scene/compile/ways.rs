//! Where the talk goes on, with the conditions that choose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::condition::{Condition, MentionList, Use};
use super::super::document::forms::{self, Returns};
use super::super::intents::BuiltInIntent;
use super::super::model::{Guard, Then, Way};
use super::super::source::Located;
use super::{BUILT_IN_VARIABLES, Compiler};
use crate::say;

impl Compiler<'_> {
    /// A way on; none where anything of it is unknown.
    pub(super) fn way(&mut self, written: &forms::Way) -> Option<Way> {
        let Some((forms::Step::To(last), guarded)) = written.0.split_last() else {
            let at = match written.0.last() {
                Some(forms::Step::When(guard)) => guard.when.at,
                _ => self.place_at,
            };
            let message = say!(
                "a list of conditions ends with a node, for when none of them holds",
                "一串条件最后要写一个节点，都不符合时去那里"
            );
            self.problems.error(at, message);
            return None;
        };
        let to = self.node(last);
        let guards: Vec<_> = guarded.iter().map(|step| self.guard(step)).collect();
        let guards: Option<Vec<Guard>> = guards.into_iter().collect();
        Some(Way { guards: guards?, to: to? })
    }

    fn guard(&mut self, step: &forms::Step) -> Option<Guard> {
        match step {
            forms::Step::To(node) => {
                let message = say!(
                    "what stands after a node without a condition is never reached",
                    "没有条件的节点只能写在最后：它后面的永远走不到"
                );
                self.problems.error(node.at, message);
                None
            }
            forms::Step::When(guard) => {
                let to = self.node(&guard.to);
                let condition = self.condition(&guard.when, Use::Way);
                Some(Guard { condition: Arc::new(condition?), to: to? })
            }
        }
    }

    /// None where the way is unknown, `Some(None)` where there is none.
    #[expect(clippy::option_option, reason = "an unknown way is not the same as no way")]
    pub(super) fn optional_way(&mut self, written: Option<&forms::Way>) -> Option<Option<Way>> {
        match written {
            None => Some(None),
            Some(way) => self.way(way).map(Some),
        }
    }

    /// A node as it is called here: those of a flow know each other only.
    pub(super) fn node(&mut self, name: &Located<String>) -> Option<usize> {
        let flow = self.scope.and_then(|flow| self.flows.get(flow));
        let nodes = flow.map_or(&self.nodes, |flow| &flow.nodes);
        if flow.is_some() && nodes.get(&name.value).is_none() && self.nodes.get(&name.value).is_some() {
            let message = say!(
                "`{name}` is outside of this flow; leave the flow by `return`",
                "节点“{name}”不在本流程里；请用 return 离开流程",
                name = name.value
            );
            self.problems.error(name.at, message);
            return None;
        }
        nodes.resolve(name, &mut self.problems)
    }

    /// A condition whose names are all known.
    pub(super) fn condition(&mut self, when: &Located<String>, purpose: Use) -> Option<Condition> {
        match Condition::compile(&when.value, purpose) {
            Ok(condition) => {
                self.mentions(when, &condition);
                Some(condition)
            }
            Err(faults) => {
                for fault in faults {
                    let at = when.position_within(self.source, fault.offset);
                    self.problems.error(at, fault.message);
                }
                None
            }
        }
    }

    /// A condition that looks for a name that does not exist never holds.
    fn mentions(&mut self, when: &Located<String>, condition: &Condition) {
        for mention in condition.mentions() {
            let name = mention.name.as_str();
            let names = match mention.list {
                MentionList::Visited => &self.full_nodes,
                MentionList::Intents => &self.intents,
                MentionList::Knowledge => &self.knowledge,
                MentionList::Values => &self.kept,
                MentionList::Variables => &self.variables,
            };
            if matches!(mention.list, MentionList::Values | MentionList::Variables) {
                self.used.insert(name.to_owned());
            }
            let own_name = BuiltInIntent::resolve(name).map(|intent| intent.name(self.language.of_customers()));
            if let (MentionList::Intents, Some(own_name)) =
                (mention.list, own_name.filter(|own_name| *own_name != name))
            {
                let at = when.position_within(self.source, mention.offset);
                let message = say!(
                    "conditions of this scene call `{name}` by the name `{own_name}`",
                    "本话术的条件里，“{name}”要写作“{own_name}”"
                );
                self.problems.error(at, message);
                continue;
            }
            let built_in = mention.list == MentionList::Variables && BUILT_IN_VARIABLES.contains(&name);
            if names.get(name).is_none() && !built_in {
                let at = when.position_within(self.source, mention.offset);
                self.problems.unknown(at, names.kind(), name, names.iter());
            }
        }
    }

    /// The sub-flow that a node enters, and where the talk goes on after it.
    pub(super) fn call(&mut self, called: &Located<String>, then: Option<&Located<Returns>>) -> Option<Then> {
        let flow = self.flow_names.resolve(called, &mut self.problems);
        let Some(then) = then else {
            let message = say!(
                "`then` must say where the talk goes on after the flow `{name}`",
                "请用 then 写明流程“{name}”之后去哪里",
                name = called.value
            );
            self.problems.error(called.at, message);
            return None;
        };
        let names: BTreeSet<String> = flow.and_then(|flow| self.flows.get(flow)).map(|flow| flow.returns.clone())?;
        let returns = match &then.value {
            Returns::Any(way) => {
                let way = self.way(way)?;
                names.into_iter().map(|name| (name, way.clone())).collect()
            }
            Returns::Each(ways) => {
                let missing: Vec<&str> =
                    names.iter().filter(|name| !ways.contains_key(*name)).map(String::as_str).collect();
                if !missing.is_empty() {
                    let message = say!(
                        "the flow `{flow}` also returns `{in_english}`",
                        "流程“{flow}”还会返回“{in_chinese}”，请写明去向",
                        flow = called.value,
                        in_english = missing.join("`, `"),
                        in_chinese = missing.join("”、“")
                    );
                    self.problems.error(then.at, message);
                }
                let mut returns = BTreeMap::new();
                for (name, way) in ways {
                    if !names.contains(name) {
                        let known = names.iter().map(String::as_str);
                        let kind = say!("return of the flow `{flow}`", "流程“{flow}”的返回", flow = called.value);
                        self.problems.unknown(way.at, &kind, name, known);
                    }
                    returns.insert(name.clone(), self.way(&way.value)?);
                }
                returns
            }
        };
        let flow = flow?;
        Some(Then::Call { flow, start: self.flows.get(flow)?.start, returns })
    }
}
