//! `company/addBlackList`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::audit::Action;
use hutong_domain::ids::BlacklistGroupId;
use hutong_store::audit::Object;
use hutong_store::{Db, blacklist};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{new_entry, number};
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// A number that is never to be called · 要加入黑名单的号码
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddBlackList {
    /// 公司Id · id of the company
    #[schema(example = 1)]
    company_id: i64,
    /// 号码 · the number
    #[schema(example = "17751279857")]
    mobile: String,
    /// 姓名 · whose number it is
    #[schema(example = "不弃")]
    name: Option<String>,
    /// 备注 · remark
    remark: Option<String>,
}

/// 添加黑名单 · adds a number to the default group; its data is the id of the entry
#[utoipa::path(
    post,
    path = "/openapi/v1/company/addBlackList",
    tag = super::TAG,
    request_body = AddBlackList,
    responses((status = 200, description = "黑名单id · id of the entry", body = Envelope<i64>))
)]
pub(crate) async fn add_black_list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<AddBlackList>,
) -> Outcome<i64> {
    let company = caller.require(asked.company_id)?;
    let entry = new_entry(&number("mobile", &asked.mobile)?, asked.name, asked.remark);
    let by = caller.by(&api);
    let add = move |db: &mut Db| {
        let added = blacklist::add(db, company, BlacklistGroupId::DEFAULT, &entry, by.at)?;
        if let (id, true) = added {
            by.made(db, Action::BlacklistAdd, &Object::BlacklistEntry(company, id))?;
        }
        Ok(added)
    };
    // A number that is there already keeps its id.
    let (id, _is_new) = api.store.write(company, add).await?;
    Ok(Answer::new("获取成功", id.get()))
}
