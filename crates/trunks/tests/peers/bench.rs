//! A line driver on one trunk, with everything around it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::line::{CallReport, Line as _, LiveCall, Recording};
use hutong_dialer::{Runtime, SystemRuntime};
use hutong_domain::dialogue::{self, KeyEntry};
use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId, VoiceId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::scene::{BUILT_IN, Scene};
use hutong_prompts::SHIPPED_SPEAKER;
use hutong_recordings::{Destination, Options, Recordings};
use hutong_speech::voice::Speaker;
use hutong_store::claim::Claimed;
use hutong_store::line::{self, Line};
use hutong_store::robot::{self, Publication};
use hutong_store::vault::Vault;
use hutong_store::{Store, Url, company};
use hutong_telephony::media::{Engine, EngineOptions};
use hutong_telephony::sip::{Authorities, Listen, Trunk, UserAgent};
use hutong_trunks::{Carrier, SceneVoices, Speech, TrunkLine, Trunks, settings};

use crate::process::until;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The number that calls come from.
pub(crate) const CALLER: &str = "02180000001";

pub(crate) struct Bench {
    line: TrunkLine,
    pub(crate) carrier: Arc<Carrier>,
    company: CompanyId,
    id: LineId,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn on(trunk: Trunk) -> Self {
        Self::with(trunk, EngineOptions::default()).await
    }

    pub(crate) async fn with(trunk: Trunk, media: EngineOptions) -> Self {
        Self::open(trunk, media, Listen::at((LOOPBACK, 0).into())).await
    }

    /// On a trunk over TLS that these authorities vouch for.
    pub(crate) async fn trusting(trunk: Trunk, authorities: Authorities) -> Self {
        Self::listening(trunk, Listen { authorities, ..Listen::at((LOOPBACK, 0).into()) }).await
    }

    /// With an agent that listens like this.
    pub(crate) async fn listening(trunk: Trunk, listen: Listen) -> Self {
        Self::open(trunk, EngineOptions::default(), listen).await
    }

    async fn open(trunk: Trunk, media: EngineOptions, listen: Listen) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
        let vault = Vault::new(&[3; 32]);
        let now = SystemRuntime.now();
        let store = Store::open(&hutong_store::Options::new(Url::Memory), now).unwrap();
        let company = store.write(CompanyId(0), move |db| company::insert(db, "呼通", 10, now)).await.unwrap();
        let row = line_row(company, settings::seal(&trunk, &vault).unwrap(), now);
        let id = store.write(company, move |db| line::insert(db, &row)).await.unwrap();
        let built_in = &BUILT_IN[0];
        let publication = Publication::of(&Scene::parse(built_in.yaml).unwrap(), built_in.yaml);
        store.write(company, move |db| robot::publish(db, company, &publication, now)).await.unwrap();
        let speaker = Speaker { name: SHIPPED_SPEAKER.to_owned(), speed: 1.0 };
        let voices = SceneVoices::new(store.clone(), None, speaker, runtime.clone());
        let agent = UserAgent::start(listen, None).await.unwrap();
        let kept = Destination::Folder(folder.path().join("recordings"));
        let options = Options::new(folder.path().join("spool"), kept, jiff::tz::TimeZone::UTC);
        let carrier = Arc::new(Carrier {
            trunks: Arc::new(Trunks::new(agent.clone(), store, vault, runtime.clone())),
            agent,
            advertised: None,
            engine: Engine::start(EngineOptions { ports: 0..=0, ..media }).unwrap(),
            recordings: Recordings::open(options, Arc::new(SystemRuntime)).await.unwrap(),
            speech: Speech { recognisers: None, voices },
            runtime,
        });
        Self { line: TrunkLine::new(carrier.clone()), carrier, company, id, folder }
    }

    pub(crate) fn line(&self) -> LineId {
        self.id
    }

    pub(crate) fn dial(&self, number: &str) -> Box<dyn LiveCall> {
        let ending: i64 = number.parse().unwrap();
        self.line.dial(&Claimed {
            company: self.company,
            task: TaskId(1),
            call: CallId(ending),
            attempt_no: 1,
            node: NodeId(1),
            customer_name: "王女士".to_owned(),
            customer_phone: number.to_owned(),
            properties: std::collections::BTreeMap::new(),
            line: self.id,
            driver: LineDriver::Sip,
            caller_phone: CALLER.to_owned(),
            seated: true,
            scene: SceneId(1),
            scene_version: 1,
            voice: VoiceId(0),
            dial_before: Moment(i64::MAX),
        })
    }

    /// What was recorded of the customer in a call.
    pub(crate) async fn customer(&self, report: CallReport) -> Vec<i16> {
        let Recording { customer, discard, .. } = report.recording.expect("the call was recorded");
        // What becomes of it is decided only when this is dropped.
        drop(discard);
        self.samples(&customer).await.1
    }

    /// The samples of a recording's file, once it is kept.
    pub(crate) async fn samples(&self, name: &str) -> (hound::WavSpec, Vec<i16>) {
        let path = self.folder.path().join("recordings").join(name);
        until(&format!("the recording {name} is kept"), || path.exists().then_some(())).await;
        let reader = hound::WavReader::open(&path).unwrap();
        (reader.spec(), reader.into_samples().map(Result::unwrap).collect())
    }

    /// Waits until nothing is left of any call.
    pub(crate) async fn at_rest(&self) {
        until("nothing is left of the call", || {
            let signals = self.carrier.agent.stats();
            (signals.calls + signals.dialogs == 0 && self.carrier.engine.stats().open == 0).then_some(())
        })
        .await;
    }
}

/// Listens for so long.
pub(crate) fn for_at_most(silence: Duration) -> dialogue::Listen {
    let silence_ms = u32::try_from(silence.as_millis()).unwrap();
    dialogue::Listen { silence_ms, pause_ms: 700, keys: KeyEntry::One }
}

fn line_row(company: CompanyId, settings: String, now: Moment) -> Line {
    Line {
        id: LineId(0),
        company,
        name: "线路".to_owned(),
        phone: CALLER.to_owned(),
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
