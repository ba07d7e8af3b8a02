//! The flow of a scene as a drawing: layers of cards from left to right, a row in each card for every way on.
//!
//! A way to a later layer is a line; it goes through the layers in between at a place of its own, which it shares with
//! all other ways to the same card. A way back is named in its row, with no line; so are ways that are open everywhere,
//! whose lines would cover all others.

use std::collections::BTreeMap;

use hutong_domain::scene::outline::{By, Exit, Outline};

use super::{conditions, words};
use crate::ui::Ui;

const CARD_WIDTH: i32 = 250;
const LAYER_GAP: i32 = 70;
const CARD_GAP: i32 = 16;
/// What a line needs on its way through a layer.
const LANE_HEIGHT: i32 = 4;
const MARGIN: i32 = 10;
/// Of a card: its name, a line of its words, a row.
const NAME_HEIGHT: i32 = 26;
const WORDS_HEIGHT: i32 = 18;
const ROW_HEIGHT: i32 = 20;
const FOOT: i32 = 6;
/// Widths of letters in a card, in tenths of a pixel.
const WIDE: i32 = 125;
const NARROW: i32 = 68;
/// How often cards are put in order by what leads to them.
const SWEEPS: usize = 6;

/// A drawing.
pub(crate) struct Flow {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) cards: Vec<Card>,
    pub(crate) lines: Vec<Line>,
}

/// A step.
pub(crate) struct Card {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) height: i32,
    pub(crate) name: String,
    pub(crate) short: String,
    /// Its line in the text; 0: it stands for ways that are open everywhere.
    pub(crate) line: u32,
    pub(crate) class: &'static str,
    pub(crate) is_start: bool,
    /// What is said, cut to what fits.
    pub(crate) words: String,
    pub(crate) does: String,
    pub(crate) rows: Vec<Row>,
}

/// A way on.
pub(crate) struct Row {
    /// From the top of its card.
    pub(crate) y: i32,
    pub(crate) label: String,
    pub(crate) to: String,
    pub(crate) is_back: bool,
    /// Everything about it, for who points at it.
    pub(crate) title: String,
    target: Option<usize>,
    is_fallback: bool,
}

/// A way, as the data of a path.
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) is_fallback: bool,
}

impl Card {
    pub(crate) const fn width(&self) -> i32 {
        CARD_WIDTH
    }

    /// The ways that are drawn.
    fn ways(&self) -> impl Iterator<Item = &Row> {
        let is_step = self.line > 0;
        self.rows.iter().filter(move |row| is_step && !row.is_back)
    }
}

/// Draws a scene.
pub(super) fn draw(ui: &Ui, outline: &Outline) -> Flow {
    let mut cards = cards(ui, outline);
    let layers = layers(&cards, outline.position(&outline.start).unwrap_or(0));
    for (card, layer) in cards.iter_mut().zip(&layers) {
        card.x = MARGIN + i32::try_from(*layer).unwrap_or(0) * (CARD_WIDTH + LAYER_GAP);
    }
    for index in 0..cards.len() {
        let from = layers.get(index).copied().unwrap_or(0);
        let Some(card) = cards.get_mut(index) else { continue };
        for row in &mut card.rows {
            let to = row.target.and_then(|target| layers.get(target)).copied();
            row.is_back = to.is_some_and(|to| to <= from);
        }
    }
    let mut grid = Grid::new(&cards, &layers);
    grid.order(&cards);
    grid.place(&mut cards);
    let lines = grid.lines(&cards, &layers);
    let width = cards.iter().map(|card| card.x + CARD_WIDTH).max().unwrap_or(0) + MARGIN;
    let height = cards.iter().map(|card| card.y + card.height).max().unwrap_or(0) + MARGIN;
    Flow { width, height, cards, lines }
}

