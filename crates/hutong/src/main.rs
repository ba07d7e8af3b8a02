//! hutong: a self-hosted AI outbound-call platform. The binary: command line, configuration, wiring.

mod backup;
mod callbacks;
mod cli;
mod commands;
mod config;
mod console;
mod demo;
mod disk;
mod error;
mod installation;
mod log;
mod metrics;
mod recordings;
mod retention;
mod serve;
mod speech;
mod telephony;
mod tls;
mod traces;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

/// Answers are many small allocations, made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader that went away is no reason to panic.
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("hutong: {error}\n"));
            ExitCode::from(error.exit_code())
        }
    }
}
