//! A recogniser over WebSockets that does what it is told, connection by connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// What a server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Understands this, as the server in C++ does: a first pass, and `is_final` in the last answer.
    Answers(&'static str),
    /// Understands this, as the server in Python does: the opposite of `is_final`.
    AnswersLikePython(&'static str),
    /// Understands two sentences, the first one in the middle of the utterance.
    AnswersTwice(&'static str, &'static str),
    /// Says the same thing again and again after the end.
    Repeats(&'static str),
    /// As [`Deed::Answers`], without taking the subprotocol that it is asked for.
    AnswersWithoutSubprotocol(&'static str),
    /// Answers pings and nothing else.
    HearsNothing,
    /// Refuses the upgrade.
    Refuses,
    /// Closes at once.
    HangsUp,
    /// Takes the connection and never says a word.
    Sleeps,
    /// Takes the upgrade and reads nothing any more.
    Freezes,
    /// Closes after so many messages with audio, as a server that is restarted does.
    Closes(usize),
    /// The same without a goodbye.
    Breaks(usize),
    /// Closes instead of answering.
    ClosesAtTheEnd,
    /// Answers this.
    Says(&'static str),
    /// Answers in binary.
    SaysBytes,
    /// Answers without an end.
    Floods,
    /// Answers with more than anybody can have said.
    SaysTooMuch,
    /// Sends the half of a frame.
    SendsHalf,
    /// Sends what is no frame.
    SendsNoise,
}

/// A server on a free port.
pub(crate) struct Fake {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
    /// The first message and the audio of each utterance that had an end.
    pub(crate) heard: Ears,
}

impl Fake {
    /// The last deed is done with all connections that follow.
    pub(crate) async fn start(deeds: &[Deed]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (connections, heard) = (Arc::new(AtomicUsize::new(0)), Ears::default());
        let (counter, ears, deeds) = (connections.clone(), Arc::clone(&heard), deeds.to_vec());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let deed = *deeds.get(number).or(deeds.last()).unwrap();
                // Errors are clients that have gone.
                tokio::spawn(serve(stream, deed, ears.clone()));
            }
        });
        Self { url, connections, heard }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) type Ears = Arc<Mutex<Vec<(Value, Vec<u8>)>>>;

async fn serve(mut stream: TcpStream, deed: Deed, ears: Ears) {
    match deed {
        Deed::HangsUp => return,
        Deed::Sleeps => return asleep(stream).await,
        Deed::Refuses => {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
            return;
        }
        Deed::SendsHalf => return raw(stream, &[0x81, 0x7e, 0x01]).await,
        Deed::SendsNoise => return raw(stream, &[0xff; 64]).await,
        _ => {}
    }
    let with_subprotocol = !matches!(deed, Deed::AnswersWithoutSubprotocol(_));
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let agree = move |request: &Request, mut response: Response| {
        if let Some(asked) = request.headers().get("sec-websocket-protocol").filter(|_| with_subprotocol) {
            response.headers_mut().insert("sec-websocket-protocol", asked.clone());
        }
        Ok(response)
    };
    if let Ok(socket) = accept_hdr_async(stream, agree).await {
        if deed == Deed::Freezes {
            return asleep(socket.into_inner()).await;
        }
        let _ = talk(socket, deed, ears).await;
    }
}

/// Holds a connection until the test is over.
async fn asleep(stream: TcpStream) {
    let _held = stream;
    std::future::pending::<()>().await;
}

/// Takes the upgrade by hand, and then sends these bytes.
async fn raw(mut stream: TcpStream, bytes: &[u8]) {
    let (mut request, mut piece) = (String::new(), [0; 4_096]);
    while !request.contains("\r\n\r\n") {
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        request.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let key = request
        .lines()
        .find_map(|line| line.to_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim()));
    let accept = derive_accept_key(key.unwrap().as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-protocol: binary\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).await;
    // Not before the client talks: until then it may keep the connection for later.
    let _ = stream.read(&mut piece).await;
    let _ = stream.write_all(bytes).await;
    asleep(stream).await;
}

type Ended = Result<(), tokio_tungstenite::tungstenite::Error>;

async fn talk(mut socket: WebSocketStream<TcpStream>, deed: Deed, ears: Ears) -> Ended {
    let (mut begin, mut pcm, mut frames) = (Value::Null, Vec::new(), 0);
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => {
                let said: Value = serde_json::from_str(&text).unwrap();
                if said["is_speaking"] == false {
                    ears.lock().unwrap().push((begin.clone(), std::mem::take(&mut pcm)));
                    at_the_end(&mut socket, deed).await?;
                } else {
                    begin = said;
                }
            }
            Message::Binary(bytes) => {
                pcm.extend_from_slice(&bytes);
                frames += 1;
                match deed {
                    Deed::Closes(after) if frames > after => return socket.close(None).await,
                    Deed::Breaks(after) if frames > after => return Ok(()),
                    _ => in_between(&mut socket, deed, frames).await?,
                }
            }
            Message::Close(_) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

fn answer(mode: &str, text: &str, is_final: bool) -> Message {
    Message::text(json!({ "mode": mode, "text": text, "wav_name": "x", "is_final": is_final }).to_string())
}

async fn in_between(socket: &mut WebSocketStream<TcpStream>, deed: Deed, frames: usize) -> Ended {
    match deed {
        Deed::Answers(text) if frames == 10 => socket.send(answer("2pass-online", &first(text), false)).await,
        Deed::AnswersLikePython(text) if frames == 10 => socket.send(answer("2pass-online", &first(text), true)).await,
        Deed::AnswersTwice(text, _) if frames == 10 => socket.send(answer("2pass-offline", text, false)).await,
        Deed::Floods => loop {
            socket.send(answer("2pass-online", "", false)).await?;
        },
        _ => Ok(()),
    }
}

async fn at_the_end(socket: &mut WebSocketStream<TcpStream>, deed: Deed) -> Ended {
    match deed {
        Deed::Answers(text) | Deed::AnswersTwice(_, text) | Deed::AnswersWithoutSubprotocol(text) => {
            socket.send(answer("2pass-offline", text, true)).await
        }
        Deed::AnswersLikePython(text) => socket.send(answer("2pass-offline", text, false)).await,
        Deed::Repeats(text) => {
            for _ in 0..20 {
                socket.send(answer("2pass-offline", text, true)).await?;
            }
            Ok(())
        }
        Deed::ClosesAtTheEnd => socket.close(None).await,
        Deed::Says(what) => socket.send(Message::text(what)).await,
        Deed::SaysBytes => socket.send(Message::Binary(Bytes::from_static(&[1, 2, 3]))).await,
        Deed::SaysTooMuch => socket.send(answer("2pass-offline", &"啊".repeat(1 << 20), true)).await,
        _ => Ok(()),
    }
}

/// The first character.
fn first(text: &str) -> String {
    text.chars().take(1).collect()
}
