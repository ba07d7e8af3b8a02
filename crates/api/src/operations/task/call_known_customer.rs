//! `task/call`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::{CompanyId, CustomerId, RobotId};
use hutong_store::call::{self, Customer, NewCustomer};
use serde::Deserialize;
use utoipa::ToSchema;

use super::single::{self, Variables, Wanted};
use crate::answer::{Answer, ApiError, Envelope, Outcome, Thing};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// Who is to be called by whom · 要外呼的客户
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallCustomer {
    /// 客户id · id of a customer that was imported
    #[schema(example = 55)]
    customer_id: i64,
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 机器人id · id of the robot
    #[schema(example = 6)]
    robot_def_id: i64,
    /// 号码，默认为客户的号码 · the number; the customer's by default
    #[schema(example = "17751279857")]
    mobile: Option<String>,
    /// 话术变量，覆盖客户的变量 · scene variables, over those of the customer
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    variables: Option<Variables>,
}

/// 单个客户外呼 · calls a customer that was imported, at once; its data is the id of the call
#[utoipa::path(
    post,
    path = "/openapi/v1/task/call",
    tag = super::COMMAND_TAG,
    operation_id = "call_customer",
    request_body = CallCustomer,
    responses((status = 200, description = "任务实例id · id of the call", body = Envelope<i64>))
)]
pub(crate) async fn call_customer(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<CallCustomer>,
) -> Outcome<i64> {
    let company = caller.require(asked.company_id)?;
    let Customer { id, name, phone, properties } = find(&api, company, CustomerId(asked.customer_id)).await?;
    let customer = NewCustomer {
        name,
        phone: single::phone(asked.mobile.as_deref().unwrap_or(&phone))?,
        properties: single::merged(properties, asked.variables),
    };
    let wanted = Wanted { company, robot: RobotId(asked.robot_def_id), customer, known: Some(id) };
    Ok(Answer::new("外呼成功", single::place(&api, &caller, wanted).await?))
}

async fn find(api: &Api, company: CompanyId, id: CustomerId) -> Result<Customer, ApiError> {
    if let Some(customer) = api.store.read(move |db| call::customer(db, company, id)).await? {
        return Ok(customer);
    }
    match api.store.read(move |db| call::customer_owner(db, id)).await? {
        Some(_) => Err(ApiError::forbidden(Thing::Customer)),
        None => Err(ApiError::unknown(Thing::Customer, &id)),
    }
}
