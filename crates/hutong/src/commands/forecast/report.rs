//! What a forecast looks like at a terminal.

use hutong_domain::call::FinishStatus;
use hutong_domain::forecast::{Campaign, Figures, HORIZON, Summary};
use hutong_store::forecast::{Basis, Source};

use super::words::{Language, percent, seconds};

/// Days that are listed one by one.
const DAYS_MAX: usize = 14;
/// Columns are this far apart.
const GAP: usize = 2;

/// A campaign with some settings, and how it goes.
pub(super) struct Variant {
    pub(super) campaign: Campaign,
    pub(super) summary: Summary,
}

/// All that is reported.
pub(super) struct Report<'a> {
    pub(super) basis: &'a Basis,
    pub(super) figures: Figures,
    /// The first is the forecast; the others are held against it.
    pub(super) variants: &'a [Variant],
    pub(super) english: bool,
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let Some((base, others)) = self.variants.split_first() else { return String::new() };
        let mut lines = self.heading(base);
        lines.push(String::new());
        lines.extend(self.result(base));
        lines.push(String::new());
        lines.extend(self.days(base));
        if !others.is_empty() {
            lines.push(String::new());
            lines.extend(self.comparison(base, others));
        }
        lines.join("\n") + "\n"
    }

    fn language(&self) -> Language {
        Language { english: self.english }
    }

    fn say<'b>(&self, chinese: &'b str, english: &'b str) -> &'b str {
        self.language().say(chinese, english)
    }

    /// The task, its settings, and what the forecast is made from.
    fn heading(&self, base: &Variant) -> Vec<String> {
        let (language, Basis { task, campaign, .. }) = (self.language(), self.basis);
        let mut lines = vec![format!("task {}\t{}\t{}", task.id, task.settings.name, language.status(task.status))];
        let awaiting = campaign.waiting() - campaign.fresh;
        let (fresh, in_progress) = (campaign.fresh, campaign.in_progress.len());
        lines.push(if self.english {
            let left = campaign.numbers();
            format!(
                "Left: {left} numbers; {fresh} never dialled, {awaiting} to be redialled, {in_progress} in progress."
            )
        } else {
            let left = campaign.numbers();
            format!("剩余 {left} 个号码：未拨 {fresh}，等待重拨 {awaiting}，进行中 {in_progress}。")
        });
        let settings = language.settings(&base.campaign);
        let tried = base.campaign != *campaign;
        let label =
            if tried { self.say("试算设置", "Settings tried") } else { self.say("当前设置", "Settings") };
        lines.push(format!("{label}{}{settings}{}", self.say("：", ": "), self.say("。", ".")));
        lines.push(self.source());
        lines.extend(self.caveats());
        lines
    }

    /// What callees are taken to do, and from where that is known.
    fn source(&self) -> String {
        let Figures { samples, typical, answered_per_mille, ring_ms, talk_ms } = self.figures;
        let (answered, ring, talk) = (percent(answered_per_mille), seconds(ring_ms), seconds(talk_ms));
        if self.english {
            let past = match (samples, self.basis.source) {
                (0, _) => "no history at all: typical values are assumed".to_owned(),
                (_, Source::Task) => format!("the latest {samples} attempts of the task"),
                (_, Source::Company) => format!("the company's latest {samples} attempts, since the task has too few"),
            };
            let filled = if samples > 0 && typical > 0 { ", filled up with typical values" } else { "" };
            format!("Made from {past}{filled}: {answered} answered, {ring} s of ringing, {talk} s of talk on average.")
        } else {
            let past = match (samples, self.basis.source) {
                (0, _) => "没有任何拨打记录，按典型值假设".to_owned(),
                (_, Source::Task) => format!("本任务最近 {samples} 次拨打"),
                (_, Source::Company) => format!("公司最近 {samples} 次拨打（本任务的记录太少）"),
            };
            let filled = if samples > 0 && typical > 0 { "，不足部分按典型值补充" } else { "" };
            format!("依据：{past}{filled}：接听率 {answered}，平均振铃 {ring} 秒，平均通话 {talk} 秒。")
        }
    }

    /// What the forecast does not reckon with.
    fn caveats(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.basis.campaign.is_under_way() {
            let text = self.say(
                "任务未在运行，按现在启动计算。",
                "The task is not running; it is played as if it were started now.",
            );
            lines.push(text.to_owned());
        }
        let held = self.basis.seats_of_others;
        lines.push(match (self.english, held) {
            (false, 0) => "只模拟本任务，公司坐席都归它使用。".to_owned(),
            (false, _) => {
                format!("只模拟本任务，公司坐席都归它使用；其他呼叫现占用 {held} 个，可用 --seats 给出实际可用的数量。")
            }
            (true, 0) => "Only this task is played; all seats of the company are there for it.".to_owned(),
            (true, _) => format!(
                "Only this task is played; all seats of the company are there for it. Others hold {held} now: \
                 --seats tries fewer."
            ),
        });
        lines
    }

    /// The figures of the forecast.
    fn result(&self, base: &Variant) -> Vec<String> {
        let (language, summary) = (self.language(), &base.summary);
        let colon = self.say("：", ": ");
        let line = |chinese, english, text: String| format!("{}{colon}{text}", self.say(chinese, english));
        let number = |number: u64| number.to_string();
        let mut lines = vec![
            self.finish(base),
            line("坐席利用率", "Seat use", language.spread(&summary.seat_use_per_mille, percent)),
            line("拨打时长", "Dialling time", language.spread(&summary.open_ms, |ms| language.duration(ms))),
            line("拨打次数", "Attempts", language.spread(&summary.attempts, number)),
            line("接听", "Answered", language.spread(&summary.answered, number)),
            line("呼损", "Answered without a seat", language.spread(&summary.lost, number)),
        ];
        let finished = FinishStatus::ALL.iter().map(|status| (*status, summary.typical.finished_with(*status)));
        let finished: Vec<String> = finished
            .filter(|(_, numbers)| *numbers > 0)
            .map(|(status, numbers)| format!("{} {numbers}", language.finish(status)))
            .collect();
        if !finished.is_empty() {
            lines.push(line(
                "居中的一次模拟里号码最终为",
                "In the play in the middle numbers end as",
                language.list(&finished),
            ));
        }
        lines
    }

    /// When the task finishes, or why it does not.
    fn finish(&self, base: &Variant) -> String {
        let (language, summary) = (self.language(), &base.summary);
        let (zone, runs) = (&base.campaign.zone, summary.runs);
        let label = self.say("预计完成：", "Finishes: ");
        if summary.finish.median.is_some() {
            let (low, high) = (summary.finish.low, summary.finish.high);
            let (at, low, high) =
                (language.moment(summary.finish.median, zone), language.moment(low, zone), language.moment(high, zone));
            let plays = if self.english {
                format!("{runs} plays; of ten, eight end from {low} to {high}")
            } else {
                format!("模拟 {runs} 次，八成在 {low} 到 {high} 之间")
            };
            return format!("{label}{at}{}", language.aside(&plays));
        }
        let (days, left) = (HORIZON.as_secs() / 86_400, summary.typical.left);
        let held = summary.typical.held_by.map_or_else(String::new, |reason| language.aside(language.reason(reason)));
        if self.english {
            format!("{label}not within {days} days, {left} numbers are left then{held}")
        } else {
            format!("{label}{days} 天内无法完成，届时剩余 {left} 个号码{held}")
        }
    }

    /// Day by day, in the play in the middle.
    fn days(&self, base: &Variant) -> Vec<String> {
        let outcome = &base.summary.typical;
        let head = ["日期", "拨打", "接听", "呼损", "坐席利用率", "拨打时长"];
        let head_english = ["day", "attempts", "answered", "lost", "seat use", "dialling time"];
        let mut rows = vec![if self.english { head_english } else { head }.map(str::to_owned).to_vec()];
        rows.extend(outcome.days.iter().take(DAYS_MAX).map(|(date, day)| {
            vec![
                date.to_string(),
                day.attempts.to_string(),
                day.answered.to_string(),
                day.lost.to_string(),
                percent(day.seat_use_per_mille(outcome.seats)),
                self.language().duration(day.open_ms),
            ]
        }));
        let mut lines = table(&rows);
        let more = outcome.days.len().saturating_sub(DAYS_MAX);
        if more > 0 {
            lines.push(if self.english {
                format!("… and {more} days more")
            } else {
                format!("…… 另有 {more} 天")
            });
        }
        lines
    }

    /// The forecast, and what other settings would make of it.
    fn comparison(&self, base: &Variant, others: &[Variant]) -> Vec<String> {
        let language = self.language();
        let row = |name: String, it: &Variant, shift: String| {
            let summary = &it.summary;
            vec![
                name,
                language.moment(summary.finish.median, &it.campaign.zone),
                shift,
                percent(summary.seat_use_per_mille.median),
                summary.attempts.median.to_string(),
                summary.answered.median.to_string(),
                summary.lost.median.to_string(),
            ]
        };
        let head = ["如果", "预计完成", "", "坐席利用率", "拨打", "接听", "呼损"];
        let head_english = ["if", "finishes", "", "seat use", "attempts", "answered", "lost"];
        let as_set = self.basis.campaign == base.campaign;
        let name = if as_set { self.say("当前设置", "as set") } else { self.say("试算设置", "as tried") };
        let mut rows = vec![
            if self.english { head_english } else { head }.map(str::to_owned).to_vec(),
            row(name.to_owned(), base, String::new()),
        ];
        rows.extend(others.iter().map(|other| {
            let is_set = self.basis.campaign == other.campaign;
            let name = if is_set {
                self.say("当前设置", "as set").to_owned()
            } else {
                language.difference(&base.campaign, &other.campaign)
            };
            let (from, to) = (base.summary.finish.median, other.summary.finish.median);
            row(name, other, language.shift(from, to))
        }));
        table(&rows)
    }
}

/// Rows with their columns one below another: the first to the left, as are those with words.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, wide)| cell.clone() + &" ".repeat(wide - width(cell) + GAP));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Columns of a terminal that a text takes: Chinese characters and their punctuation take two.
fn width(text: &str) -> usize {
    text.chars().map(|character| if matches!(character, '\u{2e80}'..='\u{ffe6}') { 2 } else { 1 }).sum()
}
