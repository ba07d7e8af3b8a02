//! The measurements of `docs/benchmarks.md`: `cargo xtask bench --help`.
//!
//! A store of 5 million calls is generated once and kept under `target/`. What is compared is measured in
//! turns, in short slices, and reported as medians: so whatever else the machine does hits both sides.

#![expect(clippy::print_stdout, reason = "a command line tool talks to its terminal")]
#![allow(clippy::disallowed_methods, reason = "this program measures time: the real one is what it is about")]

mod api;
mod callbacks;
mod calls;
mod client;
mod dataset;
mod depth;
mod dialer;
mod generate;
mod limits;
mod load;
mod machine;
mod memory;
mod pages;
mod process;
mod report;
mod requests;
mod server;
mod statistics;
mod store;
mod talk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::calls::CallsArgs;
use crate::dataset::{Dataset, Facts};

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures hutong.
#[derive(Debug, Parser)]
#[command(name = "hutong-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill a fresh data folder with calls
    Generate {
        /// The folder
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Calls in all
        #[arg(long, default_value_t = CALLS)]
        calls: i64,
        /// Tasks that they belong to
        #[arg(long, default_value_t = TASKS)]
        tasks: usize,
    },
    /// Requests a second, as a share of a static answer of the same bytes
    Api(DataArgs),
    /// Ask for one operation for a while, so that a profiler can look at the server
    Profile {
        /// Its name: getTasks, getTaskDetail, queryDoneTaskPhones or phoneLogInfo
        operation: String,
        /// For how long
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Answer one operation in this process, for a profiler that counts instructions
    #[command(hide = true)]
    Answer {
        operation: String,
        #[arg(long, default_value_t = 500)]
        times: usize,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Operations on a task of a million calls, compared with one of a thousand
    Depth(DataArgs),
    /// Finishing calls in groups, and importing numbers
    Store,
    /// Whole calls through the scheduler, how busy seats are kept, and the memory of many calls at once
    Dialer,
    /// Calls over SIP with voices and recordings, at once and in a row, beside sipp
    Calls(CallsArgs),
    /// Dialogue steps a second, how fast voices are told from other sounds, and what of ours the answer waits for
    Talk,
    /// Deliveries of callbacks a second, against posting alone, and with a dead receiver among many
    Callbacks,
    /// The console's pages on tasks of a million calls, and exports of one
    Pages(DataArgs),
    /// What healthy clients wait while others hold thousands of connections and flood the server
    Limits(DataArgs),
    /// Memory of the idle server
    Memory(DataArgs),
    /// All of it, written to docs/benchmarks.md
    All(DataArgs),
    /// A process that dials, and prints what came of it
    #[command(hide = true)]
    DialMeasured {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        hurry: u32,
        #[arg(long)]
        seats: u32,
    },
    /// The server that is measured; ends when its standard input does
    #[command(hide = true)]
    ServeMeasured {
        #[arg(long)]
        data: PathBuf,
    },
}

#[derive(Debug, Args)]
struct DataArgs {
    /// A generated data folder; one under target/ is made and kept where none is named
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const CALLS: i64 = 5_000_000;
const TASKS: usize = 2000;

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Generate { data, calls, tasks } => generate::generate(&data, calls, tasks).map(|_| ()),
        Command::Api(data) => {
            let (dataset, facts) = data.open()?;
            print(&api::measure(&dataset, &facts)?)
        }
        Command::Profile { operation, seconds, data } => {
            let (dataset, facts) = data.open()?;
            api::profile(&dataset, &facts, &operation, Duration::from_secs(seconds))
        }
        Command::Answer { operation, times, data } => {
            let (dataset, facts) = data.open()?;
            server::answer(&dataset, &facts, &operation, times)
        }
        Command::Depth(data) => {
            let (dataset, facts) = data.open()?;
            print(&depth::measure(&dataset, &facts)?)
        }
        Command::Pages(data) => {
            let (dataset, facts) = data.open()?;
            print(&pages::measure(&dataset, &facts)?)
        }
        Command::Limits(data) => {
            let (dataset, facts) = data.open()?;
            print(&limits::measure(&dataset, &facts)?)
        }
        Command::Store => print(&store::measure(&scratch())?),
        Command::Dialer => print(&dialer::measure(&scratch())?),
        Command::Calls(args) => print(&calls::run(&args)?),
        Command::Callbacks => print(&callbacks::measure(&scratch())?),
        Command::Talk => print(&talk::measure()?),
        Command::DialMeasured { data, hurry, seats } => dialer::dial(&data, hurry, seats),
        Command::Memory(data) => print(&memory::measure(&data.open()?.0)?),
        Command::All(data) => all(&data),
        Command::ServeMeasured { data } => server::serve(&data),
    }
}

fn all(data: &DataArgs) -> Result<()> {
    let (dataset, facts) = data.open()?;
    let parts = [
        machine::describe(&dataset, &facts)?,
        api::measure(&dataset, &facts)?,
        depth::measure(&dataset, &facts)?,
        limits::measure(&dataset, &facts)?,
        store::measure(&scratch())?,
        dialer::measure(&scratch())?,
        memory::measure(&dataset)?,
        pages::measure(&dataset, &facts)?,
        calls::run(&CallsArgs::KEPT)?,
        talk::measure()?,
        callbacks::measure(&scratch())?,
    ];
    report::write(&root().join("docs/benchmarks.md"), &parts.join("\n"))
}

fn print(report: &str) -> Result<()> {
    println!("\n{report}");
    Ok(())
}

impl DataArgs {
    fn open(&self) -> Result<(Dataset, Facts)> {
        match &self.data {
            Some(folder) => Dataset::open(folder),
            None => {
                let folder = scratch().join("data");
                if !Dataset::at(&folder).facts_file().exists() {
                    // Under another name until it is whole: so what breaks off is never taken for a store.
                    std::fs::create_dir_all(scratch())?;
                    let unfinished = tempfile::tempdir_in(scratch())?;
                    generate::generate(unfinished.path(), CALLS, TASKS)?;
                    std::fs::rename(unfinished.keep(), &folder)?;
                }
                Dataset::open(&folder)
            }
        }
    }
}

/// The top of the repository.
fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder that cargo builds into.
fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Where this program keeps what it makes: on the same disk as everything, gone with `cargo clean`.
fn scratch() -> PathBuf {
    target().join("bench")
}
