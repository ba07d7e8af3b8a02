//! The words of a forecast: settings, moments and figures, in Chinese and English.

use hutong_domain::call::FinishStatus;
use hutong_domain::forecast::{Campaign, Spread};
use hutong_domain::moment::Moment;
use hutong_domain::redial::RedialRule;
use hutong_domain::task::{MoveReason, TaskStatus};
use hutong_domain::window::CallingWindow;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// The language of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    pub(super) english: bool,
}

impl Language {
    pub(super) fn say<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        if self.english { english } else { chinese }
    }

    pub(super) fn status(self, status: TaskStatus) -> &'static str {
        self.say(status.label(), status.english())
    }

    pub(super) fn finish(self, status: FinishStatus) -> &'static str {
        self.say(status.label(), status.english())
    }

    pub(super) fn reason(self, reason: MoveReason) -> &'static str {
        self.say(reason.label(), reason.english())
    }

    /// What is listed one after another.
    pub(super) fn list(self, parts: &[String]) -> String {
        parts.join(self.say("，", ", "))
    }

    /// What explains something.
    pub(super) fn aside(self, text: &str) -> String {
        if self.english { format!(" ({text})") } else { format!("（{text}）") }
    }

    /// Everything that limits the campaign.
    pub(super) fn settings(self, campaign: &Campaign) -> String {
        let Campaign { seats, quota, in_progress_max, .. } = campaign;
        let mut parts = vec![
            format!("{} {seats}", self.say("公司坐席", "company seats")),
            format!("{} {quota}", self.say("任务坐席", "task seats")),
            format!("{} {in_progress_max}", self.say("同时拨打", "calls at once")),
        ];
        if campaign.elastic {
            parts.push(self.say("使用公司空闲坐席", "idle company seats are used").to_owned());
        }
        parts.push(format!("{} {}", self.say("线路通道", "channels"), self.channels(campaign)));
        parts.push(format!("{} {}", self.say("时段", "hours"), self.hours(campaign)));
        parts.push(format!("{} {}", self.say("重拨", "redials"), self.redials(&campaign.redial_rules)));
        self.list(&parts)
    }

    fn channels(self, campaign: &Campaign) -> String {
        let sum = campaign.lines.iter().try_fold(0u32, |sum, line| Some(sum.saturating_add(line.channels?)));
        sum.map_or_else(|| self.say("不限", "without limit").to_owned(), |sum| sum.to_string())
    }

    /// The hours in which it dials: its own, cut to the legal ones.
    fn hours(self, campaign: &Campaign) -> String {
        let CallingWindow { working, rest } = campaign.window;
        let Some(working) = working.intersection(&campaign.hours.legal) else {
            return self.say("不在合规时段内", "none that are legal").to_owned();
        };
        let span = |start, end| format!("{}–{}", time(start), time(end));
        let whole = span(working.start, working.end);
        match rest.and_then(|rest| rest.intersection(&working)) {
            Some(rest) => format!("{whole}{}", self.aside(&self.rest(&span(rest.start, rest.end)))),
            None => whole,
        }
    }

    fn rest(self, span: &str) -> String {
        format!("{} {span}", self.say("休息", "break"))
    }

    fn redials(self, rules: &[RedialRule]) -> String {
        let rule = |rule: &RedialRule| {
            let (status, RedialRule { times, interval_minutes, .. }) = (self.finish(rule.status), rule);
            if self.english {
                format!("{status} {times} times after {interval_minutes} min")
            } else {
                format!("{status} {times} 次间隔 {interval_minutes} 分钟")
            }
        };
        let rules: Vec<String> = rules.iter().map(rule).collect();
        if rules.is_empty() { self.say("无", "none").to_owned() } else { rules.join(self.say("、", "; ")) }
    }

    /// What is other in `to` than in `from`.
    pub(super) fn difference(self, from: &Campaign, to: &Campaign) -> String {
        let mut parts = Vec::new();
        let mut changed = |chinese, english, from: String, to: String| {
            if from != to {
                parts.push(format!("{} {from}→{to}", self.say(chinese, english)));
            }
        };
        let text = |number: u32| number.to_string();
        changed("公司坐席", "company seats", text(from.seats), text(to.seats));
        changed("任务坐席", "task seats", text(from.quota), text(to.quota));
        changed("同时拨打", "calls at once", text(from.in_progress_max), text(to.in_progress_max));
        changed("线路通道", "channels", self.channels(from), self.channels(to));
        if from.elastic != to.elastic {
            parts.push(self.say("使用公司空闲坐席", "idle company seats are used").to_owned());
        }
        if from.window != to.window {
            parts.push(format!("{} {}", self.say("时段", "hours"), self.hours(to)));
        }
        if from.redial_rules != to.redial_rules {
            let redials = self.redials(&to.redial_rules);
            let none = to.redial_rules.is_empty();
            parts.push(if none {
                self.say("不再重拨", "no more redials").to_owned()
            } else {
                format!("{} {redials}", self.say("重拨", "redials"))
            });
        }
        self.list(&parts)
    }

    /// A figure, and how far plays differ in it.
    pub(super) fn spread<T: Copy + PartialEq>(self, spread: &Spread<T>, text: impl Fn(T) -> String) -> String {
        let Spread { low, median, high } = *spread;
        if low == high {
            return text(median);
        }
        format!("{}{}", text(median), self.aside(&format!("{}–{}", text(low), text(high))))
    }

    /// A span of time, to the minute.
    pub(super) fn duration(self, ms: u64) -> String {
        let minutes = ms.saturating_add(30_000) / 60_000;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let unit = |number: u64, chinese, english| format!("{number} {}", self.say(chinese, english));
        let (day, hour, minute) = (unit(days, "天", "d"), unit(hours, "小时", "h"), unit(minutes, "分", "min"));
        match (days, hours) {
            (0, 0) => minute,
            (0, _) => format!("{hour} {minute}"),
            _ => format!("{day} {hour} {minute}"),
        }
    }

    /// How much earlier or later than `from` that is.
    pub(super) fn shift(self, from: Option<Moment>, to: Option<Moment>) -> String {
        let (Some(from), Some(to)) = (from, to) else { return String::new() };
        let ms = to.ms().abs_diff(from.ms());
        if ms < 30_000 {
            return self.say("相同", "the same").to_owned();
        }
        let (duration, earlier) = (self.duration(ms), to < from);
        if self.english {
            format!("{duration} {}", if earlier { "earlier" } else { "later" })
        } else {
            format!("{}{duration}", if earlier { "早 " } else { "晚 " })
        }
    }

    /// When it finishes, or that it does not.
    pub(super) fn moment(self, at: Option<Moment>, zone: &TimeZone) -> String {
        match at {
            Some(at) => at.civil(zone).strftime("%Y-%m-%d %H:%M").to_string(),
            None => self.say("60 天以后", "after 60 days").to_owned(),
        }
    }
}

/// A time of day; the last second of the day is its end.
pub(super) fn time(time: Time) -> String {
    if time >= Time::constant(23, 59, 59, 0) { "24:00".to_owned() } else { time.strftime("%H:%M").to_string() }
}

/// Thousandths as a percentage.
pub(super) fn percent(per_mille: u32) -> String {
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// Milliseconds as seconds.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1000, ms % 1000 / 100)
}
