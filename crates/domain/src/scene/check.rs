//! What is wrong with a scene as a whole: nodes that nothing leads to, loops that nothing leads out of, meanings that
//! hide each other, results that nothing gives.

mod graph;
mod kept;
mod paths;
mod results;
mod shadows;

use super::Scene;
use super::problem::Problems;
use super::source::Position;
use graph::Graph;

/// Where the things of a scene stand in its file.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) nodes: Vec<Position>,
    pub(super) flows: Vec<Position>,
    /// None for those that are built in.
    pub(super) intents: Vec<Option<Position>>,
    pub(super) knowledge: Vec<Position>,
    pub(super) results: Vec<ResultPlaces>,
    /// None where the scene leaves it out.
    pub(super) rounds_max: Option<Position>,
}

/// Where the parts of a result stand.
#[derive(Debug)]
pub(super) struct ResultPlaces {
    pub(super) at: Position,
    pub(super) values: Vec<Position>,
    pub(super) rules: Vec<Position>,
}

/// Looks at a scene whose names are all known.
pub(super) fn check(scene: &Scene, places: &Places, problems: &mut Problems) {
    if !paths::flows_end(scene, places, problems) {
        return;
    }
    let graph = Graph::new(scene, places);
    graph.endless_prompts(problems);
    if problems.has_errors() {
        // Whatever else could be said follows from that.
        return;
    }
    let reachable = graph.reachable();
    graph.unreachable(&reachable, problems);
    graph.without_exit(&reachable, problems);
    graph.rounds(problems);
    kept::check(&graph, &reachable, problems);
    shadows::check(scene, places, &reachable, problems);
    results::check(scene, places, problems);
}
