//! `company/getCompanys`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::company;

use super::TAG;
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::wire::company::CompanyItem;

/// 获取绑定的公司列表 · the companies that the key is bound to
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/getCompanys",
    tag = TAG,
    responses((status = 200, description = "公司列表 · the companies", body = Envelope<Vec<CompanyItem>>))
)]
pub(crate) async fn get_companys(State(api): State<Arc<Api>>, caller: Caller) -> Outcome<Vec<CompanyItem>> {
    let bound = caller.companies().to_vec();
    let found = api.store.read(move |db| bound.into_iter().map(|id| company::find(db, id)).collect()).await?;
    let found: Vec<Option<_>> = found;
    Ok(Answer::new("获取成功", found.into_iter().flatten().map(CompanyItem::from).collect()))
}
