//! `task/phoneLogInfo`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::CallId;
use hutong_store::call;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::{call_not_found, company_of_call};
use crate::request::Params;
use crate::wire::call_detail::CallDetail;

/// Which call is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct PhoneLogInfo {
    /// 任务实例id · id of the call
    #[param(example = 1)]
    call_instance_id: i64,
}

/// 获取一个通话的详情 · one call with all that was said and concluded
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/phoneLogInfo",
    tag = super::QUERY_TAG,
    params(PhoneLogInfo),
    responses((status = 200, description = "通话详情 · the call", body = Envelope<CallDetail>))
)]
pub(crate) async fn phone_log_info(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<PhoneLogInfo>,
) -> Outcome<CallDetail> {
    let id = CallId(asked.call_instance_id);
    let company = company_of_call(&api, &caller, id).await?;
    let Some(view) = api.store.read(move |db| call::find(db, company, id)).await? else {
        return Err(call_not_found(&api, id).await);
    };
    Ok(Answer::new("获取成功", CallDetail::new(view, caller.edition(), &api)))
}
