//! Secrets at rest: sealed with the installation's key, which is kept apart from the store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use rand::TryRng as _;
use sha2::Sha256;

use crate::key::Secret;

/// Bytes of the installation's key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// What SHA-256 takes at a time.
const BLOCK_BYTES: usize = 64;

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    /// Keyed with the installation's key, to derive others from it.
    mac: Hmac<Sha256>,
}

/// A secret that cannot be opened: another installation's key sealed it, or it was changed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key has the wrong length.
    #[error("the installation's key must have {KEY_BYTES} bytes, base64-encoded")]
    BadKey,
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The sealed text does not belong to this key.
    #[error("a secret in the store was not sealed with this installation's key")]
    NotOurs,
}

impl Vault {
    /// With the installation's key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        // HMAC fills keys up to a block with zeros.
        let mut block = [0; BLOCK_BYTES];
        block[..KEY_BYTES].copy_from_slice(key);
        Self { cipher: XChaCha20Poly1305::new(key.into()), mac: <Hmac<Sha256> as KeyInit>::new(&block.into()) }
    }

    /// With the installation's key in base64, as it stands in a file or in the environment.
    ///
    /// # Errors
    /// [`VaultError::BadKey`].
    pub fn from_base64(text: &str) -> Result<Self, VaultError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| VaultError::BadKey)?;
        let key: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| VaultError::BadKey)?;
        Ok(Self::new(&key))
    }

    /// A key for one purpose alone: the same for the same purpose, and of no use to learn the installation's key or any
    /// other (HKDF-Expand of RFC 5869, its first block).
    #[must_use]
    pub fn derive_key(&self, purpose: &str) -> [u8; KEY_BYTES] {
        self.mac.clone().chain_update(purpose).chain_update([1]).finalize().into_bytes().into()
    }

    /// Seals a secret; the same one differently each time.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal(&self, secret: &Secret) -> Result<String, VaultError> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let sealed =
            self.cipher.encrypt(&XNonce::from(nonce), secret.0.as_bytes()).map_err(|_| VaultError::NoRandomness)?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens a sealed secret.
    ///
    /// # Errors
    /// [`VaultError::NotOurs`].
    pub fn open(&self, sealed: &str) -> Result<Secret, VaultError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| VaultError::NotOurs)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::NotOurs)?;
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), sealed).map_err(|_| VaultError::NotOurs)?;
        String::from_utf8(opened).map(Secret).map_err(|_| VaultError::NotOurs)
    }
}

/// Bytes from the operating system's generator: for keys, secrets and nonces.
///
/// # Errors
/// [`VaultError::NoRandomness`].
pub fn random_bytes<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_with_its_own_key_only() {
        let vault = Vault::new(&[7; KEY_BYTES]);
        let secret = Secret("s3cret".to_owned());
        let sealed = vault.seal(&secret).unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, vault.seal(&secret).unwrap());
        assert_eq!(vault.open(&sealed).unwrap(), secret);
        assert!(Vault::new(&[8; KEY_BYTES]).open(&sealed).is_err());
        assert!(vault.open("").is_err());
        assert!(vault.open("AAAA").is_err());
    }

    #[test]
    fn a_derived_key_depends_on_the_purpose_and_the_installation() {
        let vault = Vault::new(&[7; KEY_BYTES]);
        // printf 'recordings\001' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        let expected = "91c1f03eae630f4e9ff8f9aa70925d43db08f2a6007a57449946f7e89fa5c134";
        let hex: String = vault.derive_key("recordings").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_ne!(vault.derive_key("recordings"), vault.derive_key("callbacks"));
        assert_ne!(vault.derive_key("recordings"), Vault::new(&[8; KEY_BYTES]).derive_key("recordings"));
    }
}
