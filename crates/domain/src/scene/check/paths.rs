//! Where conversations can and cannot come to.

use std::collections::{BTreeSet, VecDeque};

use super::super::Scene;
use super::super::model::{Listening, NodeIndex, Then};
use super::super::problem::Problems;
use super::super::source::Position;
use super::Places;
use super::graph::{By, Graph};
use crate::message::Message;
use crate::say;

/// How deep flows may call each other.
const FLOW_DEPTH_MAX: usize = 8;

/// Whether no flow enters itself, and none is entered too deep. Otherwise that is a problem.
pub(super) fn flows_end(scene: &Scene, places: &Places, problems: &mut Problems) -> bool {
    let calls = |flow: usize| {
        let nodes = scene.nodes.iter().filter(move |node| node.flow == Some(flow));
        nodes.filter_map(|node| match node.then {
            Then::Call { flow: called, .. } => Some(called),
            _ => None,
        })
    };
    let mut fine = true;
    for (flow, &at) in places.flows.iter().enumerate() {
        let mut entered: BTreeSet<usize> = calls(flow).collect();
        let mut layer = entered.clone();
        let mut depth = 1;
        while !layer.is_empty() && depth <= places.flows.len() {
            layer = layer.iter().flat_map(|&called| calls(called)).collect();
            entered.extend(&layer);
            depth += usize::from(!layer.is_empty());
        }
        if entered.contains(&flow) {
            let message = say!(
                "this flow enters itself: the robot would never come back from it",
                "这个流程会再次进入自己，机器人永远出不来"
            );
            problems.error(at, message);
            fine = false;
        } else if depth > FLOW_DEPTH_MAX {
            let message =
                say!("flows may call each other at most {FLOW_DEPTH_MAX} deep", "流程之间最多嵌套 {FLOW_DEPTH_MAX} 层");
            problems.error(at, message);
            fine = false;
        }
    }
    fine
}

