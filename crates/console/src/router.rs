//! Every page of the console on one page.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hutong_store::scenes::Scenes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::import::Lists;
use crate::live::STREAMS_MAX;
use crate::pages::lines::speech::Spoken;
use crate::pages::lines::test::TestCalls;
use crate::pages::numbers::staged::Imports;
use crate::pages::{
    audit, call, companies, home, integration, lines, me, numbers, overview, reports, scenes, sign_in, tasks, users,
};
use crate::ui::Ui;
use crate::{Console, assets, guard};

/// Bytes of a request: lists of numbers are uploaded.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Trials of servers outside that go on at once.
const TRIALS_MAX: usize = 4;

/// What all pages share.
pub(crate) struct Shared {
    console: Console,
    /// One permit for each stream of events.
    pub(crate) streams: Arc<Semaphore>,
    /// Lists of numbers on their way into tasks.
    pub(crate) lists: Lists,
    /// Published scenes that were parsed.
    pub(crate) scenes: Scenes,
    /// Lists of numbers that were looked at and are to go onto the blacklist.
    pub(crate) imports: Imports,
    /// One permit for each trial of what is outside: a receiver of callbacks, a trunk, a voice, a recogniser.
    trials: Arc<Semaphore>,
    /// Calls that try a trunk.
    pub(crate) test_calls: TestCalls,
    /// What voices spoke for trials.
    pub(crate) spoken: Spoken,
    /// When tasks will finish.
    pub(crate) forecasts: tasks::forecast::Forecasts,
    /// Voices of scenes that somebody listens to.
    pub(crate) voices: scenes::audio::OpenVoices,
    /// Work on scenes.
    pub(crate) jobs: scenes::Jobs,
    /// Conversations with scenes.
    pub(crate) talks: scenes::Talks,
}

impl Shared {
    /// Room for a trial; held until it is over.
    ///
    /// # Errors
    /// [`Error::Refused`] where too many go on.
    pub(crate) fn trial(&self, ui: &Ui) -> Result<OwnedSemaphorePermit> {
        let busy =
            || Error::Refused(ui.t("同时进行的测试太多，请稍后再试", "Too many trials at once: try again").to_owned());
        self.trials.clone().try_acquire_owned().map_err(|_| busy())
    }
}

impl Deref for Shared {
    type Target = Console;

    fn deref(&self) -> &Console {
        &self.console
    }
}

/// The console, with `/` and everything that nobody else answers.
pub fn router(console: Console) -> Router {
    let [streams, trials] = [STREAMS_MAX, TRIALS_MAX].map(|most| Arc::new(Semaphore::new(most)));
    let shared = Arc::new(Shared {
        streams,
        trials,
        lists: Lists::default(),
        imports: Imports::default(),
        scenes: Scenes::new(console.app.store.clone()),
        test_calls: TestCalls::default(),
        spoken: Spoken::default(),
        forecasts: tasks::forecast::forecasts(),
        voices: scenes::audio::open_voices(),
        jobs: scenes::Jobs::default(),
        talks: scenes::Talks::default(),
        console,
    });
    pages()
        .fallback(|| async { Error::NotFound })
        .method_not_allowed_fallback(|| async { Error::NotFound })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(shared.clone(), guard::around))
        .route("/assets/{name}", get(assets::asset))
        .with_state(shared)
}

fn pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(home::home))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/look", post(sign_in::look))
        // What happens now.
        .route("/c/{company}/overview", get(overview::page))
        .route("/c/{company}/overview/live", get(overview::live))
        // What happened.
        .route("/c/{company}/calls/{call}", get(call::page))
        .route("/c/{company}/calls/{call}/results", post(call::judge))
        .route("/c/{company}/calls/{call}/note", post(call::set_note))
        .route("/c/{company}/calls/{call}/wave", get(call::wave))
        .route("/c/{company}/calls/{call}/read", post(call::mark_read))
        .route("/c/{company}/reports", get(reports::page))
        .route("/c/{company}/reports/{extension}", get(reports::export))
        .merge(task_pages())
        .merge(number_pages())
        .merge(scene_pages())
        .merge(line_pages())
        .merge(integration_pages())
        .merge(installation_pages())
}

