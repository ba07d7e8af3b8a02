//! Whose word is taken for it that a trunk over TLS is the one that it says it is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::call::SipError;

/// Certificates that are looked at; systems come with some hundred and fifty.
const CERTIFICATES_MAX: usize = 10_000;

/// The authorities that may vouch for trunks. By default there are none, and no trunk over TLS is trusted.
#[derive(Clone, Default)]
pub struct Authorities {
    /// Their certificates, in PEM: the library reads them anew for every connection, and refuses all for one that it
    /// cannot use.
    pem: String,
    count: usize,
}

impl Authorities {
    /// Reads certificates in PEM (RFC 7468). Those of no use are passed over: systems keep some from long ago.
    ///
    /// # Errors
    /// [`SipError::Malformed`] where not one can be used.
    pub fn read(pem: &[u8]) -> Result<Self, SipError> {
        let mut read = Self::default();
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem).take(CERTIFICATES_MAX).flatten() {
            let text = STANDARD.encode(&certificate);
            if store.add(certificate).is_ok() {
                read.pem += &format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
                read.count += 1;
            }
        }
        if read.count == 0 {
            return Err(SipError::Malformed("there is no certificate of an authority in it, in PEM".to_owned()));
        }
        Ok(read)
    }

    /// Their certificates in PEM, each of which can be used.
    pub(super) fn pem(&self) -> Vec<u8> {
        self.pem.clone().into_bytes()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} authorities", self.count)
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
        assert_eq!(read.count, 2);
        assert_eq!(CertificateDer::pem_slice_iter(&read.pem()).filter(Result::is_ok).count(), 2);
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
