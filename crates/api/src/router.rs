//! Every route of the API on one page.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::routing::{any, get};
use axum::{Extension, Router};
use hutong_domain::access::Permission;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{Api, App};
use crate::inside::{Inside, Needs};
use crate::operations::{blacklist, callback, company, health, sms, task};
use crate::{docs, recording, request};

type Operations = OpenApiRouter<Arc<Api>>;

/// The API with its documentation, recordings and health checks; and the same API for the console, which asks from inside.
/// The router has no fallback: the binary adds the console.
pub fn router(app: Arc<App>) -> (Router, Inside) {
    let api = Arc::new(Api::new(app));
    let (operations, mut document) = operations().split_for_parts();
    docs::complete(&mut document);
    let operations = operations
        .route("/openapi", any(request::no_operation))
        .route("/openapi/", any(request::no_operation))
        .route("/openapi/{*path}", any(request::no_operation))
        .method_not_allowed_fallback(request::wrong_method)
        .layer(from_fn_with_state(Arc::clone(&api), request::around))
        .with_state(Arc::clone(&api));
    let inside = Inside::new(operations.clone());
    let others = Router::new()
        .route("/recordings/{*name}", get(recording::hand_out))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(api);
    (operations.merge(others).merge(docs::pages(document)), inside)
}

/// Read operations answer GET and POST alike; the others POST only: each file says which.
fn operations() -> Operations {
    OpenApiRouter::with_openapi(docs::base())
        .merge(needing(Permission::SeeCalls, what_happened()))
        .merge(needing(Permission::RunTasks, tasks()))
        .merge(needing(Permission::PlaceCalls, single_calls()))
        .merge(needing(Permission::SeeCalls, what_a_company_has()))
        .merge(needing(Permission::EditBlacklist, blacklists()))
}

/// What a person has to be permitted for these; keys may do all of them. An operation that is in no such group is refused
/// to everybody who asks from inside.
fn needing(permission: Permission, operations: Operations) -> Operations {
    operations.route_layer(Extension(Needs(permission)))
}

fn what_happened() -> Operations {
    OpenApiRouter::new()
        .routes(routes!(task::list::get_tasks))
        .routes(routes!(task::detail::get_task_detail))
        .routes(routes!(task::done_calls::query_done_task_phones))
        .routes(routes!(task::waiting_calls::not_dialed_customer_list))
        .routes(routes!(task::call_detail::phone_log_info))
        .routes(routes!(task::scene_variables::get_scene_variables))
}

fn tasks() -> Operations {
    OpenApiRouter::new()
        .routes(routes!(task::create::create_task))
        .routes(routes!(task::update::update))
        .routes(routes!(task::import::import_task_customer))
        .routes(routes!(task::import::import_task_customer_v2))
        .routes(routes!(task::start::start))
        .routes(routes!(task::pause::pause))
        .routes(routes!(task::stop::stop))
        .routes(routes!(task::delete::delete))
}

/// Calls outside of tasks.
fn single_calls() -> Operations {
    OpenApiRouter::new()
        .routes(routes!(task::call_known_customer::call_customer))
        .routes(routes!(task::call_number::single_call_by_mobile))
}

fn what_a_company_has() -> Operations {
    OpenApiRouter::new()
        .routes(routes!(company::companies::get_companys))
        .routes(routes!(company::phones::get_phones))
        .routes(routes!(company::robots::get_robots))
        .routes(routes!(company::seats::seat_statistics))
        .routes(routes!(sms::templates::list))
        .routes(routes!(callback::undelivered::query_un_call_back))
        .routes(routes!(blacklist::page::blacklist_info_page))
        .routes(routes!(blacklist::group_list::blacklist_group_list))
}

/// Whom nobody may call.
fn blacklists() -> Operations {
    OpenApiRouter::new()
        .routes(routes!(blacklist::add::add_black_list))
        .routes(routes!(blacklist::add_batch::add_black_list_batch))
        .routes(routes!(blacklist::delete::blacklist_info_delete))
        .routes(routes!(blacklist::group_add::blacklist_group_add))
        .routes(routes!(blacklist::group_edit::blacklist_group_edit))
        .routes(routes!(blacklist::group_delete::blacklist_group_delete))
}
