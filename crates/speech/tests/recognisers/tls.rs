//! Over TLS: nobody is told what a caller says who is not the one that was meant.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use hutong_speech::recogniser::{CallHints, Failure, Protocol, RecogniserSettings, Recognisers};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::{AMPLE, settings};

/// An authority of an operator's own, in PEM, and a server's side of TLS that it vouches for.
fn authority() -> (String, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (pem, TlsAcceptor::from(Arc::new(config)))
}

/// A server that is somewhere on this machine; its port.
async fn serve<F>(acceptor: TlsAcceptor, talk: fn(TlsStream<TcpStream>) -> F) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust it hangs up.
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(stream).await;
                }
            });
        }
    });
    port
}

async fn vosk(stream: TlsStream<TcpStream>) {
    let mut socket = accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let said = match message {
            Message::Binary(_) => r#"{"partial":""}"#,
            Message::Text(text) if text.contains("eof") => r#"{"text":"喂"}"#,
            _ => continue,
        };
        socket.send(Message::text(said)).await.unwrap();
    }
}

async fn openai(mut stream: TlsStream<TcpStream>) {
    let (mut request, mut piece) = (Vec::new(), [0; 16_384]);
    // The upload ends with the boundary that it begins with, and two dashes.
    while !request.ends_with(b"--\r\n") {
        let read = stream.read(&mut piece).await.unwrap();
        request.extend_from_slice(&piece[..read]);
    }
    let body = r#"{"text":"喂"}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn check(protocol: Protocol, url: &str, certificates: Option<String>, is_trusted: bool) {
    let settings = RecogniserSettings { certificates, ..settings("one", protocol, url, AMPLE) };
    let recognisers = Recognisers::new(vec![settings]).unwrap();
    let check = recognisers.check(&[], &CallHints::default()).await.remove(0);
    match check.outcome {
        Ok((text, _)) => assert!(is_trusted && text == "喂", "{url}: {text}"),
        Err(Failure::Connect(why) | Failure::Lost(why)) => {
            assert!(!is_trusted && why.contains("certificate"), "{url}: {why}");
        }
        Err(why) => panic!("{url}: {why}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_server_that_an_authority_vouches_for_is_told_anything() {
    let (pem, acceptor) = authority();
    let (other, _) = authority();
    let (vosk, openai) = (serve(acceptor.clone(), vosk).await, serve(acceptor, openai).await);
    for (protocol, scheme, port) in [(Protocol::Vosk, "wss", vosk), (Protocol::Openai, "https", openai)] {
        let (right, wrong) = (format!("{scheme}://localhost:{port}"), format!("{scheme}://127.0.0.1:{port}"));
        check(protocol, &right, Some(pem.clone()), true).await;
        check(protocol, &right, Some(other.clone()), false).await;
        check(protocol, &right, None, false).await;
        check(protocol, &wrong, Some(pem.clone()), false).await;
    }
}
