//! `hutong doctor`

mod recordings;
mod server;
mod speech;
mod trunks;
mod voices;

use std::fmt::Write as _;

use hutong_domain::line::LineDriver;
use hutong_domain::scene::Scene;
use hutong_store::{Db, announcement, company, key, line, robot};

use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation::{self, Installation};

/// What a check found.
enum Finding {
    Fine(String),
    Mend { problem: String, mend: String },
}

/// Looks at everything that a server needs, and says what to mend.
pub(crate) async fn run(args: &InstallationArgs) -> Result<()> {
    let config = args.load()?;
    let Installation { store, vault } = installation::open(&config)?;
    let mut findings = vec![Finding::Fine(format!("data folder {}", config.data.display()))];
    let keys = store.read(key::all).await?;
    findings.push(if keys.iter().all(|key| vault.open(&key.sealed_secret).is_ok()) {
        Finding::Fine(format!("{} application keys, all sealed with this installation's key", keys.len()))
    } else {
        Finding::Mend {
            problem: "secrets in the store were sealed with another installation's key".to_owned(),
            mend: "put that installation's installation.key into the data folder, or make new keys".to_owned(),
        }
    });
    findings.extend(server::look(&config, &store).await?);
    findings.extend(store.read(look).await?);
    let is_served = installation::lock(&config.data).is_err();
    let now = installation::now();
    let mut lines = store.read(|db| line::of_driver(db, LineDriver::Sip)).await?;
    lines.retain(|line| line.is_usable(now));
    findings.extend(trunks::look(&config, &vault, &lines, is_served).await?);
    findings.extend(voices::ports(&config, &lines, is_served));
    findings.extend(voices::announcements(&store.read(announcement::all).await?));
    findings.extend(speech::look(&config.speech, &vault, &lines).await?);
    findings.extend(recordings::look(config.recording_options()?, is_served).await);
    findings.push(Finding::Fine(if is_served {
        "a server is running on this data folder".to_owned()
    } else {
        "no server is running on this data folder".to_owned()
    }));
    report(&findings)
}

fn look(db: &mut Db) -> hutong_store::Result<Vec<Finding>> {
    let now = installation::now();
    let companies = company::all(db)?;
    if companies.is_empty() {
        return Ok(vec![Finding::Mend {
            problem: "there is no company".to_owned(),
            mend: "make one: hutong company add NAME --seats N".to_owned(),
        }]);
    }
    let mut findings = Vec::new();
    for company in companies {
        let name = format!("company {} ({})", company.id, company.name);
        let lines = line::of_company(db, company.id)?;
        let usable = lines.iter().filter(|line| line.is_usable(now)).count();
        findings.push(if usable > 0 {
            Finding::Fine(format!("{name}: {} seats, {usable} of {} lines usable", company.seats, lines.len()))
        } else {
            Finding::Mend {
                problem: format!("{name} has no line that it could call on now"),
                mend: format!("add one: hutong line add --company {} …", company.id),
            }
        });
        let robots = robot::of_company(db, company.id)?;
        if robots.iter().all(|robot| !robot.online) {
            findings.push(Finding::Mend {
                problem: format!("{name} has no robot online"),
                mend: format!("publish a scene: hutong scene publish FILE --company {}", company.id),
            });
        }
        for robot in robots {
            let document = robot::document(db, company.id, robot.scene, robot.scene_version)?;
            findings.push(match Scene::parse(&document) {
                Ok(scene) => Finding::Fine(format!("{name}: scene {} version {}", scene.name(), robot.scene_version)),
                Err(problems) => Finding::Mend {
                    problem: format!(
                        "{name}: scene {} cannot be read by this version: {}",
                        robot.scene,
                        problems.first().map_or_else(String::new, ToString::to_string)
                    ),
                    mend: "mend the scene and publish it again".to_owned(),
                },
            });
        }
    }
    Ok(findings)
}

fn report(findings: &[Finding]) -> Result<()> {
    let mut text = String::new();
    let mut to_mend = 0;
    for finding in findings {
        match finding {
            Finding::Fine(what) => {
                let _ = writeln!(text, "ok    {what}");
            }
            Finding::Mend { problem, mend } => {
                to_mend += 1;
                let _ = writeln!(text, "mend  {problem}\n      {mend}");
            }
        }
    }
    print(&text)?;
    if to_mend > 0 { Err(Error::Failed(format!("{to_mend} to mend"))) } else { Ok(()) }
}
