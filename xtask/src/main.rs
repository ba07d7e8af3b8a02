//! The chores of this repository, one command each: see `cargo xtask --help`.
//!
//! The crate is compiled before anything else can be checked, so it stays small: what only the tidy
//! test needs is a dev-dependency, and the tidy test lives in `tests/tidy`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to its terminal")]

mod axe;
mod ci;
mod demo;
mod dist;
mod fuzz;
mod logs;
mod packages;
mod process;
mod program;
mod schemathesis;
mod speech_peer;
mod suite;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The command line of `cargo xtask`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about = "The chores of this repository")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every test: documentation examples, Schemathesis, then the whole workspace
    Test(suite::Options),
    /// Run Schemathesis against the demo server
    Schemathesis(schemathesis::Options),
    /// Check the rules of the repository that no compiler checks
    Tidy,
    /// Run all that must pass before a change lands: formatting, lints, documentation, dependencies, tests
    Ci,
    /// Run the fuzz targets under libFuzzer for a while; the first build takes some minutes
    Fuzz(fuzz::Options),
    /// Run campaigns in virtual time, with the arguments of the hutong-simulator program
    Simulate {
        /// Passed on as they are: `--seed 7 --log`, say
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Make the audio in `assets/voices` anew, with the arguments of the hutong-voices program
    Voices {
        /// Passed on as they are: `--server http://127.0.0.1:8799`, say
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what is handed out: dist/hutong-VERSION-x86_64-linux.tar.gz
    Package(dist::Options),
    /// Build as the image does, without Docker: offline, from vendored crates, in a copy of the checkout
    Image,
    /// Measure the release build, with the arguments of the hutong-bench program
    Bench {
        /// Passed on as they are: `api`, say
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().chore {
        Chore::Test(options) => suite::run(&options),
        Chore::Schemathesis(options) => schemathesis::run(&options),
        Chore::Tidy => tidy::run(),
        Chore::Ci => ci::run(),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Package(options) => dist::package(&options),
        Chore::Image => dist::image(),
        Chore::Simulate { arguments } => program::run("hutong-simulator", &arguments),
        Chore::Voices { arguments } => program::run("hutong-voices", &arguments),
        Chore::Bench { arguments } => program::run("hutong-bench", &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn bench_passes_on_what_it_does_not_know() {
        let line = CommandLine::parse_from(["cargo xtask", "bench", "api", "--calls", "5000000"]);

        assert!(matches!(line.chore, Chore::Bench { arguments } if arguments == ["api", "--calls", "5000000"]));
    }

    #[test]
    fn test_passes_on_what_it_does_not_know() {
        let line = CommandLine::parse_from(["cargo xtask", "test", "--no-install", "-p", "hutong-store"]);

        assert!(matches!(
            line.chore,
            Chore::Test(options) if options.no_install && options.arguments == ["-p", "hutong-store"]
        ));
    }
}
