//! What is wrong with what was filled in, field by field.

use crate::error::Error;
use crate::ui::Ui;

/// The problems of a form, each with the field that it is shown at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems(Vec<(&'static str, String)>);

impl Problems {
    pub(crate) fn add(&mut self, field: &'static str, words: &str) {
        self.0.push((field, words.to_owned()));
    }

    /// One problem, in the language of the page.
    pub(crate) fn one(field: &'static str, words: &str) -> Self {
        Self(vec![(field, words.to_owned())])
    }

    /// What was refused, at the field that it is about; what failed otherwise stays an error.
    ///
    /// # Errors
    /// What was given, where it is no refusal.
    pub(crate) fn refused(ui: &Ui, field: &'static str, error: impl Into<Error>) -> Result<Self, Error> {
        let error = error.into();
        if error.status() != axum::http::StatusCode::UNPROCESSABLE_ENTITY {
            return Err(error);
        }
        let (zh, en) = error.words();
        Ok(Self::one(field, ui.t(&zh, &en)))
    }

    /// What is wrong with the field; empty where nothing is.
    pub(crate) fn of(&self, field: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == field).map_or("", |(_, words)| words)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        !self.of(field).is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
