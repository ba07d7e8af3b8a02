//! How surely keywords cover an utterance.

use super::super::words::{FILLER, Normalized, UNITS_MAX};
use super::{Found, Kind, Wording, by_sound_score};

/// What a keyword is worth when nearly nothing else of the utterance is about it.
const KEYWORD_SCORE_MIN: f64 = 0.6;

/// What keywords cover of an utterance.
pub(super) struct Cover<'a, 'said> {
    said: &'said Normalized,
    /// How surely each unit is covered; as long as the utterance.
    units: [f64; UNITS_MAX],
    longest: Option<(&'a Wording, f64)>,
}

impl<'a, 'said> Cover<'a, 'said> {
    pub(super) const fn new(said: &'said Normalized) -> Self {
        Self { said, units: [0.0; UNITS_MAX], longest: None }
    }

    pub(super) fn add(&mut self, keyword: &'a Wording, start: usize, likeness: f64, weight: f64) {
        let sureness = likeness * keyword.weight * weight;
        for unit in self.units.iter_mut().skip(start).take(keyword.units.len()) {
            *unit = unit.max(sureness);
        }
        // What was really said is told before what only sounds so, and the longer before the shorter.
        let rank = |wording: &Wording, likeness: f64| (likeness >= 1.0, wording.units.len(), wording.weight >= 1.0);
        if self.longest.is_none_or(|(other, theirs)| rank(keyword, likeness) > rank(other, theirs)) {
            self.longest = Some((keyword, likeness));
        }
    }

    pub(super) fn found(&self) -> Option<Found<'a>> {
        let (wording, likeness) = self.longest?;
        let covered = || self.said.units.iter().zip(self.units);
        let (mut meaningful, mut hit) = (0.0, 0.0);
        for (_, sureness) in covered().filter(|(unit, _)| !unit.is(FILLER)) {
            meaningful += 1.0;
            hit += sureness;
        }
        let surest = covered().map(|(_, sureness)| sureness).fold(0.0, f64::max);
        let coverage = if meaningful > 0.0 { hit / meaningful } else { surest };
        let by_sound = likeness < 1.0;
        let value = if by_sound {
            by_sound_score(coverage, likeness)
        } else {
            (KEYWORD_SCORE_MIN + (1.0 - KEYWORD_SCORE_MIN) * coverage) * surest
        };
        Some(Found { value, wording, kind: Kind::Keyword, by_sound })
    }
}
