//! Whose word is taken for it that a trunk over TLS is the one that it says it is.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsipstack::transport::TlsConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::call::SipError;

/// Certificates that are looked at; systems come with some hundred and fifty.
const CERTIFICATES_MAX: usize = 10_000;

/// The authorities that may vouch for trunks. By default there are none, and no trunk over TLS is trusted.
#[derive(Clone)]
pub struct Authorities {
    store: Arc<RootCertStore>,
    /// What has been kept in the store, in PEM: the library reads that anew for each connection that it opens itself, and
    /// refuses all for one that it cannot use.
    pem: String,
}

impl Default for Authorities {
    fn default() -> Self {
        Self { store: Arc::new(RootCertStore::empty()), pem: String::new() }
    }
}

impl Authorities {
    /// Reads certificates in PEM (RFC 7468). Those of no use are passed over: systems keep some from long ago.
    ///
    /// # Errors
    /// [`SipError::Malformed`] where not one can be used.
    pub fn read(pem: &[u8]) -> Result<Self, SipError> {
        let (mut store, mut kept) = (RootCertStore::empty(), String::new());
        for certificate in CertificateDer::pem_slice_iter(pem).take(CERTIFICATES_MAX).flatten() {
            let text = STANDARD.encode(&certificate);
            if store.add(certificate).is_ok() {
                kept += &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            }
        }
        if store.is_empty() {
            return Err(SipError::Malformed("there is no certificate of an authority in it, in PEM".to_owned()));
        }
        Ok(Self { store: Arc::new(store), pem: kept })
    }

    pub(super) fn store(&self) -> Arc<RootCertStore> {
        self.store.clone()
    }

    /// What the library opens connections over TLS with: to where the route of a call leads, other than the trunk.
    pub(super) fn tls_config(&self) -> TlsConfig {
        TlsConfig { ca_certs: Some(self.pem.clone().into_bytes()), ..TlsConfig::default() }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} authorities", self.store.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["authority.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn what_cannot_be_used_is_passed_over_and_the_rest_is_kept() {
        let (one, other) = (certificate(), certificate());
        let junk = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let worse = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let read = Authorities::read(format!("# comment\n{one}{junk}{worse}{other}").as_bytes()).unwrap();
        assert_eq!(read.store.len(), 2);
        assert_eq!(CertificateDer::pem_slice_iter(read.pem.as_bytes()).filter(Result::is_ok).count(), 2);
        assert_eq!(format!("{read:?}"), "2 authorities");
    }

    #[test]
    fn a_file_without_any_is_an_error() {
        for text in [
            "",
            "junk",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        ] {
            assert!(matches!(Authorities::read(text.as_bytes()), Err(SipError::Malformed(_))), "{text:?}");
        }
    }
}
