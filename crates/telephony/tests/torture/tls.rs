//! Trunks over TLS that misbehave: no handshake, junk for one, junk after one, answers that stop without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hutong_telephony::sip::{Authorities, Listen, RegistrationState, SipError, Transport, Trunk, UserAgent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::agent::{LOOPBACK, PATIENCE, Victim, memory, soon};
use super::messages::lines;

/// Who asks for the same connection at once.
const ASKING: usize = 300;

/// A trunk that does with each connection what the test says.
struct Far {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    authorities: Authorities,
}

impl Far {
    async fn new() -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let authorities = Authorities::read(signed.cert.pem().as_bytes()).unwrap();
        let key = signed.signing_key.serialize_der().try_into().unwrap();
        // The agents of the test have chosen what TLS is done with.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![signed.cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), authorities }
    }

    fn trunk(&self) -> Trunk {
        let port = self.listener.local_addr().unwrap().port();
        Trunk { transport: Transport::Tls, ..Trunk::at(&format!("127.0.0.1:{port}")) }
    }

    /// An agent that trusts it.
    async fn agent(&self) -> UserAgent {
        let listen = Listen { authorities: self.authorities.clone(), ..Listen::at((LOOPBACK, 0).into()) };
        UserAgent::start(listen, None).await.unwrap()
    }

    async fn taken(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    async fn shaken(&self) -> TlsStream<TcpStream> {
        soon(self.acceptor.accept(self.taken().await)).await.unwrap()
    }

    /// Takes a connection, and answers what is asked on it first.
    async fn answers(&self) -> TlsStream<TcpStream> {
        let mut stream = self.shaken().await;
        let options = request(&mut stream).await;
        accept(&mut stream, &options).await;
        stream
    }
}