fn cards(ui: &Ui, outline: &Outline) -> Vec<Card> {
    let row = |exit: &Exit| {
        let mut title = format!("{} → {}", words::exit(ui, exit), exit.to);
        if let Some(when) = &exit.when {
            title = format!("{title}\n{}", conditions::words(ui, when));
        }
        let mark = if exit.when.is_some() { "? " } else { "" };
        Row {
            y: 0,
            label: cut(&format!("{mark}{}", words::exit(ui, exit)), 124),
            to: cut(&exit.to, 92),
            is_back: false,
            title,
            target: outline.position(&exit.to),
            is_fallback: matches!(exit.by, By::Silence | By::Unknown | By::Failed),
        }
    };
    let mut cards: Vec<Card> = outline
        .steps
        .iter()
        .map(|step| Card {
            name: step.name.clone(),
            short: cut(&step.name, CARD_WIDTH - 24),
            line: step.line,
            class: words::class(step),
            is_start: step.name == outline.start,
            words: cut(step.says.first().map_or("", String::as_str), CARD_WIDTH - 20),
            does: cut(&words::does(ui, step), CARD_WIDTH - 20),
            rows: step.exits.iter().map(row).collect(),
            ..Card::default()
        })
        .collect();
    let questions: Vec<(String, &Exit)> =
        outline.knowledge.iter().flat_map(|it| it.exits.iter().map(|exit| (it.name.clone(), exit))).collect();
    let everywhere = [
        (ui.t("任何节点", "At any step"), outline.anywhere.iter().map(row).collect::<Vec<Row>>()),
        (
            ui.t("知识库", "Knowledge"),
            questions.iter().map(|(name, exit)| Row { label: cut(name, 124), ..row(exit) }).collect(),
        ),
    ];
    for (name, rows) in everywhere.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        cards.push(Card {
            name: name.to_owned(),
            short: name.to_owned(),
            class: "everywhere",
            rows,
            ..Card::default()
        });
    }
    for card in &mut cards {
        let above = NAME_HEIGHT
            + WORDS_HEIGHT * [&card.words, &card.does].iter().map(|it| i32::from(!it.is_empty())).sum::<i32>();
        for (row, y) in card.rows.iter_mut().zip((above..).step_by(ROW_HEIGHT.unsigned_abs() as usize)) {
            row.y = y;
        }
        card.height = above + i32::try_from(card.rows.len()).unwrap_or(0) * ROW_HEIGHT + FOOT;
    }
    cards
}

impl Default for Card {
    fn default() -> Self {
        let empty = String::new;
        Self {
            x: 0,
            y: 0,
            height: 0,
            name: empty(),
            short: empty(),
            line: 0,
            class: "",
            is_start: false,
            words: empty(),
            does: empty(),
            rows: Vec::new(),
        }
    }
}

/// Which layer each card is in: one beyond the last that leads to it, ways back left out.
fn layers(cards: &[Card], start: usize) -> Vec<usize> {
    let targets = |index: usize| -> Vec<usize> {
        cards.get(index).map_or_else(Vec::new, |card| card.rows.iter().filter_map(|row| row.target).collect())
    };
    // Depth first, without a call for each step: a scene may be one long chain.
    let (mut state, mut done, mut back) = (vec![0_u8; cards.len()], Vec::new(), std::collections::BTreeSet::new());
    for root in [start].into_iter().chain(0..cards.len()) {
        if state.get(root).is_none_or(|it| *it != 0) {
            continue;
        }
        let mut stack = vec![(root, targets(root).into_iter())];
        set(&mut state, root, 1);
        while let Some((node, rest)) = stack.last_mut() {
            let node = *node;
            match rest.next() {
                Some(to) if state.get(to) == Some(&1) => {
                    back.insert((node, to));
                }
                Some(to) if state.get(to) == Some(&0) => {
                    set(&mut state, to, 1);
                    stack.push((to, targets(to).into_iter()));
                }
                Some(_) => {}
                None => {
                    set(&mut state, node, 2);
                    done.push(node);
                    stack.pop();
                }
            }
        }
    }
    let mut layers = vec![0; cards.len()];
    for &node in done.iter().rev() {
        let next = layers.get(node).map_or(0, |layer| layer + 1);
        for to in targets(node) {
            if !back.contains(&(node, to)) && layers.get(to).is_some_and(|layer| *layer < next) {
                set(&mut layers, to, next);
            }
        }
    }
    layers
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}

/// A card, or the lane of all ways to a card in a layer before its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Card(usize),
    Lane(usize),
}

struct Grid {
    layers: Vec<Vec<Item>>,
    /// What leads to each item in the layer before it, and where each leads in the next.
    before: BTreeMap<(usize, Item), Vec<Item>>,
    after: BTreeMap<(usize, Item), Vec<Item>>,
    /// The middle of each item.
    middle: BTreeMap<(usize, Item), i32>,
}

