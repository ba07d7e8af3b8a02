//! Publishing: first what would change, then the publication.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartError, MultipartRejection};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::moment::Moment;
use hutong_domain::scene::Scene;
use hutong_scenes::{CALLS_DEFAULT, NoAudio, PastCalls, Published, Publishing, Recordings, SceneAudio};
use hutong_store::{past_calls, robot};
use sha2::{Digest as _, Sha256};

use super::edit::{Check, Draft, parse};
use super::given_document;
use super::jobs::{Changed, Job, JobPart, Outcome, Report, Working};
use super::recorded::{folders, unpack};
use super::versions::{self, DiffLine};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Calls that come out otherwise and are named; the others are counted.
const NAMED_MAX: usize = 50;

/// What publishing a text would change.
#[derive(Template)]
#[template(path = "scenes/preview.html")]
struct Preview {
    ui: Ui,
    name: String,
    robot: String,
    /// The newest version of the scene of this name; 0 where there is none.
    latest: i64,
    diff: Vec<DiffLine>,
    check: Check,
    /// What names the text that was looked at.
    digest: String,
    /// Past calls, being played; none where there are none, or others are being played.
    job: Option<JobPart>,
    tasks: usize,
    /// Whether people have recorded, or are to record, what a voice says.
    is_recorded: bool,
}

/// It cannot be published.
#[derive(Template)]
#[template(path = "scenes/refused.html")]
struct Refused {
    ui: Ui,
    errors: usize,
}

/// `POST /c/{company}/scenes/draft/preview`
pub(crate) async fn preview(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(Draft { document }): Form<Draft>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let document = given_document(&document, &visit.ui)?;
    let scene = match parse(&document).await? {
        Ok(scene) => Arc::new(scene),
        Err(problems) => return html(&Refused { ui: visit.ui, errors: problems.len() }),
    };
    let (company, name) = (visit.company, scene.name().to_owned());
    let (before, latest, tasks) = shared
        .app
        .store
        .read_snapshot(move |db| {
            let Some(known) = robot::scene_of_name(db, company, &name)? else {
                return Ok((String::new(), 0, Vec::new()));
            };
            let before = robot::document(db, company, known.id, known.latest_version)?;
            Ok((before, known.latest_version, past_calls::tasks_of(db, company, known.id)?))
        })
        .await?;
    let known_tasks = tasks.len();
    let job = if tasks.is_empty() {
        None
    } else {
        let wanted = PastCalls { company, tasks, since: Moment(0), calls: i64::from(CALLS_DEFAULT) };
        play(&shared, &visit.ui, &scene, wanted)
    };
    html(&Preview {
        name: scene.name().to_owned(),
        robot: scene.robot_name().to_owned(),
        latest,
        diff: versions::diff(&before, &document),
        check: Check { ui: visit.ui.clone(), problems: scene.warnings().to_vec(), is_fine: true },
        digest: digest(&document),
        job,
        tasks: known_tasks,
        is_recorded: !folders(&scene).is_empty(),
        ui: visit.ui,
    })
}

/// Plays past calls beside the page.
fn play(shared: &Arc<Shared>, ui: &Ui, scene: &Arc<Scene>, wanted: PastCalls) -> Option<JobPart> {
    let job = shared.jobs.begin(wanted.company, scene.name(), false, u64::from(CALLS_DEFAULT))?;
    let (shared, scene, of) = (shared.clone(), scene.clone(), Working(job.clone()));
    tokio::spawn(async move {
        let mut changed: Vec<Changed> = Vec::new();
        let played = hutong_scenes::play(&shared.app.store, &scene, wanted, |call, replay| {
            of.step();
            if replay.has_flips() && changed.len() < NAMED_MAX {
                changed.push(Changed { call: call.id, replay: replay.clone() });
            }
            Ok::<_, hutong_store::Error>(())
        });
        match played.await {
            Ok(summary) => of.end(Outcome::Played(Report { summary, changed })),
            Err(error) => failed(&of, &error),
        }
    });
    Some(JobPart::new(ui.clone(), job))
}

fn failed(job: &Job, error: &hutong_store::Error) {
    tracing::error!(%error, "work on a scene failed");
    job.end(Outcome::Failed);
}