/// Reads one request.
async fn request(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(soon(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// 200 to a request.
async fn accept(stream: &mut TlsStream<TcpStream>, request: &str) {
    let line = |name: &str| request.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    let answer = lines(&format!(
        "SIP/2.0 200 OK\n{}\n{}\n{};tag=far\n{}\n{}\nContent-Length: 0\n\n",
        line("Via"),
        line("From"),
        line("To"),
        line("Call-ID"),
        line("CSeq"),
    ));
    soon(stream.write_all(answer.as_bytes())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_never_shakes_hands_is_unreachable_and_holds_up_nobody_else() {
    let (far, victim) = (Far::new().await, Victim::new().await);
    let trunk = Trunk { register: true, user: Some("bob".to_owned()), ..far.trunk() };
    let mut taken = Vec::new();
    let refused = async {
        let ping = victim.agent.ping(&trunk, PATIENCE).await;
        assert!(matches!(&ping, Err(SipError::Unreachable(why)) if why.contains("no connection within")), "{ping:?}");
        let (sender, mut state) = watch::channel(RegistrationState::Pending);
        let known = async { state.wait_for(|state| *state != RegistrationState::Pending).await.unwrap().clone() };
        tokio::select! {
            () = victim.agent.keep_registered(&trunk, &sender, std::future::pending()) => unreachable!(),
            known = known => assert!(matches!(known, RegistrationState::Unreachable(_)), "{known:?}"),
        }
    };
    let mut refused = std::pin::pin!(soon(refused));
    loop {
        tokio::select! {
            () = &mut refused => break,
            // Taken, and left alone.
            stream = far.taken() => {
                taken.push(stream);
                victim.is_as_before().await;
            }
        }
    }
    assert_eq!(taken.len(), 2);
    victim.is_as_before().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_for_a_handshake_fails_the_trunk_alone() {
    let victim = Victim::new().await;
    let before = memory();
    let far = Far::new().await;
    let pieces: [Vec<u8>; 7] = [
        Vec::new(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"SIP/2.0 200 OK\r\n\r\n".to_vec(),
        // An alert: handshake failure.
        vec![0x15, 3, 3, 0, 2, 2, 40],
        // A handshake record that promises more than it may, and one that is never finished.
        vec![0x16, 3, 3, 0xff, 0xff],
        [vec![0x16, 3, 3, 0x40, 0], vec![2; 0x4000]].concat(),
        vec![0x16; 4 * 1024 * 1024],
    ];
    for junk in pieces {
        let trunk = far.trunk();
        let serving = async {
            let mut stream = far.taken().await;
            let _ = stream.write_all(&junk).await;
        };
        let (asked, ()) = tokio::join!(soon(victim.agent.ping(&trunk, PATIENCE)), serving);
        assert!(matches!(&asked, Err(SipError::Untrusted(_) | SipError::Unreachable(_))), "{asked:?}");
    }
    victim.is_as_before().await;
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "memory has grown by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_who_ask_at_once_get_one_connection_or_one_failure() {
    for works in [true, false] {
        let far = Far::new().await;
        let agent = if works { far.agent().await } else { Victim::new().await.agent };
        let (trunk, connections) = (far.trunk(), Arc::new(AtomicUsize::new(0)));
        let (counted, opened) = (connections.clone(), watch::channel(false));
        let serving = async {
            let mut kept = Vec::new();
            loop {
                let stream = far.taken().await;
                counted.fetch_add(1, Ordering::Relaxed);
                // Nobody gets an answer before everybody has asked.
                opened.1.clone().wait_for(|all| *all).await.unwrap();
                kept.push(far.acceptor.accept(stream).await);
            }
        };
        let asking = async {
            let mut asked = tokio::task::JoinSet::new();
            for _ in 0..ASKING {
                let (agent, trunk) = (agent.clone(), trunk.clone());
                asked.spawn(async move { agent.address_towards(&trunk).await });
            }
            tokio::task::yield_now().await;
            opened.0.send_replace(true);
            asked.join_all().await
        };
        let answers = tokio::select! {
            answers = soon(asking) => answers,
            () = serving => unreachable!(),
        };
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), if works { ASKING } else { 0 });
        let opened = connections.load(Ordering::Relaxed);
        // Who asks after a failure is no longer told that one.
        assert!(if works { opened == 1 } else { opened < ASKING / 2 }, "{opened} connections");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_after_the_handshake_ends_the_connection_and_the_next_one_works() {
    let far = Far::new().await;
    let (agent, trunk) = (far.agent().await, far.trunk());
    for junk in [&b"OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n"[..], &[b'x'; 100_000], b"\0\xff\r\n\r\n"] {
        let serving = async {
            let mut stream = far.shaken().await;
            stream.write_all(junk).await.unwrap();
            // It is closed by the agent, or says nothing more of use.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        };
        let (towards, ()) = tokio::join!(soon(agent.address_towards(&trunk)), soon(serving));
        assert_eq!(towards, Ok(LOOPBACK));
    }
    let (answer, _stream) = tokio::join!(agent.ping(&trunk, PATIENCE), far.answers());
    answer.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_answers_stop_is_given_up_for_a_new_one() {
    let far = Far::new().await;
    let (agent, trunk) = (far.agent().await, far.trunk());
    let answering = async {
        let mut stream = far.shaken().await;
        let options = request(&mut stream).await;
        assert!(options.contains("SIP/2.0/TLS "), "{options}");
        accept(&mut stream, &options).await;
        stream
    };
    let (answer, mut vanished) = tokio::join!(agent.ping(&trunk, PATIENCE), answering);
    answer.unwrap();
    for _ in 0..2 {
        let silent = agent.ping(&trunk, Duration::from_millis(300)).await;
        assert!(
            matches!(&silent, Err(SipError::Unreachable(why)) if why.contains("no answer to OPTIONS")),
            "{silent:?}"
        );
    }
    let (answer, _stream) = tokio::join!(agent.ping(&trunk, PATIENCE), far.answers());
    answer.unwrap();
    // What came on the old one is the questions that were not answered, and then its end.
    for _ in 0..2 {
        assert!(request(&mut vanished).await.starts_with("OPTIONS"));
    }
    let mut rest = Vec::new();
    let _ = soon(vanished.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}
