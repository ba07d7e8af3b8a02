//! A scene as nodes and the ways between them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Scene;
use super::super::model::{Guard, Listening, Node, NodeIndex, Then, Way};
use super::super::source::Position;
use super::Places;

/// Why the talk goes from one node to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// What the customer says or types there.
    Answer,
    /// What they say anywhere.
    Anywhere,
    /// A question that leads elsewhere.
    Knowledge,
    /// Silence, or words that nobody understands.
    Fallback,
    /// Nothing: the robot goes on speaking.
    Prompt,
    /// A transfer that failed.
    Failed,
    /// A sub-flow begins.
    Call,
    /// A sub-flow has ended.
    Return,
}

/// A way from a node.
pub(super) struct Edge<'a> {
    pub(super) to: NodeIndex,
    pub(super) by: By,
    /// What is kept on the way.
    pub(super) keeps: Option<&'a str>,
    /// How many turns of the customer it takes at least.
    pub(super) turns: u32,
}

/// A scene as nodes and the ways between them.
pub(super) struct Graph<'a> {
    pub(super) scene: &'a Scene,
    pub(super) places: &'a Places,
    /// The ways from each node. After a sub-flow they start at the node that called it.
    pub(super) edges: Vec<Vec<Edge<'a>>>,
    /// What each flow can return, and after how many turns of the customer at least.
    pub(super) returns: Vec<BTreeMap<&'a str, u32>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(scene: &'a Scene, places: &'a Places) -> Self {
        let mut graph = Self { scene, places, edges: Vec::new(), returns: vec![BTreeMap::new(); places.flows.len()] };
        // Each pass knows the flows that are one deeper; none calls itself.
        for _ in 0..=places.flows.len() {
            graph.edges = scene.nodes.iter().map(|node| graph.ways(node)).collect();
            let returns = (0..places.flows.len()).map(|flow| graph.returned(flow)).collect();
            if graph.returns == returns {
                break;
            }
            graph.returns = returns;
        }
        graph
    }

    pub(super) fn at(&self, node: NodeIndex) -> Position {
        self.places.nodes.get(node).copied().unwrap_or(Position::START)
    }

    pub(super) fn name(&self, node: NodeIndex) -> &'a str {
        self.scene.nodes.get(node).map_or("", |node| &node.name)
    }

    pub(super) fn edges(&self, node: NodeIndex) -> &[Edge<'a>] {
        self.edges.get(node).map_or(&[], Vec::as_slice)
    }

    /// What a flow returns, and after how many turns.
    fn returned(&self, flow: usize) -> BTreeMap<&'a str, u32> {
        let start = self.scene.nodes.iter().find_map(|node| match node.then {
            Then::Call { flow: called, start, .. } if called == flow => Some(start),
            _ => None,
        });
        let Some(start) = start else {
            return BTreeMap::new();
        };
        let mut returned: BTreeMap<&str, u32> = BTreeMap::new();
        for (node, turns) in self.turns(start) {
            if let Some(Then::Return { name }) = self.scene.nodes.get(node).map(|node| &node.then)
                && self.scene.nodes.get(node).and_then(|node| node.flow) == Some(flow)
            {
                let least = returned.entry(name).or_insert(turns);
                *least = turns.min(*least);
            }
        }
        returned
    }

    /// Every node that can be come to from `start`, with the least number of the customer's turns on the way.
    pub(super) fn turns(&self, start: NodeIndex) -> BTreeMap<NodeIndex, u32> {
        let mut turns: BTreeMap<NodeIndex, u32> = BTreeMap::from([(start, 0)]);
        let mut waiting = BTreeSet::from([(0_u32, start)]);
        while let Some((so_far, node)) = waiting.pop_first() {
            for edge in self.edges(node) {
                let more = so_far.saturating_add(edge.turns);
                if turns.get(&edge.to).is_none_or(|&known| more < known) {
                    turns.insert(edge.to, more);
                    waiting.insert((more, edge.to));
                }
            }
        }
        turns
    }

    fn ways(&self, node: &'a Node) -> Vec<Edge<'a>> {
        let mut edges = Edges(Vec::new());
        match &node.then {
            Then::GoOn(way) => edges.add(way, By::Prompt, None, 0),
            Then::End { .. } | Then::Return { .. } => {}
            Then::Transfer(transfer) => edges.add(&transfer.failed, By::Failed, None, 0),
            Then::Listen(listening) => self.answers(listening, &mut edges),
            Then::Call { flow, start, returns } => {
                edges.0.push(Edge { to: *start, by: By::Call, keeps: None, turns: 0 });
                for (name, turns) in self.returns.get(*flow).into_iter().flatten() {
                    if let Some(way) = returns.get(*name) {
                        edges.add(way, By::Return, None, *turns);
                    }
                }
            }
        }
        edges.0
    }

    fn answers(&self, listening: &'a Listening, edges: &mut Edges<'a>) {
        for branch in &listening.branches {
            let by = if branch.anywhere { By::Anywhere } else { By::Answer };
            edges.add(&branch.next, by, branch.keep.as_deref(), 1);
        }
        for key in listening.keys.values() {
            edges.add(&key.next, By::Answer, key.keep.as_deref(), 1);
        }
        if let Some(entry) = &listening.entry {
            edges.add(&entry.next, By::Answer, entry.keep.as_deref(), 1);
        }
        if let Some(way) = &listening.otherwise {
            edges.add(way, By::Answer, None, 1);
        }
        for fallback in [&listening.on_silence, &listening.on_unknown] {
            if let Some(way) = &fallback.next {
                edges.add(way, By::Fallback, None, fallback.limit.saturating_add(1));
            }
        }
        for entry in &self.scene.knowledge {
            if let Some(way) = &entry.then {
                edges.add(way, By::Knowledge, None, 1);
            }
        }
        edges.0.extend(self.scene.on_deaf.next.map(|to| Edge { to, by: By::Fallback, keeps: None, turns: 0 }));
    }
}

struct Edges<'a>(Vec<Edge<'a>>);

impl<'a> Edges<'a> {
    fn add(&mut self, way: &'a Way, by: By, keeps: Option<&'a str>, turns: u32) {
        self.0.extend(way.targets().map(|to| Edge { to, by, keeps, turns }));
    }
}

/// Every condition of a node's own ways, with what is kept on that way.
pub(super) fn guards<'a>(node: &'a Node) -> Vec<(&'a Guard, Option<&'a str>)> {
    let mut guards = Vec::new();
    let mut add = |way: &'a Way, keeps: Option<&'a str>| guards.extend(way.guards.iter().map(|guard| (guard, keeps)));
    match &node.then {
        Then::GoOn(way) => add(way, None),
        Then::End { .. } | Then::Return { .. } => {}
        Then::Transfer(transfer) => add(&transfer.failed, None),
        Then::Call { returns, .. } => returns.values().for_each(|way| add(way, None)),
        Then::Listen(listening) => {
            let own = listening.branches.iter().filter(|branch| !branch.anywhere);
            own.for_each(|branch| add(&branch.next, branch.keep.as_deref()));
            listening.keys.values().for_each(|key| add(&key.next, key.keep.as_deref()));
            listening.entry.iter().for_each(|entry| add(&entry.next, entry.keep.as_deref()));
            listening.otherwise.iter().for_each(|way| add(way, None));
        }
    }
    guards
}
