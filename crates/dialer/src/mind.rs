//! Somebody who is asked what a customer meant where the rules of a scene understand nothing.

use hutong_domain::dialogue::{self, State};
use hutong_domain::scene::Scene;

use crate::runtime::BoxFuture;

/// What was said, and what it may have meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the robot had said last.
    pub robot_said: String,
    /// What the customer said.
    pub customer_said: String,
    /// What the scene expects: names, each with words that mean it.
    pub choices: Vec<(String, Vec<String>)>,
}

/// A language model, as calls see it.
pub trait Mind: Send + Sync + std::fmt::Debug {
    /// The place of the choice that was meant; none where none was, and where it is not known in time. Ends within a
    /// bounded time.
    fn choose(&self, question: Question) -> BoxFuture<'_, Option<usize>>;
}

/// The name of what a language model takes words for, of everything that they may mean now.
pub async fn choice(
    mind: &dyn Mind,
    (scene, state): (&Scene, &State),
    robot_said: String,
    customer_said: &str,
) -> Option<String> {
    let choices = dialogue::candidates(scene, state).into_iter().map(|it| (it.name, it.examples)).collect();
    let question = Question { robot_said, customer_said: customer_said.to_owned(), choices };
    let names: Vec<String> = question.choices.iter().map(|(name, _)| name.clone()).collect();
    let chosen = mind.choose(question).await;
    chosen.and_then(|index| names.into_iter().nth(index))
}
