//! Charts that are drawn on the server: figures in, an SVG's numbers out.

/// Units of a chart's height that columns take.
const HEIGHT: i64 = 100;
/// Units between the beginnings of two columns, and of a column.
const STEP: i64 = 26;
const WIDTH: i64 = 20;

/// Columns beside each other, each with a part that stands out.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) width: i64,
    /// What the highest column stands for.
    pub(crate) most: i64,
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
        let columns = (0..).step_by(STEP as usize).zip(figures).map(|(x, (label, whole, part, title))| {
            let (whole_height, part_height) = (height(whole), height(part.min(whole)));
            let (whole_y, part_y) = (HEIGHT - whole_height, HEIGHT - part_height);
            Column { x, middle: x + WIDTH / 2, whole_y, whole_height, part_y, part_height, label, title }
        });
        let columns: Vec<Column> = columns.collect();
        let width = columns.last().map_or(STEP, |last| last.x + STEP);
        Self { width, most, columns }
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
        assert_eq!((chart.most, heights), (1000, vec![(100, 50), (1, 0), (0, 0)]));
        assert_eq!(Columns::new(Vec::new()).width, STEP);
    }
}