impl Grid {
    fn new(cards: &[Card], layers: &[usize]) -> Self {
        let count = layers.iter().max().map_or(0, |last| last + 1);
        let mut grid = Self {
            layers: vec![Vec::new(); count],
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            middle: BTreeMap::new(),
        };
        for (index, layer) in layers.iter().enumerate() {
            grid.add(*layer, Item::Card(index));
        }
        for (index, card) in cards.iter().enumerate() {
            for target in card.ways().filter_map(|row| row.target) {
                let (Some(&from), Some(&to)) = (layers.get(index), layers.get(target)) else { continue };
                let mut last = Item::Card(index);
                for layer in from + 1..=to {
                    let next = if layer == to { Item::Card(target) } else { Item::Lane(target) };
                    grid.add(layer, next);
                    grid.after.entry((layer - 1, last)).or_default().push(next);
                    grid.before.entry((layer, next)).or_default().push(last);
                    last = next;
                }
            }
        }
        grid
    }

    fn add(&mut self, layer: usize, item: Item) {
        if let Some(items) = self.layers.get_mut(layer).filter(|items| !items.contains(&item)) {
            items.push(item);
        }
    }

    /// Each layer by where its neighbours stand, there and back.
    fn order(&mut self, cards: &[Card]) {
        let count = self.layers.len();
        for sweep in 0..SWEEPS {
            for step in 0..count {
                let forth = sweep % 2 == 0;
                let layer = if forth { step } else { count - 1 - step };
                let other = if forth { layer.checked_sub(1) } else { Some(layer + 1) };
                let Some(neighbours) = other.and_then(|other| self.layers.get(other)) else { continue };
                let places: BTreeMap<Item, i64> = neighbours.iter().copied().zip(0..).collect();
                let of = if forth { &self.before } else { &self.after };
                let key = |item: Item, own: i64| {
                    let near: Vec<i64> =
                        of.get(&(layer, item)).into_iter().flatten().filter_map(|it| places.get(it).copied()).collect();
                    let count = i64::try_from(near.len()).unwrap_or(1);
                    near.iter().sum::<i64>().saturating_mul(1000).checked_div(count).unwrap_or(own * 1000)
                };
                let Some(items) = self.layers.get(layer) else { continue };
                let mut sorted: Vec<(i64, Item)> =
                    items.iter().zip(0..).map(|(item, own)| (key(*item, own), *item)).collect();
                sorted.sort_by_key(|(key, _)| *key);
                let sorted = sorted.into_iter().map(|(_, item)| item).collect();
                set(&mut self.layers, layer, sorted);
            }
        }
        // What the conversation begins with stands on top.
        if let Some(first) = self.layers.first_mut() {
            first.sort_by_key(
                |item| !matches!(item, Item::Card(index) if cards.get(*index).is_some_and(|it| it.is_start)),
            );
        }
    }

    /// Each item beside what leads to it, as far as there is room.
    fn place(&mut self, cards: &mut [Card]) {
        for layer in 0..self.layers.len() {
            let items = self.layers.get(layer).cloned().unwrap_or_default();
            let mut tops = Vec::with_capacity(items.len());
            let (mut free, mut drift) = (MARGIN, 0);
            for item in &items {
                let height = height(*item, cards);
                let near: Vec<i32> = self.ports(layer, *item, cards);
                let count = i32::try_from(near.len()).unwrap_or(1);
                let wanted = near.iter().sum::<i32>().checked_div(count).map_or(free, |middle| middle - height / 2);
                let top = wanted.max(free);
                drift += top - wanted;
                free = top + height + CARD_GAP;
                tops.push(top);
            }
            // The layer as a whole moves up by what its items were pushed down.
            let count = i32::try_from(items.len()).unwrap_or(1).max(1);
            let up = (drift / count).min(tops.first().map_or(0, |top| top - MARGIN)).max(0);
            for (item, top) in items.iter().zip(tops) {
                self.middle.insert((layer, *item), top - up + height(*item, cards) / 2);
                if let Item::Card(index) = item
                    && let Some(card) = cards.get_mut(*index)
                {
                    card.y = top - up;
                }
            }
        }
    }

    /// Where lines come from that lead to an item.
    fn ports(&self, layer: usize, item: Item, cards: &[Card]) -> Vec<i32> {
        let target = match item {
            Item::Card(index) | Item::Lane(index) => index,
        };
        let before = self.before.get(&(layer, item)).into_iter().flatten();
        let ports = before.flat_map(|from| match from {
            Item::Lane(_) => self.middle.get(&(layer.wrapping_sub(1), *from)).copied().into_iter().collect(),
            Item::Card(index) => cards.get(*index).map_or_else(Vec::new, |card| {
                let rows = card.rows.iter().filter(|row| row.target == Some(target));
                rows.map(|row| card.y + row.y + ROW_HEIGHT / 2).collect::<Vec<i32>>()
            }),
        });
        ports.collect()
    }

