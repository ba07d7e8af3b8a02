//! Calls over SIP and RTP on loopback: the line driver on one side, the callee farm on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hutong_callee::{Farm, Pace};
use hutong_dialer::line::{Heard, Line as _, LiveCall, Recording};
use hutong_dialer::{Runtime, SystemRuntime};
use hutong_domain::ids::{CallId, CompanyId, LineId, NodeId, SceneId, TaskId};
use hutong_domain::line::{LineDriver, LineKind, LineUse};
use hutong_domain::moment::{Clock as _, Moment};
use hutong_domain::outcome::{Disposition, EarlyMedia, Ended, Meaning};
use hutong_recordings::{Destination, Options, Recordings};
use hutong_store::claim::Claimed;
use hutong_store::line::{self, Line};
use hutong_store::vault::Vault;
use hutong_store::{Store, Url, company};
use hutong_telephony::media::{Engine, EngineOptions};
use hutong_telephony::sip::{Listen, Trunk, UserAgent};
use hutong_trunks::{Carrier, TrunkLine, Trunks, settings};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    line: TrunkLine,
    carrier: Arc<Carrier>,
    farm: Farm,
    company: CompanyId,
    id: LineId,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let ports = 0..=0;
        let farm = Farm::open(hutong_callee::Options {
            listen: (LOOPBACK, 0).into(),
            seed: 7,
            ports: ports.clone(),
            pace: Pace(100),
        });
        let farm = farm.await.unwrap();
        let trunk = Trunk { sandbox: true, ring_s: 8, ..Trunk::at(&farm.address().to_string()) };
        Self::on(farm, trunk).await
    }

    async fn on(farm: Farm, trunk: Trunk) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime: Arc<dyn Runtime> = Arc::new(SystemRuntime);
        let vault = Vault::new(&[3; 32]);
        let now = SystemRuntime.now();
        let store = Store::open(&hutong_store::Options::new(Url::Memory), now).unwrap();
        let company = store.write(CompanyId(0), move |db| company::insert(db, "呼通", 10, now)).await.unwrap();
        let row = line_row(company, settings::seal(&trunk, &vault).unwrap(), now);
        let id = store.write(company, move |db| line::insert(db, &row)).await.unwrap();
        let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await.unwrap();
        let options = Options::new(
            folder.path().join("spool"),
            Destination::Folder(folder.path().join("recordings")),
            jiff::tz::TimeZone::UTC,
        );
        let carrier = Arc::new(Carrier {
            trunks: Arc::new(Trunks::new(agent.clone(), store, vault, runtime.clone())),
            agent,
            advertised: None,
            engine: Engine::start(EngineOptions { ports: 0..=0, ..EngineOptions::default() }).unwrap(),
            recordings: Recordings::open(options, Arc::new(SystemRuntime)).await.unwrap(),
            runtime,
        });
        Self { line: TrunkLine::new(carrier.clone()), carrier, farm, company, id, _folder: folder }
    }

    fn dial(&self, number: &str) -> Box<dyn LiveCall> {
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
            caller_phone: "02180000001".to_owned(),
            seated: true,
            scene: SceneId(1),
            scene_version: 1,
            dial_before: Moment(i64::MAX),
        })
    }

    /// The samples of a recording: left and right where there are two.
    async fn samples(&self, name: &str) -> (hound::WavSpec, Vec<i16>) {
        let path = self._folder.path().join("recordings").join(name);
        soon(async {
            while !path.exists() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let reader = hound::WavReader::open(&path).unwrap();
        (reader.spec(), reader.into_samples().map(Result::unwrap).collect())
    }
}

fn line_row(company: CompanyId, settings: String, now: Moment) -> Line {
    Line {
        id: LineId(0),
        company,
        name: "沙箱".to_owned(),
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

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_unanswered_sandbox_number_ends_as_its_last_digits_say() {
    let bench = Bench::new().await;
    let check = async |number: &str, expected: Disposition, heard: Option<EarlyMedia>| {
        let mut call = bench.dial(number);
        let disposition = soon(call.answered()).await.unwrap_err();
        call.hang_up().await;
        let signals = call.report().signals.unwrap();
        assert_eq!(disposition, expected, "{number} {signals:?}");
        if let Some(heard) = heard {
            assert_eq!(signals.early_media, heard, "{number} {signals:?}");
        }
    };
    tokio::join!(
        check("13800138001", Disposition::Declined, None),
        check("13800138002", Disposition::Unreachable, Some(EarlyMedia::Announcement(Meaning::Unreachable))),
        check("13800138003", Disposition::LineFailed, None),
        check("13800138004", Disposition::Vacant, Some(EarlyMedia::Announcement(Meaning::Vacant))),
        check("13800138005", Disposition::PoweredOff, Some(EarlyMedia::Announcement(Meaning::PoweredOff))),
        check("13800138007", Disposition::Suspended, Some(EarlyMedia::Announcement(Meaning::Suspended))),
        check("13800138006", Disposition::Busy, Some(EarlyMedia::Busy)),
        check("13800138008", Disposition::RangOut, Some(EarlyMedia::Ringback)),
        check("13800138009", Disposition::LineInArrears, None),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_is_spoken_heard_and_recorded() {
    let bench = Bench::new().await;
    let mut call = bench.dial("13800138000");
    soon(call.answered()).await.unwrap();
    let said = soon(call.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", true)).await;
    assert!(!said.hung_up && said.until.since(said.from) > Duration::from_secs(2), "{said:?}");
    let Heard::Words { text, from, until } = soon(call.listen(Duration::from_secs(4))).await else {
        panic!("nothing was said");
    };
    assert!(!text.is_empty() && from >= said.until && until > from, "{text} {from:?} {until:?} {said:?}");
    call.hang_up().await;
    let report = call.report();
    assert_eq!(report.signals.unwrap().ended, Ended::Answered);
    drop(call);
    let Recording { both, customer, discard } = report.recording.unwrap();
    // What becomes of it is decided only when this is dropped.
    drop(discard);
    let (spec, mixed) = bench.samples(&both).await;
    assert_eq!((spec.channels, spec.sample_rate), (1, 8_000));
    let (_, alone) = bench.samples(&customer).await;
    let loud = |samples: &[i16]| samples.iter().filter(|sample| sample.unsigned_abs() > 1_000).count();
    // The robot's two seconds are in the one, and not in the other.
    assert!(loud(&mixed) > loud(&alone) + 4_000, "{} {}", loud(&mixed), loud(&alone));
    assert!(loud(&alone) > 500, "{}", loud(&alone));
    soon(async {
        while bench.farm.calls() > 0 || bench.carrier.engine.stats().open > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_heard_and_a_callee_who_hangs_up_is_gone() {
    let bench = Bench::new().await;
    let mut presses = bench.dial("13800138028");
    soon(presses.answered()).await.unwrap();
    soon(presses.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", false)).await;
    assert_eq!(soon(presses.listen(Duration::from_secs(5))).await, Heard::Key('1'));
    presses.hang_up().await;

    let mut hangs_up = bench.dial("13800138026");
    soon(hangs_up.answered()).await.unwrap();
    let text = "好的，那今天先不打扰您了，祝您生活愉快，再见。";
    assert!(!soon(hangs_up.say(text, true)).await.hung_up);
    assert!(matches!(soon(hangs_up.listen(Duration::from_secs(5))).await, Heard::Words { .. }));
    assert!(soon(hangs_up.say(text, true)).await.hung_up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voicemail_is_known_by_its_greeting_and_its_beep() {
    let bench = Bench::new().await;
    let mut call = bench.dial("13800138029");
    soon(call.answered()).await.unwrap();
    let said = soon(call.say("好的，那今天先不打扰您了，祝您生活愉快，再见。", true)).await;
    let machine = said.machine || soon(call.listen(Duration::from_secs(20))).await == Heard::Machine;
    assert!(machine, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_without_a_trunk_that_answers_fails_at_once() {
    let bench = Bench::new().await;
    let gone = std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let trunk = Trunk { reply_s: 1, ..Trunk::at(&gone.local_addr().unwrap().to_string()) };
    let Bench { farm, .. } = bench;
    let bench = Bench::on(farm, trunk).await;
    let mut call = bench.dial("13800138000");
    assert_eq!(soon(call.answered()).await, Err(Disposition::LineFailed));
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::TrunkDead);
}
