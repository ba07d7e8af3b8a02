//! What the settings of a task mean, in plain words: when it dials, with how many, and whom again.

use askama::Template;
use hutong_domain::call::FinishStatus;
use hutong_domain::hours::{Hours, Opening, Weekdays, opening};
use hutong_domain::redial::{RedialRule, is_of_caller};
use hutong_domain::task::TaskKind;
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::line::Line;
use jiff::civil::{Date, DateTime, Time, Weekday};

use super::typed::{RedialRow, Typed};
use super::{clock, hours};
use crate::ui::Ui;

/// Spans of dialling that are named.
const SPANS: usize = 4;

/// A sentence, and whether somebody should look at it.
pub(crate) struct Sentence {
    pub(crate) words: String,
    pub(crate) is_warning: bool,
}

/// The sentences.
#[derive(Template)]
#[template(path = "tasks/preview.html")]
pub(crate) struct Preview {
    ui: Ui,
    sentences: Vec<Sentence>,
    /// When it dials next: from, until.
    spans: Vec<String>,
}

/// What is written while it is thought of.
struct Draft<'a> {
    ui: &'a Ui,
    sentences: Vec<Sentence>,
}

impl Preview {
    pub(crate) fn new(ui: &Ui, typed: &Typed, legal: &Hours, lines: &[Line], seats: i64) -> Self {
        let mut draft = Draft { ui, sentences: Vec::new() };
        let start = draft.start(typed);
        let window = draft.window(typed, legal);
        draft.days_off(legal);
        draft.seats(typed, lines, seats);
        draft.redials(&typed.redials());
        let spans = window.map_or_else(Vec::new, |window| spans(ui, &window, start, legal));
        if window.is_some() && spans.is_empty() {
            draft.warn(
                "按这些设置，近期没有可以拨打的时间".into(),
                "With these settings, there is no time to dial in".into(),
            );
        }
        Self { ui: ui.clone(), sentences: draft.sentences, spans }
    }
}

