//! Robots, and the scenes and voices that they speak with.

use std::collections::BTreeMap;

use hutong_domain::audit::Action;
use hutong_domain::ids::{CompanyId, RobotId, SceneId, VoiceId};
use hutong_domain::moment::Moment;
use hutong_domain::scene::Scene;

use crate::db::{Db, Row};
use crate::error::{Error, Result};
use crate::values;

/// A scene put to work under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Robot {
    /// Its id.
    pub id: RobotId,
    /// Whose it is.
    pub company: CompanyId,
    /// Its name.
    pub name: String,
    /// The scene that it speaks.
    pub scene: SceneId,
    /// The newest published version of that scene.
    pub scene_version: i64,
    /// Whether tasks may use it.
    pub online: bool,
    /// First level of its industry.
    pub industry_one: String,
    /// Second level of its industry.
    pub industry_two: String,
    /// When it was last changed.
    pub modified_at: Moment,
    /// Its voices, oldest first.
    pub voices: Vec<Voice>,
}

/// A voice recorded for a scene (`sceneRecord`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Its id.
    pub id: VoiceId,
    /// Its name.
    pub name: String,
}

/// What a published scene brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Name of the scene: the same name is a new version of the same scene.
    pub scene_name: String,
    /// The scene's text, as it was checked.
    pub document: String,
    /// Name of the robot that speaks it.
    pub robot_name: String,
    /// First level of its industry.
    pub industry_one: String,
    /// Second level of its industry.
    pub industry_two: String,
    /// Names of its voices; the first is the one that tasks take by default.
    pub voices: Vec<String>,
}

impl Publication {
    /// What this scene brings along; `document` is the text that it was read from.
    #[must_use]
    pub fn of(scene: &Scene, document: &str) -> Self {
        let (industry_one, industry_two) = scene.industry();
        Self {
            scene_name: scene.name().to_owned(),
            document: document.to_owned(),
            robot_name: scene.robot_name().to_owned(),
            industry_one: industry_one.to_owned(),
            industry_two: industry_two.to_owned(),
            voices: scene.voices().iter().map(|voice| voice.name.clone()).collect(),
        }
    }
}

/// A scene of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SceneHead {
    /// Its id.
    pub id: SceneId,
    /// Its name.
    pub name: String,
    /// Its newest published version, from 1.
    pub latest_version: i64,
    /// When it was first published.
    pub created_at: Moment,
}

/// Publishes a version of a scene; it is never changed after that.
///
/// # Errors
/// When the store fails.
pub fn publish(db: &mut Db, company: CompanyId, scene: &Publication, now: Moment) -> Result<(SceneId, i64)> {
    let known = db.query_one(
        "UPDATE scene SET latest_version = latest_version + 1 WHERE company_id = ?1 AND name = ?2
         RETURNING id, latest_version",
        values![company, &scene.scene_name],
        |row| Ok((SceneId(row.int(0)?), row.int(1)?)),
    )?;
    let (id, version) = match known {
        Some(known) => known,
        None => {
            let id = SceneId(db.next_id("scene")?);
            db.execute(
                "INSERT INTO scene (id, company_id, name, latest_version, created_at) VALUES (?1, ?2, ?3, 1, ?4)",
                values![id, company, &scene.scene_name, now],
            )?;
            (id, 1)
        }
    };
    db.execute(
        "INSERT INTO scene_version (company_id, scene_id, version, document, published_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        values![company, id, version, &scene.document, now],
    )?;
    for voice in &scene.voices {
        let voice_id = db.next_id("voice")?;
        db.execute(
            "INSERT INTO voice (id, company_id, scene_id, name) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            values![voice_id, company, id, voice],
        )?;
    }
    put_robot(db, company, id, scene, now)?;
    Ok((id, version))
}

