//! `callbacks`: deliveries a second from the store's outbox, against the same client that posts the same letters without
//! a store; and what a receiver that never answers costs the others.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::post;
use futures::future::{BoxFuture, join_all};
use hutong_api::{CallbackLetters, LetterDraft, LetterError, WrittenLetter};
use hutong_callbacks::{Callbacks, Draft, Letter, Letters, NoLetter, Poster, Settings};
use hutong_dialer::SystemRuntime;
use hutong_domain::address::Networks;
use hutong_domain::callback::ANSWER_TIME_MAX;
use hutong_domain::ids::{CompanyId, NodeId};
use hutong_domain::moment::Clock as _;
use hutong_store::callback::address::{self, Address, ContentType, Subject};
use hutong_store::callback::delivery::{self, Due};
use hutong_store::key::{self, AppKey, Edition, Secret};
use hutong_store::vault::{KEY_BYTES, Vault};
use hutong_store::{Options, Store, Url, values};
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{Fixture, settings};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

use crate::report::{Table, verdict};
use crate::server;
use crate::statistics::{Figure, figure};
use crate::store::finish_one;

/// Companies, each with a receiver of its own kind, where deliveries are counted.
const COMPANIES: usize = 64;
const CALLS_EACH: usize = 100;
const ROUNDS: usize = 15;
const GOAL_SHARE: f64 = 0.5;
/// Companies of which one has a receiver that never answers.
const MANY: usize = 1000;
const CALLS_OF_MANY: usize = 5;
const GOAL_SLOWER: f64 = 0.05;

/// What the API writes.
struct OfApi(CallbackLetters);

impl Letters for OfApi {
    fn drafts(&self, due: Vec<(Due, Option<Arc<AppKey>>)>) -> BoxFuture<'_, Result<Vec<Option<Draft>>, NoLetter>> {
        Box::pin(async move {
            let failed = |error: LetterError| NoLetter(error.to_string());
            let write = move |draft: LetterDraft| -> Draft {
                Box::new(move |now| {
                    let WrittenLetter { body, headers } = draft.write(now).map_err(failed)?;
                    Ok(Letter { body, headers })
                })
            };
            let drafts = self.0.drafts(due).await.map_err(failed)?;
            Ok(drafts.into_iter().map(|draft| draft.map(write)).collect())
        })
    }
}

/// A receiver on this machine that takes everything, and counts it.
struct Receiver {
    url: String,
    taken: Arc<AtomicU64>,
    changed: Arc<Notify>,
}

impl Receiver {
    /// On a thread of its own.
    fn start() -> Result<Self> {
        let (taken, changed) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let (count, notify) = (taken.clone(), changed.clone());
        let (told, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { return };
                let _ = told.send(listener.local_addr());
                let take = move |_: axum::body::Bytes| {
                    count.fetch_add(1, Ordering::SeqCst);
                    notify.notify_one();
                    std::future::ready("success")
                };
                let limits = hutong_api::ConnectionLimits::default();
                let router = Router::new().route("/callback", post(take));
                hutong_api::serve(listener, router, limits, std::future::pending()).await;
            });
        });
        let address = address.recv().context("the receiver has no address")??;
        Ok(Self { url: format!("http://{address}/callback"), taken, changed })
    }

    /// Waits until so many more have come than `before`.
    async fn wait_for(&self, before: u64, more: u64) {
        while self.taken.load(Ordering::SeqCst) < before + more {
            self.changed.notified().await;
        }
    }
}

/// A store with callbacks of finished calls.
struct Outbox {
    store: Store,
    letters: Arc<OfApi>,
    node: NodeId,
    companies: Vec<CompanyId>,
}

