//! baresip as the telephone at the other end: both voices, keys both ways, each codec, encrypted and not.

use hutong_domain::dialogue::Interruption;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hutong_dialer::line::Heard;
use hutong_domain::outcome::Ended;
use hutong_telephony::media::{self, Codec, Event, Formats};
use hutong_telephony::sip::{Authorities, EndedBy, Number, Signal, Srtp, Transport, Trunk};

use crate::bench::{Bench, CALLER, LOOPBACK, for_at_most};
use crate::process::{Program, data, free_ports, soon, udp_is_taken, until};
use crate::sipp::WORDS;
use crate::sound;

const NUMBER: &str = "13800138000";
/// What the telephone plays.
const TONE_HERTZ: f64 = 1_000.0;
/// For how long: two minutes.
const TONE_SAMPLES: u32 = 960_000;
/// Ports that it gets: of SIP, two of them, of control, and of voices.
const PORTS: u16 = 12;

/// A telephone that takes every call.
struct Telephone {
    program: Program,
    port: u16,
    control: u16,
    /// Who vouches for it over TLS: it does so itself.
    vouches: Authorities,
}

impl Telephone {
    async fn start(codecs: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_ports(PORTS);
        let control = port + 2;
        let here = folder.path().display().to_string();
        let voices = format!("{}-{}", port + 4, port + PORTS - 1);
        for name in ["config", "accounts"] {
            let text = std::fs::read_to_string(data(&format!("baresip.{name}"))).unwrap();
            let text = text.replace("@FOLDER@", &here).replace("@SIP@", &port.to_string()).replace("@RTP@", &voices);
            let text = text.replace("@CONTROL@", &control.to_string());
            let text = text.replace("@CODECS@", codecs).replace("@MORE@", more);
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let signed = rcgen::generate_simple_self_signed([LOOPBACK.to_string()]).unwrap();
        let certificate = signed.cert.pem();
        std::fs::write(
            folder.path().join("certificate.pem"),
            certificate.clone() + &signed.signing_key.serialize_pem(),
        )
        .unwrap();
        let vouches = Authorities::read(certificate.as_bytes()).unwrap();
        write_tone(&folder.path().join("tone.wav"));
        let arguments = ["-f".to_owned(), here, "-4".to_owned()];
        let mut program = Program::start("baresip", "baresip-core", folder, &arguments);
        program.ready(|program| udp_is_taken(port) && program.output().contains("baresip is ready")).await;
        Self { program, port, control, vouches }
    }

    fn trunk(&self) -> Trunk {
        Trunk::at(&format!("127.0.0.1:{}", self.port))
    }

    /// The same telephone over TLS, for which it takes the port next to that of SIP.
    fn trunk_over_tls(&self) -> Trunk {
        Trunk { transport: Transport::Tls, ..Trunk::at(&format!("127.0.0.1:{}", self.port + 1)) }
    }

    /// What it has recorded of the far side, once the call is over: a file counts its samples only when it is closed.
    async fn heard(&self) -> Vec<i16> {
        until("the telephone has kept what it heard", || {
            let mut reader = hound::WavReader::open(dump(self.program.folder())?).ok()?;
            (reader.len() > 0).then(|| reader.samples().map(Result::unwrap).collect())
        })
        .await
    }

    /// A connection over which it takes commands and tells what happens.
    fn control(&self) -> Control {
        let stream = TcpStream::connect((LOOPBACK, self.control)).unwrap();
        stream.set_nonblocking(true).unwrap();
        Control { stream, told: String::new() }
    }
}

/// The file of what the far side said.
fn dump(folder: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.into_iter().find(|path| path.to_string_lossy().ends_with("-dec.wav"))
}

/// A tone that is longer than any call here: when it ends, the telephone hangs up.
fn write_tone(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for at in 0..TONE_SAMPLES {
        let angle = std::f64::consts::TAU * TONE_HERTZ * f64::from(at) / 8_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "within 16 bits")]
        file.write_sample((8_000.0 * angle.sin()) as i16).unwrap();
    }
    file.finalize().unwrap();
}

struct Control {
    stream: TcpStream,
    told: String,
}

