//! The announcements that are listened for: those that ship with hutong, and those that operators add.

use std::sync::{Arc, PoisonError, RwLock};

use hutong_domain::outcome::Meaning;
use hutong_prompts::Role;
use hutong_store::announcement::{self, Announcement};
use hutong_store::{Result, Store};
use hutong_telephony::detect::announcement::{Announcements, Sample};
use hutong_telephony::detect::fingerprint::Fingerprint;

/// What is listened for now.
pub struct KnownAnnouncements {
    built_in: Vec<Sample>,
    kept: RwLock<(Vec<Announcement>, Arc<Announcements>)>,
}

impl Default for KnownAnnouncements {
    fn default() -> Self {
        Self::new()
    }
}

impl KnownAnnouncements {
    /// Those that ship with hutong.
    #[must_use]
    pub fn new() -> Self {
        let rows = hutong_prompts::entries().iter().filter(|row| row.role == Role::Announcement);
        let built_in: Vec<Sample> = rows
            .filter_map(|row| {
                let fingerprint = Fingerprint::of(&row.clip());
                Some(Sample { name: row.text.to_owned(), meaning: Meaning::from_name(row.group)?, fingerprint })
            })
            .collect();
        let all = Arc::new(Announcements::new(built_in.clone()));
        Self { built_in, kept: RwLock::new((Vec::new(), all)) }
    }

    /// What is listened for.
    #[must_use]
    pub fn current(&self) -> Arc<Announcements> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Reads what operators have added or removed. Theirs come first: there is a limit to how many are listened for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refresh(&self, store: &Store) -> Result<()> {
        let rows = store.read(announcement::all).await?;
        if self.kept.read().unwrap_or_else(PoisonError::into_inner).0 == rows {
            return Ok(());
        }
        let added = rows.iter().filter_map(|row| {
            let fingerprint = Fingerprint::from_text(&row.fingerprint)?;
            Some(Sample { name: row.name.clone(), meaning: row.meaning, fingerprint })
        });
        let all = Arc::new(Announcements::new(added.chain(self.built_in.iter().cloned())));
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = (rows, all);
        Ok(())
    }
}
