//! Every page of the router, asked for as it should not be: so that a new one cannot be forgotten.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hutong_domain::access::Role;

use crate::world::World;

const ROUTER: &str = include_str!("../../src/router.rs");
/// Short names that paths of the router begin with.
const PREFIXES: [(&str, &str); 2] =
    [("key", "/c/{company}/integration/keys/{key}"), ("callbacks", "/c/{company}/integration/callbacks/{subject}")];
/// What everybody may send who is signed in: for themselves alone, or changing nothing.
const FOR_VIEWERS: [&str; 8] = [
    "/sign-in",
    "/sign-out",
    "/look",
    "/me/password",
    "/me/sessions/{session}/end",
    "/c/{company}/calls/{call}/read",
    "/c/{company}/scenes/{scene}/talk",
    "/c/{company}/scenes/talks/{talk}",
];

/// The paths of the router and whether each takes a POST, with `1` for every parameter but the company.
fn routes(company: impl std::fmt::Display) -> Vec<(String, String, bool)> {
    let mut routes = Vec::new();
    for line in ROUTER.lines().filter(|line| line.contains(".route(")) {
        let (_, rest) = line.split_once(".route(").unwrap();
        let quoted = rest.split('"').nth(1);
        let path = match (quoted, rest.starts_with("&format!")) {
            (Some(path), false) => path.to_owned(),
            (Some(path), true) => {
                let (name, more) = path.strip_prefix('{').unwrap().split_once('}').unwrap();
                let (_, whole) = PREFIXES.iter().find(|(known, _)| *known == name).unwrap();
                format!("{whole}{more}")
            }
            (None, _) => {
                let name = rest.split(',').next().unwrap();
                PREFIXES.iter().find(|(known, _)| *known == name).unwrap().1.to_owned()
            }
        };
        let mut asked = String::new();
        for (at, part) in path.split('{').enumerate() {
            match part.split_once('}') {
                Some(("company", rest)) if path.starts_with("/c/") => asked.push_str(&format!("{company}{rest}")),
                Some((_, rest)) if at > 0 => asked.push_str(&format!("1{rest}")),
                _ => asked.push_str(part),
            }
        }
        routes.push((path, asked, rest.contains("post(")));
    }
    routes
}

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in() {
    let world = World::new().await;
    for (path, asked, _) in routes(world.ours.company) {
        if ["/sign-in", "/look", "/sign-out"].contains(&path.as_str()) || path.starts_with("/assets/") {
            continue;
        }
        let reply = world.send(Request::get(&asked).body(Body::empty()).unwrap()).await;
        let is_led_away = reply.status == StatusCode::SEE_OTHER && reply.location().starts_with("/sign-in");
        // A path that takes changes alone is no page.
        assert!(is_led_away || reply.status == StatusCode::NOT_FOUND, "{path}: {} {}", reply.status, reply.html);
        assert!(!reply.html.contains("nav class=\"side\""), "{path}");
    }
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let world = World::new().await;
    let viewer = world.browser(Role::Viewer).await;
    let mut refused = 0;
    for (path, asked, takes_post) in routes(world.ours.company) {
        if !takes_post || FOR_VIEWERS.contains(&path.as_str()) {
            continue;
        }
        let reply = viewer.post(&asked, "").await;
        // What cannot be read is refused before anybody asks who sends it.
        assert!(reply.status.is_client_error(), "{path}: {} {}", reply.status, reply.html);
        refused += usize::from(reply.status == StatusCode::FORBIDDEN);
    }
    assert!(refused >= 15, "only {refused} were refused for the role");
}

#[tokio::test]
async fn what_belongs_to_the_installation_is_not_there_for_operators() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    for path in ["/users", "/users/new", "/audit", "/audit.csv", "/companies", "/installation"] {
        assert_eq!(operator.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}
