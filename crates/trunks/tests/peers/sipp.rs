//! sipp as the trunk: every way in which it ends a call, and what it says of it.

use hutong_domain::dialogue::Interruption;
use std::time::Duration;

use hutong_dialer::line::Heard;
use hutong_domain::outcome::{Disposition, Ended, Signals};
use hutong_telephony::media::{Codec, EngineOptions};
use hutong_telephony::sip::{Secret, Trunk};

use crate::bench::{Bench, for_at_most};
use crate::process::{Program, data, free_ports, soon, udp_is_taken};
use crate::sound;

/// What the robot says in these tests: some five seconds.
pub(crate) const WORDS: &str = "好的，那今天先不打扰您了，祝您生活愉快，再见。";
const NUMBER: &str = "13800138000";

/// sipp with one scenario, for one call.
pub(crate) struct Sipp {
    program: Program,
    port: u16,
}

impl Sipp {
    pub(crate) async fn start(scenario: &str) -> Self {
        Self::start_with(scenario, &[], 1).await
    }

    /// The same, with words of the scenario replaced, for so many calls.
    pub(crate) async fn start_with(scenario: &str, words: &[(&str, &str)], calls: u32) -> Self {
        let port = free_ports(6);
        let folder = tempfile::tempdir().unwrap();
        let (own, media, calls) = (port.to_string(), (port + 2).to_string(), calls.to_string());
        let text = std::fs::read_to_string(data(scenario)).unwrap();
        let text = words.iter().fold(text, |text, (word, is)| text.replace(word, is));
        std::fs::write(folder.path().join("scenario.xml"), text).unwrap();
        let mut arguments =
            vec!["-sf", "scenario.xml", "-i", "127.0.0.1", "-p", &own, "-mi", "127.0.0.1", "-mp", &media];
        arguments.extend(["-rtp_echo", "-m", &calls, "-nostdin", "-timeout", "60s", "-timeout_error"]);
        arguments.extend(["-trace_err", "-error_file", "errors.txt", "-trace_logs", "-log_file", "log.txt"]);
        arguments.extend(["-trace_msg", "-message_file", "messages.txt"]);
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let mut program = Program::start("sipp", "sip-tester", folder, &arguments);
        program.ready(|_| udp_is_taken(port)).await;
        Self { program, port }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        (crate::bench::LOOPBACK, self.port).into()
    }

    /// It as a trunk. It counts every request as a call of its own, so nothing may ask whether it is there.
    pub(crate) fn trunk(&self) -> Trunk {
        // It sends back what it hears, which nobody is there to recognise.
        Trunk { options_s: 0, ring_s: 30, sandbox: true, ..Trunk::at(&format!("127.0.0.1:{}", self.port)) }
    }

    /// What was sent and received.
    pub(crate) fn messages(&self) -> String {
        self.program.file("messages.txt")
    }

    /// It saw what its scenario wants, to the end.
    pub(crate) async fn is_content(&mut self) {
        let code = self.program.ended().await;
        let (errors, messages) = (self.program.file("errors.txt"), self.messages());
        assert_eq!(code, Some(0), "{errors}\n{messages}\n{}", self.program.output());
    }
}

