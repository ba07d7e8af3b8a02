//! The rules for what is decided about a task, at its creation and later: createTask and update share them.

use hutong_domain::ids::SmsTemplateId;
use hutong_domain::line::LineKind;
use hutong_domain::task::TaskKind;
use hutong_domain::window::{CallingWindow, DaySpan};
use hutong_store::task::{Extras, Settings};
use jiff::civil::{Date, Time};

use super::redial_rules::{self, RepeatCallRule};
use crate::compat::intent;
use crate::compat::param_error::{ParamError, quoted};
use crate::wire::time::{Day, TimeOfDay};

/// Characters of a task's name.
const NAME_CHARS_MAX: usize = 100;
/// Characters of a remark.
const REMARK_CHARS_MAX: usize = 500;
/// AI seats that a task may ask for.
const QUOTA_MAX: u32 = 100_000;
/// The working hours of a task that does not say.
const WORKING_HOURS: (Time, Time) = (Time::constant(9, 0, 0, 0), Time::constant(20, 0, 0, 0));

/// What a request says about a task; what it does not say stays as it is.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) name: Option<String>,
    pub(super) kind: Option<i64>,
    pub(super) start_date: Option<Day>,
    pub(super) working_start: Option<TimeOfDay>,
    pub(super) working_end: Option<TimeOfDay>,
    pub(super) break_start: Option<TimeOfDay>,
    pub(super) break_end: Option<TimeOfDay>,
    /// The break is taken away, where no other is wanted.
    pub(super) no_break: Option<bool>,
    pub(super) line_kind: Option<i64>,
    pub(super) quota: Option<i64>,
    pub(super) phone_num: Option<i64>,
    pub(super) concurrency_phone: Option<i64>,
    pub(super) repeat_call: Option<bool>,
    pub(super) repeat_call_rule: Option<Vec<RepeatCallRule>>,
    pub(super) sms_type: Option<i64>,
    pub(super) sms_send_level: Option<Vec<String>>,
    pub(super) sms_template: Option<i64>,
    pub(super) remark: Option<String>,
    pub(super) default_intention_rule: Option<bool>,
    pub(super) elastic: Option<bool>,
}

/// Settings that keep every rule, and whether the working hours had to be cut to the legal ones.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) settings: Settings,
    pub(super) window_cut: bool,
}

impl Settled {
    /// `resultMsg`, which says so where the working hours were cut.
    pub(super) fn result_msg(&self, done: &'static str) -> String {
        let DaySpan { start, end } = self.settings.window.working;
        if self.window_cut {
            format!("{done}：拨打时段已按允许外呼的时段调整为 {start}–{end}")
        } else {
            done.to_owned()
        }
    }
}

/// What a task is before anything is said about it.
pub(super) fn defaults(today: Date) -> Settings {
    Settings {
        name: String::new(),
        kind: TaskKind::Manual,
        start_date: today,
        window: CallingWindow { working: DaySpan { start: WORKING_HOURS.0, end: WORKING_HOURS.1 }, rest: None },
        line_kind: None,
        quota: 1,
        in_progress_max: 1,
        elastic: false,
        redial_rules: Vec::new(),
        remark: String::new(),
        extras: Extras::default(),
    }
}

/// Brings what is wanted and what was decided before together.
///
/// # Errors
/// The first parameter that breaks a rule.
pub(super) fn settle(before: Settings, wanted: Wanted, legal: &DaySpan) -> Result<Settled, ParamError> {
    let kind = wanted.kind.map_or(Ok(before.kind), kind)?;
    let (window, window_cut) = window(&before.window, &wanted, legal)?;
    let (quota, in_progress_max) = concurrency(&before, &wanted)?;
    let redial_rules = redials(before.redial_rules, &wanted)?;
    let settings = Settings {
        name: wanted.name.map_or(Ok(before.name), |given| name(&given))?,
        kind,
        start_date: wanted.start_date.map_or(before.start_date, |day| day.0),
        window,
        line_kind: wanted.line_kind.map_or(Ok(before.line_kind), |number| line_kind(number).map(Some))?,
        quota,
        in_progress_max,
        elastic: wanted.elastic.unwrap_or(before.elastic),
        redial_rules,
        remark: wanted.remark.map_or(Ok(before.remark), remark)?,
        extras: Extras {
            sms_type: wanted.sms_type.or(before.extras.sms_type),
            sms_send_level: wanted.sms_send_level.map_or(Ok(before.extras.sms_send_level), |given| levels(&given))?,
            sms_template: wanted.sms_template.map(SmsTemplateId).or(before.extras.sms_template),
            default_intention_rule: wanted.default_intention_rule.or(before.extras.default_intention_rule),
        },
    };
    Ok(Settled { settings, window_cut })
}

