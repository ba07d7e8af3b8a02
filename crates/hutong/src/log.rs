//! The log, and the traces that are made of the same spans.

use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::traces::Traces;

/// What is not logged unless it is asked for by name: the SIP library writes every message in full, with the numbers in
/// it, and with what passwords were answered with.
const QUIET: &str = "rsipstack=warn";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogConfig {
    pub(crate) level: String,
    format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LogFormat {
    Text,
    Json,
}

/// Sends log lines to standard error, and spans to the collector of traces, which is closed at the end.
pub(crate) fn init(config: &Config) -> Result<Option<Traces>> {
    let directives = format!("{QUIET},{}", config.log.level);
    let filter = EnvFilter::try_new(directives).map_err(|error| Error::config("log.level", &error.to_string()))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let lines = match config.log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let traces = config.traces.open()?;
    let installed = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces.as_ref().map(Traces::layer))
        .try_init();
    installed.map_err(|error| Error::Failed(format!("the log could not be opened: {error}")))?;
    Ok(traces)
}
