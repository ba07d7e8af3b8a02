//! What stands in the form of a task, as it was typed; on its way to the API, and with what the API says of it.

use hutong_api::Refused;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::window::DaySpan;
use hutong_store::task::{Settings, TaskView};
use jiff::civil::{Date, Time};
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock;
use crate::ui::Ui;

/// The form of a task. Texts are kept as they were typed: the API reads them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    pub(crate) name: String,
    /// 1 timed, 2 by hand.
    pub(crate) kind: String,
    pub(crate) start_date: String,
    pub(crate) working_start: String,
    pub(crate) working_end: String,
    pub(crate) break_start: String,
    pub(crate) break_end: String,
    pub(crate) line: Vec<String>,
    /// Robot and voice: `6:3`.
    pub(crate) robot: String,
    pub(crate) quota: String,
    pub(crate) in_progress: String,
    pub(crate) redial_status: Vec<String>,
    pub(crate) redial_times: Vec<String>,
    pub(crate) redial_interval: Vec<String>,
    pub(crate) sms_type: String,
    pub(crate) sms_level: Vec<String>,
    pub(crate) sms_template: String,
    pub(crate) default_intention: Option<String>,
    pub(crate) elastic: Option<String>,
    pub(crate) remark: String,
}

/// A row of the redial rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedialRow<'a> {
    pub(crate) status: &'a str,
    pub(crate) times: &'a str,
    pub(crate) interval: &'a str,
}

impl Typed {
    /// What a new task begins with.
    pub(crate) fn fresh(today: Date) -> Self {
        let text = str::to_owned;
        Self {
            kind: text("2"),
            start_date: today.to_string(),
            working_start: text("09:00"),
            working_end: text("20:00"),
            quota: text("1"),
            in_progress: text("1"),
            redial_status: vec![text("6"), text("2")],
            redial_times: vec![text("2"), text("1")],
            redial_interval: vec![text("30"), text("60")],
            ..Self::default()
        }
    }

    /// What a task has been decided to be.
    pub(crate) fn of(view: &TaskView) -> Self {
        let Settings {
            name,
            kind,
            start_date,
            window,
            quota,
            in_progress_max,
            elastic,
            redial_rules,
            remark,
            extras,
            ..
        } = &view.task.settings;
        let flag = |is_set: bool| is_set.then(|| "1".to_owned());
        let time =
            |rest: Option<DaySpan>, end: fn(&DaySpan) -> Time| rest.map_or_else(String::new, |it| typed_time(end(&it)));
        Self {
            name: name.clone(),
            kind: kind.number().to_string(),
            start_date: start_date.to_string(),
            working_start: typed_time(window.working.start),
            working_end: typed_time(window.working.end),
            break_start: time(window.rest, |rest| rest.start),
            break_end: time(window.rest, |rest| rest.end),
            line: view.lines.iter().map(|line| line.line.to_string()).collect(),
            robot: format!("{}:{}", view.task.robot, view.task.voice),
            quota: quota.to_string(),
            in_progress: in_progress_max.to_string(),
            redial_status: redial_rules.iter().map(|rule| rule.status.number().to_string()).collect(),
            redial_times: redial_rules.iter().map(|rule| rule.times.to_string()).collect(),
            redial_interval: redial_rules.iter().map(|rule| rule.interval_minutes.to_string()).collect(),
            sms_type: extras.sms_type.map_or_else(String::new, |it| it.to_string()),
            sms_level: extras.sms_send_level.clone(),
            sms_template: extras.sms_template.map_or_else(String::new, |it| it.to_string()),
            default_intention: flag(extras.default_intention_rule == Some(true)),
            elastic: flag(*elastic),
            remark: remark.clone(),
        }
    }

    pub(crate) fn redials(&self) -> Vec<RedialRow<'_>> {
        let rest = self.redial_times.iter().zip(&self.redial_interval);
        self.redial_status
            .iter()
            .zip(rest)
            .map(|(status, (times, interval))| RedialRow { status, times, interval })
            .collect()
    }

    pub(crate) fn has_line(&self, id: impl std::fmt::Display) -> bool {
        self.line.contains(&id.to_string())
    }

    pub(crate) fn has_level(&self, level: &str) -> bool {
        self.sms_level.iter().any(|it| it == level)
    }

    /// Parameters of createTask, or of update where a task is given.
    pub(crate) fn to_wire(&self, company: CompanyId, task: Option<TaskId>) -> Value {
        let rules: Vec<Value> = self
            .redials()
            .iter()
            .map(|row| json!({ "phoneStatus": row.status, "times": row.times, "interval": row.interval }))
            .collect();
        let (robot, voice) = self.robot.split_once(':').unwrap_or((&self.robot, ""));
        let mut wire = json!({
            "companyId": company.get(), "taskName": self.name, "taskType": self.kind, "userPhoneIds": self.line,
            "concurrencyQuota": self.quota, "repeatCall": !rules.is_empty(), "repeatCallRule": rules,
            "smsSendLevel": self.sms_level, "remark": self.remark,
            "defaultIntentionRule": self.default_intention.is_some(), "openElasticity": self.elastic.is_some(),
        });
        let mut put = |name: &str, value: &str| {
            if !value.trim().is_empty() {
                wire[name] = value.trim().into();
            }
        };
        put("startDate", &self.start_date);
        put("workingStartTime", &self.working_start);
        put("workingEndTime", &self.working_end);
        put("breakStartTime", &self.break_start);
        put("breakEndTime", &self.break_end);
        put("phoneNum", &self.in_progress);
        put("smsType", &self.sms_type);
        put("smsTemplateId", &self.sms_template);
        match task {
            Some(id) => {
                wire["taskId"] = id.get().into();
                wire["noBreak"] = (self.break_start.is_empty() && self.break_end.is_empty()).into();
            }
            None => {
                put("robotDefId", robot);
                put("sceneRecordId", voice);
            }
        }
        wire
    }
}

