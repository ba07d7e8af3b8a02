//! The speech server: OpenAI's `POST /v1/audio/speech`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

/// The longest answer: two minutes of linear audio at 24 kHz.
const ANSWER_BYTES_MAX: usize = 2 * 60 * 48_000;
/// How long a text may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A speech server.
pub(crate) struct Server {
    url: String,
    model: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    /// The server at this address, `http://127.0.0.1:8799` for example.
    pub(crate) fn new(url: &str, model: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { url: format!("{}/v1/audio/speech", url.trim_end_matches('/')), model: model.to_owned(), client }
    }

    /// The text in the voice, as a WAV file. A speed of 1 is the voice's own.
    pub(crate) async fn speak(&self, voice: &str, text: &str, speed: f64) -> Result<Bytes> {
        let body =
            json!({ "model": self.model, "voice": voice, "input": text, "speed": speed, "response_format": "wav" });
        let request = Request::post(&self.url).header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(body.to_string())))?;
        let answer = tokio::time::timeout(TIMEOUT, async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
                .collect()
                .await
                .map_err(anyhow::Error::from_boxed)?;
            anyhow::Ok((status, body.to_bytes()))
        });
        let (status, body) = answer.await.context("no answer in time")??;
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}
