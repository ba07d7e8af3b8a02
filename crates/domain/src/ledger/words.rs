//! The words of an explanation, for people at a terminal: Chinese and English.

use std::fmt;

use jiff::tz::TimeZone;

use super::{Explanation, LineFacts, LineState, Verdict};
use crate::caps::{Cap, Capped};
use crate::moment::Moment;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = &self.zone;
        f.write_str(if self.holds_back() { "暂不拨打：" } else { "" })?;
        write!(f, "{}。", chinese(&self.verdict, zone))?;
        if !self.also.is_empty() {
            let also: Vec<_> = self.also.iter().map(|verdict| chinese(verdict, zone)).collect();
            write!(f, "另外：{}。", also.join("；"))?;
        }
        if let Some(at) = self.dialled_next.filter(|_| self.holds_back()) {
            write!(f, "最早拨打时间：{}。", clock(at, zone))?;
        }
        let (status, reason) = self.task;
        write!(f, "任务状态：{}", status.label())?;
        reason.map_or(Ok(()), |reason| write!(f, "（{}）", reason.label()))?;
        f.write_str("。")
    }
}

impl Explanation {
    /// The explanation in English.
    #[must_use]
    pub fn english(&self) -> String {
        let zone = &self.zone;
        let mut text =
            format!("{}{}.", if self.holds_back() { "Not dialled now: " } else { "" }, english(&self.verdict, zone));
        if !self.also.is_empty() {
            let also: Vec<_> = self.also.iter().map(|verdict| english(verdict, zone)).collect();
            text = format!("{text} Also: {}.", also.join("; "));
        }
        if let Some(at) = self.dialled_next.filter(|_| self.holds_back()) {
            text = format!("{text} It can be dialled at {} at the earliest.", clock(at, zone));
        }
        let (status, reason) = self.task;
        let reason = reason.map_or_else(String::new, |reason| format!(" ({})", reason.english()));
        format!("{text} The task is {}{reason}.", status.english())
    }

    /// Whether the verdict is a reason not to dial, and not simply what the call is doing or has come to.
    fn holds_back(&self) -> bool {
        !matches!(self.verdict, Verdict::DialledNow | Verdict::InProgress { .. } | Verdict::Finished { .. })
    }
}