fn put_robot(db: &mut Db, company: CompanyId, scene: SceneId, publication: &Publication, now: Moment) -> Result<()> {
    let changed = db.execute(
        "UPDATE robot SET name = ?3, industry_one = ?4, industry_two = ?5, modified_at = ?6
         WHERE company_id = ?1 AND scene_id = ?2",
        values![company, scene, &publication.robot_name, &publication.industry_one, &publication.industry_two, now],
    )?;
    if changed == 0 {
        let id = db.next_id("robot")?;
        db.execute(
            "INSERT INTO robot (id, company_id, name, scene_id, online, industry_one, industry_two, modified_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",
            values![
                id,
                company,
                &publication.robot_name,
                scene,
                &publication.industry_one,
                &publication.industry_two,
                now
            ],
        )?;
    }
    Ok(())
}

const ROBOT: &str = "SELECT r.id, r.company_id, r.name, r.scene_id, s.latest_version, r.online, r.industry_one,
        r.industry_two, r.modified_at
    FROM robot r JOIN scene s ON s.company_id = r.company_id AND s.id = r.scene_id";

fn robot(row: &Row<'_>) -> Result<Robot> {
    Ok(Robot {
        id: RobotId(row.int(0)?),
        company: CompanyId(row.int(1)?),
        name: row.text(2)?,
        scene: SceneId(row.int(3)?),
        scene_version: row.int(4)?,
        online: row.flag(5)?,
        industry_one: row.text(6)?,
        industry_two: row.text(7)?,
        modified_at: row.moment(8)?,
        voices: Vec::new(),
    })
}

fn with_voices(db: &mut Db, mut robot: Robot) -> Result<Robot> {
    robot.voices = voices(db, robot.company, robot.scene)?;
    Ok(robot)
}

/// The voices of a scene, oldest first.
///
/// # Errors
/// When the store fails.
pub fn voices(db: &mut Db, company: CompanyId, scene: SceneId) -> Result<Vec<Voice>> {
    db.query(
        "SELECT id, name FROM voice WHERE company_id = ?1 AND scene_id = ?2 ORDER BY id",
        values![company, scene],
        |row| Ok(Voice { id: VoiceId(row.int(0)?), name: row.text(1)? }),
    )
}

/// The name of a voice of the company.
///
/// # Errors
/// When the store fails.
pub fn voice_name(db: &mut Db, company: CompanyId, id: VoiceId) -> Result<Option<String>> {
    db.query_one("SELECT name FROM voice WHERE company_id = ?1 AND id = ?2", values![company, id], |row| row.text(0))
}

/// The company's robots, oldest first.
///
/// # Errors
/// When the store fails.
pub fn of_company(db: &mut Db, company: CompanyId) -> Result<Vec<Robot>> {
    let robots = db.query(&format!("{ROBOT} WHERE r.company_id = ?1 ORDER BY r.id"), values![company], robot)?;
    robots.into_iter().map(|robot| with_voices(db, robot)).collect()
}

/// A robot of the company.
///
/// # Errors
/// When the store fails.
pub fn find(db: &mut Db, company: CompanyId, id: RobotId) -> Result<Option<Robot>> {
    let found = db.query_one(&format!("{ROBOT} WHERE r.company_id = ?1 AND r.id = ?2"), values![company, id], robot)?;
    found.map(|found| with_voices(db, found)).transpose()
}

const SCENE: &str = "SELECT id, name, latest_version, created_at FROM scene";

fn scene(row: &Row<'_>) -> Result<SceneHead> {
    Ok(SceneHead {
        id: SceneId(row.int(0)?),
        name: row.text(1)?,
        latest_version: row.int(2)?,
        created_at: row.moment(3)?,
    })
}

/// The company's scenes, oldest first.
///
/// # Errors
/// When the store fails.
pub fn scenes(db: &mut Db, company: CompanyId) -> Result<Vec<SceneHead>> {
    db.query(&format!("{SCENE} WHERE company_id = ?1 ORDER BY id"), values![company], scene)
}

/// A scene of the company.
///
/// # Errors
/// When the store fails.
pub fn find_scene(db: &mut Db, company: CompanyId, id: SceneId) -> Result<Option<SceneHead>> {
    db.query_one(&format!("{SCENE} WHERE company_id = ?1 AND id = ?2"), values![company, id], scene)
}

