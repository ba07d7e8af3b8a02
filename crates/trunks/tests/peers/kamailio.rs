//! Kamailio as the trunk, with the callee farm behind it.

use hutong_domain::dialogue::Interruption;
use std::net::SocketAddr;
use std::time::Duration;

use hutong_callee::{Farm, Pace};
use hutong_dialer::line::Heard;
use hutong_domain::outcome::{Disposition, Ended};
use hutong_telephony::sip::{RegistrationState, Secret, Transport, Trunk};
use tokio::sync::watch;

use crate::bench::{Bench, LOOPBACK, for_at_most};
use crate::process::{Program, data, free_ports, soon, udp_is_taken, until};
use crate::sipp::WORDS;

/// A proxy between us and callees.
pub(crate) struct Kamailio {
    pub(crate) program: Program,
    pub(crate) farm: Farm,
    pub(crate) address: SocketAddr,
    /// Where it listens, and with what.
    more: Vec<String>,
}

impl Kamailio {
    async fn start() -> Self {
        Self::start_with(|port| {
            vec!["-l".to_owned(), format!("udp:127.0.0.1:{port}"), "-l".to_owned(), format!("tcp:127.0.0.1:{port}")]
        })
        .await
    }

    /// On a free port, with more arguments.
    pub(crate) async fn start_with(more: impl FnOnce(u16) -> Vec<String>) -> Self {
        let options = hutong_callee::Options {
            listen: (LOOPBACK, 0).into(),
            seed: 7,
            ports: 0..=0,
            pace: Pace(100),
            record: None,
        };
        let farm = Farm::open(options).await.unwrap();
        let port = free_ports(1);
        let more = more(port);
        let program = run(&farm, port, &more).await;
        Self { program, farm, address: (LOOPBACK, port).into(), more }
    }

    /// Ends it and starts it again: its connections break.
    pub(crate) async fn restart(&mut self) {
        self.program.stop();
        self.program = run(&self.farm, self.address.port(), &self.more).await;
    }

    pub(crate) fn trunk(&self, password: &str) -> Trunk {
        Trunk {
            domain: Some("trunk.example".to_owned()),
            user: Some("bob".to_owned()),
            password: Some(Secret(password.to_owned())),
            sandbox: true,
            ..Trunk::at(&self.address.to_string())
        }
    }

    /// Waits until its log has a line with all of this.
    pub(crate) async fn says(&self, words: &[&str]) {
        until(&format!("Kamailio says {words:?}"), || {
            self.program.output().lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(())
        })
        .await;
    }

    pub(crate) async fn at_rest(&self) {
        until("the callees have nothing to do", || (self.farm.calls() == 0).then_some(())).await;
    }
}

/// Starts the program.
async fn run(farm: &Farm, port: u16, more: &[String]) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    let arguments = [
        ["-f".to_owned(), data("kamailio.cfg").display().to_string()],
        ["-A".to_owned(), format!("CALLEES=\"sip:{}\"", farm.address())],
        ["-n".to_owned(), "2".to_owned()],
        ["-w".to_owned(), here.clone()],
        ["-Y".to_owned(), here],
        ["-DD".to_owned(), "-E".to_owned()],
    ];
    let mut program = Program::start("kamailio", "kamailio", folder, &[&arguments.concat(), more].concat());
    program.ready(|_| udp_is_taken(port) && std::net::TcpStream::connect((LOOPBACK, port)).is_ok()).await;
    program
}

