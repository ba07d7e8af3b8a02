//! Values that are used before any conversation can have kept them.

use std::collections::BTreeSet;

use super::super::condition::{Condition, MentionList};
use super::super::model::{Node, NodeIndex, Then};
use super::super::problem::Problems;
use super::super::template::Template;
use super::graph::{By, Graph, guards};
use crate::say;

pub(super) fn check(graph: &Graph<'_>, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
    let every: BTreeSet<&str> = graph.edges.iter().flatten().filter_map(|edge| edge.keeps).collect();
    if every.is_empty() {
        return;
    }
    let known = known(graph);
    for &index in reachable {
        let (Some(node), Some(known)) = (graph.scene.nodes.get(index), known.get(index)) else {
            continue;
        };
        let mut missing: BTreeSet<&str> =
            spoken(node).into_iter().filter(|name| every.contains(name) && !known.contains(name)).collect();
        for (guard, keeps) in guards(node) {
            let asked = asked(&guard.condition).filter(|name| every.contains(name));
            missing.extend(asked.filter(|name| !known.contains(name) && keeps != Some(name)));
        }
        for name in missing {
            let message = say!(
                "`{name}` is used at `{node}` before anything can have kept it",
                "节点“{node}”用到“{name}”，但走到这里之前不可能记下它",
                node = node.name
            );
            problems.warning(graph.at(index), message);
        }
    }
}

/// What some conversation may have kept when it comes to each node.
fn known<'a>(graph: &Graph<'a>) -> Vec<BTreeSet<&'a str>> {
    let mut known: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); graph.edges.len()];
    let within = |flow: usize| {
        let nodes = graph.scene.nodes.iter().zip(&graph.edges).filter(move |(node, _)| node.flow == Some(flow));
        nodes.flat_map(|(_, edges)| edges).filter_map(|edge| edge.keeps)
    };
    // Each pass learns at least one value at one node, or is the last.
    loop {
        let mut learnt = false;
        for (index, edges) in graph.edges.iter().enumerate() {
            for edge in edges {
                let mut brings = known.get(index).cloned().unwrap_or_default();
                brings.extend(edge.keeps);
                if let (By::Return, Some(Then::Call { flow, .. })) =
                    (edge.by, graph.scene.nodes.get(index).map(|node| &node.then))
                {
                    brings.extend(within(*flow));
                    let inner = graph.scene.nodes.iter().enumerate().filter(|(_, node)| node.flow == Some(*flow));
                    let inner: Vec<&str> = inner.filter_map(|(index, _)| known.get(index)).flatten().copied().collect();
                    brings.extend(inner);
                }
                if let Some(there) = known.get_mut(edge.to) {
                    let before = there.len();
                    there.extend(brings);
                    learnt |= there.len() > before;
                }
            }
        }
        if !learnt {
            return known;
        }
    }
}

/// Every name that a node speaks, or dials.
fn spoken(node: &Node) -> BTreeSet<&str> {
    let mut templates: Vec<_> = node.say.iter().chain(&node.again).collect();
    match &node.then {
        Then::Listen(listening) => {
            templates.extend(listening.on_silence.say.iter().chain(&listening.on_unknown.say));
        }
        Then::Transfer(transfer) => templates.push(&transfer.to),
        _ => {}
    }
    templates.into_iter().flat_map(Template::slots).collect()
}

fn asked(condition: &Condition) -> impl Iterator<Item = &str> {
    let values = condition.mentions().iter().filter(|mention| mention.list == MentionList::Values);
    values.map(|mention| mention.name.as_str())
}
