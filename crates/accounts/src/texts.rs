//! Texts that nobody guesses.

use hutong_store::vault::{VaultError, random_bytes};

/// Letters of keys and secrets: none that are mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// So many random letters, five bits each.
///
/// # Errors
/// [`VaultError::NoRandomness`].
pub fn random_text<const N: usize>() -> Result<String, VaultError> {
    let bytes: [u8; N] = random_bytes()?;
    Ok(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|letter| char::from(*letter)).collect())
}
