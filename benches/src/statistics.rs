//! Medians and percentiles.

use std::time::Duration;

/// The value that so many percent of `values` are not above; nothing of nothing.
pub(crate) fn percentile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    let at = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(0)
}

/// The middle one of several figures, and the range that they are in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Figure {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let (half, last) = (sorted.len() / 2, sorted.len().saturating_sub(1));
        let median =
            if sorted.len().is_multiple_of(2) { f64::midpoint(at(half.saturating_sub(1)), at(half)) } else { at(half) };
        Self { median, least: at(0), most: at(last) }
    }
}

/// A count as a figure to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
pub(crate) fn figure(count: u64) -> f64 {
    count as f64
}

/// Microseconds, rounded down.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Figure::of([3.0, 1.0, 2.0]), Figure { median: 2.0, least: 1.0, most: 3.0 });
        assert!((Figure::of([4.0, 1.0, 2.0, 3.0]).median - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut values, 50), 51);
        assert_eq!(percentile(&mut values, 99), 100);
        assert_eq!(percentile(&mut values, 100), 100);
        assert_eq!(percentile(&mut [], 50), 0);
    }
}
