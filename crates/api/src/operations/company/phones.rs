//! `company/getPhones`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::line;

use super::TAG;
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::OfCompany;
use crate::request::Params;
use crate::wire::company::Phone;

/// 获取主叫号码列表 · the company's caller numbers
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/getPhones",
    tag = TAG,
    params(OfCompany),
    responses((status = 200, description = "主叫号码 · caller numbers", body = Envelope<Vec<Phone>>))
)]
pub(crate) async fn get_phones(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OfCompany>,
) -> Outcome<Vec<Phone>> {
    let company = caller.require(asked.company_id)?;
    let now = api.clock.now();
    let found =
        api.store.read_snapshot(move |db| Ok((line::of_company(db, company)?, line::channels_in_use(db, company)?)));
    let (lines, in_use) = found.await?;
    let used = |line: &line::Line| in_use.get(&line.id).copied().unwrap_or(0);
    let phones = lines.into_iter().map(|line| (used(&line), line));
    Ok(Answer::new("获取成功", phones.map(|(used, line)| Phone::new(line, used, now, &api.calendar)).collect()))
}
