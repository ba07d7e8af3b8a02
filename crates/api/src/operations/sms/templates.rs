//! `sms/template/list`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::sms;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::compat::paging::{self, PageNumber, PageSize, RowsFrom};
use crate::request::Params;
use crate::wire::company::SmsTemplateItem;
use crate::wire::page::PageOf;

/// Which templates are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTemplates {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 状态，1 为可用 · in this state
    #[param(example = 1)]
    status: Option<i64>,
    /// 第几页 · page, from 1
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 1)]
    page_num: PageNumber,
    /// 每页条数，最大 500 · items on a page, at most 500
    #[serde(default)]
    #[param(value_type = i64, minimum = 1, default = 10)]
    page_size: PageSize<10, 500>,
}

/// 获取短信模板列表 · the company's text message templates, newest first
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/sms/template/list",
    tag = "短信 · text messages",
    operation_id = "sms_template_list",
    params(ListTemplates),
    responses((status = 200, description = "短信模板 · templates", body = Envelope<PageOf<SmsTemplateItem>>))
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<ListTemplates>,
) -> Outcome<PageOf<SmsTemplateItem>> {
    let company = caller.require(asked.company_id)?;
    let page = paging::request(asked.page_num, asked.page_size);
    let templates = api.store.read_snapshot(move |db| sms::page(db, company, asked.status, page)).await?;
    let list = PageOf::new(templates, page, RowsFrom::One, |it| SmsTemplateItem::new(it, &api.calendar));
    Ok(Answer::new("查询成功", list))
}