    fn lines(&self, cards: &[Card], layers: &[usize]) -> Vec<Line> {
        let mut lines = Vec::new();
        for (index, card) in cards.iter().enumerate() {
            for row in card.ways() {
                let Some((target, to)) = row.target.and_then(|it| Some((it, cards.get(it)?))) else { continue };
                let (Some(&from), Some(&until)) = (layers.get(index), layers.get(target)) else { continue };
                let (mut x, mut y) = (card.x + CARD_WIDTH, card.y + row.y + ROW_HEIGHT / 2);
                let mut path = format!("M{x} {y}");
                let mut curve = |to_x: i32, to_y: i32| {
                    let middle = i32::midpoint(x, to_x);
                    path.push_str(&format!(" C{middle} {y} {middle} {to_y} {to_x} {to_y}"));
                    (x, y) = (to_x, to_y);
                };
                for layer in from + 1..until {
                    let left = MARGIN + i32::try_from(layer).unwrap_or(0) * (CARD_WIDTH + LAYER_GAP);
                    let lane = self.middle.get(&(layer, Item::Lane(target))).copied().unwrap_or(0);
                    curve(left, lane);
                    curve(left + CARD_WIDTH, lane);
                }
                curve(to.x, to.y + NAME_HEIGHT / 2);
                lines.push(Line { path, is_fallback: row.is_fallback });
            }
        }
        lines
    }
}

fn height(item: Item, cards: &[Card]) -> i32 {
    match item {
        Item::Card(index) => cards.get(index).map_or(0, |card| card.height),
        Item::Lane(_) => LANE_HEIGHT,
    }
}

/// As much of a text as so many pixels hold.
fn cut(text: &str, pixels: i32) -> String {
    let (mut left, mut cut) = (pixels * 10, String::new());
    for letter in text.chars() {
        let width = if u32::from(letter) >= 0x2e80 { WIDE } else { NARROW };
        if left < width + WIDE && cut.chars().count() + 1 < text.chars().count() {
            cut.push('…');
            return cut;
        }
        left -= width;
        cut.push(letter);
    }
    cut
}

#[cfg(test)]
mod tests {
    use hutong_domain::moment::Moment;
    use hutong_domain::scene::BUILT_IN;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::ui::Look;

    fn drawn(yaml: &str) -> Flow {
        let ui =
            Ui { look: Look::default(), zone: TimeZone::UTC, now: Moment(0), user: None, company: None, section: "" };
        draw(&ui, &Outline::read(yaml).unwrap())
    }

    #[test]
    fn cards_of_every_scene_that_ships_lie_beside_each_other() {
        for built_in in BUILT_IN {
            let flow = drawn(built_in.yaml);
            for (index, a) in flow.cards.iter().enumerate() {
                assert!(a.x >= 0 && a.y >= 0 && a.x + CARD_WIDTH <= flow.width && a.y + a.height <= flow.height);
                for b in flow.cards.iter().skip(index + 1) {
                    let apart = a.x != b.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
                    assert!(apart, "{}: {} and {}", built_in.file, a.name, b.name);
                }
            }
            let forth = flow.cards.iter().filter(|card| card.line > 0).flat_map(|card| &card.rows);
            let forth = forth.filter(|row| !row.is_back).count();
            assert_eq!(flow.lines.len(), forth, "{}", built_in.file);
        }
    }

    #[test]
    fn every_way_forth_is_a_line_and_ways_back_are_none() {
        let nodes = "nodes:\n  - { name: 甲, say: 一, branches: [{ intent: 肯定, next: 乙 }, { intent: 否定, next: 丙 }] }\n  \
                     - { name: 乙, say: 二, branches: [{ intent: 肯定, next: 丙 }, { intent: 否定, next: 甲 }] }\n  \
                     - { name: 丙, say: 三, end: { reason: 完 } }\n";
        let flow = drawn(&format!("hutong: 1\nname: 话\nrobot: {{ name: 人 }}\n{nodes}results: []\n"));
        let columns: Vec<i32> = flow.cards.iter().map(|card| (card.x - MARGIN) / (CARD_WIDTH + LAYER_GAP)).collect();
        assert_eq!(columns, [0, 1, 2]);
        let back: Vec<bool> = flow.cards.iter().flat_map(|card| &card.rows).map(|row| row.is_back).collect();
        assert_eq!(back, [false, false, false, true]);
        assert_eq!(flow.lines.len(), 3);
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!((cut("开场", 60), cut("开场白很长很长", 50)), ("开场".to_owned(), "开场白…".to_owned()));
        assert_eq!((cut("", 10), cut("abc", 1)), (String::new(), "…".to_owned()));
    }
}
