//! TLS of the API: a certificate and its key, which may be renewed while the server runs.

use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hutong_api::Tls;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::{Error, Result};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Certificates in a file that are read: one, and those of the authorities behind it.
const CHAIN_MAX: usize = 16;
const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    certificate: String,
    key: String,
}

/// A certificate that was read, with its key.
pub(crate) struct Loaded {
    pub(crate) server: Arc<ServerConfig>,
    /// When it is good no more.
    pub(crate) until: Timestamp,
}

impl TlsConfig {
    pub(crate) fn check(&self) -> Result<()> {
        match (self.certificate.is_empty(), self.key.is_empty()) {
            (true, false) => Err(Error::config(CERTIFICATE, "goes with tls.key: give both, or none")),
            (false, true) => Err(Error::config(KEY, "goes with tls.certificate: give both, or none")),
            _ => Ok(()),
        }
    }

    /// What addresses of this server begin with.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.certificate.is_empty() { "http" } else { "https" }
    }

    /// Reads the files; none where TLS is not wanted.
    pub(crate) fn load(&self) -> Result<Option<Loaded>> {
        if self.certificate.is_empty() {
            return Ok(None);
        }
        let wrong =
            |key: &str, file: &str, error: &dyn std::fmt::Display| Error::config(key, &format!("{file}: {error}"));
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(|all| all.take(CHAIN_MAX).collect())
            .map_err(|error| wrong(CERTIFICATE, &self.certificate, &error))?;
        let first = chain.first().ok_or_else(|| wrong(CERTIFICATE, &self.certificate, &"no certificate is in it"))?;
        let until = end_of(first).map_err(|error| wrong(CERTIFICATE, &self.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(KEY, &self.key, &error))?;
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Failed(error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| wrong(KEY, &self.key, &error))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Loaded { server: Arc::new(server), until }))
    }

    /// What handshakes are made with from now on: read again when the files change, and on SIGHUP.
    pub(crate) fn open(&self) -> Result<Option<Tls>> {
        let stamp = self.stamp();
        let Some(loaded) = self.load()? else { return Ok(None) };
        tell_expiry(loaded.until);
        let hangup = signal(SignalKind::hangup())?;
        let (renewed, tls) = watch::channel(loaded.server);
        tokio::spawn(self.clone().renew(stamp, hangup, renewed));
        Ok(Some(tls))
    }

    async fn renew(
        self,
        mut known: Stamp,
        mut hangup: tokio::signal::unix::Signal,
        renewed: watch::Sender<Arc<ServerConfig>>,
    ) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            let is_asked = tokio::select! {
                _ = look.tick() => false,
                hung_up = hangup.recv() => hung_up.is_some(),
                () = renewed.closed() => return,
            };
            let stamp = self.stamp();
            if stamp == known && !is_asked {
                continue;
            }
            known = stamp;
            match self.load() {
                Ok(Some(loaded)) => {
                    renewed.send_replace(loaded.server);
                    tell_expiry(loaded.until);
                    tracing::info!(until = %loaded.until, "the certificate was read again");
                }
                Ok(None) => {}
                // Between the writes of its two files, a pair does not fit.
                Err(error) => tracing::error!(%error, "the certificate stays as it was: the new one cannot be used"),
            }
        }
    }

    /// Changes when one of the files does.
    fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|file| {
            let seen = |file: Metadata| Some((file.modified().ok()?, file.len()));
            std::fs::metadata(Path::new(file)).ok().and_then(seen)
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any century")]
fn tell_expiry(until: Timestamp) {
    metrics::gauge!("hutong_tls_certificate_expiry_timestamp_seconds").set(until.as_second() as f64);
}

type Stamp = [Option<(SystemTime, u64)>; 2];

fn end_of(certificate: &CertificateDer) -> std::result::Result<Timestamp, String> {
    let (_, read) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    Timestamp::from_second(read.validity().not_after.timestamp()).map_err(|error| error.to_string())
}