impl Outbox {
    async fn fill(folder: &Path, companies: usize, calls: usize, url: &str) -> Result<Self> {
        let store = Store::open(&Options::new(Url::Sqlite(folder.join("callbacks.db"))), START)?;
        let vault = Vault::new(&[7; KEY_BYTES]);
        let sealed = vault.seal(&Secret("0123456789abcdefghij".to_owned()))?;
        let mut ids = Vec::new();
        for n in 0..companies {
            let fixture = Fixture::with_seats(&store, 1000).await;
            let company = fixture.company;
            let (url, sealed) = (url.to_owned(), sealed.clone());
            let prepared = move |db: &mut hutong_store::Db| {
                let (subject, content_type) = (Subject::Calls, ContentType::Json);
                let url = url.clone();
                let to = Address { subject, url, content_type, manual_changes: false, app_key: None };
                address::set(db, company, &to, START)?;
                let key = AppKey {
                    app_key: format!("key{n}"),
                    sealed_secret: sealed.clone(),
                    edition: Edition::May2018,
                    requests_per_s: 0,
                    companies: vec![company],
                    created_at: START,
                    revoked_at: None,
                    allowed: Networks::default(),
                    previous: None,
                    rotated_at: None,
                    used_at: None,
                };
                key::insert(db, &key)
            };
            store.write(company, prepared).await?;
            let mut wanted = settings();
            (wanted.quota, wanted.in_progress_max) = (1000, 1000);
            let task = fixture.running_task(wanted, calls).await;
            let claimed = fixture.look(task).await.claimed;
            ensure!(claimed.len() == calls, "only {} of {calls} calls could be claimed", claimed.len());
            join_all(claimed.into_iter().map(|claimed| finish_one(&store, claimed)))
                .await
                .into_iter()
                .collect::<Result<()>>()?;
            ids.push(company);
        }
        let app = server::app(store.clone(), vault).await?;
        let node = (app.node)();
        Ok(Self { store, letters: Arc::new(OfApi(CallbackLetters::new(app))), node, companies: ids })
    }

    /// Lets everything be sent again.
    async fn renew(&self) -> Result<()> {
        let again = "UPDATE callback SET due_at = 0, attempts = 0, delivered_at = NULL";
        self.store.write(CompanyId(0), move |db| db.execute(again, values![])).await?;
        Ok(())
    }

    /// Nothing of this company is sent.
    async fn silence(&self, company: CompanyId) -> Result<()> {
        let nothing = "UPDATE callback SET due_at = NULL WHERE company_id = ?1";
        self.store.write(company, move |db| db.execute(nothing, values![company])).await?;
        Ok(())
    }

    /// Seconds until so many were taken.
    async fn send(&self, receiver: &Receiver, callbacks: usize) -> Result<f64> {
        let before = receiver.taken.load(Ordering::SeqCst);
        let node = self.node;
        let sender = Callbacks::new(
            self.store.clone(),
            Arc::new(SystemRuntime),
            self.letters.clone(),
            Arc::new(move || node),
            sending(),
        )?;
        let (stop, stopped) = oneshot::channel::<()>();
        let begun = Instant::now();
        let running = tokio::spawn(sender.run(async move {
            let _ = stopped.await;
        }));
        receiver.wait_for(before, callbacks as u64).await;
        let took = begun.elapsed().as_secs_f64();
        drop(stop);
        running.await?;
        Ok(took)
    }

    /// The same letters, written before, posted by the same client in as many rows.
    async fn post(&self, receiver: &Receiver) -> Result<f64> {
        let now = SystemRuntime.now();
        let mut rows = Vec::new();
        for &company in &self.companies {
            let batch = self.store.read(move |db| delivery::batch(db, company, now, 10_000)).await?;
            let address = batch.addresses.into_iter().next().context("a company without an address")?;
            let mut letters = Vec::new();
            let failed = |error: NoLetter| anyhow::anyhow!("{error}");
            let key = batch.keys.into_iter().next().map(Arc::new);
            let due = batch.due.iter().map(|due| (due.clone(), key.clone())).collect();
            let drafts = self.letters.drafts(due).await.map_err(failed)?;
            for (due, draft) in batch.due.iter().zip(drafts) {
                let letter = draft.context("no letter")?(now).map_err(failed)?;
                letters.push((due.name.to_string(), letter));
            }
            rows.push((address, letters));
        }
        let poster = Arc::new(Poster::new(&sending())?);
        let before = receiver.taken.load(Ordering::SeqCst);
        let begun = Instant::now();
        let posting = rows.into_iter().map(|(address, letters)| {
            let poster = poster.clone();
            tokio::spawn(async move {
                for (name, letter) in letters {
                    poster.post(&address, &name, letter).await;
                }
            })
        });
        for row in join_all(posting).await {
            row?;
        }
        let took = begun.elapsed().as_secs_f64();
        let taken = receiver.taken.load(Ordering::SeqCst) - before;
        ensure!(taken == (COMPANIES * CALLS_EACH) as u64, "only {taken} were taken");
        Ok(took)
    }
}

