//! `repeatCallRule`: who is called again.

use hutong_domain::call::FinishStatus;
use hutong_domain::redial::{INTERVAL_MINUTES_MAX, REDIALS_MAX, RedialRule};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::compat::param_error::ParamError;

/// Redial after one finish status · 重拨规则
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepeatCallRule {
    /// 重拨的完成状态, 2:无应答,3:主叫号码不可用,5:关机,6:占线,7:停机,9:主叫欠费,10:呼损 · redial after this status
    #[schema(example = 6)]
    phone_status: i64,
    /// 最多重拨次数，1 到 5 · at most so many redials of a number
    #[schema(minimum = 1, maximum = 5, example = 2)]
    times: i64,
    /// 间隔（分钟），0 到 120 · minutes from the end of the call to the redial
    #[schema(minimum = 0, maximum = 120, example = 30)]
    interval: i64,
}

/// # Errors
/// The first rule that cannot be, by its place in the list.
pub(super) fn check(rules: &[RepeatCallRule]) -> Result<Vec<RedialRule>, ParamError> {
    let mut checked: Vec<RedialRule> = Vec::new();
    for (rule, at) in rules.iter().zip(0..) {
        let rule = check_one(rule, at)?;
        if checked.iter().any(|before| before.status == rule.status) {
            let path = format!("repeatCallRule[{at}].phoneStatus");
            return Err(ParamError::new(path, "不重复的完成状态", rule.status.number()));
        }
        checked.push(rule);
    }
    Ok(checked)
}

fn check_one(rule: &RepeatCallRule, at: usize) -> Result<RedialRule, ParamError> {
    let RepeatCallRule { phone_status, times, interval } = *rule;
    let wrong = |field, expected: &'static str, received| {
        ParamError::new(format!("repeatCallRule[{at}].{field}"), expected, received)
    };
    let status = FinishStatus::from_number(phone_status)
        .filter(|status| RedialRule::fits(*status))
        .ok_or_else(|| wrong("phoneStatus", " 2、3、5、6、7、9、10 之一", phone_status))?;
    let within = |number, min: u32, max: u32| u32::try_from(number).ok().filter(|number| (min..=max).contains(number));
    let times_checked = within(times, 1, REDIALS_MAX).ok_or_else(|| wrong("times", " 1 到 5 的整数", times))?;
    let interval_minutes =
        within(interval, 0, INTERVAL_MINUTES_MAX).ok_or_else(|| wrong("interval", " 0 到 120 的整数", interval))?;
    Ok(RedialRule { status, times: times_checked, interval_minutes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(phone_status: i64, times: i64, interval: i64) -> RepeatCallRule {
        RepeatCallRule { phone_status, times, interval }
    }

    #[test]
    fn a_rule_has_a_status_that_can_be_redialled_and_stays_within_bounds() {
        let refused = |rules: &[RepeatCallRule]| check(rules).unwrap_err().path;
        assert_eq!(check(&[rule(6, 5, 120), rule(2, 1, 0)]).unwrap().len(), 2);
        assert_eq!(refused(&[rule(6, 1, 0), rule(0, 1, 0)]), "repeatCallRule[1].phoneStatus");
        assert_eq!(refused(&[rule(99, 1, 0)]), "repeatCallRule[0].phoneStatus");
        assert_eq!(refused(&[rule(6, 0, 0)]), "repeatCallRule[0].times");
        assert_eq!(refused(&[rule(6, 6, 0)]), "repeatCallRule[0].times");
        assert_eq!(refused(&[rule(6, 1, 121)]), "repeatCallRule[0].interval");
        assert_eq!(refused(&[rule(6, 1, 0), rule(6, 2, 0)]), "repeatCallRule[1].phoneStatus");
    }
}
