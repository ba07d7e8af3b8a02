//! Fixtures: a request, what is done before it, and the answer that it has to get.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// Where the fixtures are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/fixtures");

/// A file of `tests/contract/fixtures`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// The path of the file, without its ending.
    #[serde(skip)]
    pub(crate) path: String,
    /// What it shows, as a sentence.
    pub(crate) name: String,
    /// Requests to be made before, in this order.
    #[serde(default)]
    pub(crate) given: Vec<Given>,
    /// The request.
    pub(crate) request: Asked,
    /// The answer.
    pub(crate) answer: Expected,
}

/// A request that prepares another; it has to succeed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// Method and path.
    pub(crate) operation: String,
    pub(crate) parameters: Value,
    /// Variables to be set for the requests that follow: their names, and where in the answer they stand.
    #[serde(default)]
    pub(crate) save: std::collections::BTreeMap<String, String>,
}

/// A request. It is made once for each of its operations: as a GET with the parameters in the query, as
/// anything else with the parameters in a JSON body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Methods and paths.
    pub(crate) operations: Vec<String>,
    /// Whether the operations are none of the API's: paths that do not exist, methods that are refused.
    #[serde(default)]
    pub(crate) outside: bool,
    /// Which server is asked, see `stage.rs`.
    #[serde(default = "demo")]
    pub(crate) server: String,
    /// Who asks, see `stage.rs`.
    #[serde(default = "signed", rename = "as")]
    pub(crate) caller: String,
    pub(crate) parameters: Value,
    /// Parameters in the query, whatever the method.
    #[serde(default)]
    pub(crate) query: Value,
    /// The body, whatever the method: an object, or a text that is sent as it is.
    #[serde(default)]
    pub(crate) body: Value,
    /// A body of so many bytes that mean nothing.
    #[serde(default)]
    pub(crate) filler_bytes: usize,
    /// The request is made again, at most so many times in all, until the answer has the code.
    #[serde(default = "once")]
    pub(crate) repeat: u32,
}

/// An answer. `errorStackTrace` and `requestId` are checked in every one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The HTTP status.
    #[serde(default = "ok")]
    pub(crate) status: u16,
    pub(crate) code: u16,
    #[serde(rename = "resultMsg")]
    pub(crate) result_msg: Value,
    /// A pattern for the data; null where there is none.
    pub(crate) data: Value,
}

fn demo() -> String {
    "demo".to_owned()
}

fn signed() -> String {
    "signed".to_owned()
}

const fn once() -> u32 {
    1
}

const fn ok() -> u16 {
    200
}

/// All fixtures, in the order of their paths.
pub(crate) fn all() -> Vec<Fixture> {
    let mut paths = files(Path::new(FOLDER));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the fixtures");
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn read(path: &Path) -> Fixture {
    let text = fs::read_to_string(path).expect("a fixture is text");
    let shown = path.strip_prefix(FOLDER).expect("a path below the folder").with_extension("");
    let mut fixture: Fixture =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fixture.path = shown.display().to_string();
    fixture
}
