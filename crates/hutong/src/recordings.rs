//! Recordings as this binary wires them: what the configuration says of them, and the files behind the API's addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use hutong_api::{LookedUp, ReadError, RecordingFile, RecordingFiles};
use hutong_dialer::{Runtime, SystemRuntime};
use hutong_domain::moment::Moment;
use hutong_recordings::{Credentials, Destination, Kept, Looked, Options, RecordingName, Recordings, S3};
use hutong_store::Store;
use hutong_store::recording::{self, LeftOver, Standing};
use hutong_store::vault::Vault;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// What addresses are signed with is derived from the installation's key for this purpose.
const KEY_PURPOSE: &str = "addresses of recordings";
/// A player asks for parts of a recording for as long as it plays: shorter addresses would break off.
const ADDRESS_VALID_S_MIN: u64 = 60;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordingsConfig {
    url: String,
    spool: String,
    pub(crate) keep_days: u32,
    address_valid_s: u64,
    moves_max: usize,
    s3_endpoint: String,
    s3_region: String,
    s3_access_key_id: String,
    s3_secret_access_key: Hidden,
    s3_virtual_hosted: bool,
}

/// Text that is not shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl RecordingsConfig {
    /// What the recorder needs to know; folders that are not named are in the data folder.
    pub(crate) fn options(&self, data: &Path, zone: TimeZone) -> Result<Options> {
        if self.address_valid_s < ADDRESS_VALID_S_MIN {
            let problem = format!("must be at least {ADDRESS_VALID_S_MIN}: players come back for more");
            return Err(Error::config("recordings.address_valid_s", &problem));
        }
        if self.moves_max == 0 {
            return Err(Error::config("recordings.moves_max", "must be at least 1"));
        }
        let destination = if self.url.is_empty() {
            Destination::Folder(data.join("recordings"))
        } else {
            let wrong = |error: hutong_recordings::Error| Error::config("recordings.url", &error.to_string());
            Destination::parse(&self.url, self.s3()?).map_err(wrong)?
        };
        let spool = if self.spool.is_empty() { data.join("spool") } else { self.spool.clone().into() };
        Ok(Options { keep_days: self.keep_days, moves_max: self.moves_max, ..Options::new(spool, destination, zone) })
    }

    fn s3(&self) -> Result<S3> {
        let Self { s3_endpoint, s3_region, s3_access_key_id, s3_secret_access_key, .. } = self;
        if !s3_endpoint.is_empty() {
            check_url("recordings.s3_endpoint", s3_endpoint)?;
        }
        if s3_access_key_id.is_empty() != s3_secret_access_key.0.is_empty() {
            let problem = "goes with recordings.s3_access_key_id: give both, or none";
            return Err(Error::config("recordings.s3_secret_access_key", problem));
        }
        Ok(S3 {
            endpoint: s3_endpoint.clone(),
            region: s3_region.clone(),
            credentials: Credentials {
                access_key_id: s3_access_key_id.clone(),
                secret_access_key: s3_secret_access_key.0.clone(),
            },
            virtual_hosted: self.s3_virtual_hosted,
            ..S3::default()
        })
    }

    /// The recordings as the API hands them out, under `public_url`.
    pub(crate) fn handed_out(&self, recordings: Recordings, vault: &Vault, public_url: &str) -> hutong_api::Recordings {
        let valid = Duration::from_secs(self.address_valid_s);
        let key = vault.derive_key(KEY_PURPOSE);
        hutong_api::Recordings::new(Arc::new(Files(recordings)), public_url, &key, valid, Arc::new(SystemRuntime))
    }
}

/// Opens the recordings of an installation.
pub(crate) async fn open(options: Options) -> Result<Recordings> {
    Recordings::open(options, Arc::new(SystemRuntime)).await.map_err(|error| Error::Failed(error.to_string()))
}

/// Between two looks at what became of attempts that a killed process left: they end when its lease does.
const SETTLING_RETRY: Duration = Duration::from_secs(1);