/// Places a call that is not answered; what was reported of it.
async fn unanswered(bench: &Bench) -> (Disposition, Signals) {
    let mut call = bench.dial(NUMBER);
    let disposition = soon(call.answered()).await.unwrap_err();
    call.hang_up().await;
    let report = call.report();
    assert!(report.recording.is_none(), "nothing was heard");
    drop(call);
    bench.at_rest().await;
    (disposition, report.signals.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_robot_says_comes_back_as_the_customers_voice() {
    for scenario in ["answers.xml", "answers_at_once.xml"] {
        let mut sipp = Sipp::start(scenario).await;
        let bench = Bench::on(sipp.trunk()).await;
        let mut call = bench.dial(NUMBER);
        soon(call.answered()).await.unwrap();
        let said = soon(call.say(WORDS, Interruption::Never)).await;
        assert!(!said.hung_up && said.until.since(said.from) > Duration::from_secs(2), "{said:?}");
        // The last of it is on its way.
        assert_eq!(soon(call.listen(for_at_most(Duration::from_millis(500)))).await, Heard::Silence);
        call.hang_up().await;
        let report = call.report();
        let signals = report.signals.unwrap();
        assert_eq!(signals.ended, Ended::Answered);
        assert!(signals.setup_ms.is_some(), "{signals:?}");
        assert_eq!(signals.ring_ms, None, "{scenario}: a 183 is no ringing");
        drop(call);
        sipp.is_content().await;
        bench.at_rest().await;

        let sound = sound::spoken(WORDS, Codec::Pcma);
        let customer = bench.customer(report).await;
        let at = sound::place_of(&sound, &customer);
        let share = sound::found(&sound, &customer[at..]);
        assert!(share >= 0.98, "{scenario}: {share} of the frames come back");
        // The recording begins with the answer, and so do the words; what came before it is not in it.
        assert!(at < 4_000, "{scenario}: {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_is_answered_and_a_wrong_password_fails_the_line() {
    for (password, answered) in [("hunter2", true), ("hunter3", false)] {
        let mut sipp = Sipp::start("challenges.xml").await;
        let account = (Some("bob".to_owned()), Some(Secret(password.to_owned())));
        let trunk = Trunk { user: account.0, password: account.1, ..sipp.trunk() };
        let bench = Bench::on(trunk).await;
        if answered {
            let mut call = bench.dial(NUMBER);
            soon(call.answered()).await.unwrap();
            call.hang_up().await;
            drop(call);
            bench.at_rest().await;
        } else {
            let (disposition, signals) = unanswered(&bench).await;
            assert_eq!((disposition, signals.sip_code), (Disposition::LineFailed, Some(403)), "{signals:?}");
        }
        sipp.is_content().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_kept_with_its_code_and_cause_and_means_what_the_table_says() {
    let check = async |code: &str, phrase: &str, cause: &str, expected: Disposition| {
        let words = [("@CODE@", code), ("@PHRASE@", phrase), ("@CAUSE@", cause)];
        let mut sipp = Sipp::start_with("refuses.xml", &words, 1).await;
        let bench = Bench::on(sipp.trunk()).await;
        let (disposition, signals) = unanswered(&bench).await;
        assert_eq!(disposition, expected, "{code} {signals:?}");
        assert_eq!(signals.ended, Ended::Refused);
        assert_eq!((signals.sip_code, signals.q850_cause), (code.parse().ok(), cause.parse().ok()));
        assert!(signals.setup_ms.is_some() && signals.ring_ms.is_some(), "{code} {signals:?}");
        sipp.is_content().await;
    };
    tokio::join!(
        check("404", "Not Found", "1", Disposition::Vacant),
        check("408", "Request Timeout", "18", Disposition::RangOut),
        check("480", "Temporarily Unavailable", "20", Disposition::PoweredOff),
        check("486", "Busy Here", "17", Disposition::Busy),
        check("488", "Not Acceptable Here", "88", Disposition::Unreachable),
        check("503", "Service Unavailable", "34", Disposition::LineFailed),
        check("603", "Decline", "21", Disposition::Declined),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_rings_for_too_long_is_cancelled_on_the_branch_of_its_invite() {
    let mut sipp = Sipp::start("rings.xml").await;
    let bench = Bench::on(Trunk { ring_s: 5, ..sipp.trunk() }).await;
    let (disposition, signals) = unanswered(&bench).await;
    assert_eq!((disposition, signals.ended), (Disposition::RangOut, Ended::RingTimeout), "{signals:?}");
    assert!(signals.ring_ms.is_some_and(|ms| (3_000..=8_000).contains(&ms)), "{signals:?}");
    sipp.is_content().await;
    let log = sipp.program.file("log.txt");
    let branches: Vec<&str> = log.split_whitespace().filter(|word| word.contains("branch=z9hG4bK")).collect();
    let [invite, cancel] = branches[..] else { panic!("{log:?}") };
    assert_eq!(invite, cancel);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_changed_and_asked_about_while_the_robot_talks_and_ends_with_the_callee() {
    let mut sipp = Sipp::start("changes.xml").await;
    let bench = Bench::on(sipp.trunk()).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    let said = soon(call.say(WORDS, Interruption::Never)).await;
    assert!(said.hung_up && said.until > said.from, "{said:?}");
    assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(1)))).await, Heard::HungUp);
    call.hang_up().await;
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
    // The timer that it asked for is one that we offered (RFC 4028 §7.1).
    let messages = sipp.messages().to_ascii_lowercase();
    assert!(messages.contains("supported: timer") && messages.contains("session-expires: 1800"), "{messages}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_before_the_answer_is_taken() {
    let mut sipp = Sipp::start("updates_early.xml").await;
    let bench = Bench::on(sipp.trunk()).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    call.hang_up().await;
    drop(call);
    sipp.is_content().await;
    bench.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_vanishes_in_mid_call_ends_it_after_the_silence_time() {
    let mut sipp = Sipp::start("answers_at_once.xml").await;
    let media = EngineOptions { silence_max: Duration::from_secs(2), ..EngineOptions::default() };
    let bench = Bench::with(sipp.trunk(), media).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    let said = soon(call.say(WORDS, Interruption::Never)).await;
    assert!(!said.hung_up, "{said:?}");
    sipp.program.kill();
    assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(50)))).await, Heard::HungUp);
    call.hang_up().await;
    let report = call.report();
    assert_eq!(report.signals.unwrap().ended, Ended::Answered);
    drop(call);
    assert!(bench.customer(report).await.len() > 16_000);
    bench.at_rest().await;
}