/// Registers until the state is known; it, and what it is after the end.
pub(crate) async fn registered(bench: &Bench, trunk: &Trunk) -> RegistrationState {
    let (sender, mut state) = watch::channel(RegistrationState::Pending);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let keep = bench.carrier.agent.keep_registered(trunk, &sender, async { stopped.await.unwrap_or_default() });
    let know = async {
        let known = state.wait_for(|state| *state != RegistrationState::Pending).await.unwrap().clone();
        stop.send(()).unwrap();
        known
    };
    soon(async { tokio::join!(keep, know) }).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_is_challenged_and_kept_or_refused() {
    let kamailio = Kamailio::start().await;
    for (transport, name) in [(Transport::Udp, "udp"), (Transport::Tcp, "tcp")] {
        let trunk = Trunk { register: true, transport, ..kamailio.trunk("hunter2") };
        let bench = Bench::on(trunk.clone()).await;
        assert_eq!(registered(&bench, &trunk).await, RegistrationState::Registered, "{name}");
        kamailio.says(&["REQUEST REGISTER", &format!("over {name}"), "as bob"]).await;
        let wrong = Trunk { password: Some(Secret("hunter3".to_owned())), ..trunk };
        assert_eq!(registered(&bench, &wrong).await, RegistrationState::Refused(401), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_goes_through_a_proxy_that_is_given_by_its_name() {
    let kamailio = Kamailio::start().await;
    for (transport, name) in [(Transport::Udp, "udp"), (Transport::Tcp, "tcp")] {
        // The registrar itself is a name that leads nowhere.
        let proxy = format!("localhost:{}", kamailio.address.port());
        let server = "registrar.invalid".to_owned();
        let trunk = kamailio.trunk("hunter2");
        let trunk = Trunk { register: true, transport, server, outbound_proxy: Some(proxy), sandbox: false, ..trunk };
        let bench = Bench::on(trunk.clone()).await;
        assert_eq!(registered(&bench, &trunk).await, RegistrationState::Registered, "{name}");
        kamailio.says(&["REQUEST REGISTER", &format!("over {name}"), "as bob"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_challenged_relayed_and_hung_up_on_its_route() {
    let kamailio = Kamailio::start().await;
    for (transport, name) in [(Transport::Udp, "udp"), (Transport::Tcp, "tcp")] {
        let bench = Bench::on(Trunk { transport, ..kamailio.trunk("hunter2") }).await;
        let mut call = bench.dial("13800138000");
        soon(call.answered()).await.unwrap();
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up, "{name}");
        let heard = soon(call.listen(for_at_most(Duration::from_secs(5)))).await;
        assert!(matches!(&heard, Heard::Words { text, .. } if !text.is_empty()), "{name}: {heard:?}");
        call.hang_up().await;
        assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
        drop(call);
        bench.at_rest().await;
        kamailio.at_rest().await;
        kamailio.says(&["REQUEST INVITE", &format!("over {name}"), "as bob"]).await;
        kamailio.says(&["REQUEST BYE", &format!("over {name}")]).await;
    }
    let log = kamailio.program.output();
    let routed = |method: &str| log.lines().filter(|line| line.contains(&format!("ROUTED {method}"))).count();
    // Words are sent along by the callees as INFO: the proxy is in the way of both sides' requests.
    assert!(routed("ACK") == 2 && routed("BYE") == 2 && routed("INFO") >= 2, "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_takes_is_cancelled_and_the_proxy_knows_which() {
    let kamailio = Kamailio::start().await;
    let check = async |transport: Transport| {
        // Long enough for the ringing tone to be known as such, also on a busy machine.
        let bench = Bench::on(Trunk { transport, ring_s: 8, ..kamailio.trunk("hunter2") }).await;
        // It rings for thirty seconds.
        let mut call = bench.dial("13800138008");
        let disposition = soon(call.answered()).await.unwrap_err();
        call.hang_up().await;
        let signals = call.report().signals.unwrap();
        assert_eq!((disposition, signals.ended), (Disposition::RangOut, Ended::RingTimeout), "{signals:?}");
        drop(call);
        bench.at_rest().await;
    };
    tokio::join!(check(Transport::Udp), check(Transport::Tcp));
    kamailio.at_rest().await;
    let log = kamailio.program.output();
    assert_eq!((log.matches("CANCEL matched").count(), log.matches("CANCEL alone").count()), (2, 0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_with_a_wrong_password_is_refused_and_carries_no_call() {
    let kamailio = Kamailio::start().await;
    // Without a registration, it is the call that is refused.
    let bench = Bench::on(kamailio.trunk("hunter3")).await;
    let mut call = bench.dial("13800138000");
    assert_eq!(soon(call.answered()).await, Err(Disposition::LineFailed));
    let signals = call.report().signals.unwrap();
    assert_eq!((signals.ended, signals.sip_code), (Ended::Refused, Some(407)), "{signals:?}");
    drop(call);
    bench.at_rest().await;

    let bench = Bench::on(Trunk { register: true, ..kamailio.trunk("hunter3") }).await;
    let trunks = &bench.carrier.trunks;
    trunks.find(bench.line()).await.unwrap();
    until("the registration is refused", || {
        let states = trunks.states();
        let (_, state) = states.iter().find(|(line, _)| *line == bench.line())?;
        (state.registration == Some(RegistrationState::Refused(401)) && !state.is_up()).then_some(())
    })
    .await;
    let mut call = bench.dial("13800138000");
    assert_eq!(soon(call.answered()).await, Err(Disposition::LineFailed));
    assert_eq!(call.report().signals.unwrap().ended, Ended::TrunkDead);
    drop(call);
    bench.at_rest().await;
    assert_eq!(kamailio.farm.calls(), 0);
}
