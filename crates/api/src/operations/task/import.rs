//! `task/importTaskCustomer`, in both of its versions: they differ in what they answer only.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::phone::PhoneNumber;
use hutong_domain::scene::Scene;
use hutong_store::audit::{By, Object};
use hutong_store::call::{self, Imported, NewCustomer};
use hutong_store::task::{self, CommandOutcome};
use hutong_store::{Db, IdKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::commands;
use crate::answer::{Answer, ApiError, Envelope, Nothing, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::operations::task_not_found;
use crate::request::Params;

/// Customers of one request.
const CUSTOMERS_MAX: usize = 10_000;

/// Customers to be called by a task · 要导入的客户
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportTaskCustomer {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 任务id · id of the task
    #[schema(example = 21)]
    task_id: i64,
    /// 客户列表，1 到 10000 个 · the customers
    #[schema(inline, min_items = 1, max_items = 10_000)]
    customer_info_list: Vec<CustomerInfo>,
}

/// A customer · 客户
#[derive(Deserialize, ToSchema)]
pub(crate) struct CustomerInfo {
    /// 客户名称 · name
    #[schema(example = "测试02")]
    name: Option<String>,
    /// 客户号码 · number
    #[schema(example = "17751279857")]
    phone: Option<String>,
    /// 话术变量 · scene variables
    #[schema(example = json!({"小区": "中大银泰城"}))]
    properties: Option<BTreeMap<String, Option<String>>>,
}

/// What came of an import · 导入结果
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportOutcome {
    /// 说明 · what happened, in words
    #[schema(
        example = "本次导入：3个客户，预计导入成功：3个客户，成功导入：3个客户，重复：0个客户，话术变量错误：0个客户"
    )]
    msg: String,
    /// 成功导入 · customers that went in
    #[schema(example = 3)]
    success_num: i64,
    /// 重复 · customers whose number stands in the list or in the task already
    #[schema(example = 0)]
    repeat_num: i64,
    /// 话术变量错误或号码不可用 · customers that lack a scene variable or have an unusable number
    #[schema(example = 0)]
    place_fail_num: i64,
}

/// 导入客户 · imports customers into a task, all of one request or none
#[utoipa::path(
    post,
    path = "/openapi/v1/task/importTaskCustomer",
    tag = super::COMMAND_TAG,
    request_body = ImportTaskCustomer,
    responses((status = 200, description = "已导入 · imported", body = Envelope<Nothing>))
)]
pub(crate) async fn import_task_customer(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<ImportTaskCustomer>,
) -> Outcome<Nothing> {
    import(&api, &caller, asked).await?;
    Ok(Answer::new("操作成功", Nothing))
}

/// 导入客户（返回导入结果） · imports customers into a task, and says what came of it
#[utoipa::path(
    post,
    path = "/openapi/v2/task/importTaskCustomer",
    tag = super::COMMAND_TAG,
    request_body = ImportTaskCustomer,
    responses((status = 200, description = "导入结果 · what came of it", body = Envelope<ImportOutcome>))
)]
pub(crate) async fn import_task_customer_v2(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<ImportTaskCustomer>,
) -> Outcome<ImportOutcome> {
    Ok(Answer::new("操作成功", import(&api, &caller, asked).await?))
}

async fn import(api: &Api, caller: &Caller, asked: ImportTaskCustomer) -> Result<ImportOutcome, ApiError> {
    let ImportTaskCustomer { company_id, task_id, customer_info_list } = asked;
    let (company, id, given) = (caller.require(company_id)?, TaskId(task_id), customer_info_list.len());
    if !(1..=CUSTOMERS_MAX).contains(&given) {
        let expected = format!(" 1 到 {CUSTOMERS_MAX} 个客户的列表");
        return Err(ParamError::new("customerInfoList", expected, format!("{given} 个")).into());
    }
    let scene = scene_of_task(api, company, id).await?;
    let usable: Vec<NewCustomer> = customer_info_list.into_iter().filter_map(|it| it.usable(&scene)).collect();
    let valid = usable.len();
    let imported = write(api, caller.by(api), (company, id), usable, given).await?;
    api.wake.notify_one();
    Ok(ImportOutcome::new(given, valid, imported))
}

async fn scene_of_task(api: &Api, company: CompanyId, id: TaskId) -> Result<Arc<Scene>, ApiError> {
    match api.store.read(move |db| task::find(db, company, id)).await? {
        Some(task) => api.scene(company, task.scene, task.scene_version).await,
        None => Err(task_not_found(api, id).await),
    }
}

