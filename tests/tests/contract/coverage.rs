//! Nothing of the contract is left out: every operation and every code has a fixture.

use std::collections::BTreeSet;

use hutong_e2e::Installation;
use hutong_e2e::http::Request;

use crate::fixture;

/// The codes that an answer can have, see `answer.rs` of the API.
const CODES: [u16; 10] = [200, 401, 403, 404, 408, 412, 413, 429, 500, 503];

/// Every operation that the program documents, as method and path.
fn operations() -> BTreeSet<String> {
    let installation = Installation::new();
    let server = installation.serve();
    let answer = Request::get("/openapi.json").send(server.address()).expect("the server answers");
    let document = answer.json();
    let paths = document["paths"].as_object().expect("an OpenAPI document has paths");
    let methods = |(path, item): (&String, &serde_json::Value)| {
        let methods: Vec<String> = item.as_object().expect("a path has methods").keys().cloned().collect();
        methods.into_iter().map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn every_operation_has_a_fixture_and_every_fixture_an_operation() {
    let operations = operations();
    assert!(operations.len() > 28, "the router has its operations: {operations:?}");
    let fixtures = fixture::all();
    let (outside, inside): (Vec<_>, Vec<_>) = fixtures.iter().partition(|fixture| fixture.request.outside);
    let shown: BTreeSet<String> = inside.iter().flat_map(|fixture| fixture.request.operations.clone()).collect();

    let without: Vec<_> = operations.difference(&shown).collect();
    assert!(without.is_empty(), "operations without a fixture: {without:?}");
    let unknown: Vec<_> = shown.difference(&operations).collect();
    assert!(unknown.is_empty(), "fixtures of operations that there are not: {unknown:?}");
    for fixture in outside {
        let known = fixture.request.operations.iter().find(|operation| operations.contains(*operation));
        assert_eq!(known, None, "{} says that this is no operation", fixture.path);
    }
}

#[test]
fn every_operation_has_a_fixture_in_which_it_succeeds() {
    let fixtures = fixture::all();
    let succeeding = fixtures.iter().filter(|fixture| fixture.answer.code == 200);
    let shown: BTreeSet<String> = succeeding.flat_map(|fixture| fixture.request.operations.clone()).collect();
    let without: Vec<_> = operations().into_iter().filter(|operation| !shown.contains(operation)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_code_has_a_fixture() {
    let shown: BTreeSet<u16> = fixture::all().iter().map(|fixture| fixture.answer.code).collect();
    assert_eq!(shown, BTreeSet::from(CODES));
}

#[test]
fn every_fixture_says_what_it_shows_and_no_two_the_same() {
    let mut names = BTreeSet::new();
    for fixture in fixture::all() {
        assert!(names.insert(fixture.name.clone()), "{}: {} is said twice", fixture.path, fixture.name);
    }
}
