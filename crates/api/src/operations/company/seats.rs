//! `company/seat/statistics`

use std::sync::Arc;

use axum::extract::State;
use hutong_store::company;

use super::TAG;
use crate::answer::{Answer, Envelope, Outcome};
use crate::app::Api;
use crate::auth::Caller;
use crate::operations::OfCompany;
use crate::request::Params;
use crate::wire::company::Seats;

/// 获取AI坐席统计 · the company's AI seats, and how many of them are in use
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/company/seat/statistics",
    tag = TAG,
    params(OfCompany),
    responses((status = 200, description = "坐席统计 · seats", body = Envelope<Seats>))
)]
pub(crate) async fn seat_statistics(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<OfCompany>,
) -> Outcome<Seats> {
    let company = caller.require(asked.company_id)?;
    let found = api.store.read_snapshot(move |db| {
        let seats = company::find(db, company)?.map_or(0, |company| company.seats);
        Ok(Seats { company_all_call_seat: seats, company_using_call_seat: company::seats_in_use(db, company)? })
    });
    Ok(Answer::new("查询成功", found.await?))
}
