//! The description of the API, and what is not part of it.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::Request;

use crate::world::{Reply, World};

async fn fetch(world: &World, path: &str) -> Reply {
    world.send(Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_operation_is_described() {
    let world = World::new().await;
    let document = fetch(&world, "/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| summary.contains(" · ")), "{path}");
            assert!(operation["responses"]["429"].is_object(), "{path}");
            if method == "post" && path != "/openapi/v1/company/getCompanys" {
                assert!(operation["requestBody"].is_object(), "{path}");
            }
        }
    }
    assert_eq!(ids.len(), 30 + 14);
}

#[tokio::test]
async fn every_field_is_described_in_two_languages() {
    let world = World::new().await;
    let document = fetch(&world, "/openapi.json").await.body;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            // What may be null and is described elsewhere carries its description one level down.
            let description = [&property["description"], &property["oneOf"][0]["description"]];
            let described = description.iter().any(|it| it.as_str().is_some_and(|text| text.contains('·')));
            assert!(described, "{name}.{field}: {property}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let world = World::new().await;
    let text = fetch(&world, "/openapi.json").await.body.to_string();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn the_documentation_is_served_from_here() {
    let world = World::new().await;
    assert_eq!(fetch(&world, "/docs/").await.status, 200);
    assert_eq!(fetch(&world, "/docs/swagger-ui-bundle.js").await.status, 200);
}

#[tokio::test]
async fn paths_that_do_not_exist_are_said_so() {
    let world = World::new().await;
    for path in ["/openapi", "/openapi/", "/openapi/v1/task/unknown", "/openapi/v3/task/getTasks"] {
        let reply = fetch(&world, path).await;
        assert_eq!(reply.status, 200);
        reply.refused(404, "资源未找到：");
    }
    assert_eq!(fetch(&world, "/elsewhere").await.status, 404);
}

#[tokio::test]
async fn the_server_says_that_it_is_well() {
    let world = World::new().await;
    assert_eq!(fetch(&world, "/healthz").await.status, 200);
    assert_eq!(fetch(&world, "/readyz").await.status, 200);
}
