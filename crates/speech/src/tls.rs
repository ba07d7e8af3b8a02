//! Whom a connection over TLS is trusted to lead to.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use crate::server::SetupError;

/// Certificates of an operator's own that are looked at.
const CERTIFICATES_MAX: usize = 100;

/// The system's authorities, and those in `certificates` (PEM, RFC 7468): speech servers often stand in the same
/// house, with a certificate that the house made itself.
pub(crate) fn config(certificates: Option<&str>) -> Result<Arc<ClientConfig>, SetupError> {
    let provider = Arc::new(ring::default_provider());
    let own: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates.unwrap_or_default().as_bytes())
        .take(CERTIFICATES_MAX)
        .collect::<Result<_, _>>()
        .map_err(|error| SetupError::Certificates(error.to_string()))?;
    if certificates.is_some() && own.is_empty() {
        return Err(SetupError::Certificates("there is none in it".to_owned()));
    }
    let verifier = Verifier::new_with_extra_roots(own, provider.clone());
    let verifier = verifier.map_err(|error| SetupError::Certificates(error.to_string()))?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| SetupError::Certificates(error.to_string()))?;
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(Arc::new(config.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for text in ["", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "certificate"] {
            assert!(matches!(config(Some(text)), Err(SetupError::Certificates(_))), "{text:?}");
        }
        assert!(config(None).is_ok());
    }
}
