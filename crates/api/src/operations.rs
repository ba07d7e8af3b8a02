//! The operations, one file each. A handler reads: authorise, load, check, act, answer.

use hutong_domain::ids::{CallId, CompanyId, TaskId};

use crate::answer::{ApiError, Thing};
use crate::app::Api;
use crate::auth::Caller;

pub(crate) mod blacklist;
pub(crate) mod callback;
pub(crate) mod company;
pub(crate) mod health;
pub(crate) mod sms;
pub(crate) mod task;

/// The company in which a task is to be looked for. A key of one company needs no question to the store:
/// only if nothing is found there does it matter whether somebody else has it, see [`task_not_found`].
async fn company_of_task(api: &Api, caller: &Caller, id: TaskId) -> Result<CompanyId, ApiError> {
    let companies = caller.companies();
    if let [only] = *companies {
        return Ok(only);
    }
    let candidates = companies.to_vec();
    match api.store.read(move |db| hutong_store::task::owner_among(db, id, &candidates)).await? {
        Some(company) => Ok(company),
        None => Err(task_not_found(api, id).await),
    }
}

/// The owner of a task that a request names by its id alone.
async fn owner_of_task(api: &Api, caller: &Caller, id: TaskId) -> Result<CompanyId, ApiError> {
    let owner = api.store.read(move |db| hutong_store::task::owner(db, id)).await?;
    caller.require_owner(owner, Thing::Task, &id)
}

/// Why a task was not found: there is none, or it is another company's.
async fn task_not_found(api: &Api, id: TaskId) -> ApiError {
    match api.store.read(move |db| hutong_store::task::owner(db, id)).await {
        Ok(None) => ApiError::unknown(Thing::Task, &id),
        Ok(Some(_)) => ApiError::forbidden(Thing::Task),
        Err(error) => error.into(),
    }
}

/// The company in which a call is to be looked for, see [`company_of_task`].
async fn company_of_call(api: &Api, caller: &Caller, id: CallId) -> Result<CompanyId, ApiError> {
    let companies = caller.companies();
    if let [only] = *companies {
        return Ok(only);
    }
    let candidates = companies.to_vec();
    match api.store.read(move |db| hutong_store::call::owner_among(db, id, &candidates)).await? {
        Some(company) => Ok(company),
        None => Err(call_not_found(api, id).await),
    }
}

/// Why a call was not found: there is none, or it is another company's.
async fn call_not_found(api: &Api, id: CallId) -> ApiError {
    match api.store.read(move |db| hutong_store::call::owner(db, id)).await {
        Ok(None) => ApiError::unknown(Thing::Call, &id),
        Ok(Some(_)) => ApiError::forbidden(Thing::Call),
        Err(error) => error.into(),
    }
}

/// The company that is asked about.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct OfCompany {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
}
