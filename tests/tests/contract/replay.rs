//! Replays the fixtures, once for each edition.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hutong_e2e::client::query;
use hutong_e2e::http::{Answer, Request};
use hutong_e2e::matching::mismatches;
use serde_json::{Value, json};

use crate::fixture::{self, Asked, Fixture, Given};
use crate::stage::{SERVERS, Stage};

#[test]
fn every_fixture_holds_for_keys_of_the_2018_05_edition() {
    replay("2018-05");
}

#[test]
fn every_fixture_holds_for_keys_of_the_2019_08_edition() {
    replay("2019-08");
}

fn replay(edition: &str) {
    let fixtures = fixture::all();
    let mut failures = String::new();
    for server in SERVERS {
        let stage = Stage::set(server, edition);
        for fixture in fixtures.iter().filter(|fixture| fixture.request.server == server) {
            for (run, operation) in fixture.request.operations.iter().enumerate() {
                let player = Player { stage: &stage, edition, variables: variables(&stage, fixture, run) };
                let problems = player.play(fixture, operation);
                if !problems.is_empty() {
                    let _ = writeln!(failures, "{} ({operation}): {}\n{problems}", fixture.path, fixture.name);
                }
            }
        }
    }
    let unknown = fixtures.iter().find(|fixture| !SERVERS.contains(&fixture.request.server.as_str()));
    assert!(unknown.is_none(), "there is no such server: {unknown:?}");
    assert!(failures.is_empty(), "edition {edition}:\n{failures}");
}

/// Those of the stage, and `$RUN`: something that is another for each run of each fixture.
fn variables(stage: &Stage, fixture: &Fixture, run: usize) -> BTreeMap<String, Value> {
    let mut variables = stage.variables().clone();
    variables.insert("RUN".to_owned(), json!(format!("{}-{run}", fixture.path.replace('/', "-"))));
    variables
}

struct Player<'a> {
    stage: &'a Stage,
    edition: &'a str,
    variables: BTreeMap<String, Value>,
}

impl Player<'_> {
    /// What is wrong with the answer; nothing where it is as it has to be.
    fn play(mut self, fixture: &Fixture, operation: &str) -> String {
        for given in &fixture.given {
            let answer = self.prepare(given, &fixture.request.caller).json();
            if answer["code"] != 200 {
                return format!("  {} before it was refused: {answer}\n", given.operation);
            }
            for (name, pointer) in &given.save {
                let value = answer.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in {answer}"));
                self.variables.insert(name.clone(), value.clone());
            }
        }
        let expected = &fixture.answer;
        let mut answer = self.ask(&fixture.request, operation);
        for _ in 1..fixture.request.repeat {
            if answer.json()["code"] == expected.code {
                break;
            }
            answer = self.ask(&fixture.request, operation);
        }
        let envelope = json!({
            "code": expected.code,
            "data": expected.data,
            "resultMsg": expected.result_msg,
            "errorStackTrace": null,
            "requestId": "<text>",
        });
        let mut problems = mismatches(&self.filled(&envelope), &answer.json(), self.edition);
        if answer.status != expected.status {
            let _ = writeln!(problems, "  HTTP status {} is not {}", answer.status, expected.status);
        }
        if answer.header("content-type") != Some("application/json;charset=utf-8") {
            let _ = writeln!(problems, "  Content-Type {:?}", answer.header("content-type"));
        }
        problems
    }

    fn prepare(&self, given: &Given, caller: &str) -> Answer {
        let (method, path) = split(&given.operation);
        self.send(request(method, path, &self.filled(&given.parameters)), caller)
    }

    fn ask(&self, asked: &Asked, operation: &str) -> Answer {
        let (method, path) = split(operation);
        let mut request = request(method, path, &self.filled(&asked.parameters));
        request.target += &query(&self.filled(&asked.query));
        match self.filled(&asked.body) {
            Value::Null => {}
            Value::String(text) => request.body = Some(text.into_bytes()),
            body => request.body = Some(body.to_string().into_bytes()),
        }
        if asked.filler_bytes > 0 {
            request.body = Some(vec![b' '; asked.filler_bytes]);
        }
        self.send(request, &asked.caller)
    }

    fn send(&self, mut request: Request, caller: &str) -> Answer {
        request.headers.extend(self.stage.headers(caller));
        let answer = request.send(self.stage.address());
        answer.unwrap_or_else(|error| panic!("{} {}: {error}", request.method, request.target))
    }

    /// The JSON with its variables filled in.
    fn filled(&self, json: &Value) -> Value {
        match json {
            Value::String(text) => self.filled_text(text),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), self.filled(value))).collect(),
            other => other.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> Value {
        let Some((before, name)) = text.split_once('$') else { return json!(text) };
        let value = self.variables.get(name).unwrap_or_else(|| panic!("there is no variable ${name}"));
        match value.as_str() {
            // A number stays one where the variable is all there is.
            None if before.is_empty() => value.clone(),
            None => json!(format!("{before}{value}")),
            Some(value) => json!(format!("{before}{value}")),
        }
    }
}

fn split(operation: &str) -> (&str, &str) {
    operation.split_once(' ').unwrap_or_else(|| panic!("{operation:?} is not a method and a path"))
}

fn request(method: &str, path: &str, parameters: &Value) -> Request {
    match (method, parameters) {
        ("GET", _) => Request::get(&format!("{path}{}", query(parameters))),
        (_, Value::Null) => Request { method: method.to_owned(), ..Request::get(path) },
        _ => Request { method: method.to_owned(), ..Request::post(path, parameters) },
    }
}
