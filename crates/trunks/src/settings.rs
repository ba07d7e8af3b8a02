//! What a line's row says about its trunk, with the password sealed.

use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_store::key::Secret as StoredSecret;
use hutong_store::vault::{Vault, VaultError};
use hutong_telephony::sip::{Secret, Trunk, TrunkError};

/// Why the settings of a line cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// They are not what a trunk's settings look like.
    #[error("the settings of the line cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// One of them can never work.
    #[error(transparent)]
    Wrong(#[from] TrunkError),
    /// The password was sealed with another key.
    #[error("the password of the line: {0}")]
    Sealed(#[from] VaultError),
}

impl SettingsError {
    /// The same in both languages.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Unreadable(error) => {
                say!("the settings of the line cannot be read: {error}", "读不懂线路的中继设置：{error}")
            }
            Self::Wrong(error) => Message { en: error.to_string(), zh: error.mend.zh.clone() },
            Self::Sealed(error) => say!("the password of the line: {error}", "无法解开线路的密码：{error}"),
        }
    }
}

/// The text that a line keeps of a trunk.
///
/// # Errors
/// When a setting is wrong, or the password cannot be sealed.
pub fn seal(trunk: &Trunk, vault: &Vault) -> Result<String, SettingsError> {
    trunk.check()?;
    let mut kept = trunk.clone();
    if let Some(Secret(password)) = kept.password.take() {
        kept.password = Some(Secret(vault.seal(&StoredSecret(password))?));
    }
    Ok(serde_json::to_string(&kept)?)
}

/// The text that a line keeps of a trunk that has changed from `before`: a password that is the same stays as it was
/// sealed, since it would look like another one to the audit log.
///
/// # Errors
/// As for [`seal`] and [`open`].
pub fn reseal(trunk: &Trunk, before: &str, vault: &Vault) -> Result<String, SettingsError> {
    let kept = seal(trunk, vault)?;
    if open(before, vault)?.password == trunk.password { with_password_of(&kept, before) } else { Ok(kept) }
}

/// The trunk of a line's text.
///
/// # Errors
/// When it cannot be read, or was sealed with another key.
pub fn open(settings: &str, vault: &Vault) -> Result<Trunk, SettingsError> {
    let mut trunk: Trunk = serde_json::from_str(settings)?;
    if let Some(Secret(sealed)) = trunk.password.take() {
        trunk.password = Some(Secret(vault.open(&sealed)?.0));
    }
    trunk.check()?;
    Ok(trunk)
}

/// These settings with the sealed password of others.
///
/// # Errors
/// When one of them cannot be read.
fn with_password_of(settings: &str, others: &str) -> Result<String, SettingsError> {
    let (mut trunk, others): (Trunk, Trunk) = (serde_json::from_str(settings)?, serde_json::from_str(others)?);
    trunk.password = others.password;
    Ok(serde_json::to_string(&trunk)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_sealed_where_it_is_kept() {
        let vault = Vault::new(&[7; 32]);
        let trunk = Trunk {
            user: Some("account".to_owned()),
            password: Some(Secret("hunter2".to_owned())),
            ..Trunk::at("trunk.example")
        };
        let kept = seal(&trunk, &vault).unwrap();
        assert!(!kept.contains("hunter2"));
        assert_eq!(open(&kept, &vault).unwrap(), trunk);
        assert!(matches!(open(&kept, &Vault::new(&[8; 32])), Err(SettingsError::Sealed(_))));
        assert!(matches!(open("{}", &vault), Err(SettingsError::Unreadable(_))));
        let again = seal(&trunk, &vault).unwrap();
        assert_ne!(again, kept, "each is sealed anew");
        assert_eq!(with_password_of(&again, &kept).unwrap(), kept);
    }
}