async fn write(
    api: &Api,
    by: By,
    (company, id): (CompanyId, TaskId),
    customers: Vec<NewCustomer>,
    given: usize,
) -> Result<Imported, ApiError> {
    let first_customer = api.store.reserve(IdKind::Customer, customers.len()).await?;
    let first_call = api.store.reserve(IdKind::Call, customers.len()).await?;
    let ids = (first_customer, first_call);
    let import = move |db: &mut Db| {
        let imported = call::import(db, company, id, &customers, ids, by.at)?;
        // Numbers that are sent again, as clients do after a time-out, change nothing.
        if let Some(Imported { inserted: inserted @ 1.., repeated }) = imported {
            let unusable = given - customers.len();
            let counts = json!({ "imported": inserted, "repeated": repeated, "unusable": unusable });
            by.note(db, Action::TaskImport, &Object::Task(company, id), None, Some(counts))?;
        }
        Ok(imported)
    };
    match api.store.write(company, import).await? {
        Some(imported) => Ok(imported),
        None => {
            commands::done(CommandOutcome::Unknown)?;
            Ok(Imported::default())
        }
    }
}

impl CustomerInfo {
    /// The customer, if the number can be dialled and the scene's variables are all there.
    fn usable(self, scene: &Scene) -> Option<NewCustomer> {
        let phone = PhoneNumber::parse(&self.phone?)?;
        let given = self.properties.unwrap_or_default().into_iter();
        let properties: BTreeMap<String, String> = given.filter_map(|(name, value)| Some((name, value?))).collect();
        let complete = missing_variable(scene, &properties).is_none() && unfit_variable(scene, &properties).is_none();
        complete.then(|| NewCustomer { name: self.name.unwrap_or_default(), phone, properties })
    }
}

/// The first of the scene's variables that has no value.
pub(super) fn missing_variable<'a>(scene: &'a Scene, properties: &BTreeMap<String, String>) -> Option<&'a str> {
    scene.variables().find(|name| properties.get(*name).is_none_or(|value| value.trim().is_empty()))
}

/// The first variable whose value cannot be spoken as what it is, with that value; an empty one counts as none.
pub(super) fn unfit_variable<'a>(
    scene: &Scene,
    properties: &'a BTreeMap<String, String>,
) -> Option<(&'a str, &'a str)> {
    let given = properties.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut given = given.filter(|(_, value)| !value.trim().is_empty());
    given.find(|(name, value)| scene.check_value(name, value).is_err())
}

impl ImportOutcome {
    /// `valid` is how many of the `given` customers had a usable number and every variable.
    fn new(given: usize, valid: usize, imported: Imported) -> Self {
        let Imported { inserted, repeated } = imported;
        let failed = given - valid;
        Self {
            msg: format!(
                "本次导入：{given}个客户，预计导入成功：{valid}个客户，成功导入：{inserted}个客户，\
                 重复：{repeated}个客户，话术变量错误：{failed}个客户"
            ),
            success_num: inserted,
            repeat_num: repeated,
            place_fail_num: i64::try_from(failed).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_whose_value_does_not_fit_is_not_imported() {
        let scene = Scene::parse(
            "\
hutong: 1
name: 提醒
robot: { name: 机 }
variables: [{ name: 金额, type: money }, { name: 日期, type: date, default: 2026-12-31 }]
nodes: [{ name: 开场, say: '您的{金额}，{日期}到期。', end: { reason: 完 } }]
results: [{ name: 客户意向等级, values: [D级(需筛选)], default: D级(需筛选) }]
",
        )
        .unwrap();
        let usable = |properties: &[(&str, &str)]| {
            let properties =
                properties.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
            let phone = Some("13800138000".to_owned());
            CustomerInfo { name: None, phone, properties: Some(properties) }.usable(&scene).is_some()
        };
        assert!(usable(&[("金额", "1280.5")]));
        assert!(usable(&[("金额", "1280.5"), ("日期", "")]));
        assert!(!usable(&[("金额", "很多")]));
        assert!(!usable(&[("金额", "1280.5"), ("日期", "2026-13-40")]));
        assert!(!usable(&[("日期", "2026-12-31")]));
    }

    #[test]
    fn the_outcome_reads_as_the_document_has_it() {
        let outcome = ImportOutcome::new(3, 3, Imported { inserted: 3, repeated: 0 });
        assert_eq!(
            outcome.msg,
            "本次导入：3个客户，预计导入成功：3个客户，成功导入：3个客户，重复：0个客户，话术变量错误：0个客户"
        );
    }
}
