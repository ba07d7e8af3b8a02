//! Every command that the READMEs show is run as it stands there, in one session of bash from top to
//! bottom, and does what it says.
//!
//! Changed is only what a test cannot share with others: `cargo run --release --` and `target/release` mean
//! the program under test, servers and callees get a free port, and `8080` and `5070` are these ports in what follows. A server goes
//! on in the background, as it does in the reader's first terminal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hutong_e2e::callees::Callees;
use hutong_e2e::{Demo, Server, program};
use serde_json::Value;
use tempfile::TempDir;

/// What is not run: it is the runner of this very test.
const SKIPPED: [&str; 1] = ["cargo xtask test"];
/// How the documents start the program.
const CARGO_RUN: &str = "cargo run --release -- ";
/// Ends the output of a command; its exit code follows.
const END: &str = "--- end of command, exit code ";

/// A reader who types the commands of a document.
struct Reader {
    folder: TempDir,
    bash: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    servers: Vec<Running>,
    callees: Option<Callees>,
    port: String,
}

/// A server in another terminal; it ends when this is dropped.
struct Running {
    name: &'static str,
    _server: Box<dyn std::any::Any>,
}

impl Reader {
    /// A reader at the top of the repository: of the files in it, those that the commands name.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        symlink(program::repository().join("crates"), folder.path().join("crates")).unwrap();
        let mut bash = Command::new("bash");
        program::clean(&mut bash);
        bash.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bash = bash.spawn().expect("bash runs");
        let input = bash.stdin.take().unwrap();
        let output = BufReader::new(bash.stdout.take().unwrap()).lines();
        Self { folder, bash, input, output, servers: Vec::new(), callees: None, port: "8080".to_owned() }
    }

    fn run(&mut self, command: &str) {
        if SKIPPED.contains(&command) {
            return;
        }
        if let Some(arguments) = command.strip_prefix(CARGO_RUN) {
            return self.start_server(arguments);
        }
        if command == "hutong serve" {
            return self.start_server("serve");
        }
        if command == "hutong callee --listen 127.0.0.1:5070" {
            self.callees = Some(Callees::start());
            return;
        }
        let release = program::folder();
        let callees = self.callees.as_ref().map_or("127.0.0.1:5070", Callees::address);
        let changed = command
            .replace("127.0.0.1:5070", callees)
            .replace("$PWD/target/release", release.to_str().expect("a path in text"))
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", self.port));
        let printed = self.type_in(&changed);
        if changed.starts_with("curl ") || changed.starts_with("api ") {
            let answer: Value =
                serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{command}: {error}: {printed}"));
            assert_eq!(answer["code"], 200, "{command}: {printed}");
        }
    }

    /// Types a command in; what it prints. It has to succeed.
    fn type_in(&mut self, command: &str) -> String {
        writeln!(self.input, "{command}\necho; echo \"{END}$?\"").expect("bash reads");
        let mut printed = String::new();
        for line in self.output.by_ref() {
            let line = line.unwrap();
            if let Some(code) = line.strip_prefix(END) {
                assert_eq!(code, "0", "{command}: {printed}");
                return printed;
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        panic!("bash ended at {command}: {printed}");
    }

    /// Starts `demo` or `serve` on a free port, once it is ready.
    fn start_server(&mut self, arguments: &str) {
        let mut command = program::command();
        command.current_dir(self.folder.path()).args(arguments.split_whitespace());
        command.args(["--listen", "127.0.0.1:0"]);
        let (name, address, server): (_, _, Box<dyn std::any::Any>) = if arguments.starts_with("demo") {
            let demo = Demo::start_in(&mut command, self.folder.path());
            ("demo", demo.server.address().to_owned(), Box::new(demo))
        } else {
            let server = Server::start(&mut command);
            ("serve", server.address().to_owned(), Box::new(server))
        };
        self.port = address.rsplit(':').next().expect("a port").to_owned();
        self.servers.push(Running { name, _server: server });
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

/// The commands of a document's `sh` blocks, with the lines that a backslash joins joined.
fn commands(document: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut in_block = false;
    let mut begun = String::new();
    for line in document.lines() {
        match line {
            "```sh" => in_block = true,
            "```" => in_block = false,
            _ if in_block => {
                begun.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') && !begun.trim().is_empty() {
                    commands.push(std::mem::take(&mut begun).trim().to_owned());
                }
            }
            _ => {}
        }
    }
    commands
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(program::repository()).join(name)).expect("the document is there")
}

fn check(name: &str) {
    let commands = commands(&read(name));
    assert!(commands.len() > 15, "the commands of {name}: {commands:#?}");
    let mut reader = Reader::new();
    for command in &commands {
        reader.run(command);
    }
    let started: Vec<&str> = reader.servers.iter().map(|server| server.name).collect();
    assert_eq!(started, ["demo", "serve"], "{name} shows both");
}

#[test]
fn every_command_of_the_readme_works() {
    check("README.md");
}

#[test]
fn every_command_of_the_chinese_readme_works() {
    check("README.zh-CN.md");
}

#[test]
fn both_readmes_show_the_same_commands() {
    assert_eq!(commands(&read("README.md")), commands(&read("README.zh-CN.md")));
}

#[test]
fn lines_that_a_backslash_joins_are_one_command() {
    let document = "text\n```sh\na \\\n  b\n\nc\n```\n```yaml\nd: e\n```\n";
    assert_eq!(commands(document), ["a   b", "c"]);
}
