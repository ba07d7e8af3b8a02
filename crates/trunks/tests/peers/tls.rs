//! Kamailio as a trunk over TLS, with certificates that each test makes: calls, a registration, OPTIONS, and everything
//! that makes a certificate worthless.

use hutong_domain::dialogue::Interruption;
use std::time::Duration;

use hutong_dialer::line::Heard;
use hutong_domain::outcome::{Disposition, Ended};
use hutong_telephony::sip::{Authorities, RegistrationState, SipError, Srtp, Transport, Trunk};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::bench::{Bench, for_at_most};
use crate::kamailio::{Kamailio, registered};
use crate::process::{soon, until};
use crate::sipp::WORDS;

/// Somebody who vouches for trunks.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn trusted(&self) -> Authorities {
        Authorities::read(self.pem.as_bytes()).unwrap()
    }

    /// Kamailio with a certificate for this name, changed by `changed`.
    async fn vouched(&self, name: &str, changed: impl FnOnce(&mut CertificateParams)) -> (Kamailio, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        changed(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let files = [("CERTIFICATE", "certificate.pem", certificate), ("KEY", "key.pem", key.serialize_pem())];
        let mut more = Vec::new();
        for (define, file, text) in files {
            let path = folder.path().join(file);
            std::fs::write(&path, text).unwrap();
            more.extend(["-A".to_owned(), format!("{define}=\"{}\"", path.display())]);
        }
        let kamailio = Kamailio::start_with(|port| {
            // Towards the callees it speaks UDP.
            more.extend(["-l".to_owned(), format!("tls:127.0.0.1:{port}")]);
            more.extend(["-l".to_owned(), format!("udp:127.0.0.1:{port}")]);
            more
        })
        .await;
        (kamailio, folder)
    }
}