/// Decides about recordings that a killed process had begun: each is kept where its call's row names it, and thrown away
/// where the call goes on. What can be decided now is, when this returns; the task that it gives waits for the others.
pub(crate) async fn settle_left_over(
    recordings: Recordings,
    store: Store,
    runtime: Arc<dyn Runtime>,
) -> JoinHandle<()> {
    let mut is_all = settle_what_can_be(&recordings, &store, runtime.now()).await;
    tokio::spawn(async move {
        while !is_all {
            runtime.sleep(SETTLING_RETRY).await;
            is_all = settle_what_can_be(&recordings, &store, runtime.now()).await;
        }
    })
}

/// Whether all are decided about. What fails for one fails for the others as well: it is complained of once.
async fn settle_what_can_be(recordings: &Recordings, store: &Store, now: Moment) -> bool {
    let mut is_all = true;
    for name in recordings.left_over() {
        match settle(recordings, store, name, now).await {
            Ok(is_settled) => is_all &= is_settled,
            Err(error) => {
                tracing::warn!(call = %name.call, error, "recordings that were left over wait in the spool");
                return false;
            }
        }
    }
    is_all
}

/// Whether it is decided about.
async fn settle(
    recordings: &Recordings,
    store: &Store,
    name: RecordingName,
    now: Moment,
) -> std::result::Result<bool, String> {
    let Kept { recording: both, customer_recording: customer } = Kept::of(name);
    let left_over = LeftOver { company: name.company, call: name.call, attempt_no: name.attempt, both, customer };
    let standing = store.write(name.company, move |db| recording::settle(db, &left_over, now)).await;
    match standing.map_err(|error| error.to_string())? {
        Standing::Undecided => return Ok(false),
        Standing::Named => recordings.keep_left_over(name).await,
        Standing::Unnamed => recordings.discard_left_over(name).await,
        Standing::Unknown => {
            // It may be another installation's, or the store's an old copy: nobody's voice is thrown away unasked.
            tracing::warn!(call = %name.call, "a recording was left over of call {}, which the store does not know", name.call);
            recordings.keep_left_over(name).await
        }
    }
    .map_err(|error| error.to_string())?;
    tracing::info!(call = %name.call, attempt = name.attempt, "the recording of call {} was left over: settled", name.call);
    Ok(true)
}

/// Checks an address that begins with `http://` or `https://` and has neither a query nor a fragment.
pub(crate) fn check_url(key: &str, url: &str) -> Result<()> {
    let uri: Option<Uri> = url.parse().ok();
    let good = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
    if uri.is_some_and(good) && !url.contains('#') {
        Ok(())
    } else {
        Err(Error::config(key, &format!("{url:?} is no address like https://hutong.example.com")))
    }
}

/// What clients reach the server at: as configured, or else where it listens.
pub(crate) fn public_url(configured: &str, scheme: &str, mut listening: SocketAddr) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    if listening.ip().is_unspecified() {
        listening.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        tracing::warn!(
            "addresses of recordings begin with {scheme}://{listening}, which other machines cannot reach: set public_url"
        );
    }
    format!("{scheme}://{listening}")
}

/// The recorder's files, for the API.
struct Files(Recordings);

impl RecordingFiles for Files {
    fn is_kept(&self, name: &str) -> bool {
        self.0.is_kept(name)
    }

    fn find<'a>(&'a self, name: &'a str) -> futures::future::BoxFuture<'a, std::result::Result<LookedUp, ReadError>> {
        Box::pin(async move {
            Ok(match self.0.find(name).await? {
                Looked::BeingMade => LookedUp::BeingMade,
                Looked::Missing => LookedUp::Missing,
                Looked::Found(found) => LookedUp::Found(RecordingFile {
                    size: found.size,
                    modified: found.modified,
                    read: Box::new(move |range| Box::pin(async move { Ok(found.read(range).await?) })),
                }),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_begin_with_what_is_configured_or_where_the_server_listens() {
        let check = |configured: &str, listening: &str, expected: &str| {
            assert_eq!(public_url(configured, "http", listening.parse().unwrap()), expected);
        };
        check("https://hutong.example.com/a", "0.0.0.0:8080", "https://hutong.example.com/a");
        check("", "127.0.0.1:8080", "http://127.0.0.1:8080");
        check("", "[::1]:8080", "http://[::1]:8080");
        check("", "0.0.0.0:8080", "http://127.0.0.1:8080");
        check("", "[::]:8080", "http://127.0.0.1:8080");
    }
}
