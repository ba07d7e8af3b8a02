//! What belongs to an installation besides its configuration: the data folder, its key, its lock.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hutong_accounts::Accounts;
use hutong_dialer::SystemRuntime;
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::sign_in::SessionRules;
use hutong_store::vault::{KEY_BYTES, Vault, random_bytes};
use hutong_store::{Store, Url};

use crate::config::Config;
use crate::error::{Error, Result};

/// The environment variable that may hold the installation's key instead of a file.
const KEY_VARIABLE: &str = "HUTONG_KEY";
pub(crate) const KEY_FILE: &str = "installation.key";
/// What the mark of the installation's key is derived for, by which a backup knows it.
const MARK_PURPOSE: &str = "mark of the installation's key";
pub(crate) const LOCK_FILE: &str = "hutong.lock";

/// The store and the vault of an installation.
pub(crate) struct Installation {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
}

/// Opens what the configuration names; the data folder is made if it is not there.
pub(crate) fn open(config: &Config) -> Result<Installation> {
    make_folder(&config.data)?;
    let vault = vault(&config.data)?;
    let options = config.store_options()?;
    if let Url::Sqlite(path) = &options.url
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        make_folder(folder)?;
    }
    Ok(Installation { store: Store::open(&options, now())?, vault })
}

/// The system's time, for commands.
pub(crate) fn now() -> Moment {
    SystemRuntime.now()
}

pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))
}

/// The vault with the installation's key: from the environment, or from a file that only its owner may
/// read, made on first use.
pub(crate) fn vault(data: &Path) -> Result<Vault> {
    if let Ok(key) = std::env::var(KEY_VARIABLE) {
        return Ok(Vault::from_base64(&key)?);
    }
    let path = data.join(KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Vault::from_base64(&text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key: [u8; KEY_BYTES] = random_bytes()?;
            match private_file(&path) {
                Ok(mut file) => {
                    writeln!(file, "{}", STANDARD.encode(key))
                        .and_then(|()| file.sync_all())
                        .map_err(|cause| Error::file(&path, cause))?;
                    Ok(Vault::new(&key))
                }
                // Another process made it at the same moment.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => vault(data),
                Err(cause) => Err(Error::file(&path, cause)),
            }
        }
        Err(cause) => Err(Error::file(&path, cause)),
    }
}

/// The installation's key as text, where there is one: unlike [`vault`], none is made.
pub(crate) fn known_key(data: &Path) -> Result<Option<String>> {
    if let Ok(key) = std::env::var(KEY_VARIABLE) {
        return Ok(Some(key));
    }
    let path = data.join(KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::file(&path, cause)),
    }
}

/// By which a key is known without being told.
pub(crate) fn key_mark(key: &str) -> Result<String> {
    let mark = Vault::from_base64(key)?.derive_key(MARK_PURPOSE);
    Ok(mark.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner may read, over what was there before.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => private_file(path)?.write_all(text.as_bytes()),
    }
}

/// The users of an installation.
pub(crate) fn accounts(store: &Store) -> Accounts {
    Accounts::new(store.clone(), Arc::new(SystemRuntime), SessionRules::default())
}

pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The lock of a data folder, held for as long as the file is open: one server a folder.
pub(crate) fn lock(data: &Path) -> Result<File> {
    let path = data.join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|cause| Error::file(&path, cause))?;
    file.try_lock().map_err(|_| {
        Error::Failed(format!(
            "{}: another hutong server uses this data folder; stop it or give --data",
            data.display()
        ))
    })?;
    Ok(file)
}
