//! The server: store, dialer and API in one process.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use hutong_api::{App, Condition, Listener};
use hutong_dialer::lease::Lease;
use hutong_dialer::line::Line;
use hutong_dialer::simulated::SimulatedLine;
use hutong_dialer::{Dialer, Runtime, Settings, SystemRuntime};
use hutong_domain::line::LineDriver;
use hutong_domain::moment::Clock as _;
use hutong_domain::say;
use hutong_recordings::Recordings;
use hutong_store::Url;
use hutong_trunks::{Carrier, TrunkLine};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::disk::Disks;
use crate::error::{Error, Result};
use crate::installation::{self, Installation};
use crate::retention::Retention;
use crate::{console, log, metrics, recordings, telephony};

/// Calls that were claimed by themselves and wait for the dialer.
const ORDERS_MAX: usize = 256;

/// Runs a server until it is told to stop by SIGTERM or SIGINT.
pub(crate) async fn run(config: &Config) -> Result<()> {
    let traces = log::init(config)?;
    let stop = stop_signal()?;
    installation::make_folder(&config.data)?;
    let _lock = installation::lock(&config.data)?;
    let installation = installation::open(config)?;
    let listener = listen("listen", &config.listen).await?;
    tracing::info!("serving {}://{}", config.tls.scheme(), listener.local_addr()?);
    let served = until_stopped(config, installation, listener, stop).await;
    if let Some(traces) = traces {
        traces.close().await;
    }
    served
}

/// Binds the address.
pub(crate) async fn listen(key: &str, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => {
            Error::Failed(format!("{address}: {cause}"))
        }
        _ => Error::config(key, &format!("{address}: {cause}")),
    })
}

/// Serves and dials until `stop` resolves; then no new calls, and those in progress end.
pub(crate) async fn until_stopped(
    config: &Config,
    installation: Installation,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let Installation { store, vault } = installation;
    let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
    let wake = Arc::new(Notify::new());
    let (dial, orders) = async_channel::bounded(ORDERS_MAX);
    let settings = dialer_settings(config)?;
    // One process at a time uses a SQLite store: the lock of the data folder sees to that.
    let exclusive = matches!(store.url(), Url::Sqlite(_) | Url::Memory);
    let recordings = recordings::open(config.recording_options()?).await?;
    let public_url = recordings::public_url(&config.public_url, config.tls.scheme(), listener.local_addr()?);
    let listener = listener_of(config, listener, &public_url)?;
    let handed_out = config.recordings.handed_out(recordings.clone(), &vault, &public_url);
    let voices = (recordings.clone(), config.speech.open(&store, runtime.clone())?);
    let carrier = telephony::open((&config.sip, &config.media), (&store, &vault), voices, runtime.clone()).await?;
    let mut lines = simulated_lines(&runtime, config.dialing.seed);
    lines.insert(LineDriver::Sip, Box::new(TrunkLine::new(carrier.clone())));
    let dialer =
        Dialer::begin(store.clone(), runtime.clone(), lines, settings.clone(), (orders, wake.clone()), exclusive)
            .await?;
    let (parts, disks) = (dialer.parts().clone(), Disks::of(config)?);
    let app = Arc::new(App {
        store: store.clone(),
        clock: Arc::new(SystemRuntime),
        rules: settings.rules,
        vault,
        recordings: Arc::new(handed_out),
        node: Arc::new(move || parts.lease.node()),
        conditions: conditions(&dialer, &disks),
        dial,
        wake,
        limits: config.request_limits()?,
    });
    let stopped = told_by(stop);
    let (api, inside) = hutong_api::router(app.clone());
    let console =
        console::open(config, (&app, inside), (public_url, carrier.clone()), (settings.mind, stopped.clone()))?;
    let pages = api.merge(hutong_console::router(console));
    let pages = with_metrics(pages, config, (&carrier, &recordings, &disks)).await?;
    let (calls_over, over) = watch::channel(false);
    let trunks = {
        let (carrier, over) = (carrier.clone(), over);
        tokio::spawn(async move { carrier.trunks.run(wait(over)).await })
    };
    // Before the API answers: what can be decided now is never seen undecided.
    let settling = recordings::settle_left_over(recordings.clone(), store.clone(), runtime.clone()).await;
    let retention = Retention { store, runtime, zone: config.zone()?, keep: config.keep() };
    let retention = tokio::spawn(retention.run(recordings.clone()));
    let (dialled, all_dialled) = watch::channel(false);
    let telling = tokio::spawn(config.callbacks.run(&app, wait(all_dialled))?);
    let dialing = tokio::spawn(dialer.run(Box::pin(wait(stopped.clone()))));
    hutong_api::serve(listener, pages, config.connection_limits(), wait(stopped)).await;
    let dialing = dialing.await;
    // The calls have ended: registrations are given back, and what was recorded is brought home.
    calls_over.send_replace(true);
    let _ = trunks.await;
    settling.abort();
    retention.abort();
    // What ended last was written by now: what is not delivered before the end waits for the next start.
    dialled.send_replace(true);
    let _ = telling.await;
    recordings.close().await;
    dialing.map_err(|error| Error::Failed(format!("the dialer broke: {error}")))?;
    tracing::info!("stopped");
    Ok(())
}