fn name(name: &str) -> Result<String, ParamError> {
    let name = name.trim();
    if (1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        Ok(name.to_owned())
    } else {
        Err(ParamError::new("taskName", " 1 到 100 个字符", quoted(name)))
    }
}

fn remark(remark: String) -> Result<String, ParamError> {
    if remark.chars().count() <= REMARK_CHARS_MAX {
        Ok(remark)
    } else {
        Err(ParamError::new("remark", "最多 500 个字符", quoted(&remark)))
    }
}

fn kind(number: i64) -> Result<TaskKind, ParamError> {
    TaskKind::from_number(number).ok_or_else(|| ParamError::new("taskType", " 1（定时）或 2（手动）", number))
}

fn line_kind(number: i64) -> Result<LineKind, ParamError> {
    LineKind::from_number(number).ok_or_else(|| ParamError::new("callType", " 0、1、2 或 6", number))
}

fn levels(given: &[String]) -> Result<Vec<String>, ParamError> {
    let level = |(at, given): (usize, &String)| {
        intent::canonical(given)
            .map(str::to_owned)
            .ok_or_else(|| ParamError::new(format!("smsSendLevel[{at}]"), "意向等级，如 A级(较强)", quoted(given)))
    };
    given.iter().enumerate().map(level).collect()
}

/// The working hours cut to the legal ones, and the break cut to what is left; and whether they were cut.
fn window(before: &CallingWindow, wanted: &Wanted, legal: &DaySpan) -> Result<(CallingWindow, bool), ParamError> {
    let start = wanted.working_start.map_or(before.working.start, |time| time.0);
    let end = wanted.working_end.map_or(before.working.end, |time| time.0);
    let asked = DaySpan::new(start, end)
        .ok_or_else(|| ParamError::new("workingEndTime", format!("晚于 workingStartTime（{start}）的时间"), end))?;
    let working = asked.intersection(legal).ok_or_else(|| {
        let expected = format!("与允许外呼的时段 {}–{} 有交集的时间", legal.start, legal.end);
        ParamError::new("workingStartTime", expected, format!("{start}–{end}"))
    })?;
    let rest = rest(before.rest, wanted)?;
    if let Some(rest) = rest.filter(|rest| !asked.encloses(rest)) {
        let received = format!("{}–{}", rest.start, rest.end);
        return Err(ParamError::new("breakStartTime", format!("拨打时段 {start}–{end} 以内的时间"), received));
    }
    let rest = rest.and_then(|rest| rest.intersection(&working));
    Ok((CallingWindow { working, rest }, working != asked))
}

fn rest(before: Option<DaySpan>, wanted: &Wanted) -> Result<Option<DaySpan>, ParamError> {
    match (wanted.break_start, wanted.break_end) {
        (None, None) if wanted.no_break == Some(true) => Ok(None),
        (None, None) => Ok(before),
        (Some(TimeOfDay(start)), Some(TimeOfDay(end))) => DaySpan::new(start, end)
            .map(Some)
            .ok_or_else(|| ParamError::new("breakEndTime", format!("晚于 breakStartTime（{start}）的时间"), end)),
        (Some(_), None) => Err(ParamError::missing("breakEndTime")),
        (None, Some(_)) => Err(ParamError::missing("breakStartTime")),
    }
}

/// Seats, and calls in progress: from as many to twice as many.
fn concurrency(before: &Settings, wanted: &Wanted) -> Result<(u32, u32), ParamError> {
    let quota = match wanted.quota {
        None => before.quota,
        Some(number) => u32::try_from(number)
            .ok()
            .filter(|number| (1..=QUOTA_MAX).contains(number))
            .ok_or_else(|| ParamError::new("concurrencyQuota", " 1 到 100000 的整数", number))?,
    };
    let (field, in_progress_max) = match (wanted.concurrency_phone, wanted.phone_num) {
        (Some(number), _) => ("concurrencyPhone", number),
        (None, Some(number)) => ("phoneNum", number),
        (None, None) => return Ok((quota, before.in_progress_max.clamp(quota, quota * 2))),
    };
    let checked = u32::try_from(in_progress_max).ok().filter(|number| (quota..=quota * 2).contains(number));
    let expected = || format!(" {quota} 到 {} 的整数（concurrencyQuota 的 1 到 2 倍）", quota * 2);
    Ok((quota, checked.ok_or_else(|| ParamError::new(field, expected(), in_progress_max))?))
}

