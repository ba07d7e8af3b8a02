//! Calls placed by themselves, outside any task: claimed in the store, and dialled at once.

use std::collections::BTreeMap;

use hutong_domain::ids::{CallId, CompanyId, CustomerId, RobotId};
use hutong_domain::phone::PhoneNumber;
use hutong_store::call::{NewCustomer, Properties};
use hutong_store::claim::{self, Single, SingleRefused};
use hutong_store::{IdKind, robot};

use super::import::missing_variable;
use crate::answer::{ApiError, Thing};
use crate::app::Api;
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
pub(super) async fn place(api: &Api, wanted: Wanted) -> Result<i64, ApiError> {
    check_hours(api)?;
    check_variables(api, &wanted).await?;
    // A call that is claimed and cannot be handed over would be lost: so the dialer is asked first.
    if api.dial.is_closed() || api.dial.is_full() {
        return Err(ApiError::Unavailable("外呼服务繁忙，请稍后重试"));
    }
    let single = with_ids(api, wanted).await?;
    let (company, node, now) = (single.company, (api.node)(), api.clock.now());
    let placed = api.store.write(company, move |db| claim::place_single(db, &single, node, now)).await?;
    let claimed = placed.map_err(refusal)?;
    let call = claimed.call;
    if api.dial.send(claimed).await.is_err() {
        tracing::error!(call = call.get(), "a claimed call could not be handed to the dialer: it stopped meanwhile");
    }
    Ok(call.get())
}

fn check_hours(api: &Api) -> Result<(), ApiError> {
    let now = api.civil_now();
    if !api.hours.days.dials(now.date()) {
        return Err(ApiError::refused(format!("{} 为不外呼的日期（节假日或休息日）", now.date())));
    }
    let (time, legal) = (now.time(), api.hours.legal);
    if legal.contains(time) {
        return Ok(());
    }
    let (start, end) = (legal.start, legal.end);
    Err(ApiError::refused(format!("当前时间 {} 不在允许外呼的时段 {start}–{end} 内", time.strftime("%H:%M:%S"))))
}

/// The robot has to be there, and every variable of its scene.
async fn check_variables(api: &Api, wanted: &Wanted) -> Result<(), ApiError> {
    let (company, id) = (wanted.company, wanted.robot);
    let found = api.store.read(move |db| robot::find(db, company, id)).await?;
    let robot = found.ok_or_else(|| ApiError::unknown(Thing::Robot, &id))?;
    let scene = api.scene(company, robot.scene, robot.scene_version).await?;
    match missing_variable(&scene, &wanted.customer.properties) {
        Some(name) => Err(ParamError::missing(format!("variables.{name}")).into()),
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

fn refusal(refused: SingleRefused) -> ApiError {
    ApiError::refused(match refused {
        SingleRefused::NoRobot => "robotDefId 应为在线的机器人",
        SingleRefused::Blacklisted => "该号码在公司黑名单中，不能外呼",
        SingleRefused::NoSeat => "公司没有空闲的AI坐席，请稍后重试",
        SingleRefused::NoChannel => "公司没有可用且空闲的线路，请稍后重试",
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