fn digest(document: &str) -> String {
    Sha256::digest(document).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is to be published.
#[derive(Default)]
struct Wanted {
    document: String,
    /// The text that was looked at.
    digest: String,
    /// The newest version that was known then.
    known: i64,
    /// Publishes without audio.
    text_only: bool,
    /// An archive of recordings; empty where none is given.
    recordings: Vec<u8>,
}

impl Wanted {
    async fn read(mut form: Multipart) -> std::result::Result<Self, MultipartError> {
        let mut wanted = Self::default();
        while let Some(field) = form.next_field().await? {
            match field.name().unwrap_or_default() {
                "document" => wanted.document = field.text().await?,
                "digest" => wanted.digest = field.text().await?,
                "known" => wanted.known = field.text().await?.parse().unwrap_or_default(),
                "text_only" => wanted.text_only = true,
                "recordings" => wanted.recordings = field.bytes().await?.into(),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// `POST /c/{company}/scenes/draft/publish`
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    form: std::result::Result<Multipart, MultipartRejection>,
) -> Result<Html> {
    visit.require(Permission::PublishScenes)?;
    let ui = visit.ui.clone();
    let broken = || {
        let words =
            ui.t("录音没有完整上传，或超过 64 MB", "The recordings did not come whole, or are larger than 64 MB");
        Error::Refused(words.to_owned())
    };
    let form = form.map_err(|_| broken())?;
    let Wanted { document, digest: seen, known, text_only, recordings } =
        Wanted::read(form).await.map_err(|_| broken())?;
    let document = given_document(&document, &ui)?;
    if digest(&document) != seen {
        let words = ui.t(
            "文本在预览之后又改过了，请再预览一次",
            "The text was changed since you looked at what it changes: look again",
        );
        return Err(Error::Refused(words.to_owned()));
    }
    let Ok(scene) = parse(&document).await? else {
        return Err(Error::Refused(ui.t("话术没有通过检查", "The scene does not pass its checks").to_owned()));
    };
    let scene = Arc::new(scene);
    let recorded = if recordings.is_empty() {
        None
    } else {
        let scene = scene.clone();
        let unpacked = tokio::task::spawn_blocking(move || unpack(&recordings, &scene)).await;
        let unpacked = unpacked.map_err(|error| Error::Broken(error.to_string()))?;
        Some(unpacked.map_err(|unfit| Error::Refused(unfit.words(&ui).to_owned()))?)
    };
    let texts = u64::try_from(scene.fixed_texts().len()).unwrap_or(u64::MAX);
    let Some(job) = shared.jobs.begin(visit.company, scene.name(), true, texts) else {
        let words = ui.t("这个话术正在处理中，请稍候", "Something is being done with this scene: wait for it");
        return Err(Error::Refused(words.to_owned()));
    };
    let (of, by, company) = (Working(job.clone()), visit.by(), visit.company);
    tokio::spawn(async move {
        let from = recorded.as_ref().map_or(Recordings::Published, |it| Recordings::Added(&it.folders));
        let gathered = if text_only {
            Ok(SceneAudio::default())
        } else {
            shared.studio.gather(company, &scene, from, &|| of.step()).await
        };
        let audio = match gathered {
            Ok(audio) => audio,
            Err(NoAudio::Missing(problems)) => return of.end(Outcome::NoAudio(problems)),
            Err(NoAudio::Recordings { file, why }) => {
                let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                return of.end(Outcome::Unreadable { file, why });
            }
            Err(error) => {
                tracing::error!(%error, "the audio of a scene could not be gathered");
                return of.end(Outcome::Failed);
            }
        };
        let sounds = audio.count();
        let publishing = Publishing { company, scene: &scene, document: &document, audio, known: Some(known), by };
        match hutong_scenes::publish(&shared.app.store, publishing).await {
            Ok(Published::Done { scene, version }) => of.end(Outcome::Published { scene, version, sounds }),
            Ok(Published::Overtaken { latest }) => of.end(Outcome::Overtaken { latest }),
            Err(error) => failed(&of, &error),
        }
    });
    html(&JobPart::new(ui, job))
}
