//! Work on a scene that takes longer than a page may: it goes on by itself, and the page asks how far it is.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use askama::Template;
use axum::extract::{Path, State};
use hutong_domain::access::Permission;
use hutong_domain::ids::{CallId, CompanyId, SceneId};
use hutong_domain::scene::Problem;
use hutong_domain::scene::replay::{Replay, Summary};
use serde::Deserialize;

use super::edit::Check;
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Jobs that are known at once, finished ones included; the oldest finished one goes when there are more.
const JOBS_MAX: usize = 64;

/// What is at work.
#[derive(Default)]
pub(crate) struct Jobs {
    last: AtomicU64,
    known: Mutex<HashMap<u64, Arc<Job>>>,
}

/// One piece of work.
pub(crate) struct Job {
    id: u64,
    company: CompanyId,
    /// The name of the scene.
    scene: String,
    pub(super) is_publication: bool,
    done: AtomicU64,
    total: u64,
    outcome: OnceLock<Outcome>,
}

/// What came of it.
pub(super) enum Outcome {
    /// Past calls were played.
    Played(Report),
    /// It is published.
    Published {
        /// The scene.
        scene: SceneId,
        /// Its version.
        version: i64,
        /// Texts that do not ship with hutong.
        sounds: usize,
    },
    /// Texts without audio.
    NoAudio(Vec<Problem>),
    /// A recording, or the list of them, cannot be read.
    Unreadable {
        /// The name of the file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else has published this version.
    Overtaken {
        /// The newest version.
        latest: i64,
    },
    /// It failed, and the log says why.
    Failed,
}

/// What past calls come to.
pub(super) struct Report {
    pub(super) summary: Summary,
    pub(super) changed: Vec<Changed>,
}

/// A call that comes out otherwise.
pub(super) struct Changed {
    pub(super) call: CallId,
    pub(super) replay: Replay,
}

impl Jobs {
    /// A new job; none where one for the scene is at work already, or too many for others.
    pub(super) fn begin(&self, company: CompanyId, scene: &str, is_publication: bool, total: u64) -> Option<Arc<Job>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_at_work = |job: &Job| job.outcome.get().is_none();
        if known.values().any(|job| is_at_work(job) && job.company == company && job.scene == scene) {
            return None;
        }
        if known.len() >= JOBS_MAX {
            let oldest = known.values().filter(|job| !is_at_work(job)).map(|job| job.id).min()?;
            known.remove(&oldest);
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (done, outcome) = (AtomicU64::new(0), OnceLock::new());
        let job = Arc::new(Job { id, company, scene: scene.to_owned(), is_publication, done, total, outcome });
        known.insert(id, job.clone());
        Some(job)
    }

    fn find(&self, company: CompanyId, id: u64) -> Option<Arc<Job>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).filter(|job| job.company == company).cloned()
    }
}

impl Job {
    pub(super) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// The first end counts.
    pub(super) fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }
}

/// Whoever works on a job: however that ends, the job does.
pub(super) struct Working(pub(super) Arc<Job>);

impl Deref for Working {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.0
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.end(Outcome::Failed);
    }
}

/// How far a job is, or what came of it.
#[derive(Template)]
#[template(path = "scenes/job.html")]
pub(super) struct JobPart {
    ui: Ui,
    job: Arc<Job>,
}

// Its own template escapes what is in it.
impl askama::filters::HtmlSafe for JobPart {}

impl JobPart {
    pub(super) const fn new(ui: Ui, job: Arc<Job>) -> Self {
        Self { ui, job }
    }

    fn check(&self, problems: &[Problem]) -> Check {
        Check { ui: self.ui.clone(), problems: problems.to_vec(), is_fine: false }
    }

    fn done(&self) -> u64 {
        self.job.done.load(Ordering::Relaxed).min(self.job.total)
    }

    fn many(&self, number: &u64) -> String {
        self.ui.count(i64::try_from(*number).unwrap_or(i64::MAX))
    }

    fn list(&self, values: &[String]) -> String {
        if values.is_empty() { self.ui.t("无", "none").to_owned() } else { values.join("、") }
    }
}

/// Which job a path names.
#[derive(Deserialize)]
pub(crate) struct JobPath {
    job: u64,
}

/// `GET /c/{company}/scenes/draft/jobs/{job}`
pub(crate) async fn part(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(JobPath { job }): Path<JobPath>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let job = shared.jobs.find(visit.company, job).ok_or(Error::NotFound)?;
    html(&JobPart::new(visit.ui, job))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_breaks_off_ends_its_job() {
        let jobs = Jobs::default();
        let job = jobs.begin(CompanyId(1), "甲", false, 1).unwrap();
        drop(Working(job.clone()));
        assert!(matches!(job.outcome.get(), Some(Outcome::Failed)));
        assert!(jobs.begin(CompanyId(1), "甲", true, 1).is_some());
    }

    #[test]
    fn one_job_of_a_scene_is_at_work_and_finished_ones_make_room() {
        let jobs = Jobs::default();
        let company = CompanyId(1);
        let first = jobs.begin(company, "甲", false, 1).unwrap();
        assert!(jobs.begin(company, "甲", true, 1).is_none());
        assert!(jobs.begin(CompanyId(2), "甲", true, 1).is_some());
        first.end(Outcome::Failed);
        for _ in 0..JOBS_MAX {
            jobs.begin(company, "甲", false, 1).unwrap().end(Outcome::Failed);
        }
        assert!(jobs.find(company, first.id).is_none());
        assert!(jobs.known.lock().unwrap().len() <= JOBS_MAX);
        let last = jobs.begin(company, "甲", false, 1).unwrap();
        assert!(jobs.find(CompanyId(2), last.id).is_none() && jobs.find(company, last.id).is_some());
    }
}
