//! `company/getRobots`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::robot;
use serde::Deserialize;
use utoipa::IntoParams;

use super::TAG;
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::request::Params;
use crate::wire::company::RobotItem;

/// Which robots are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct GetRobots {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 机器人状态, 0:全部,1:在线,2:曾发布 · 0 all, 1 online, 2 ever published
    #[param(minimum = 0, maximum = 2, default = 0)]
    robot_status: Option<i64>,
}

/// 获取机器人列表 · the company's robots
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/getRobots",
    tag = TAG,
    params(GetRobots),
    responses((status = 200, description = "机器人 · robots", body = Envelope<Vec<RobotItem>>))
)]
pub(crate) async fn get_robots(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<GetRobots>,
) -> Outcome<Vec<RobotItem>> {
    let company = caller.require(asked.company_id)?;
    let only_online = only_online(asked.robot_status.unwrap_or(0))?;
    let robots = api.store.read(move |db| robot::of_company(db, company)).await?;
    let robots = robots.into_iter().filter(|robot| robot.online || !only_online);
    Ok(Answer::new("获取成功", robots.map(|robot| RobotItem::new(robot, &api.calendar)).collect()))
}

/// A robot is made by publishing its scene, so all of them were published once.
fn only_online(status: i64) -> Result<bool, ParamError> {
    match status {
        0 | 2 => Ok(false),
        1 => Ok(true),
        other => Err(ParamError::new("robotStatus", " 0、1 或 2", other)),
    }
}
