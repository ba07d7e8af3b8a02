//! What the console is told of the installation.

use std::sync::Arc;

use hutong_console::Installation;
use hutong_recordings::{Destination, S3};
use hutong_store::Url;

use crate::config::Config;
use crate::error::Result;

/// What it is told of how the installation is configured.
pub(crate) fn installation(config: &Config, public_url: String) -> Result<Installation> {
    let poster = Arc::new(config.callbacks.poster()?);
    Ok(Installation { public_url, keep: config.keep(), settings: settings(config)?, poster })
}

/// Keys of the configuration that matter to people. None that may hold a secret is among them: of the store's address
/// and of where recordings are kept, the kind alone is told.
fn settings(config: &Config) -> Result<Vec<(&'static str, String)>> {
    let store = match config.store_options()?.url {
        Url::Sqlite(path) => format!("sqlite:{}", path.display()),
        Url::Memory => "memory".to_owned(),
        Url::Postgres(_) => "postgresql".to_owned(),
    };
    let recordings = match config.recording_options()?.destination {
        Destination::Folder(folder) => folder.display().to_string(),
        Destination::S3(S3 { bucket, prefix, .. }) => format!("s3://{bucket}/{prefix}"),
        Destination::Objects(_) => String::new(),
    };
    let ports = config.media.ports();
    Ok(vec![
        ("listen", config.listen.clone()),
        ("public_url", config.public_url.clone()),
        ("data", config.data.display().to_string()),
        ("store.url", store),
        ("dialing.calls_max", config.dialing.calls_max.to_string()),
        ("dialing.drain_s", config.dialing.drain_s.to_string()),
        ("sip.listen", config.sip.address().to_string()),
        ("media.port_first", ports.start().to_string()),
        ("media.port_last", ports.end().to_string()),
        ("recordings.url", recordings),
        ("callbacks.private_addresses", config.callbacks.private_addresses.to_string()),
        ("api.clock_skew_s", config.api.clock_skew_s.to_string()),
        ("metrics.enabled", config.metrics.enabled.to_string()),
        ("metrics.listen", config.metrics.listen.clone()),
        ("log.level", config.log.level.clone()),
    ])
}