/// Becomes true once `stop` resolves.
fn told_by(stop: impl Future<Output = ()> + Send + 'static) -> watch::Receiver<bool> {
    let (stopping, stopped) = watch::channel(false);
    tokio::spawn(async move {
        stop.await;
        let _ = stopping.send(true);
    });
    stopped
}

/// Resolves once it is told to; an error means that whoever tells is gone: stop as well.
async fn wait(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The socket of the API, with what the configuration says of it.
fn listener_of(config: &Config, tcp: TcpListener, public_url: &str) -> Result<Listener> {
    Ok(Listener {
        tcp,
        tls: config.tls.open()?,
        is_https: public_url.starts_with("https://"),
        trusted_proxies: config.trusted_proxies()?,
    })
}

fn dialer_settings(config: &Config) -> Result<Settings> {
    Ok(Settings {
        rules: Arc::new(config.rules()?),
        calls_max: config.dialing.calls_max,
        drain: config.drain(),
        seed: config.dialing.seed,
        mind: config.speech.mind()?,
    })
}

/// The pages with that of the metrics, unless it has an address of its own, or is not wanted.
async fn with_metrics(pages: Router, config: &Config, of: (&Arc<Carrier>, &Recordings, &Disks)) -> Result<Router> {
    let (carrier, recordings, disks) = of;
    if !config.metrics.enabled {
        return Ok(pages);
    }
    let metrics = metrics::Exporter::begin(carrier.clone(), recordings.clone(), disks.clone())?.page();
    if config.metrics.listen.is_empty() {
        return Ok(pages.merge(metrics));
    }
    let listener = listen("metrics.listen", &config.metrics.listen).await?;
    tokio::spawn(hutong_api::serve(listener, metrics, config.connection_limits(), std::future::pending()));
    Ok(pages)
}

/// What has to hold besides the store.
fn conditions(dialer: &Dialer, disks: &Disks) -> Arc<dyn Fn() -> Vec<Condition> + Send + Sync> {
    let (parts, disks) = (dialer.parts().clone(), disks.clone());
    Arc::new(move || vec![lease_condition(&parts.lease), disks.condition()])
}

/// Without a lease, nothing is dialled.
fn lease_condition(lease: &Lease) -> Condition {
    let is_valid = lease.is_valid(lease.node(), SystemRuntime.now());
    let run_out = || say!("it has run out, and could not be renewed", "已过期，且无法续租");
    Condition { name: say!("lease", "拨号租约"), problem: (!is_valid).then(run_out) }
}

/// The lines whose callees the server plays.
pub(crate) fn simulated_lines(runtime: &Arc<dyn Runtime>, seed: u64) -> HashMap<LineDriver, Box<dyn Line>> {
    let simulated: Box<dyn Line> = Box::new(SimulatedLine::new(runtime.clone(), seed));
    HashMap::from([(LineDriver::Simulated, simulated)])
}

/// Resolves on SIGTERM or SIGINT. Both are caught from the call on, not only once the future is polled: whoever
/// reads that the server is ready may end it at once.
///
/// # Errors
/// When the system does not let signals be caught.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    // From here on it does not end the process, also where there is no certificate to be read again.
    let _hangup = signal(SignalKind::hangup())?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