fn redials(
    before: Vec<hutong_domain::redial::RedialRule>,
    wanted: &Wanted,
) -> Result<Vec<hutong_domain::redial::RedialRule>, ParamError> {
    match (wanted.repeat_call, &wanted.repeat_call_rule) {
        (Some(false), _) => Ok(Vec::new()),
        (_, Some(rules)) => redial_rules::check(rules),
        (Some(true), None) if before.is_empty() => Err(ParamError::missing("repeatCallRule")),
        (_, None) => Ok(before),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    const LEGAL: DaySpan = DaySpan { start: Time::constant(9, 0, 0, 0), end: Time::constant(20, 0, 0, 0) };

    fn at(hour: i8) -> Option<TimeOfDay> {
        Some(TimeOfDay(time(hour, 0, 0, 0)))
    }

    fn settled(wanted: Wanted) -> Result<Settled, ParamError> {
        settle(defaults(date(2026, 5, 1)), wanted, &LEGAL)
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let Settled { settings, window_cut } = settled(Wanted::default()).unwrap();
        assert!(!window_cut);
        assert_eq!(settings.window.working, LEGAL);
        assert_eq!((settings.quota, settings.in_progress_max), (1, 1));
    }

    #[test]
    fn working_hours_are_cut_to_the_legal_ones_and_the_answer_says_so() {
        let settled = settled(Wanted { working_start: at(7), working_end: at(22), ..Wanted::default() }).unwrap();
        assert_eq!(settled.settings.window.working, LEGAL);
        assert_eq!(settled.result_msg("操作成功"), "操作成功：拨打时段已按允许外呼的时段调整为 09:00:00–20:00:00");
    }

    #[test]
    fn windows_that_cannot_be_are_refused_by_name() {
        let check = |wanted: Wanted, path: &str| assert_eq!(settled(wanted).unwrap_err().path, path);
        check(Wanted { working_start: at(12), working_end: at(12), ..Wanted::default() }, "workingEndTime");
        check(Wanted { working_start: at(20), working_end: at(23), ..Wanted::default() }, "workingStartTime");
        check(Wanted { break_start: at(12), ..Wanted::default() }, "breakEndTime");
        check(Wanted { break_end: at(12), ..Wanted::default() }, "breakStartTime");
        check(Wanted { break_start: at(14), break_end: at(13), ..Wanted::default() }, "breakEndTime");
        check(Wanted { break_start: at(8), break_end: at(10), ..Wanted::default() }, "breakStartTime");
    }

    #[test]
    fn a_break_stays_until_it_is_taken_away() {
        let rest = DaySpan { start: time(12, 0, 0, 0), end: time(13, 0, 0, 0) };
        let mut before = defaults(date(2026, 5, 1));
        before.window.rest = Some(rest);
        let after = |wanted| settle(before.clone(), wanted, &LEGAL).unwrap().settings.window.rest;
        assert_eq!(after(Wanted::default()), Some(rest));
        assert_eq!(after(Wanted { no_break: Some(true), ..Wanted::default() }), None);
        let other = Wanted { break_start: at(14), break_end: at(15), no_break: Some(true), ..Wanted::default() };
        assert_eq!(after(other).unwrap().start, time(14, 0, 0, 0));
    }

    #[test]
    fn a_break_is_cut_with_the_window() {
        let wanted = Wanted { working_start: at(7), break_start: at(8), break_end: at(10), ..Wanted::default() };
        let rest = settled(wanted).unwrap().settings.window.rest.unwrap();
        assert_eq!((rest.start, rest.end), (time(9, 0, 0, 0), time(10, 0, 0, 0)));
    }

    #[test]
    fn calls_in_progress_are_one_to_two_times_the_seats() {
        let check = |quota, phones, expect: Result<(u32, u32), &str>| {
            let wanted = Wanted { quota: Some(quota), phone_num: phones, ..Wanted::default() };
            let settled = settled(wanted).map(|it| (it.settings.quota, it.settings.in_progress_max));
            assert_eq!(settled.map_err(|error| error.path), expect.map_err(str::to_owned), "{quota} {phones:?}");
        };
        check(5, None, Ok((5, 5)));
        check(5, Some(5), Ok((5, 5)));
        check(5, Some(10), Ok((5, 10)));
        check(5, Some(11), Err("phoneNum"));
        check(5, Some(4), Err("phoneNum"));
        check(0, None, Err("concurrencyQuota"));
        check(-1, None, Err("concurrencyQuota"));
    }

    #[test]
    fn names_and_levels_are_checked() {
        let named = |name: &str| settled(Wanted { name: Some(name.to_owned()), ..Wanted::default() });
        assert_eq!(named(" 任务 ").unwrap().settings.name, "任务");
        assert_eq!(named("").unwrap_err().path, "taskName");
        assert_eq!(named(&"名".repeat(101)).unwrap_err().path, "taskName");
        let levels =
            |level: &str| settled(Wanted { sms_send_level: Some(vec![level.to_owned()]), ..Wanted::default() });
        assert_eq!(levels("A").unwrap().settings.extras.sms_send_level, ["A级(较强)"]);
        assert_eq!(levels("Z").unwrap_err().path, "smsSendLevel[0]");
    }
}
