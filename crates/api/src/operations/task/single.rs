//! Calls placed by themselves, outside any task: claimed in the store, and dialled at once.

use std::collections::BTreeMap;

use hutong_domain::audit::Action;
use hutong_domain::hours::Closed;
use hutong_domain::ids::{CallId, CompanyId, CustomerId, RobotId};
use hutong_domain::phone::PhoneNumber;
use hutong_domain::say;
use hutong_store::audit::Object;
use hutong_store::call::{NewCustomer, Properties};
use hutong_store::claim::{self, Look, Single, SingleRefused};
use hutong_store::{Db, IdKind, robot};

use super::import::{missing_variable, unfit_variable};
use crate::answer::{ApiError, Thing};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::{ParamError, quoted};

/// Variables as requests give them.
pub(super) type Variables = BTreeMap<String, Option<String>>;

/// Who is to be called by whom.
pub(super) struct Wanted {
    pub(super) company: CompanyId,
    pub(super) robot: RobotId,
    pub(super) customer: NewCustomer,
    /// The customer, where the company has it already.
    pub(super) known: Option<CustomerId>,
}

/// Places the call and hands it to the dialer; its id.
///
/// # Errors
/// Where the call may not or cannot be placed now, why not. Nothing has happened then.
pub(super) async fn place(api: &Api, caller: &Caller, wanted: Wanted) -> Result<i64, ApiError> {
    check_variables(api, &wanted).await?;
    // A call that is claimed and cannot be handed over would be lost: so the dialer is asked first.
    if api.dial.is_closed() || api.dial.is_full() {
        return Err(ApiError::Unavailable(say!("The dialer is busy: try again later", "外呼服务繁忙，请稍后重试")));
    }
    let single = with_ids(api, wanted).await?;
    let (company, by) = (single.company, caller.by(api));
    let look = Look { node: (api.node)(), now: by.at, rules: api.rules.clone(), starts_max: 1 };
    let place = move |db: &mut Db| {
        let placed = claim::place_single(db, &single, &look)?;
        if placed.is_ok() {
            by.made(db, Action::CallPlace, &Object::Call(company, single.call))?;
        }
        Ok(placed)
    };
    let placed = api.store.write(company, place).await?;
    let claimed = placed.map_err(|refused| refusal(api, refused))?;
    let call = claimed.call;
    if api.dial.send(claimed).await.is_err() {
        tracing::error!(call = call.get(), "a claimed call could not be handed to the dialer: it stopped meanwhile");
    }
    Ok(call.get())
}

/// The robot has to be there, and every variable of its scene.
async fn check_variables(api: &Api, wanted: &Wanted) -> Result<(), ApiError> {
    let (company, id) = (wanted.company, wanted.robot);
    let found = api.store.read(move |db| robot::find(db, company, id)).await?;
    let robot = found.ok_or_else(|| ApiError::unknown(Thing::Robot, &id))?;
    let scene = api.scene(company, robot.scene, robot.scene_version).await?;
    let given = &wanted.customer.properties;
    if let Some(name) = missing_variable(&scene, given) {
        return Err(ParamError::missing(format!("variables.{name}")).into());
    }
    match unfit_variable(&scene, given) {
        Some((name, value)) => {
            let expected = "符合话术变量类型的值".to_owned();
            Err(ParamError::new(format!("variables.{name}"), expected, value.to_owned()).into())
        }
        None => Ok(()),
    }
}

async fn with_ids(api: &Api, wanted: Wanted) -> Result<Single, ApiError> {
    let Wanted { company, robot, customer, known } = wanted;
    let customer_id = match known {
        Some(known) => known,
        None => CustomerId(api.store.reserve(IdKind::Customer, 1).await?),
    };
    let call = CallId(api.store.reserve(IdKind::Call, 1).await?);
    Ok(Single { company, robot, customer, customer_id, known_customer: known.is_some(), call })
}

fn refusal(api: &Api, refused: SingleRefused) -> ApiError {
    let now = api.civil_now();
    ApiError::Refused(match refused {
        SingleRefused::NoRobot => say!("The robot is not online", "robotDefId 应为在线的机器人"),
        SingleRefused::Closed { why: Closed::DayOff, .. } => {
            say!("{today} is a day without calls", "{today} 为不外呼的日期（节假日或休息日）", today = now.date())
        }
        SingleRefused::Closed { legal, .. } => {
            let (start, end, time) = (legal.start, legal.end, now.time().strftime("%H:%M:%S"));
            say!(
                "It is {time}, which is not within the legal calling hours {start}–{end}",
                "当前时间 {time} 不在允许外呼的时段 {start}–{end} 内"
            )
        }
        SingleRefused::Blacklisted => say!("The number is on the blacklist", "该号码在公司黑名单中，不能外呼"),
        SingleRefused::Capped(until) => {
            let day = until.civil(&api.rules.zone).date();
            say!("A frequency cap holds the number back until {day}", "该号码已达拨打频次上限，{day} 起可再次外呼")
        }
        SingleRefused::Busy => say!("The number is in a call: try again later", "该号码正在通话中，请稍后重试"),
        SingleRefused::NoSeat => say!("No seat is free: try again later", "公司没有空闲的AI坐席，请稍后重试"),
        SingleRefused::NoChannel => {
            say!("No line is free: try again later", "公司没有可用且空闲的线路，请稍后重试")
        }
    })
}

/// A number that can be dialled.
pub(super) fn phone(mobile: &str) -> Result<PhoneNumber, ParamError> {
    PhoneNumber::parse(mobile).ok_or_else(|| ParamError::new("mobile", "可拨打的电话号码", quoted(mobile)))
}

/// The variables that have a value, over those that are known already.
pub(super) fn merged(mut known: Properties, given: Option<Variables>) -> Properties {
    known.extend(given.unwrap_or_default().into_iter().filter_map(|(name, value)| Some((name, value?))));
    known
}
