//! Somebody who is asked what a customer meant where the rules of a scene understand nothing.

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
