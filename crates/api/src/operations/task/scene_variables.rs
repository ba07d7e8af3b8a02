//! `task/getSceneVariables`

use std::sync::Arc;

use axum::extract::State;
use hutong_domain::ids::SceneId;
use hutong_store::robot;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Answer, ApiError, Envelope, Outcome, Thing};
use crate::app::Api;
use crate::auth::Caller;
use crate::request::Params;

/// Which scene is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct GetSceneVariables {
    /// 公司Id · id of the company
    #[param(example = 1)]
    company_id: i64,
    /// 场景id · id of the scene
    #[param(example = 11)]
    scene_def_id: i64,
}

/// 获取话术变量 · variables that must come in `properties` when numbers are imported
#[utoipa::path(
    method(get, post),
    path = "/openapi/v1/task/getSceneVariables",
    tag = super::QUERY_TAG,
    params(GetSceneVariables),
    responses((status = 200, description = "变量名 · names of variables", body = Envelope<Vec<String>>))
)]
pub(crate) async fn get_scene_variables(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Params(asked): Params<GetSceneVariables>,
) -> Outcome<Vec<String>> {
    let company = caller.require(asked.company_id)?;
    let scene = SceneId(asked.scene_def_id);
    let version = api.store.read(move |db| robot::latest_version(db, company, scene)).await?;
    let version = version.ok_or_else(|| ApiError::unknown(Thing::Scene, &scene))?;
    let scene = api.scene(company, scene, version).await?;
    Ok(Answer::new("获取成功", scene.variables().map(str::to_owned).collect()))
}
