//! What is wrong with a scene as a whole: nodes that nothing leads to, loops that nothing leads out of.

use std::collections::{BTreeSet, VecDeque};

use super::Scene;
use super::model::{Node, NodeIndex, Then};
use super::problem::Problems;
use super::source::Position;

/// Looks at the graph of a scene whose names are all known. `positions` says where each node stands.
pub(super) fn check(scene: &Scene, positions: &[Position], problems: &mut Problems) {
    let graph = Graph { scene, positions };
    graph.endless_prompts(problems);
    if problems.has_errors() {
        // Whatever else could be said follows from that.
        return;
    }
    let reachable = graph.reachable();
    graph.unreachable(&reachable, problems);
    graph.without_exit(&reachable, problems);
}

struct Graph<'a> {
    scene: &'a Scene,
    positions: &'a [Position],
}

impl Graph<'_> {
    fn at(&self, node: NodeIndex) -> Position {
        self.positions.get(node).copied().unwrap_or(Position::START)
    }

    fn name(&self, node: NodeIndex) -> &str {
        self.scene.nodes.get(node).map_or("", |node| &node.name)
    }

    /// Nodes that follow each other without ever listening: the robot would talk for ever.
    fn endless_prompts(&self, problems: &mut Problems) {
        for start in 0..self.scene.nodes.len() {
            let mut current = start;
            // A chain longer than the scene has nodes has come round to itself.
            for _ in 0..self.scene.nodes.len() {
                let Some(Then::GoOn(next)) = self.scene.nodes.get(current).map(|node| &node.then) else {
                    break;
                };
                current = *next;
                if current == start {
                    let message =
                        format!("from `{}` the prompts lead round to itself without ever listening", self.name(start));
                    problems.error(self.at(start), message);
                    break;
                }
            }
        }
    }

    /// Every node that some conversation can come to.
    fn reachable(&self) -> BTreeSet<NodeIndex> {
        let mut reachable = BTreeSet::from([self.scene.start]);
        let mut waiting = VecDeque::from([self.scene.start]);
        let answers: Vec<NodeIndex> = self.scene.knowledge.iter().filter_map(|entry| entry.then).collect();
        while let Some(index) = waiting.pop_front() {
            let Some(node) = self.scene.nodes.get(index) else {
                continue;
            };
            let mut next = ways_on(node, true);
            if matches!(node.then, Then::Listen(_)) {
                next.extend(&answers);
            }
            for way in next {
                if reachable.insert(way) {
                    waiting.push_back(way);
                }
            }
        }
        reachable
    }

    fn unreachable(&self, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
        for index in 0..self.scene.nodes.len() {
            if !reachable.contains(&index) {
                let message = format!("nothing leads to the node `{}`", self.name(index));
                problems.warning(self.at(index), message);
            }
        }
    }

    /// Nodes from which the customer's own answers never lead to an end.
    fn without_exit(&self, reachable: &BTreeSet<NodeIndex>, problems: &mut Problems) {
        let mut with_exit: BTreeSet<NodeIndex> = BTreeSet::new();
        // Each pass finds at least one more node, or is the last.
        for _ in 0..=self.scene.nodes.len() {
            let before = with_exit.len();
            for (index, node) in self.scene.nodes.iter().enumerate() {
                let leads_out = matches!(node.then, Then::End { .. })
                    || ways_on(node, false).iter().any(|way| with_exit.contains(way));
                if leads_out {
                    with_exit.insert(index);
                }
            }
            if with_exit.len() == before {
                break;
            }
        }
        let stuck: Vec<NodeIndex> = reachable.difference(&with_exit).copied().collect();
        if let Some(&first) = stuck.first() {
            let names: Vec<&str> = stuck.iter().map(|&index| self.name(index)).collect();
            let message = format!(
                "no answer leads from here to an end; the call ends only by silence or after {} rounds: `{}`",
                self.scene.rounds_max,
                names.join("`, `")
            );
            problems.warning(self.at(first), message);
        }
    }
}

/// Where a node can lead, with or without what holds at every node and what happens when the
/// customer is silent or not understood.
fn ways_on(node: &Node, all: bool) -> Vec<NodeIndex> {
    match &node.then {
        Then::GoOn(next) => vec![*next],
        Then::End { .. } => Vec::new(),
        Then::Listen(listening) => {
            let mut ways: Vec<NodeIndex> =
                listening.branches.iter().filter(|branch| all || !branch.anywhere).map(|branch| branch.next).collect();
            ways.extend(listening.keys.values());
            ways.extend(listening.otherwise);
            if all {
                ways.extend(listening.on_silence.next);
                ways.extend(listening.on_unknown.next);
            }
            ways
        }
    }
}