impl Draft<'_> {
    fn push(&mut self, (zh, en): (String, String), is_warning: bool) {
        let words = if self.ui.is_english() { en } else { zh };
        self.sentences.push(Sentence { words, is_warning });
    }

    fn say(&mut self, zh: String, en: String) {
        self.push((zh, en), false);
    }

    fn warn(&mut self, zh: String, en: String) {
        self.push((zh, en), true);
    }

    /// How it starts; the first day.
    fn start(&mut self, typed: &Typed) -> Date {
        let today = self.ui.now.civil(&self.ui.zone).date();
        let date: Option<Date> = typed.start_date.parse().ok();
        let start = date.unwrap_or(today);
        if typed.kind == TaskKind::Timed.number().to_string() {
            match date {
                Some(date) if date > today => {
                    self.say(format!("{date} 起自动启动"), format!("Starts by itself on {date}"));
                }
                Some(_) => {
                    self.say("开始日期已到，保存后自动启动".into(), "Starts by itself as soon as it is saved".into());
                }
                None => self.warn("定时任务需要开始日期".into(), "A timed task needs a first day".into()),
            }
        } else if start > today {
            self.say(format!("手动启动，{start} 起才拨打"), format!("Is started by hand, and dials from {start} on"));
        } else {
            self.say("手动启动后开始拨打".into(), "Dials once it is started by hand".into());
        }
        start
    }

    /// The hours as they will be: cut to the legal ones.
    fn window(&mut self, typed: &Typed, legal: &Hours) -> Option<CallingWindow> {
        let span = |start: &str, end: &str| DaySpan::new(start.parse().ok()?, end.parse().ok()?);
        let Some(asked) = span(&typed.working_start, &typed.working_end) else {
            self.warn("拨打结束时间应晚于开始时间".into(), "The hours end before they begin".into());
            return None;
        };
        let law = format!("{}–{}", clock(legal.legal.start), clock(legal.legal.end));
        let Some(working) = asked.intersection(&legal.legal) else {
            self.warn(format!("拨打时段不在合规时段 {law} 内"), format!("None of these hours are legal ({law})"));
            return None;
        };
        let rest = span(&typed.break_start, &typed.break_end).and_then(|rest| rest.intersection(&working));
        let window = CallingWindow { working, rest };
        let text = hours(&window);
        self.say(format!("每天 {text} 拨打"), format!("Dials {text} every day"));
        if working != asked {
            self.warn(
                format!("超出公司合规时段 {law} 的部分会被截去"),
                format!("What is outside the company's legal hours, {law}, is cut off"),
            );
        }
        Some(window)
    }

    fn days_off(&mut self, legal: &Hours) {
        let days = &legal.days;
        if days.weekdays_off == Weekdays::NONE && days.days_off.is_empty() {
            return;
        }
        let week = [
            (Weekday::Monday, "周一", "Mondays"),
            (Weekday::Tuesday, "周二", "Tuesdays"),
            (Weekday::Wednesday, "周三", "Wednesdays"),
            (Weekday::Thursday, "周四", "Thursdays"),
            (Weekday::Friday, "周五", "Fridays"),
            (Weekday::Saturday, "周六", "Saturdays"),
            (Weekday::Sunday, "周日", "Sundays"),
        ];
        let off = week.iter().filter(|(day, ..)| days.weekdays_off.contains(*day));
        let today = self.ui.now.civil(&self.ui.zone).date();
        let dates: Vec<String> = days.days_off.range(today..).take(SPANS).map(ToString::to_string).collect();
        let (zh, en): (Vec<_>, Vec<_>) = off.map(|(_, zh, en)| ((*zh).to_owned(), (*en).to_owned())).unzip();
        let (zh, en) = ([zh, dates.clone()].concat().join("、"), [en, dates].concat().join(", "));
        if !zh.is_empty() {
            self.say(format!("非拨打日：{zh}"), format!("Days without calls: {en}"));
        }
    }

    fn seats(&mut self, typed: &Typed, lines: &[Line], seats: i64) {
        let (Ok(quota), dials) = (typed.quota.trim().parse::<i64>(), typed.in_progress.trim().parse::<i64>()) else {
            return;
        };
        let dials = dials.unwrap_or(quota);
        self.say(
            format!("最多 {quota} 路同时通话，最多 {dials} 个号码同时拨打"),
            format!("At most {quota} talk at once, at most {dials} calls are in progress at once"),
        );
        if quota > seats {
            self.warn(format!("公司只有 {seats} 个坐席"), format!("The company has {seats} seats only"));
        }
        if dials > quota {
            self.say(
                "多拨的号码按接听情况自动控制，呼损不超过设定比例".into(),
                "Dialling beyond the seats keeps to the share of lost calls that is configured".into(),
            );
        }
        if typed.elastic.is_some() {
            self.say(
                "弹性坐席：公司有空闲坐席时可以超出坐席数".into(),
                "Elastic: takes the company's idle seats as well".into(),
            );
        }
        let chosen: Vec<&Line> = lines.iter().filter(|line| typed.has_line(line.id)).collect();
        if chosen.is_empty() {
            self.warn("还没有选择线路".into(), "No line is chosen".into());
        } else if !chosen.iter().any(|line| line.is_usable(self.ui.now)) {
            self.warn("所选线路当前都不可用".into(), "None of the chosen lines can be used now".into());
        } else if let Some(channels) =
            chosen.iter().map(|line| line.channels).sum::<Option<i64>>().filter(|it| *it < dials)
        {
            self.warn(
                format!("所选线路共 {channels} 路通道"),
                format!("The chosen lines carry {channels} calls at once"),
            );
        }
    }

    fn redials(&mut self, rows: &[RedialRow<'_>]) {
        let rules: Vec<RedialRule> = rows.iter().filter_map(rule).collect();
        if rules.is_empty() {
            return self.say("不重拨".into(), "Nobody is called again".into());
        }
        for RedialRule { status, times, interval_minutes } in &rules {
            let (zh, en) = (status.label(), status.english());
            let (after_zh, after_en) = match interval_minutes {
                0 => ("立即".to_owned(), "at once".to_owned()),
                minutes => (format!("{minutes} 分钟后"), format!("after {minutes} minutes")),
            };
            self.say(
                format!("{zh}：{after_zh}重拨，最多 {times} 次"),
                format!("If {en}: again {after_en}, {times} times at most"),
            );
        }
        let most = |of_caller| {
            let of = rules.iter().filter(|rule| is_of_caller(rule.status) == of_caller);
            of.map(|rule| rule.times).max().unwrap_or(0)
        };
        let (callee, caller) = (most(false), most(true));
        self.say(
            format!("无论原因，一个号码合计最多重拨 {callee} 次，另因我方线路最多 {caller} 次"),
            format!("In all, a number is redialled {callee} times at most, and {caller} times for reasons on our side"),
        );
    }
}

fn rule(row: &RedialRow<'_>) -> Option<RedialRule> {
    let status =
        row.status.parse().ok().and_then(FinishStatus::from_number).filter(|status| RedialRule::fits(*status))?;
    Some(RedialRule {
        status,
        times: row.times.trim().parse().ok()?,
        interval_minutes: row.interval.trim().parse().ok()?,
    })
}

/// When it may dial next.
fn spans(ui: &Ui, window: &CallingWindow, start: Date, legal: &Hours) -> Vec<String> {
    let now = ui.now.civil(&ui.zone);
    let (mut at, mut spans) = (now, Vec::new());
    while spans.len() < SPANS {
        match opening(window, start, legal, at) {
            Opening::Open { until } => {
                let from = if at == now { ui.t("现在", "now").to_owned() } else { moment(ui, at, now.date()) };
                spans.push(format!("{from} – {}", end(until)));
                if until <= at {
                    break;
                }
                at = until;
            }
            Opening::Closed { opens: Some(opens), .. } if opens > at => at = opens,
            Opening::Closed { .. } => break,
        }
    }
    spans
}

fn moment(ui: &Ui, at: DateTime, today: Date) -> String {
    let time = clock(at.time());
    if at.date() == today {
        return format!("{} {time}", ui.t("今天", "today"));
    }
    if today.tomorrow().is_ok_and(|tomorrow| at.date() == tomorrow) {
        return format!("{} {time}", ui.t("明天", "tomorrow"));
    }
    format!("{} {time}", at.date())
}

/// Midnight is the end of a day.
fn end(until: DateTime) -> String {
    if until.time() == Time::midnight() { "24:00".to_owned() } else { clock(until.time()) }
}
