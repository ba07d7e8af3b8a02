//! Charts that are drawn on the server: figures in, an SVG's numbers out.

/// Units of a chart's height that columns take.
const HEIGHT: i64 = 100;
/// Units of a chart's width, about: however many columns there are, its letters are of one size.
const WIDTH: i64 = 624;
/// Units of a column's width, at most.
const COLUMN_MAX: i64 = 48;

/// Columns beside each other, each with a part that stands out.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) width: i64,
    /// Width of a column.
    pub(crate) column: i64,
    pub(crate) columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) x: i64,
    pub(crate) middle: i64,
    pub(crate) whole_y: i64,
    pub(crate) whole_height: i64,
    pub(crate) part_y: i64,
    pub(crate) part_height: i64,
    pub(crate) label: String,
    /// The figures in words.
    pub(crate) title: String,
}

/// What a column shows: a label, the whole, a part of it, and the figures in words.
pub(crate) type Figure = (String, i64, i64, String);

impl Columns {
    pub(crate) fn new(figures: Vec<Figure>) -> Self {
        let most = figures.iter().map(|(_, whole, ..)| *whole).max().unwrap_or(0);
        // What is more than nothing is seen.
        let height = |count: i64| if count <= 0 { 0 } else { (count * HEIGHT / most.max(1)).max(1) };
        let step = (WIDTH / i64::try_from(figures.len()).unwrap_or(WIDTH).max(1)).max(2);
        let column = (step * 10 / 13).clamp(1, COLUMN_MAX);
        let columns = (0..).zip(figures).map(|(nth, (label, whole, part, title))| {
            let at: i64 = nth * step;
            let (x, middle) = (at + (step - column) / 2, at + step / 2);
            let (whole_height, part_height) = (height(whole), height(part.min(whole)));
            let (whole_y, part_y) = (HEIGHT - whole_height, HEIGHT - part_height);
            Column { x, middle, whole_y, whole_height, part_y, part_height, label, title }
        });
        let columns: Vec<Column> = columns.collect();
        let width = i64::try_from(columns.len()).unwrap_or(1).max(1) * step;
        Self { width, column, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_fills_the_chart_and_the_least_is_seen() {
        let figure = |whole, part| ("9".to_owned(), whole, part, String::new());
        let chart = Columns::new(vec![figure(1000, 500), figure(1, 0), figure(0, 0)]);
        let heights: Vec<_> = chart.columns.iter().map(|it| (it.whole_height, it.part_height)).collect();
        assert_eq!(heights, [(100, 50), (1, 0), (0, 0)]);
        assert_eq!(Columns::new(Vec::new()).width, WIDTH);
        for count in [1, 7, 24, 31, 92] {
            let chart = Columns::new(vec![figure(1, 0); count]);
            assert!((WIDTH * 4 / 5..=WIDTH).contains(&chart.width), "{count} columns are {} wide", chart.width);
        }
    }
}