const fn sending() -> Settings {
    Settings {
        private_addresses: true,
        in_flight_max: 1024,
        tasks_at_once: 4,
        keep: None,
        look: Duration::from_millis(200),
        answer_time_max: ANSWER_TIME_MAX,
    }
}

/// Measures both, in a folder of its own, and reports.
pub(crate) fn measure(scratch: &Path) -> Result<String> {
    fs::create_dir_all(scratch)?;
    let folder = tempfile::tempdir_in(scratch)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let throughput = runtime.block_on(throughput(folder.path()))?;
    let folder = tempfile::tempdir_in(scratch)?;
    let isolation = runtime.block_on(isolation(folder.path()))?;
    Ok(format!(
        "## Callbacks\n\nThe receiver stands on the same machine, answers at once, and shares its processors.\n\n\
         {throughput}\n{isolation}"
    ))
}

async fn throughput(folder: &Path) -> Result<String> {
    let receiver = Receiver::start()?;
    let outbox = Outbox::fill(folder, COMPANIES, CALLS_EACH, &receiver.url).await?;
    let callbacks = COMPANIES * CALLS_EACH;
    let (mut sent, mut posted, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let alone = figure(callbacks as u64) / outbox.post(&receiver).await?;
        let whole = figure(callbacks as u64) / outbox.send(&receiver, callbacks).await?;
        println!("callbacks: {whole:.0}/s from the store, {alone:.0}/s posted alone");
        outbox.renew().await?;
        sent.push(whole);
        posted.push(alone);
        shares.push(whole / alone);
    }
    let (sent, posted, share) = (Figure::of(sent), Figure::of(posted), Figure::of(shares));
    let mut table = Table::new(["callbacks", "a second (least to most)", "goal", ""]);
    for (name, it) in [("delivered from the store", &sent), ("the same letters, posted alone", &posted)] {
        let speed = format!("{:.0} ({:.0} to {:.0})", it.median, it.least, it.most);
        table.row(&[name.to_owned(), speed, String::new(), String::new()]);
    }
    table.row(&[
        "share".to_owned(),
        format!("**{:.2}** ({:.2} to {:.2})", share.median, share.least, share.most),
        format!("≥ {GOAL_SHARE}"),
        verdict(share.median >= GOAL_SHARE).to_owned(),
    ]);
    Ok(table.text())
}

async fn isolation(folder: &Path) -> Result<String> {
    let receiver = Receiver::start()?;
    // It takes connections, and never says a word.
    let dead = TcpListener::bind("127.0.0.1:0").await?;
    let outbox = Outbox::fill(folder, MANY, CALLS_OF_MANY, &receiver.url).await?;
    let victim = *outbox.companies.last().context("no company")?;
    let url = format!("http://{}/callback", dead.local_addr()?);
    let (subject, content_type) = (Subject::Calls, ContentType::Json);
    let to = Address { subject, url, content_type, manual_changes: false, app_key: None };
    outbox.store.write(victim, move |db| address::set(db, victim, &to, START)).await?;
    let callbacks = (MANY - 1) * CALLS_OF_MANY;
    let mut slower = Vec::new();
    for round in 0..=ROUNDS {
        outbox.renew().await?;
        let beside = outbox.send(&receiver, callbacks).await?;
        outbox.renew().await?;
        outbox.silence(victim).await?;
        let alone = outbox.send(&receiver, callbacks).await?;
        println!("callbacks: {callbacks} took {alone:.2} s alone, {beside:.2} s beside a dead receiver");
        // The first round opens the connections.
        if round > 0 {
            slower.push(beside / alone - 1.0);
        }
    }
    let slower = Figure::of(slower);
    let mut table = Table::new(["one of 1,000 receivers never answers", "slower (least to most)", "goal", ""]);
    table.row(&[
        "callbacks of the others".to_owned(),
        format!("**{:.1} %** ({:.1} to {:.1})", slower.median * 100.0, slower.least * 100.0, slower.most * 100.0),
        format!("< {:.0} %", GOAL_SLOWER * 100.0),
        verdict(slower.median < GOAL_SLOWER).to_owned(),
    ]);
    Ok(table.text())
}
