//! `company/addBlackList/batch`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_store::audit::Object;
use hutong_store::blacklist::{self, NewEntry};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{new_entry, number, require_group};
use crate::answer::{Answer, ApiError, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::param_error::ParamError;
use crate::request::Params;
use crate::wire::blacklist::BatchOutcome;

/// Numbers of one request.
const NUMBERS_MAX: usize = 10_000;

/// Numbers that are never to be called · 要加入黑名单的号码
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddBlackListBatch {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 黑名单分组id，默认分组为 -1 · id of the group; -1 for the default one
    #[schema(example = 3)]
    blacklist_info_group_id: i64,
    /// 号码列表，1 到 10000 个 · the numbers
    #[schema(inline, min_items = 1, max_items = 10_000)]
    blacklist: Vec<BlacklistNumber>,
}

/// A number · 号码
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlacklistNumber {
    /// 号码 · the number
    #[schema(example = "17751279857")]
    mobile: String,
    /// 姓名 · whose number it is
    #[schema(example = "不弃")]
    name: Option<String>,
    /// 备注 · remark
    remark: Option<String>,
}

/// 批量添加黑名单 · adds numbers to a group, all of one request or none
#[utoipa::path(
    post,
    path = "/openapi/v1/company/addBlackList/batch",
    tag = super::TAG,
    request_body = AddBlackListBatch,
    responses((status = 200, description = "添加结果 · what came of it", body = Envelope<BatchOutcome>))
)]
pub(crate) async fn add_black_list_batch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<AddBlackListBatch>,
) -> Outcome<BatchOutcome> {
    let company = caller.require(asked.company_id)?;
    let entries = entries(asked.blacklist)?;
    let group = require_group(&api, company, asked.blacklist_info_group_id).await?;
    let (by, requset_num) = (caller.by(&api), i64::try_from(entries.len()).unwrap_or(i64::MAX));
    let added = api.store.write(company, move |db| {
        let mut added = 0;
        for entry in &entries {
            let (_id, is_new) = blacklist::add(db, company, group, entry, by.at)?;
            added += i64::from(is_new);
        }
        if added > 0 {
            let counts = json!({ "added": added, "known": requset_num - added });
            by.note(db, Action::BlacklistAdd, &Object::BlacklistGroup(company, group), None, Some(counts))?;
        }
        Ok(added)
    });
    Ok(Answer::new("新增成功", BatchOutcome { requset_num, success_num: added.await? }))
}

/// # Errors
/// The first number that is none, by its place in the list.
fn entries(numbers: Vec<BlacklistNumber>) -> Result<Vec<NewEntry>, ApiError> {
    if !(1..=NUMBERS_MAX).contains(&numbers.len()) {
        let expected = format!(" 1 到 {NUMBERS_MAX} 个号码的列表");
        return Err(ParamError::new("blacklist", expected, format!("{} 个", numbers.len())).into());
    }
    let entry = |(at, given): (usize, BlacklistNumber)| {
        let BlacklistNumber { mobile, name, remark } = given;
        Ok(new_entry(&number(&format!("blacklist[{at}].mobile"), &mobile)?, name, remark))
    };
    numbers.into_iter().enumerate().map(entry).collect()
}