/// The company's scene of this name.
///
/// # Errors
/// When the store fails.
pub fn scene_of_name(db: &mut Db, company: CompanyId, name: &str) -> Result<Option<SceneHead>> {
    db.query_one(&format!("{SCENE} WHERE company_id = ?1 AND name = ?2"), values![company, name], scene)
}

/// A published version of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedVersion {
    /// The scene.
    pub scene: SceneId,
    /// Which version, from 1.
    pub version: i64,
    /// When it was published.
    pub at: Moment,
    /// Who published it, as the audit log has it; none where the log does not reach back so far.
    pub by: Option<String>,
    /// How many tasks were made to speak it, those that were deleted left out.
    pub tasks: i64,
}

/// The published versions of a scene, the newest first; without one, the newest version of each scene of the company.
///
/// # Errors
/// When the store fails.
pub fn versions(db: &mut Db, company: CompanyId, scene: Option<SceneId>) -> Result<Vec<PublishedVersion>> {
    // Scene 0 stands for all: no scene has that id. A version and its row of the log are written at one moment.
    db.query(
        "SELECT v.scene_id, v.version, v.published_at,
             (SELECT MAX(a.actor) FROM audit_log a WHERE a.at = v.published_at AND a.action = ?3 AND a.company_id = ?1
                AND a.kind = 'scene' AND a.object_id = CAST(v.scene_id AS TEXT)),
             (SELECT COUNT(*) FROM task t WHERE t.company_id = ?1 AND t.scene_id = v.scene_id
                AND t.scene_version = v.version AND t.deleted_at IS NULL)
         FROM scene_version v JOIN scene s ON s.company_id = v.company_id AND s.id = v.scene_id
         WHERE v.company_id = ?1 AND (v.scene_id = ?2 OR (?2 = 0 AND v.version = s.latest_version))
         ORDER BY v.scene_id, v.version DESC",
        values![company, scene.unwrap_or(SceneId(0)), Action::ScenePublish.name()],
        |row| {
            Ok(PublishedVersion {
                scene: SceneId(row.int(0)?),
                version: row.int(1)?,
                at: row.moment(2)?,
                by: row.text_or_null(3)?,
                tasks: row.int(4)?,
            })
        },
    )
}

/// How many tasks speak each scene of the company, in whichever version; those that were deleted are left out.
///
/// # Errors
/// When the store fails.
pub fn tasks_by_scene(db: &mut Db, company: CompanyId) -> Result<BTreeMap<SceneId, i64>> {
    let counts = db.query(
        "SELECT scene_id, COUNT(*) FROM task WHERE company_id = ?1 AND deleted_at IS NULL GROUP BY scene_id",
        values![company],
        |row| Ok((SceneId(row.int(0)?), row.int(1)?)),
    )?;
    Ok(counts.into_iter().collect())
}

/// The newest published version of a scene of the company.
///
/// # Errors
/// When the store fails.
pub fn latest_version(db: &mut Db, company: CompanyId, scene: SceneId) -> Result<Option<i64>> {
    db.query_one("SELECT latest_version FROM scene WHERE company_id = ?1 AND id = ?2", values![company, scene], |row| {
        row.int(0)
    })
}

/// The text of a published version.
///
/// # Errors
/// When the store fails or has no such version.
pub fn document(db: &mut Db, company: CompanyId, scene: SceneId, version: i64) -> Result<String> {
    db.query_one(
        "SELECT document FROM scene_version WHERE company_id = ?1 AND scene_id = ?2 AND version = ?3",
        values![company, scene, version],
        |row| row.text(0),
    )?
    .ok_or_else(|| Error::Corrupt {
        column: "scene_version",
        id: scene.get(),
        found: format!("no version {version}"),
    })
}

/// Takes a robot out of use, or puts it back; false when there is none.
///
/// # Errors
/// When the store fails.
pub fn set_online(db: &mut Db, company: CompanyId, id: RobotId, online: bool, now: Moment) -> Result<bool> {
    let changed = db.execute(
        "UPDATE robot SET online = ?3, modified_at = ?4 WHERE company_id = ?1 AND id = ?2",
        values![company, id, online, now],
    )?;
    Ok(changed == 1)
}
