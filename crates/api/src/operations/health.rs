//! Whether the server is alive, and ready for traffic.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use hutong_domain::ids::CompanyId;

use crate::app::Api;

/// The process runs.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers.
pub(crate) async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    // Any read will do.
    match api.store.read(|db| hutong_store::company::find(db, CompanyId(0))).await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
        }
    }
}
