//! From the end of what a customer said to the first packet of the answer: all of it on a trunk with real voices, but for
//! the recogniser, which answers at once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use hutong_callee::{Farm, Options as FarmOptions, Pace};
use hutong_dialer::line::{Briefing, Heard, Line as _, LiveCall};
use hutong_dialer::{Runtime, SystemRuntime};
use hutong_domain::dialogue::{Interruption, KeyEntry, Listen};
use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_prompts::SHIPPED_SPEAKER;
use hutong_recordings::{Destination, Options, Recordings};
use hutong_speech::recogniser::{Protocol, RecogniserSettings, Recognisers};
use hutong_speech::voice::Speaker;
use hutong_store::claim::Claimed;
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Publication};
use hutong_store::vault::Vault;
use hutong_store::{Store, Url, company};
use hutong_telephony::media::{Engine, EngineOptions};
use hutong_telephony::sip::{Listen as SipListen, Trunk, UserAgent};
use hutong_trunks::{Carrier, SceneVoices, Speech, TrunkLine, Trunks, settings};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::report::{Table, verdict};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Calls that talk at once, and how often each is answered.
const CALLS: i64 = 20;
const TURNS: usize = 5;
/// The silence that ends an utterance.
const PAUSE_MS: u32 = 700;
/// What of ours may come on top, for 99 of 100 answers.
const GOAL_MS: u64 = 30;
/// Short, and shipped.
const PROMPT: &str = "您看周六还是周日，方便过来看看吗？";

/// Measures it; the report.
pub(super) fn measure() -> Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut waits = runtime.block_on(all_waits())?;
    waits.sort_unstable();
    let at = |percent: usize| waits.get((waits.len() * percent / 100).min(waits.len().saturating_sub(1))).copied();
    let (middle, most) = (at(50).context("no answer was measured")?, at(99).unwrap_or_default());
    let mut table = Table::new(["answers", "ours beyond the silence window, p50", "p99", "goal", ""]);
    table.row(&[
        waits.len().to_string(),
        format!("{middle} ms"),
        format!("{most} ms"),
        format!("{GOAL_MS} ms"),
        verdict(most <= GOAL_MS).to_owned(),
    ]);
    Ok(format!("{CALLS} calls that talk at once, {TURNS} answers each.\n\n{}", table.text()))
}

async fn all_waits() -> Result<Vec<u64>> {
    let folder = tempfile::tempdir()?;
    let record = None;
    let farm = Farm::open(FarmOptions { listen: (LOOPBACK, 0).into(), seed: 1, ports: 0..=0, pace: Pace(100), record });
    let farm = farm.await?;
    let recogniser = answers_at_once().await?;
    let (carrier, claimed) = carrier(folder.path(), &farm, &recogniser).await?;
    let line = TrunkLine::new(carrier);
    let mut talks = tokio::task::JoinSet::new();
    for call in 0..CALLS {
        let mut call = line.dial(&Claimed { call: CallId(call + 1), ..claimed.clone() });
        talks.spawn(async move { talk(call.as_mut()).await });
    }
    let mut waits = Vec::new();
    while let Some(talked) = talks.join_next().await {
        waits.extend(talked??);
    }
    Ok(waits)
}

/// Talks, and tells for each answer what of the wait was ours, in milliseconds.
async fn talk(call: &mut dyn LiveCall) -> Result<Vec<u64>> {
    call.brief(Briefing::default());
    if call.answered().await.is_err() {
        bail!("a callee did not answer");
    }
    let listen = Listen { silence_ms: 10_000, pause_ms: PAUSE_MS, keys: KeyEntry::Unused };
    let mut waits = Vec::new();
    let mut said = call.say(PROMPT, Interruption::Never).await;
    for _ in 0..TURNS {
        let Heard::Words { until, recognition: Some(recognition), .. } = call.listen(listen).await else {
            break;
        };
        said = call.say(PROMPT, Interruption::Never).await;
        let whole = said.from.since(until);
        let recognised = recognition.at.since(recognition.decided);
        let ours = whole.saturating_sub(Duration::from_millis(u64::from(PAUSE_MS))).saturating_sub(recognised);
        waits.push(u64::try_from(ours.as_millis())?);
    }
    if !said.hung_up {
        call.hang_up().await;
    }
    Ok(waits)
}