/// Lines, and who speaks and understands on them.
fn line_pages() -> Router<Arc<Shared>> {
    use lines::{one, speech, test};
    Router::new()
        .route("/c/{company}/lines", get(lines::page).post(one::create))
        .route("/c/{company}/lines/new", get(one::new))
        .route("/c/{company}/lines/{line}", get(one::page).post(one::update))
        .route("/c/{company}/lines/{line}/enabled", post(one::set_enabled))
        .route("/c/{company}/lines/{line}/test", post(test::begin))
        .route("/c/{company}/lines/{line}/test/{call}", get(test::steps))
        .route("/c/{company}/lines/speech/speak", post(speech::speak))
        .route("/c/{company}/lines/speech/understand", post(speech::understand))
        .route("/c/{company}/lines/speech/{spoken}", get(speech::listen))
}

/// How others' programs work with a company.
fn integration_pages() -> Router<Arc<Shared>> {
    use integration::{addresses, deliveries, keys, signer};
    let key = "/c/{company}/integration/keys/{key}";
    let callbacks = "/c/{company}/integration/callbacks/{subject}";
    Router::new()
        .route("/c/{company}/integration", get(integration::page))
        .route("/c/{company}/integration/keys", post(keys::create))
        .route("/c/{company}/integration/keys/new", get(keys::new))
        .route(key, get(keys::page).post(keys::update))
        .route(&format!("{key}/companies"), post(keys::bind))
        .route(&format!("{key}/rotate"), post(keys::rotate))
        .route(&format!("{key}/revoke"), post(keys::revoke))
        .route(callbacks, get(addresses::page).post(addresses::set))
        .route(&format!("{callbacks}/unset"), post(addresses::unset))
        .route(&format!("{callbacks}/test"), post(addresses::test))
        .route("/c/{company}/integration/deliveries", get(deliveries::page))
        .route("/c/{company}/integration/deliveries/resend", post(deliveries::resend_given_up))
        .route("/c/{company}/integration/deliveries/{name}", get(deliveries::one))
        .route("/c/{company}/integration/deliveries/{name}/resend", post(deliveries::resend))
        .route("/c/{company}/integration/signer", get(signer::page).post(signer::sign))
}

/// What belongs to the installation, and to oneself.
fn installation_pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/me", get(me::page))
        .route("/me/password", post(me::set_password))
        .route("/me/sessions/{session}/end", post(me::end_session))
        .route("/audit", get(audit::page))
        .route("/audit.csv", get(audit::file))
        .route("/companies", get(companies::page).post(companies::create))
        .route("/companies/{company}", get(companies::one).post(companies::update))
        .route("/installation", get(companies::installation::page))
        .route("/users", get(users::page).post(users::create))
        .route("/users/new", get(users::new))
        .route("/users/{name}", get(users::one::page))
        .route("/users/{name}/role", post(users::one::set_role))
        .route("/users/{name}/companies", post(users::one::set_companies))
        .route("/users/{name}/password", post(users::one::set_password))
        .route("/users/{name}/enabled", post(users::one::set_enabled))
        .route("/users/{name}/sessions/{session}/end", post(users::one::end_session))
}

