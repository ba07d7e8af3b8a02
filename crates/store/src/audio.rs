//! The audio of prompts that was recorded or rendered for a scene; what ships with hutong is not kept here.
//!
//! A sound is kept once, under a digest of what it is. A published version says for each of its voices which text is
//! which sound, and never changes after that.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hutong_domain::ids::{CompanyId, SceneId, VoiceId};
use hutong_domain::moment::Moment;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::db::{Db, Value};
use crate::error::{Error, Result};
use crate::values;

/// Digests that are looked for in one statement.
const DIGESTS_MAX: usize = 200;

/// Which sound speaks a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokenText {
    /// The words, as they stand in the scene.
    pub text: String,
    /// What the sound is kept under.
    pub digest: String,
}

/// A sound that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// What it is kept under.
    pub digest: String,
    /// Its bytes; what they mean is not the store's concern.
    pub bytes: Vec<u8>,
}

/// What a sound is kept under: a digest of everything that it is made of.
#[must_use]
pub fn digest(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // With the length before it, no two lists of parts are the same bytes.
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

/// Keeps a sound; one that is there already stays as it is.
///
/// # Errors
/// When the store fails.
pub fn put(db: &mut Db, company: CompanyId, sound: &Sound, now: Moment) -> Result<()> {
    let text = STANDARD.encode(&sound.bytes);
    db.execute(
        "INSERT INTO audio (company_id, digest, sound, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        values![company, &sound.digest, &text, now],
    )?;
    Ok(())
}

/// Those of the sounds that are kept.
///
/// # Errors
/// When the store fails, or keeps what is no sound.
pub fn find(db: &mut Db, company: CompanyId, digests: &[String]) -> Result<Vec<Sound>> {
    let mut found = Vec::new();
    for digests in digests.chunks(DIGESTS_MAX) {
        let places = places(digests.len());
        let sql = format!("SELECT digest, sound FROM audio WHERE company_id = ?1 AND digest IN ({places})");
        found.extend(db.query(&sql, &arguments(company, digests), |row| {
            let bytes = STANDARD.decode(row.str(1)?).map_err(|error| Error::Corrupt {
                column: "audio.sound",
                id: company.get(),
                found: error.to_string(),
            })?;
            Ok(Sound { digest: row.text(0)?, bytes })
        })?);
    }
    Ok(found)
}

/// Which of these digests are kept.
///
/// # Errors
/// When the store fails.
pub fn known(db: &mut Db, company: CompanyId, digests: &[String]) -> Result<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for digests in digests.chunks(DIGESTS_MAX) {
        let sql = format!("SELECT digest FROM audio WHERE company_id = ?1 AND digest IN ({})", places(digests.len()));
        known.extend(db.query(&sql, &arguments(company, digests), |row| row.text(0))?);
    }
    Ok(known)
}

/// Places of so many digests, behind that of the company.
fn places(count: usize) -> String {
    (2..count + 2).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ")
}

fn arguments(company: CompanyId, digests: &[String]) -> Vec<Value<'_>> {
    std::iter::once(company.into()).chain(digests.iter().map(Value::from)).collect()
}

/// Says which sounds speak a version in a voice of its scene. In the transaction that publishes the version.
///
/// # Errors
/// When the store fails, or the scene has no such voice.
pub fn set_texts(
    db: &mut Db,
    company: CompanyId,
    (scene, version): (SceneId, i64),
    voice: &str,
    texts: &[SpokenText],
) -> Result<()> {
    let json = serde_json::to_string(texts).map_err(|error| Error::Corrupt {
        column: "voice_audio.texts",
        id: scene.get(),
        found: error.to_string(),
    })?;
    let set = db.execute(
        "INSERT INTO voice_audio (company_id, scene_id, version, voice_id, texts)
         SELECT company_id, scene_id, ?3, id, ?5 FROM voice WHERE company_id = ?1 AND scene_id = ?2 AND name = ?4",
        values![company, scene, version, voice, &json],
    )?;
    if set == 1 {
        return Ok(());
    }
    Err(Error::Corrupt { column: "voice", id: scene.get(), found: format!("no voice {voice}") })
}

/// Which sounds speak a version in a voice; empty where all of it ships with hutong, or nothing is spoken at all.
///
/// # Errors
/// When the store fails.
pub fn texts(
    db: &mut Db,
    company: CompanyId,
    (scene, version): (SceneId, i64),
    voice: VoiceId,
) -> Result<Vec<SpokenText>> {
    let texts = db.query_one(
        "SELECT texts FROM voice_audio WHERE company_id = ?1 AND scene_id = ?2 AND version = ?3 AND voice_id = ?4",
        values![company, scene, version, voice],
        |row| row.json(0, "voice_audio.texts"),
    )?;
    Ok(texts.unwrap_or_default())
}