fn clock(at: Moment, zone: &TimeZone) -> String {
    at.civil(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn chinese(verdict: &Verdict, zone: &TimeZone) -> String {
    match verdict {
        Verdict::Finished { status, call_index, redials, redials_max } => {
            let index = call_index.map_or_else(String::new, |index| format!("，序号 {index}"));
            format!("已结束：{}{index}，已重拨 {redials} 次（规则上限 {redials_max} 次）", status.label())
        }
        Verdict::InProgress { since } => format!("正在拨打或通话，始于 {}", clock(*since, zone)),
        Verdict::TaskEnded { status } => format!("任务{}", status.label()),
        Verdict::TaskPausedByUser => "任务已被用户暂停".to_owned(),
        Verdict::TaskHeld { status } => format!("任务因{}而停拨", status.label()),
        Verdict::TaskNotStarted { starts: None } => "任务尚未启动".to_owned(),
        Verdict::TaskNotStarted { starts: Some(date) } => format!("任务尚未启动，将于 {date} 自动启动"),
        Verdict::Blacklisted { group } => format!("号码在黑名单分组“{group}”中"),
        Verdict::Capped(Capped { which, until }) => {
            let which = match which {
                Cap::PerDay => "当日",
                Cap::PerWeek => "七日内",
            };
            if *until == jiff::civil::Date::MAX {
                format!("号码{which}拨打次数已达上限")
            } else {
                format!("号码{which}拨打次数已达上限，{until} 起可再拨打")
            }
        }
        Verdict::NumberBusyElsewhere { task } => format!("任务 {task} 正在拨打同一号码"),
        Verdict::RedialDueAt { at, redials, redials_max } => {
            format!("等待重拨，时间 {}（已重拨 {redials} 次，规则上限 {redials_max} 次）", clock(*at, zone))
        }
        Verdict::PutOff { until } => format!("轮到时被频次上限或通话中的同一号码挡住，推迟到 {}", clock(*until, zone)),
        Verdict::WindowClosed { why, opens } => match opens {
            Some(opens) => format!("{}，{} 起可拨打", why.label(), clock(*opens, zone)),
            None => format!("{}，近期没有可拨打的时段", why.label()),
        },
        Verdict::NoLine => "任务没有线路".to_owned(),
        Verdict::LineDown { lines, .. } => {
            let lines: Vec<_> = lines.iter().map(|line| line_chinese(line, zone)).collect();
            format!("没有可用线路（{}）", lines.join("，"))
        }
        Verdict::NoChannel => "线路没有空闲通道".to_owned(),
        Verdict::PacedUntil { at } => format!("线路每秒呼叫数已满，{} 起可再呼叫", clock(*at, zone)),
        Verdict::NoSeat { held, queued } => {
            let queued = queued.map_or_else(String::new, |place| format!("，排队第 {place} 位"));
            format!("没有空闲AI坐席（本任务占用 {held} 个{queued}）")
        }
        Verdict::InLine { before } => format!("前面还有 {before} 个号码"),
        Verdict::DialledNow => "即将拨打".to_owned(),
    }
}

fn line_chinese(line: &LineFacts, zone: &TimeZone) -> String {
    let state = match line.state {
        LineState::Usable => "可用".to_owned(),
        LineState::Disabled => "已停用".to_owned(),
        LineState::Inbound => "仅供呼入".to_owned(),
        LineState::NotValid { from: Some(from) } => format!("{} 起生效", clock(from, zone)),
        LineState::NotValid { from: None } => "已过有效期".to_owned(),
        LineState::LeftAlone { until } => format!("连续失败，{} 后重试", clock(until, zone)),
        LineState::NoChannel => "无空闲通道".to_owned(),
        LineState::Paced { until } => format!("每秒呼叫数已满，{} 起可再呼叫", clock(until, zone)),
    };
    format!("{}：{state}", line.name)
}

fn english(verdict: &Verdict, zone: &TimeZone) -> String {
    match verdict {
        Verdict::Finished { status, call_index, redials, redials_max } => {
            let index = call_index.map_or_else(String::new, |index| format!(" with index {index}"));
            let outcome = status.english();
            format!("Finished{index}: {outcome}, after {redials} redials (the rules make {redials_max} at most)")
        }
        Verdict::InProgress { since } => format!("In progress since {}", clock(*since, zone)),
        Verdict::TaskEnded { status } => format!("the task is {}", status.english()),
        Verdict::TaskPausedByUser => "a person has paused the task".to_owned(),
        Verdict::TaskHeld { status } => format!("the task is held: {}", status.english()),
        Verdict::TaskNotStarted { starts: None } => "the task has not been started".to_owned(),
        Verdict::TaskNotStarted { starts: Some(date) } => format!("the task starts by itself on {date}"),
        Verdict::Blacklisted { group } => format!("the number is in the blacklist group “{group}”"),
        Verdict::Capped(Capped { which, until }) => {
            let which = match which {
                Cap::PerDay => "in a day",
                Cap::PerWeek => "in seven days",
            };
            if *until == jiff::civil::Date::MAX {
                format!("the number was dialled as often {which} as it may be")
            } else {
                format!("the number was dialled as often {which} as it may be, and may be again on {until}")
            }
        }
        Verdict::NumberBusyElsewhere { task } => format!("task {task} has a call to the same number in progress"),
        Verdict::RedialDueAt { at, redials, redials_max } => {
            format!("its redial is due at {} ({redials} made, {redials_max} at most)", clock(*at, zone))
        }
        Verdict::PutOff { until } => {
            format!("put off until {}, since a cap or another call held it back", clock(*until, zone))
        }
        Verdict::WindowClosed { why, opens } => match opens {
            Some(opens) => format!("{}, it opens at {}", why.english(), clock(*opens, zone)),
            None => format!("{}, and it does not open in the foreseeable future", why.english()),
        },
        Verdict::NoLine => "the task has no line".to_owned(),
        Verdict::LineDown { lines, .. } => {
            let lines: Vec<_> = lines.iter().map(|line| line_english(line, zone)).collect();
            format!("no line can be used ({})", lines.join(", "))
        }
        Verdict::NoChannel => "no channel of its lines is free".to_owned(),
        Verdict::PacedUntil { at } => format!("its lines take no more calls per second until {}", clock(*at, zone)),
        Verdict::NoSeat { held, queued } => {
            let queued = queued.map_or_else(String::new, |place| format!(", and is number {place} in the queue"));
            format!("no seat is free (the task holds {held}{queued})")
        }
        Verdict::InLine { before } => format!("{before} numbers stand before it"),
        Verdict::DialledNow => "It is dialled now".to_owned(),
    }
}

fn line_english(line: &LineFacts, zone: &TimeZone) -> String {
    let state = match line.state {
        LineState::Usable => "usable".to_owned(),
        LineState::Disabled => "disabled".to_owned(),
        LineState::Inbound => "for incoming calls only".to_owned(),
        LineState::NotValid { from: Some(from) } => format!("valid from {}", clock(from, zone)),
        LineState::NotValid { from: None } => "no longer valid".to_owned(),
        LineState::LeftAlone { until } => format!("failed repeatedly, tried again at {}", clock(until, zone)),
        LineState::NoChannel => "no free channel".to_owned(),
        LineState::Paced { until } => format!("paced until {}", clock(until, zone)),
    };
    format!("{}: {state}", line.name)
}