/// What robots say.
fn scene_pages() -> Router<Arc<Shared>> {
    use scenes::{audio, edit, jobs, list, publish, talk, unheard, versions, view};
    Router::new()
        .route("/c/{company}/scenes", get(list::page))
        .route("/c/{company}/scenes/new", get(edit::new))
        .route("/c/{company}/scenes/draft/check", post(edit::check))
        .route("/c/{company}/scenes/draft/preview", post(publish::preview))
        .route("/c/{company}/scenes/draft/publish", post(publish::publish))
        .route("/c/{company}/scenes/draft/jobs/{job}", get(jobs::part))
        .route("/c/{company}/scenes/draft/talk", post(talk::begin_draft))
        .route("/c/{company}/scenes/talks/{talk}", post(talk::next))
        .route("/c/{company}/scenes/{scene}", get(view::flow))
        .route("/c/{company}/scenes/{scene}/prompts", get(audio::page))
        .route("/c/{company}/scenes/{scene}/prompts.csv", get(audio::list))
        .route("/c/{company}/scenes/{scene}/sound", get(audio::sound))
        .route("/c/{company}/scenes/{scene}/rules", get(view::rules))
        .route("/c/{company}/scenes/{scene}/text", get(view::text))
        .route("/c/{company}/scenes/{scene}/talk", get(talk::page).post(talk::begin))
        .route("/c/{company}/scenes/{scene}/unheard", get(unheard::page).post(unheard::handled))
        .route("/c/{company}/scenes/{scene}/versions", get(versions::page))
        .route("/c/{company}/scenes/{scene}/edit", get(edit::page))
}

/// Tasks: what is dialled, how, and what came of it.
fn task_pages() -> Router<Arc<Shared>> {
    Router::new()
        .route("/c/{company}/tasks", get(tasks::list::page))
        .route("/c/{company}/tasks/live", get(tasks::list::live))
        .route("/c/{company}/tasks/bulk", post(tasks::commands::bulk))
        .route("/c/{company}/tasks/new", get(tasks::form::new).post(tasks::form::create))
        .route("/c/{company}/tasks/preview", post(tasks::form::preview))
        .route("/c/{company}/tasks/{task}", get(tasks::detail::page))
        .route("/c/{company}/tasks/{task}/live", get(tasks::detail::live))
        .route("/c/{company}/tasks/{task}/export.csv", get(tasks::export::csv))
        .route("/c/{company}/tasks/{task}/export.xlsx", get(tasks::export::xlsx))
        .route("/c/{company}/tasks/{task}/forecast", get(tasks::forecast::part))
        .route("/c/{company}/tasks/{task}/import", get(tasks::import::page).post(tasks::import::upload))
        .route("/c/{company}/tasks/{task}/import/stage", get(tasks::import::stage))
        .route("/c/{company}/tasks/{task}/import/check", post(tasks::import::look))
        .route("/c/{company}/tasks/{task}/import/start", post(tasks::import::start))
        .route("/c/{company}/tasks/{task}/import/stop", post(tasks::import::stop))
        .route("/c/{company}/tasks/{task}/import/refused.csv", get(tasks::import::refused))
        .route("/c/{company}/tasks/{task}/numbers", get(tasks::numbers::page))
        .route("/c/{company}/tasks/{task}/why/{call}", get(tasks::why::part))
        .route("/c/{company}/tasks/{task}/edit", get(tasks::form::edit).post(tasks::form::update))
        .route("/c/{company}/tasks/{task}/command/{command}", post(tasks::commands::one))
}

/// Numbers, whatever task they are in.
fn number_pages() -> Router<Arc<Shared>> {
    use crate::pages::numbers::{group, import};
    Router::new()
        .route("/c/{company}/numbers", get(numbers::page))
        .route("/c/{company}/numbers/block", post(numbers::block))
        .route("/c/{company}/numbers/unblock", post(numbers::unblock))
        .route("/c/{company}/numbers/first", post(numbers::first))
        .route("/c/{company}/numbers/forget", get(numbers::forget_what).post(numbers::forget))
        .route("/c/{company}/numbers/groups", post(numbers::make_group))
        .route("/c/{company}/numbers/groups/{group}", get(group::page))
        .route("/c/{company}/numbers/groups/{group}/add", post(group::add))
        .route("/c/{company}/numbers/groups/{group}/remove", post(group::remove))
        .route("/c/{company}/numbers/groups/{group}/rename", post(group::rename))
        .route("/c/{company}/numbers/groups/{group}/delete", post(group::delete))
        .route("/c/{company}/numbers/groups/{group}/export", get(group::export))
        .route("/c/{company}/numbers/groups/{group}/import", get(import::page).post(import::preview))
        .route("/c/{company}/numbers/groups/{group}/import/{token}", post(import::go_on))
}
