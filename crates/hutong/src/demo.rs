//! `hutong demo`: everything at once, with a company, scenes and campaigns in it.
//!
//! The finished campaign was really dialled: by the same dialer, over the simulated line, in virtual time.
//! The running one goes on in real time while one watches: over SIP and RTP on this machine, to callees of the callee farm
//! ([`hutong_callee`]), and recorded.

mod campaigns;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use hutong_accounts::keys::{self, KeySettings};
use hutong_accounts::random_text;
use hutong_callee::{Farm, Pace};
use hutong_dialer::virtual_time::VirtualRuntime;
use hutong_dialer::{Dialer, Runtime};
use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::address::Networks;
use hutong_domain::audit::Actor;
use hutong_domain::ids::{CompanyId, TaskId};
use hutong_domain::moment::Moment;
use hutong_store::feed::FeedFilter;
use hutong_store::key::{Edition, Secret};
use hutong_store::{Options, PageRequest, Store, company, key, task, user};
use tracing::subscriber::{NoSubscriber, with_default};

use self::campaigns::Campaigns;
use crate::cli::print;
use crate::commands;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::installation::{self, Installation};
use crate::{log, serve};

/// How long simulated calls may go on when the demo is ended: who presses Ctrl-C does not want to wait.
const DRAIN_S: u64 = 1;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The address to serve at
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The data folder, kept at the end; a temporary one, removed at the end, where it is not given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What the demo has in it.
struct Contents {
    company: CompanyId,
    key: String,
    secret: Secret,
    done: TaskId,
    running: TaskId,
    call: i64,
    password: Secret,
}

/// Who signs in to the demo's console.
const USER: &str = "demo";

