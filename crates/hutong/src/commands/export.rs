//! `hutong export`: finished calls as a table, and everything that is kept of a company.

mod company;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use hutong_domain::ids::TaskId;
use hutong_store::feed::{FeedFilter, FeedRow, ResultPair};
use hutong_store::{PageRequest, Store, task};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::InstallationArgs;
use crate::commands::clock;
use crate::error::{Error, Result};
use crate::installation;

/// Calls that are read at a time.
const PAGE: i64 = 500;
/// Rows that an XLSX sheet can hold, its head included.
const XLSX_ROWS_MAX: u32 = 1_048_576;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Xlsx,
    Jsonl,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// The finished calls of a task, in the order in which they ended
    Calls {
        /// The task
        #[arg(long, value_name = "ID")]
        task: i64,
        /// The form of the table
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
        /// The file to write; standard output where it is not given (not for xlsx)
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        installation: InstallationArgs,
    },
    /// Everything that is kept of a company, as JSON lines, with its recordings; without secrets and other companies' data
    Company(company::CompanyArgs),
}

/// A line of the table.
#[derive(Debug, Serialize)]
struct Line {
    call_index: i64,
    call_id: i64,
    phone: String,
    name: String,
    finish_status: i64,
    finish: &'static str,
    duration_s: i64,
    chat_rounds: i64,
    started_at: String,
    ended_at: String,
    caller_phone: String,
    redials: i64,
    results: String,
}

const HEAD: [&str; 13] = [
    "call_index",
    "call_id",
    "phone",
    "name",
    "finish_status",
    "finish",
    "duration_s",
    "chat_rounds",
    "started_at",
    "ended_at",
    "caller_phone",
    "redials",
    "results",
];

impl Line {
    fn new(row: FeedRow<'_>, zone: &TimeZone) -> Result<Self> {
        let time = |at| clock(at, zone);
        let results = row.results.parsed()?.into_iter();
        let results: Vec<String> = results.map(|ResultPair { name, value }| format!("{name}={value}")).collect();
        Ok(Self {
            call_index: row.call_index,
            call_id: row.id.get(),
            phone: row.customer_phone.into_owned(),
            name: row.customer_name.into_owned(),
            finish_status: row.finish_status.number(),
            finish: row.finish_status.label(),
            duration_s: row.duration_s,
            chat_rounds: row.chat_rounds,
            started_at: time(row.started_at),
            ended_at: time(row.ended_at),
            caller_phone: row.caller_phone.into_owned(),
            redials: row.redials,
            results: results.join("; "),
        })
    }
}

/// Where lines go, one at a time: nothing is held in memory but what the form itself needs.
enum Sink {
    Csv(Box<csv::Writer<Box<dyn std::io::Write>>>),
    Jsonl(Box<dyn std::io::Write>),
    Xlsx { workbook: Box<rust_xlsxwriter::Workbook>, path: PathBuf, next_row: u32 },
}

pub(crate) async fn run(command: ExportCommand) -> Result<()> {
    let (task, format, output, installation) = match command {
        ExportCommand::Calls { task, format, output, installation } => (task, format, output, installation),
        ExportCommand::Company(args) => return company::run(args).await,
    };
    let config = installation.load()?;
    let zone = config.zone()?;
    let store = installation::open(&config)?.store;
    let mut sink = Sink::open(format, output)?;
    export(&store, TaskId(task), &zone, &mut sink).await?;
    sink.close()
}

async fn export(store: &Store, task: TaskId, zone: &TimeZone, sink: &mut Sink) -> Result<()> {
    let company = store
        .read(move |db| task::owner(db, task))
        .await?
        .ok_or_else(|| Error::Failed(format!("there is no task {task}")))?;
    let mut after = -1;
    loop {
        let filter = FeedFilter { after, ..FeedFilter::default() };
        let page = store.feed(company, task, filter, PageRequest { number: 1, size: PAGE }).await?;
        let rows = page.map(|(_, page)| page.rows).unwrap_or_default();
        let Some(last) = rows.last().map(|row| row.call_index) else { return Ok(()) };
        after = last;
        for row in rows {
            sink.write(&Line::new(row, zone)?)?;
        }
    }
}

impl Sink {
    fn open(format: Format, output: Option<PathBuf>) -> Result<Self> {
        let writer = |output: Option<PathBuf>| -> Result<Box<dyn std::io::Write>> {
            Ok(match output {
                None => Box::new(std::io::BufWriter::new(std::io::stdout())),
                Some(path) => {
                    let file = std::fs::File::create(&path).map_err(|cause| Error::file(&path, cause))?;
                    Box::new(std::io::BufWriter::new(file))
                }
            })
        };
        match (format, output) {
            (Format::Csv, output) => Ok(Self::Csv(Box::new(csv::Writer::from_writer(writer(output)?)))),
            (Format::Jsonl, output) => Ok(Self::Jsonl(writer(output)?)),
            (Format::Xlsx, None) => Err(Error::Usage("--format xlsx needs --output FILE".to_owned())),
            (Format::Xlsx, Some(path)) => {
                let mut workbook = Box::new(rust_xlsxwriter::Workbook::new());
                let sheet = workbook.add_worksheet();
                for (column, name) in (0u16..).zip(HEAD) {
                    sheet.write_string(0, column, name).map_err(|error| xlsx_failed(&error))?;
                }
                Ok(Self::Xlsx { workbook, path, next_row: 1 })
            }
        }
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        match self {
            Self::Csv(writer) => writer.serialize(line).map_err(|error| Error::Failed(error.to_string())),
            Self::Jsonl(writer) => {
                serde_json::to_writer(&mut *writer, line).map_err(|error| Error::Failed(error.to_string()))?;
                Ok(writer.write_all(b"\n")?)
            }
            Self::Xlsx { workbook, next_row, .. } => {
                if *next_row >= XLSX_ROWS_MAX {
                    return Err(Error::Failed(format!("a sheet holds {XLSX_ROWS_MAX} rows; use csv or jsonl")));
                }
                let sheet = workbook.worksheet_from_index(0).map_err(|error| xlsx_failed(&error))?;
                let values = serde_json::to_value(line).map_err(|error| Error::Failed(error.to_string()))?;
                for (column, name) in (0u16..).zip(HEAD) {
                    match values.get(name) {
                        Some(serde_json::Value::Number(number)) => {
                            sheet
                                .write_number(*next_row, column, number.as_f64().unwrap_or(0.0))
                                .map_err(|error| xlsx_failed(&error))?;
                        }
                        other => {
                            let text = other.and_then(serde_json::Value::as_str).unwrap_or_default();
                            sheet.write_string(*next_row, column, text).map_err(|error| xlsx_failed(&error))?;
                        }
                    }
                }
                *next_row += 1;
                Ok(())
            }
        }
    }

    fn close(self) -> Result<()> {
        match self {
            Self::Csv(mut writer) => Ok(writer.flush()?),
            Self::Jsonl(mut writer) => Ok(writer.flush()?),
            Self::Xlsx { mut workbook, path, .. } => workbook.save(path).map_err(|error| xlsx_failed(&error)),
        }
    }
}

fn xlsx_failed(error: &rust_xlsxwriter::XlsxError) -> Error {
    Error::Failed(format!("xlsx: {error}"))
}
