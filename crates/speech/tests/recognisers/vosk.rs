//! Vosk's protocol.

use futures::{SinkExt as _, StreamExt as _};
use hutong_speech::recogniser::Protocol;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use crate::{AMPLE, answer, listen, settings, speak, told};

/// As Vosk's own server does: an answer for each message but the first, a sentence in the middle, the rest at the end.
async fn vosk() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = accept_async(stream).await.unwrap();
                let mut bytes = 0;
                while let Some(Ok(message)) = socket.next().await {
                    let said = match message {
                        Message::Binary(pcm) => {
                            bytes += pcm.len();
                            if bytes == 9_600 { r#"{"text":"喂 你好"}"# } else { r#"{"partial":"您 是"}"# }
                        }
                        Message::Text(text) if text.contains("config") => {
                            assert_eq!(text.as_str(), r#"{"config":{"sample_rate":8000}}"#);
                            continue;
                        }
                        Message::Text(_) => {
                            assert_eq!(bytes, 16_000, "a second of 8 kHz");
                            r#"{"text":"您 是 哪位"}"#
                        }
                        _ => continue,
                    };
                    if socket.send(Message::text(said)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentences_of_an_utterance_are_put_together() {
    let url = vosk().await;
    let (_recognisers, hearing, mut events) = listen(vec![settings("vosk", Protocol::Vosk, &url, AMPLE)]);
    for utterance in 0..3 {
        speak(&hearing, utterance);
        assert_eq!(told(&answer(&mut events, utterance).await), ("喂你好您是哪位".to_owned(), "vosk".to_owned()));
    }
}