pub(crate) async fn run(args: DemoArgs) -> Result<()> {
    let temporary =
        if args.data.is_none() { Some(tempfile::Builder::new().prefix("hutong-demo-").tempdir()?) } else { None };
    let data = match (&args.data, &temporary) {
        (Some(data), _) => data.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => return Err(Error::Usage("--data is needed".to_owned())),
    };
    let config = config(&data, args.listen)?;
    let traces = log::init(&config)?;
    let stop = serve::stop_signal()?;
    let _lock = installation::lock(&config.data)?;
    let farm = farm(config.dialing.seed).await?;
    let contents = contents(&config, &farm).await?;
    let listener = serve::listen("listen", &config.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let installation = installation::open(&config)?;
    let serving = {
        let config = config.clone();
        tokio::spawn(async move { serve::until_stopped(&config, installation, listener, stop).await })
    };
    write_env(&config.data, &url, &contents)?;
    print(&welcome(&url, &config.data, &contents))?;
    let served = serving.await.map_err(|error| Error::Failed(format!("the server broke: {error}")))?;
    // The callees stay until the last call is over.
    drop(farm);
    if let Some(traces) = traces {
        traces.close().await;
    }
    served
}

/// What it says about itself, for scripts.
const ENV: &str = "demo.env";

/// The people who are called.
async fn farm(seed: u64) -> Result<Farm> {
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    let options = hutong_callee::Options { listen, seed, ports: 0..=0, pace: Pace::default(), record: None };
    Farm::open(options).await.map_err(|error| Error::Failed(error.to_string()))
}

/// What the demo decides otherwise than the defaults: it calls nobody, so it may do so at any hour.
const CONFIG: &str = "# The configuration of the demo: commands find it with --data.

[dialing]
legal_start = \"00:00:00\"
legal_end = \"23:59:59\"

# The callees are on this machine, and so is everything that is said.
[sip]
listen = \"127.0.0.1:0\"

[media]
port_first = 0
port_last = 0
";

fn config(data: &Path, listen: String) -> Result<Config> {
    installation::make_folder(data)?;
    let file = data.join(config::FILE);
    if !file.exists() {
        std::fs::write(&file, CONFIG).map_err(|cause| Error::file(&file, cause))?;
    }
    let mut config = Config::load(Some(&file))?;
    config.listen = listen;
    data.clone_into(&mut config.data);
    config.dialing.drain_s = DRAIN_S;
    if std::env::var_os("HUTONG_LOG__LEVEL").is_none() {
        "warn".clone_into(&mut config.log.level);
    }
    Ok(config)
}

/// What the store has in it, made first where it is new.
async fn contents(config: &Config, farm: &Farm) -> Result<Contents> {
    let options = config.store_options()?;
    let campaigns = {
        let config = config.clone();
        // In virtual time everything happens on one thread, and none of it may hold up this runtime's.
        let made = tokio::task::spawn_blocking(move || history(&config, &options));
        made.await.map_err(|error| Error::Failed(format!("the demo could not be made: {error}")))??
    };
    let Installation { store, vault } = installation::open(config)?;
    campaigns::connect(&store, &vault, farm.address()).await?;
    let (key, secret) = match newest_key(&store, campaigns.company).await? {
        Some(known) => (known.app_key, vault.open(&known.sealed_secret)?),
        None => {
            let settings = KeySettings { edition: Edition::May2018, requests_per_s: 0, allowed: Networks::default() };
            keys::create(&store, &vault, commands::by(), [campaigns.company].into(), settings).await?
        }
    };
    let answered = FeedFilter {
        finish_status: Some(hutong_domain::call::FinishStatus::Answered),
        after: -1,
        ..FeedFilter::default()
    };
    let page = store.feed(campaigns.company, campaigns.done, answered, PageRequest { number: 1, size: 1 }).await?;
    let call = page.and_then(|(_, page)| page.rows.first().map(|row| row.id.get())).unwrap_or(0);
    let password = console_user(&store, &config.data).await?;
    let Campaigns { company, done, running } = campaigns;
    Ok(Contents { company, key, secret, done, running, call, password })
}

/// Makes the user of the console, with a password that stands in `demo.env` from then on.
async fn console_user(store: &Store, data: &Path) -> Result<Secret> {
    let accounts = installation::accounts(store);
    let written = std::fs::read_to_string(data.join(ENV)).unwrap_or_default();
    let known = written.lines().find_map(|line| line.strip_prefix("CONSOLE_PASSWORD="));
    let is_made = store.read(|db| user::find(db, USER)).await?.is_some();
    if let (Some(known), true) = (known, is_made) {
        return Ok(Secret(known.to_owned()));
    }
    let password = Secret(random_text::<16>()?);
    if is_made {
        accounts.set_password(&Actor::Hutong, USER, password.clone(), None).await?;
    } else {
        let access = Access::new(Role::Admin, Reach::All);
        accounts.add(&Actor::Hutong, USER, access, password.clone()).await?;
    }
    Ok(password)
}

async fn newest_key(store: &Store, company: CompanyId) -> Result<Option<key::AppKey>> {
    let keys = store.read(key::all).await?;
    Ok(keys.into_iter().rfind(|key| key.revoked_at.is_none() && key.companies == [company]))
}

/// Makes the company and its campaigns, and dials the first of them to its end: yesterday, in virtual time.
fn history(config: &Config, options: &Options) -> Result<Campaigns> {
    let now = installation::now();
    let store = Store::open(&Options { inline: true, ..options.clone() }, now)?;
    let rules = config.rules()?;
    let yesterday = now.civil(&rules.zone).date().yesterday().map_err(|error| Error::Failed(error.to_string()))?;
    let start = Moment::from_civil(yesterday.at(10, 0, 0, 0), &rules.zone);
    let runtime = Arc::new(VirtualRuntime::new(start));
    let settings = hutong_dialer::Settings {
        rules: Arc::new(rules),
        calls_max: config.dialing.calls_max,
        drain: config.drain(),
        mind: None,
        seed: config.dialing.seed,
    };
    let clock: Arc<dyn Runtime> = runtime.clone();
    let run = || {
        runtime.run(async move {
            if let Some(known) = known(&store).await? {
                return Ok(known);
            }
            let campaigns = campaigns::make(&store, start).await?;
            let (_, orders) = async_channel::bounded(1);
            let lines = serve::simulated_lines(&clock, settings.seed);
            let dialer =
                Dialer::begin(store.clone(), clock.clone(), lines, settings, (orders, Arc::default()), true).await?;
            dialer.run_to_completion().await;
            campaigns::start_second(&store, &campaigns, clock.now().max(now)).await?;
            Ok(campaigns)
        })
    };
    // A day that passes in a moment would be nonsense among traces of real calls.
    let is_traced = config.traces.is_wanted();
    let made = if is_traced { with_default(NoSubscriber::new(), run) } else { run() };
    made.unwrap_or_else(|| Err(Error::Failed("the demo's first campaign did not come to its end".to_owned())))
}

/// The campaigns of a demo that ran before on the same data folder.
async fn known(store: &Store) -> Result<Option<Campaigns>> {
    let companies = store.read(company::all).await?;
    let Some(company) = companies.first().map(|company| company.id) else { return Ok(None) };
    let tasks = store
        .read(move |db| task::page(db, company, &task::Filter::default(), PageRequest { number: 1, size: 100 }))
        .await?;
    let mut ids: Vec<TaskId> = tasks.rows.iter().map(|task| task.id).collect();
    ids.sort_unstable();
    match ids.as_slice() {
        [done, running, ..] => Ok(Some(Campaigns { company, done: *done, running: *running })),
        _ => Err(Error::Failed("the data folder holds something that is not a demo; give another --data".to_owned())),
    }
}

fn write_env(data: &Path, url: &str, contents: &Contents) -> Result<()> {
    let Contents { company, key, secret, done, running, call, password } = contents;
    let text = format!(
        "HUTONG_URL={url}\nAPP_KEY={key}\nAPP_SECRET={}\nCOMPANY_ID={company}\nDONE_TASK_ID={done}\n\
         RUNNING_TASK_ID={running}\nCALL_INSTANCE_ID={call}\nCONSOLE_USER={USER}\nCONSOLE_PASSWORD={}\n",
        secret.0, password.0
    );
    let path = data.join(ENV);
    // Written aside and renamed: whoever waits for the file finds it whole.
    let draft = data.join("demo.env.new");
    installation::write_private(&draft, &text)
        .and_then(|()| std::fs::rename(&draft, &path))
        .map_err(|cause| Error::file(&path, cause))
}

fn welcome(url: &str, data: &Path, contents: &Contents) -> String {
    let Contents { company, key, secret, done, running, call, password } = contents;
    let basic = format!("curl -su {key}:{}", secret.0);
    let api = format!("{url}/openapi/v1/task");
    format!(
        "\nhutong demo is ready: nobody is called, the callees are played on this machine.\n\n\
         Console        {url}/   (user {USER}, password {})
         API reference  {url}/docs   (Authorize with the key and the secret as user and password)\n\
         Settings       {}/demo.env\n\
         Company {company}, finished task {done}, running task {running}\n\n\
         The four queries:\n\
         {basic} '{api}/getTasks?companyId={company}'\n\
         {basic} '{api}/getTaskDetail?companyId={company}&taskId={done}'\n\
         {basic} '{api}/queryDoneTaskPhones?callJobId={running}&index=-1'\n\
         {basic} '{api}/phoneLogInfo?callInstanceId={call}'\n\n\
         The running task talks over SIP and RTP: within a minute, its feed (the third query) has calls with a\n\
         luyinOssUrl, which a browser plays.\n\n\
         Ctrl-C ends it.\n",
        password.0,
        data.display(),
    )
}
