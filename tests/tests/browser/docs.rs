//! `/docs`, the reference of the API.

use std::collections::BTreeSet;

use hutong_e2e::http::Request;
use hutong_e2e::{Browser, Installation};

/// Bytes that it may transfer: Swagger UI itself is nearly all of them, as it comes.
const BYTES_MAX: u64 = 2_200_000;

#[test]
fn the_reference_shows_every_operation_and_comes_from_this_server_alone() {
    let installation = Installation::new();
    let server = installation.serve();
    let described = Request::get("/openapi.json").send(server.address()).unwrap().json();
    let paths = described["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|methods| methods.as_object().unwrap().len()).sum();
    assert_ne!(operations, 0);

    let browser = Browser::start();
    let load = browser.first_load(server.address(), "/docs/");
    browser.find(".opblock");
    browser.screenshot("docs");
    assert_eq!(browser.count(".opblock"), operations);
    assert_eq!(load.elsewhere(server.address()), [""; 0]);
    assert!(load.bytes <= BYTES_MAX, "{load:?}");
    let different: BTreeSet<&String> = load.addresses.iter().collect();
    assert_eq!(different.len(), load.addresses.len(), "nothing comes twice: {load:?}");

    browser.click(".opblock-summary-control");
    browser.find(".opblock .parameters-container");
    browser.screenshot("docs-operation");
    browser.finish();
}