/// The end of the day is 23:59 in a form: browsers have no 24:00.
fn typed_time(time: Time) -> String {
    let text = clock(time);
    if text == "24:00" { "23:59:59".to_owned() } else { text }
}

/// Fields of the API: their names here, and what people call them. What would fit is said in English as well.
const FIELDS: [(&str, &str, &str, &str); 18] = [
    ("taskName", "name", "任务名称", "1 to 100 characters"),
    ("taskType", "kind", "启动方式", "timed or by hand"),
    ("startDate", "start_date", "开始日期", "a day, needed for a timed task"),
    ("workingStartTime", "working_start", "拨打开始时间", "a time of day that leaves some of the legal hours"),
    ("workingEndTime", "working_end", "拨打结束时间", "a time of day after the beginning"),
    ("breakStartTime", "break_start", "休息开始时间", "a time of day within the hours; needed with the other end"),
    (
        "breakEndTime",
        "break_end",
        "休息结束时间",
        "a time of day after the beginning of the break; needed with the other end",
    ),
    ("userPhoneIds", "line", "线路", "at least one line that calls out"),
    ("callType", "line", "线路类型", "lines of the type that the task was made for"),
    ("robotDefId", "robot", "机器人", "a robot that is online"),
    ("sceneDefId", "robot", "场景", "the robot's scene"),
    ("sceneRecordId", "robot", "录音", "one of the robot's voices"),
    ("concurrencyQuota", "quota", "坐席数", "a whole number from 1 to 100,000"),
    ("phoneNum", "in_progress", "同时拨打数", "from the seats to twice the seats"),
    ("repeatCallRule", "redials", "重拨规则", "each cause once, 1 to 5 redials, 0 to 120 minutes"),
    ("smsType", "sms_type", "短信类型", "a whole number"),
    ("smsTemplateId", "sms_template", "短信模板", "one of the company's templates"),
    ("remark", "remark", "备注", "at most 500 characters"),
];

/// At which field of the form something was refused, and why. The field is empty where it is about none.
pub(crate) fn problem(ui: &Ui, refused: &Refused) -> (&'static str, String) {
    let path = refused.field.as_deref().unwrap_or_default();
    let name = path.split(['[', '.']).next().unwrap_or_default();
    let Some((_, field, _, en)) = FIELDS.iter().find(|(wire, ..)| *wire == name) else {
        return ("", ui.message(&refused.reason).to_owned());
    };
    if ui.is_english() {
        return (field, format!("Wanted: {en}"));
    }
    // Parts of a redial rule have names of their own.
    let parts = [
        ("].phoneStatus", " 行的状态"),
        ("].times", " 行的次数"),
        ("].interval", " 行的间隔"),
        ("[", " 第（从 0 起）"),
    ];
    let words = FIELDS.iter().fold(refused.reason.zh.clone(), |words, (wire, _, zh, _)| words.replace(wire, zh));
    let words =
        if *field == "redials" { parts.iter().fold(words, |words, (from, to)| words.replace(from, to)) } else { words };
    (field, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_sent() {
        let typed = Typed { redial_status: Vec::new(), ..Typed::fresh(jiff::civil::date(2026, 5, 4)) };
        let wire = typed.to_wire(CompanyId(1), None);
        assert!(
            wire.get("breakStartTime").is_none() && wire.get("smsType").is_none() && wire.get("robotDefId").is_none()
        );
        assert_eq!((wire["repeatCall"].as_bool(), wire["openElasticity"].as_bool()), (Some(false), Some(false)));
        let wire = typed.to_wire(CompanyId(1), Some(TaskId(3)));
        assert_eq!((wire["taskId"].as_i64(), wire["noBreak"].as_bool()), (Some(3), Some(true)));
    }

    #[test]
    fn rows_of_redials_are_those_that_are_whole() {
        let text = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let typed = Typed {
            redial_status: text(&["6", "2"]),
            redial_times: text(&["1"]),
            redial_interval: text(&["30", "5"]),
            ..Typed::default()
        };
        assert_eq!(typed.redials(), [RedialRow { status: "6", times: "1", interval: "30" }]);
    }
}