/// A recogniser in FunASR's protocol that has understood as soon as somebody has ended; its address.
async fn answers_at_once() -> Result<String> {
    let listener = TcpListener::bind((LOOPBACK, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                #[expect(clippy::result_large_err, reason = "the library's own type")]
                let accept = |_: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
                    let protocol = "binary".parse().map_err(|_| ErrorResponse::new(None))?;
                    response.headers_mut().insert("sec-websocket-protocol", protocol);
                    Ok(response)
                };
                let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    let ends = matches!(&message, Message::Text(text) if text.contains("\"is_speaking\":false"));
                    let answer = r#"{"mode":"2pass-offline","text":"好的","is_final":true}"#;
                    if ends && socket.send(Message::text(answer)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(format!("ws://{address}"))
}

async fn carrier(folder: &std::path::Path, farm: &Farm, recogniser: &str) -> Result<(Arc<Carrier>, Claimed)> {
    let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
    let (vault, now) = (Vault::new(&[3; 32]), SystemRuntime.now());
    let store = Store::open(&hutong_store::Options::new(Url::Memory), now)?;
    let company = store.write(CompanyId(0), move |db| company::insert(db, "公司", 100, now)).await?;
    // No sandbox: words do not come as text.
    let settings = settings::seal(&Trunk::at(&farm.address().to_string()), &vault)?;
    let row = row(company, settings, now);
    let id: LineId = store.write(company, move |db| line::insert(db, &row)).await?;
    let built_in = BUILT_IN.first().context("there are built-in scenes")?;
    let scene = Scene::parse(built_in.yaml).map_err(|_| anyhow::anyhow!("{} is broken", built_in.file))?;
    let publication = Publication::of(&scene, built_in.yaml);
    let (scene, scene_version) = store.write(company, move |db| robot::publish(db, company, &publication, now)).await?;
    let agent = UserAgent::start(SipListen::at((LOOPBACK, 0).into()), None).await?;
    let kept = Destination::Folder(folder.join("recordings"));
    let options = Options::new(folder.join("spool"), kept, jiff::tz::TimeZone::UTC);
    let recognisers = Recognisers::new(vec![RecogniserSettings::at("at once", Protocol::Funasr, recogniser)])?;
    let speaker = Speaker { name: SHIPPED_SPEAKER.to_owned(), speed: 1.0 };
    let voices = SceneVoices::new(store.clone(), None, speaker, runtime.clone());
    let carrier = Carrier {
        trunks: Arc::new(Trunks::new(agent.clone(), store, vault, runtime.clone())),
        agent,
        advertised: None,
        engine: Engine::start(EngineOptions { ports: 0..=0, shards: 1, ..EngineOptions::default() })?,
        recordings: Recordings::open(options, Arc::new(SystemRuntime)).await?,
        speech: Speech { recognisers: Some(recognisers), voices },
        runtime,
    };
    let claimed = claimed((company, id), (scene, scene_version));
    Ok((Arc::new(carrier), claimed))
}

fn row(company: CompanyId, settings: String, now: Moment) -> Line {
    Line {
        id: LineId(0),
        company,
        name: "线路".to_owned(),
        phone: "02180000001".to_owned(),
        kind: LineKind::Sip,
        driver: LineDriver::Sip,
        channels: None,
        pace: None,
        bill_period_s: 60,
        enabled: true,
        valid_from: None,
        valid_until: None,
        line_use: Some(LineUse::Outbound),
        settings,
        created_at: now,
    }
}

fn claimed((company, line): (CompanyId, LineId), (scene, scene_version): (SceneId, i64)) -> Claimed {
    Claimed {
        company,
        task: TaskId(1),
        call: CallId(1),
        attempt_no: 1,
        node: NodeId(1),
        customer_name: "王女士".to_owned(),
        // Says yes to everything.
        customer_phone: "13800138000".to_owned(),
        properties: std::collections::BTreeMap::new(),
        line,
        driver: LineDriver::Sip,
        caller_phone: "02180000001".to_owned(),
        seated: true,
        scene,
        scene_version,
        voice: VoiceId(0),
        dial_before: Moment(i64::MAX),
    }
}
