//! `task/singleCallByMobile`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::RobotId;
use hutong_store::call::{NewCustomer, Properties};
use serde::Deserialize;
use utoipa::ToSchema;

use super::single::{self, Variables, Wanted};
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// Which number is to be called by whom · 要外呼的号码
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallNumber {
    /// 号码 · the number
    #[schema(example = "17751279857")]
    mobile: String,
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 机器人id · id of the robot
    #[schema(example = 6)]
    robot_def_id: i64,
    /// 客户名称 · name of who is called
    #[schema(example = "不弃")]
    user_name: Option<String>,
    /// 话术变量 · scene variables
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    variables: Option<Variables>,
}

/// 按号码外呼 · calls a number, at once; its data is the id of the call
#[utoipa::path(
    post,
    path = "/openapi/v1/task/singleCallByMobile",
    tag = super::COMMAND_TAG,
    request_body = CallNumber,
    responses((status = 200, description = "任务实例id · id of the call", body = Envelope<i64>))
)]
pub(crate) async fn single_call_by_mobile(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<CallNumber>,
) -> Outcome<i64> {
    let company = caller.require(asked.company_id)?;
    let customer = NewCustomer {
        name: asked.user_name.unwrap_or_default(),
        phone: single::phone(&asked.mobile)?,
        properties: single::merged(Properties::new(), asked.variables),
    };
    let wanted = Wanted { company, robot: RobotId(asked.robot_def_id), customer, known: None };
    Ok(Answer::new("外呼成功", single::place(&api, &caller, wanted).await?))
}
