//! Every route of the API on one page.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{Api, App};
use crate::operations::{blacklist, callback, company, health, sms, task};
use crate::{docs, request};

/// The API with its documentation and its health checks. It has no fallback: the binary adds the console.
pub fn router(app: Arc<App>) -> Router {
    let api = Arc::new(Api::new(app));
    let (operations, mut document) = operations().split_for_parts();
    docs::complete(&mut document);
    operations
        .route("/openapi", any(request::no_operation))
        .route("/openapi/", any(request::no_operation))
        .route("/openapi/{*path}", any(request::no_operation))
        .method_not_allowed_fallback(request::wrong_method)
        .layer(from_fn_with_state(Arc::clone(&api), request::around))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(api)
        .merge(docs::pages(document))
}

fn operations() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(docs::base())
        .routes(routes!(task::list::get_tasks))
}
