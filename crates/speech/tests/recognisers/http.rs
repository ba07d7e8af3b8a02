//! OpenAI's shape.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::post;
use hutong_speech::recogniser::{CallHints, Failure, HearingEvent, Protocol, RecogniserSettings, Recognisers};
use hutong_telephony::sip::Secret;
use tokio::net::TcpListener;

use crate::{AMPLE, ANSWER_TIMEOUT, answer, listen, settings, speak, told};

/// What a server does with a request.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Answers(u16, &'static str),
    /// Never answers.
    Sleeps,
    /// Begins to answer and never ends.
    Drips,
    /// Answers with megabytes.
    Floods,
}

type Requests = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A server that does the next of these things with each request, and the last one with all that follow.
async fn server(deeds: &'static [Deed]) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let kept = requests.clone();
    let handler = move |headers: HeaderMap, body: Bytes| {
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push((headers, body));
            kept.len() - 1
        };
        respond(*deeds.get(number).or(deeds.last()).unwrap())
    };
    let app = Router::new().route("/v1/audio/transcriptions", post(handler));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, requests)
}

async fn respond(deed: Deed) -> Response {
    let dripping = || futures::stream::once(async { Ok::<_, std::io::Error>("{\"text\":") });
    match deed {
        Deed::Answers(status, body) => Response::builder().status(status).body(Body::from(body)).unwrap(),
        Deed::Sleeps => std::future::pending().await,
        Deed::Drips => {
            let never = futures::stream::pending();
            Response::new(Body::from_stream(futures::StreamExt::chain(dripping(), never)))
        }
        Deed::Floods => Response::new(Body::from(vec![b' '; 8 << 20])),
    }
}

const GOOD: Deed = Deed::Answers(200, r#"{"text":" 喂，你好。"}"#);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_does_there_is_an_answer_in_time() {
    async fn check(deeds: &'static [Deed], patience: std::time::Duration, expected: &str) {
        let (url, _) = server(deeds).await;
        let (_recognisers, hearing, mut events) = listen(vec![settings("one", Protocol::Openai, &url, patience)]);
        speak(&hearing, 1);
        let (said, _) = told(&answer(&mut events, 1).await);
        assert!(said.contains(expected), "{deeds:?}: {said}");
    }
    check(&[GOOD], AMPLE, "喂，你好。").await;
    check(&[Deed::Answers(200, r#"{"text":""}"#)], AMPLE, "").await;
    check(&[Deed::Answers(503, "busy"), GOOD], AMPLE, "喂，你好。").await;
    check(&[Deed::Answers(200, "not JSON"), GOOD], AMPLE, "喂，你好。").await;
    check(&[Deed::Answers(401, "no\nsuch key")], AMPLE, "it refused with 401: no such key").await;
    check(&[Deed::Answers(200, r#"{"error":"x"}"#)], AMPLE, "protocol").await;
    check(&[Deed::Answers(302, "")], AMPLE, "it refused with 302").await;
    check(&[Deed::Floods], AMPLE, "protocol").await;
    check(&[Deed::Sleeps], ANSWER_TIMEOUT, "in time").await;
    check(&[Deed::Drips], ANSWER_TIMEOUT, "in time").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_sleeps_is_not_waited_for_where_there_is_another_one() {
    let ((sleeps, _), (answers, _)) = (server(&[Deed::Sleeps]).await, server(&[GOOD]).await);
    let (_recognisers, hearing, mut events) = listen(vec![
        settings("sleeps", Protocol::Openai, &sleeps, ANSWER_TIMEOUT * 4),
        settings("answers", Protocol::Openai, &answers, ANSWER_TIMEOUT * 4),
    ]);
    speak(&hearing, 1);
    assert_eq!(told(&answer(&mut events, 1).await), ("喂，你好。".to_owned(), "answers".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_has_all_that_is_known_in_it() {
    let (url, requests) = server(&[GOOD]).await;
    let settings = RecogniserSettings {
        key: Some(Secret("sk-test".to_owned())),
        model: Some("base".to_owned()),
        ..settings("one", Protocol::Openai, &url, AMPLE)
    };
    let recognisers = Recognisers::new(vec![settings]).unwrap();
    let hints = CallHints { language: Some("zh".to_owned()), hotwords: vec!["花呗".to_owned(), "借呗".to_owned()] };
    let (hearing, mut events) = recognisers.listen(hints);
    speak(&hearing, 1);
    answer(&mut events, 1).await;
    let (headers, body) = requests.lock().unwrap().remove(0);
    assert_eq!(headers["authorization"], "Bearer sk-test");
    let text = String::from_utf8_lossy(&body);
    for part in [
        "name=\"model\"",
        "\r\nbase\r\n",
        "\r\nzh\r\n",
        "\r\njson\r\n",
        "\r\n花呗，借呗\r\n",
        "filename=\"utterance.wav\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let wav = body.windows(4).position(|it| it == b"RIFF").unwrap();
    let reader = hound::WavReader::new(&body[wav..]).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.len()), (8_000, 8_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_told_at_once() {
    let recognisers = Recognisers::new(Vec::new()).unwrap();
    assert!(recognisers.is_empty());
    let (hearing, mut events) = recognisers.listen(CallHints::default());
    speak(&hearing, 1);
    assert_eq!(answer(&mut events, 1).await, HearingEvent::Failed { utterance: 1, why: Failure::NoServer });
}