impl Control {
    /// Gives a command (a netstring of JSON).
    fn command(&mut self, command: &str, parameters: &str) {
        let text = format!(r#"{{"command":"{command}","params":"{parameters}"}}"#);
        self.stream.write_all(format!("{}:{text},", text.len()).as_bytes()).unwrap();
    }

    /// Waits until it has told so much.
    async fn tells(&mut self, words: &str) {
        until(&format!("the telephone tells {words}"), || {
            self.read();
            self.told.contains(words).then_some(())
        })
        .await;
    }

    fn read(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = self.stream.read(&mut bytes) {
            self.told.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// The keys that it has heard.
    fn keys(&self) -> Vec<&str> {
        let events = self.told.split(r#""type":"CALL_DTMF_START""#).skip(1);
        events.filter_map(|event| event.split_once(r#""param":""#)?.1.split('"').next()).collect()
    }
}

/// Both voices of a call, in this codec.
async fn both_voices_arrive(codec: Codec, more: &str, srtp: Srtp) {
    let phone = Telephone::start(&format!("{}/8000/1", codec.name()), more).await;
    // The keys of encrypted voices travel with the requests.
    let trunk = if srtp == Srtp::Off { phone.trunk() } else { phone.trunk_over_tls() };
    // What it takes is not what we would like best.
    let trunk = Trunk { srtp, prefer_ulaw: codec == Codec::Pcma, ..trunk };
    let bench = Bench::trusting(trunk, phone.vouches.clone()).await;
    let mut call = bench.dial(NUMBER);
    soon(call.answered()).await.unwrap();
    // Twice: the last words are still on their way when we hang up.
    for _ in 0..2 {
        assert!(!soon(call.say(WORDS, Interruption::Never)).await.hung_up);
    }
    call.hang_up().await;
    let report = call.report();
    assert_eq!(report.signals.unwrap().ended, Ended::Answered);
    drop(call);
    bench.at_rest().await;

    let customer = bench.customer(report).await;
    // The telephone begins to play when it has taken the call.
    let from = customer.iter().position(|sample| sample.unsigned_abs() > 1_000).expect("something was heard");
    assert!(customer.len() - from > 16_000 && from < 8_000, "{from} of {}", customer.len());
    let share = sound::share_of_tone(&customer[from..], TONE_HERTZ);
    assert!(share >= 0.98, "{share} of what was heard is the tone");

    let sound = sound::spoken(WORDS, codec);
    let heard = phone.heard().await;
    let at = sound::place_of(&sound, &heard[..heard.len().min(sound.len() + 8_000)]);
    let share = sound::found(&sound, &heard[at..]);
    assert!(share >= 0.98, "{share} of what we said was heard by the telephone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_voices_arrive_in_a_law() {
    both_voices_arrive(Codec::Pcma, "", Srtp::Off).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_voices_arrive_in_mu_law() {
    both_voices_arrive(Codec::Pcmu, "", Srtp::Off).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_voices_arrive_encrypted_where_both_sides_insist_on_it() {
    both_voices_arrive(Codec::Pcma, ";mediaenc=srtp-mand", Srtp::Required).await;
}

impl Drop for Control {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the telephone told:\n{}", self.told);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_heard_by_the_robot_and_its_telephone_hangs_up() {
    for over_tls in [false, true] {
        let phone = Telephone::start("PCMA/8000/1", "").await;
        let trunk = if over_tls { phone.trunk_over_tls() } else { phone.trunk() };
        let bench = Bench::trusting(trunk, phone.vouches.clone()).await;
        let mut control = phone.control();
        let mut call = bench.dial(NUMBER);
        soon(call.answered()).await.unwrap();
        control.tells("CALL_ESTABLISHED").await;
        for key in ['5', '#', '0'] {
            control.command("sndcode", &key.to_string());
            // The tone that it plays is no speech that would end the listening.
            assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(30)))).await, Heard::Key(key));
        }
        control.command("hangup", "");
        assert_eq!(soon(call.listen(for_at_most(Duration::from_secs(30)))).await, Heard::HungUp);
        call.hang_up().await;
        drop(call);
        bench.at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_telephone_understands_keys_that_we_send() {
    let phone = Telephone::start("PCMA/8000/1", "").await;
    let bench = Bench::on(phone.trunk()).await;
    let mut control = phone.control();
    let (media, mut events) = bench.carrier.engine.open(LOOPBACK, None).unwrap();
    let offer = media.offer(&Formats::default());
    let numbers = (Number::Shown(CALLER), NUMBER);
    let mut call = bench.carrier.agent.place(&phone.trunk(), LOOPBACK, numbers, offer).unwrap();
    let sdp = soon(async {
        loop {
            match call.next().await {
                Signal::Answered { sdp } => break sdp,
                Signal::Ended(ended) => panic!("{ended:?}"),
                _ => {}
            }
        }
    })
    .await;
    assert!(media.accept(&sdp).unwrap().digits);
    soon(async { while events.next().await != Some(Event::Began) {} }).await;
    media.send_digits("159#").unwrap();
    until("the telephone has heard all keys", || {
        control.read();
        (control.keys().len() >= 4).then_some(())
    })
    .await;
    assert_eq!(control.keys(), ["1", "5", "9", "#"]);
    let stats: media::StreamStats = media.stats();
    assert_eq!((stats.invalid, stats.strangers), (0, 0), "{stats:?}");
    control.command("hangup", "");
    let ended = soon(async {
        loop {
            if let Signal::Ended(ended) = call.next().await {
                break ended;
            }
        }
    })
    .await;
    assert_eq!(ended.by, EndedBy::FarSide);
    drop((media, events, call));
    bench.at_rest().await;
}
