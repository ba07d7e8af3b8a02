//! `/metrics` of a running demo: its names keep to Prometheus' conventions, and its documentation and its dashboard are about
//! what is really there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::collections::{BTreeMap, BTreeSet};

use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Demo, Server, program};
use serde_json::Value;

/// A metric as it is exported.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    samples: usize,
}

/// What Prometheus makes of the text.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let (sample, labels) = series.split_once('{').unwrap_or((series, ""));
            let parts = ["_bucket", "_sum", "_count"].into_iter().filter_map(|part| sample.strip_suffix(part));
            let histogram = parts.into_iter().find(|name| families.get(*name).is_some_and(|f| f.kind == "histogram"));
            let family = families.get_mut(histogram.unwrap_or(sample));
            let family = family.unwrap_or_else(|| panic!("HELP and TYPE come before their samples: {line}"));
            family.samples += 1;
            // Values of labels here hold neither quotes nor commas.
            family.labels.extend(labels.split(',').filter_map(|label| Some(label.split_once('=')?.0.to_owned())));
        }
    }
    families
}

/// What is wrong with a metric, by <https://prometheus.io/docs/practices/naming/> and what `promtool check metrics` says.
fn faults(name: &str, family: &Family) -> Vec<&'static str> {
    let word = |wrong: &str| name.split('_').any(|word| word == wrong);
    let ends = |units: &[&str]| units.iter().any(|unit| name.ends_with(unit));
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let not_base =
        ["milliseconds", "microseconds", "minutes", "hours", "days", "ms", "us", "kilobytes", "mib", "percent"];
    let (is_counter, is_histogram) = (family.kind == "counter", family.kind == "histogram");
    let rules = [
        (!name.starts_with("hutong_") || !is_plain(name), "its name is not hutong_ and plain words"),
        (family.help.is_empty(), "it has no HELP"),
        (!["counter", "gauge", "histogram"].contains(&family.kind.as_str()), "it has no TYPE"),
        (is_counter != name.ends_with("_total"), "counters, and nothing else, end in _total"),
        (is_histogram && !ends(&["_seconds", "_bytes", "_ratio"]), "a histogram ends in its unit"),
        (ends(&["_count", "_sum", "_bucket"]), "its end is that of a histogram's part"),
        (not_base.into_iter().any(word), "its unit is not a base unit"),
        (word(&family.kind), "its type stands in its name"),
        (!family.labels.iter().all(|label| is_plain(label)), "its labels are not plain"),
        (!is_histogram && family.labels.iter().any(|l| l == "le" || l == "quantile"), "its label is a histogram's"),
    ];
    rules.into_iter().filter(|(is_broken, _)| *is_broken).map(|(_, fault)| fault).collect()
}

fn exported(server: &Server) -> BTreeMap<String, Family> {
    let answer = Request::get("/metrics").send(server.address()).unwrap();
    assert_eq!(answer.status, 200);
    families(&String::from_utf8(answer.body).unwrap())
}

/// The names that begin with `hutong_` in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("hutong_")).map(str::to_owned).collect()
}

/// The metrics that the queries of the dashboard name.
fn asked_by_the_dashboard() -> BTreeSet<String> {
    let text = std::fs::read_to_string(program::repository().join("assets/grafana/hutong.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    assert!(queries.len() > 20, "{queries:?}");
    let part = |name: String| {
        let parts = ["_bucket", "_sum", "_count"].into_iter().find_map(|part| name.strip_suffix(part));
        parts.map(str::to_owned).unwrap_or(name)
    };
    queries.iter().flat_map(|query| named(query)).map(part).collect()
}

fn collect(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            queries.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect(field, queries));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
        _ => {}
    }
}

#[test]
fn what_is_exported_keeps_to_the_conventions_and_is_documented_and_asked_for() {
    // A recogniser that is never reached: the callees of a demo send their words as text.
    let recogniser = r#"[{protocol="vosk",url="ws://127.0.0.1:9"}]"#;
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(&folder.path().join("data"), &[("HUTONG_SPEECH__RECOGNISERS", recogniser)]);
    let client = demo.client();
    let _ = client.get("company/getCompanys", &serde_json::json!({}));
    let asked = asked_by_the_dashboard();
    let families = until("everything that the dashboard asks for is exported", || {
        let families = exported(&demo.server);
        asked.iter().all(|name| families.contains_key(name)).then_some(families)
    });
    let documented = std::fs::read_to_string(program::repository().join("docs/metrics.md")).unwrap();
    let documented = named(&documented);
    for (name, family) in &families {
        assert!(family.samples > 0, "{name}");
        assert_eq!(faults(name, family), Vec::<&str>::new(), "{name}: {family:?}");
        assert!(documented.contains(name), "{name} is not in docs/metrics.md");
    }
}

#[test]
fn a_metric_that_breaks_a_rule_is_found() {
    let check = |text: &str, fault: &str| {
        let families = families(text);
        let (name, family) = families.first_key_value().unwrap();
        assert!(faults(name, family).iter().any(|found| found.contains(fault)), "{text}: {:?}", faults(name, family));
    };
    check("# HELP hutong_calls Calls.\n# TYPE hutong_calls counter\nhutong_calls 1", "_total");
    check("# TYPE hutong_calls gauge\nhutong_calls 1", "HELP");
    check("# HELP hutong_lag_ms Lag.\n# TYPE hutong_lag_ms gauge\nhutong_lag_ms 1", "base unit");
    check("# HELP hutong_x X.\n# TYPE hutong_x gauge\nhutong_x{quantile=\"0.9\"} 1", "histogram's");
    check("# HELP Calls X.\n# TYPE Calls gauge\nCalls 1", "plain words");
}