/// It as a trunk over TLS under this name.
fn trunk(kamailio: &Kamailio, name: &str) -> Trunk {
    Trunk {
        server: format!("{name}:{}", kamailio.address.port()),
        transport: Transport::Tls,
        // Only an address can be the callee farm.
        sandbox: name.parse::<std::net::IpAddr>().is_ok(),
        ..kamailio.trunk("hunter2")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_both_ways_on_one_connection() {
    let authority = Authority::named("authority");
    let check = async |name: &str| {
        let (kamailio, _files) = authority.vouched(name, |_| ()).await;
        // Its keys travel in the requests, which is what TLS is for; the callees do not know it.
        let trunk = Trunk { srtp: Srtp::Offered, ..trunk(&kamailio, name) };
        let bench = Bench::trusting(trunk.clone(), authority.trusted()).await;
        assert!(bench.carrier.agent.ping(&trunk, Duration::from_secs(30)).await.is_ok());
        let mut call = bench.dial("13800138000");
        soon(call.answered()).await.unwrap();
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up, "{name}");
        // What the callee says comes as INFO, on the connection that we have opened.
        let heard = soon(call.listen(for_at_most(Duration::from_secs(5)))).await;
        if trunk.sandbox {
            assert!(matches!(&heard, Heard::Words { text, .. } if !text.is_empty()), "{heard:?}");
        }
        call.hang_up().await;
        assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
        drop(call);
        bench.at_rest().await;
        kamailio.at_rest().await;
        for request in ["OPTIONS", "INVITE", "BYE"] {
            kamailio.says(&[&format!("REQUEST {request}"), "over tls"]).await;
        }
        let log = kamailio.program.output();
        assert!(log.contains("ROUTED INFO") && log.contains("ROUTED ACK") && log.contains("ROUTED BYE"), "{log}");
        assert!(!log.contains("over udp from 02180000001"), "{log}");
    };
    tokio::join!(check("localhost"), check("127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_hangs_up_on_the_connection_that_we_have_opened() {
    let authority = Authority::named("authority");
    let (kamailio, _files) = authority.vouched("127.0.0.1", |_| ()).await;
    let bench = Bench::trusting(trunk(&kamailio, "127.0.0.1"), authority.trusted()).await;
    // Hangs up while the robot talks.
    let mut call = bench.dial("13800138026");
    soon(call.answered()).await.unwrap();
    assert!(!soon(call.say(WORDS, Interruption::Always)).await.hung_up);
    assert!(matches!(soon(call.listen(for_at_most(Duration::from_secs(5)))).await, Heard::Words { .. }));
    assert!(soon(call.say(WORDS, Interruption::Always)).await.hung_up);
    call.hang_up().await;
    drop(call);
    kamailio.says(&["ROUTED BYE"]).await;
    kamailio.says(&["REQUEST BYE over udp"]).await;
    bench.at_rest().await;
    kamailio.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_is_kept_and_goes_on_after_the_trunk_was_started_anew() {
    let authority = Authority::named("authority");
    let (mut kamailio, _files) = authority.vouched("localhost", |_| ()).await;
    let trunk = Trunk { register: true, ..trunk(&kamailio, "localhost") };
    let bench = Bench::trusting(trunk.clone(), authority.trusted()).await;
    assert_eq!(registered(&bench, &trunk).await, RegistrationState::Registered);
    kamailio.says(&["REQUEST REGISTER over tls", "as bob"]).await;
    let trunks = &bench.carrier.trunks;
    assert!(trunks.find(bench.line()).await.unwrap().1.is_up());
    kamailio.restart().await;
    // Not after the hour that it was asked for: the connection is gone, and the registration with it.
    kamailio.says(&["REQUEST REGISTER over tls", "as bob"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_hung_up_over_a_new_connection_where_the_trunk_was_started_anew() {
    let authority = Authority::named("authority");
    // The trunk's route names an address, which its certificate is not for.
    let (mut kamailio, _files) = authority.vouched("localhost", |_| ()).await;
    // Nothing but the call opens the connection anew.
    let trunk = Trunk { options_s: 0, ..trunk(&kamailio, "localhost") };
    let bench = Bench::trusting(trunk, authority.trusted()).await;
    let mut call = bench.dial("13800138000");
    soon(call.answered()).await.unwrap();
    kamailio.restart().await;
    // People go on talking: the voices do not pass through the trunk.
    assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
    call.hang_up().await;
    assert_eq!(call.report().signals.unwrap().ended, Ended::Answered);
    drop(call);
    kamailio.says(&["REQUEST BYE over tls"]).await;
    kamailio.at_rest().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_proves_nothing_fails_the_line_and_says_why() {
    let check = async |name: &str, changed: fn(&mut CertificateParams), trusted: bool, why: &str| {
        let (authority, other) = (Authority::named("one"), Authority::named("another"));
        let (kamailio, _files) = authority.vouched(name, changed).await;
        let trusted = if trusted { authority.trusted() } else { other.trusted() };
        let trunk = Trunk { register: true, ..trunk(&kamailio, "localhost") };
        let bench = Bench::trusting(trunk.clone(), trusted).await;
        let agent = &bench.carrier.agent;
        let error = soon(agent.address_towards(&trunk)).await.unwrap_err();
        assert!(matches!(&error, SipError::Untrusted(text) if text.contains(why)), "{error:?}");
        assert_eq!(agent.ping(&trunk, Duration::from_secs(30)).await, Err(error.clone()));
        assert_eq!(registered(&bench, &trunk).await, RegistrationState::Unreachable(error.to_string()));
        let trunks = &bench.carrier.trunks;
        trunks.find(bench.line()).await.unwrap();
        until("the trunk is known to be none", || {
            let states = trunks.states();
            let (_, state) = states.iter().find(|(line, _)| *line == bench.line())?;
            (!state.is_up() && state.why_down()?.en == error.to_string()).then_some(())
        })
        .await;
        let mut call = bench.dial("13800138000");
        assert_eq!(soon(call.answered()).await, Err(Disposition::LineFailed));
        assert_eq!(call.report().signals.unwrap().ended, Ended::TrunkDead);
        drop(call);
        bench.at_rest().await;
        assert_eq!(kamailio.farm.calls(), 0);
        assert!(!kamailio.program.output().contains("REQUEST"), "nothing was sent");
    };
    tokio::join!(
        check("localhost", |_| (), false, "no authority that is trusted"),
        check("trunk.example", |_| (), true, "for another name: DnsName(\"trunk.example\")"),
        check("localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1), true, "has expired"),
        check("localhost", |params| params.not_before = rcgen::date_time_ymd(2900, 1, 1), true, "not valid yet"),
    );
}