impl Graph<'_> {
    /// Nodes that follow each other without ever listening: the robot would talk for ever.
    pub(super) fn endless_prompts(&self, problems: &mut Problems) {
        let mut reported: BTreeSet<NodeIndex> = BTreeSet::new();
        for start in 0..self.scene.nodes.len() {
            let round = self.follow(self.silent(start), |node| self.silent(node));
            if !round.contains(&start) || reported.contains(&start) {
                continue;
            }
            let message = say!(
                "from `{node}` the prompts lead round to itself without ever listening",
                "从“{node}”出发一直只说不听，又绕回自己；请让其中一个节点听客户说",
                node = self.name(start)
            );
            problems.error(self.at(start), message);
            reported.extend(round);
        }
    }

    /// Where a node leads without a turn of the customer.
    fn silent(&self, node: NodeIndex) -> Vec<NodeIndex> {
        let edges = self.edges(node).iter().filter(|edge| match edge.by {
            By::Prompt | By::Failed => true,
            By::Return => edge.turns == 0,
            By::Answer | By::Anywhere | By::Knowledge | By::Fallback | By::Call => false,
        });
        edges.map(|edge| edge.to).collect()
    }

    /// These nodes, and all that they lead to.
    fn follow(&self, from: Vec<NodeIndex>, next: impl Fn(NodeIndex) -> Vec<NodeIndex>) -> BTreeSet<NodeIndex> {
        let mut found: BTreeSet<NodeIndex> = from.iter().copied().collect();
        let mut waiting: VecDeque<NodeIndex> = from.into();
        while let Some(node) = waiting.pop_front() {
            waiting.extend(next(node).into_iter().filter(|&way| found.insert(way)));
        }
        found
    }

    /// Every node that some conversation can come to.
    pub(super) fn reachable(&self) -> BTreeSet<NodeIndex> {
        self.follow(vec![self.scene.start], |node| self.edges(node).iter().map(|edge| edge.to).collect())
    }

    pub(super) fn unreachable(&self, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
        let enters = |flow: usize| {
            let called = |node: NodeIndex| {
                matches!(self.scene.nodes.get(node).map(|node| &node.then),
                    Some(Then::Call { flow: called, .. }) if *called == flow)
            };
            reachable.iter().any(|&node| called(node))
        };
        let unused: BTreeSet<usize> = (0..self.places.flows.len()).filter(|&flow| !enters(flow)).collect();
        for &flow in &unused {
            let at = self.places.flows.get(flow).copied().unwrap_or(Position::START);
            problems.warning(at, say!("nothing calls this flow", "没有节点进入这个流程"));
        }
        for (index, node) in self.scene.nodes.iter().enumerate() {
            if !reachable.contains(&index) && node.flow.is_none_or(|flow| !unused.contains(&flow)) {
                let message =
                    say!("nothing leads to the node `{name}`", "没有任何分支通向节点“{name}”", name = node.name);
                problems.warning(self.at(index), message);
            }
        }
    }

    /// Nodes from which the customer's own answers, or nothing at all, lead to an end.
    pub(super) fn without_exit(&self, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
        let by_answers = self.with_exit(|by| !matches!(by, By::Anywhere | By::Knowledge | By::Fallback), false);
        let by_anything = self.with_exit(|_| true, true);
        let rounds = self.scene.rounds_max;
        let stuck: Vec<NodeIndex> = reachable.difference(&by_anything).copied().collect();
        self.report(
            &stuck,
            &say!(
                "nothing leads from here to an end; the call ends only after {rounds} rounds",
                "从这里走不到结束，只能等满 {rounds} 轮才挂机"
            ),
            problems,
        );
        let mut stuck: Vec<NodeIndex> = reachable.difference(&by_answers).copied().collect();
        stuck.retain(|node| by_anything.contains(node));
        self.report(
            &stuck,
            &say!(
                "no answer leads from here to an end; the call ends only by silence or after {rounds} rounds",
                "客户怎么回答都走不到结束，只能等客户沉默或满 {rounds} 轮才挂机"
            ),
            problems,
        );
    }

    fn report(&self, stuck: &[NodeIndex], Message { en, zh }: &Message, problems: &mut Problems) {
        if let Some(&first) = stuck.first() {
            let names: Vec<&str> = stuck.iter().map(|&index| self.name(index)).collect();
            let message = say!(
                "{en}: `{in_english}`",
                "{zh}：“{in_chinese}”",
                in_english = names.join("`, `"),
                in_chinese = names.join("”、“")
            );
            problems.warning(self.at(first), message);
        }
    }

    /// The nodes from which such ways lead to an end of the call, or of their flow.
    fn with_exit(&self, counts: impl Fn(By) -> bool, closing_counts: bool) -> BTreeSet<NodeIndex> {
        let mut with_exit: BTreeSet<NodeIndex> = BTreeSet::new();
        // Each pass finds at least one more node, or is the last.
        for _ in 0..=self.scene.nodes.len() {
            let before = with_exit.len();
            for (index, node) in self.scene.nodes.iter().enumerate() {
                let ends = match &node.then {
                    Then::End { .. } | Then::Transfer(_) | Then::Return { .. } => true,
                    Then::Listen(listening) => closing_counts && closes(listening),
                    Then::Call { flow, .. } => self.ends_within(*flow),
                    Then::GoOn(_) => false,
                };
                let mut ways = self.edges(index).iter().filter(|edge| edge.by != By::Call && counts(edge.by));
                if ends || ways.any(|edge| with_exit.contains(&edge.to)) {
                    with_exit.insert(index);
                }
            }
            if with_exit.len() == before {
                break;
            }
        }
        with_exit
    }

    /// Whether the call can end in a flow.
    fn ends_within(&self, flow: usize) -> bool {
        let mut nodes = self.scene.nodes.iter().filter(|node| node.flow == Some(flow));
        nodes.any(|node| matches!(node.then, Then::End { .. } | Then::Transfer(_)))
    }

    /// Whether a conversation can come to an end in the turns that it has.
    pub(super) fn rounds(&self, problems: &mut Problems) {
        let Some(at) = self.places.rounds_max else {
            return;
        };
        let turns = self.turns(self.scene.start);
        let ends = turns.iter().filter(|(node, _)| {
            let then = self.scene.nodes.get(**node).map(|node| &node.then);
            matches!(then, Some(Then::End { .. } | Then::Transfer(_)))
        });
        let shortest = ends.map(|(_, &turns)| turns).min();
        if let Some(shortest) = shortest.filter(|&shortest| shortest > self.scene.rounds_max) {
            let message = say!(
                "the shortest way to an end takes {shortest} turns of the customer, and the call ends after {rounds}",
                "走到结束最少要客户说 {shortest} 轮，而通话满 {rounds} 轮就挂机",
                rounds = self.scene.rounds_max
            );
            problems.warning(at, message);
        }
    }
}

/// Whether silence or misunderstanding ends the call here.
fn closes(listening: &Listening) -> bool {
    listening.on_silence.next.is_none() || (listening.on_unknown.next.is_none() && listening.otherwise.is_none())
}
