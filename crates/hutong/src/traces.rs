//! Traces: what a call and a request did and how long each step took, sent to a collector over OTLP.
//!
//! Spans are made with `tracing` where things happen. They wait in a bounded queue for a thread of their own: where the
//! collector is slow or gone they are dropped, and nothing waits for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response, Uri};
use futures::future::BoxFuture;
use hutong_telephony::sip::Secret;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use serde::Deserialize;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::error::{Error, Result};

/// Where OTLP over HTTP takes traces.
const PATH: &str = "/v1/traces";
/// Spans that wait for being sent; those beyond are dropped.
const QUEUE_MAX: usize = 8192;
const BATCH_MAX: usize = 512;
const SEND_EVERY: Duration = Duration::from_secs(2);
/// How long a collector may take for a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last spans may take when the server ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Spans of our own crates, and not those of libraries.
const OURS: &str = "hutong";
const CONTENT_TYPE: &str = "application/x-protobuf";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TracesConfig {
    url: String,
    key: Secret,
    sample_ratio: f64,
}

/// Traces that are being sent.
pub(crate) struct Traces(SdkTracerProvider);

impl TracesConfig {
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(Error::config("traces.sample_ratio", "must be from 0.0 (none) to 1.0 (all)"));
        }
        if self.is_wanted() {
            let is_http = self
                .endpoint()
                .parse()
                .is_ok_and(|uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none());
            if !is_http {
                return Err(Error::config("traces.url", "must be http://HOST:PORT or https://HOST:PORT"));
            }
        }
        Ok(())
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.url.is_empty()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}{PATH}", self.url.trim_end_matches('/'))
    }

    fn headers(&self) -> HashMap<String, String> {
        let key = Some(&self.key.0).filter(|key| !key.is_empty());
        key.map(|key| ("authorization".to_owned(), format!("Bearer {key}"))).into_iter().collect()
    }

    /// Begins to send; none where traces are not wanted.
    pub(crate) fn open(&self) -> Result<Option<Traces>> {
        if !self.is_wanted() {
            return Ok(None);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(self.endpoint())
            .with_headers(self.headers())
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|error| Error::config("traces.url", &error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(SEND_EVERY)
            .build();
        let resource = Resource::builder_empty()
            .with_service_name("hutong")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.sample_ratio))))
            .with_resource(resource)
            .build();
        Ok(Some(Traces(provider)))
    }

    /// Whether the collector takes traces: it is sent an empty batch.
    pub(crate) async fn try_collector(&self) -> std::result::Result<(), String> {
        let mut request = client().map_err(|error| error.to_string())?.post(self.endpoint());
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        let answer = request.header("content-type", CONTENT_TYPE).send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("it answers with status {status}")) }
    }
}

impl Traces {
    /// What makes our spans part of traces.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("hutong"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|it| it.is_span() && it.target().starts_with(OURS)))
    }

    /// Sends what still waits, in bounded time.
    pub(crate) async fn close(self) {
        let closed = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(CLOSE_TIMEOUT)).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn client() -> Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(SEND_TIMEOUT).no_proxy().build();
    client.map_err(|error| Error::Failed(error.to_string()))
}

/// Sends batches on the runtime of the server: the thread that makes them has none.
struct Collector {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
    fails: std::sync::Arc<AtomicBool>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl Collector {
    fn new() -> Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| Error::Failed(error.to_string()))?;
        Ok(Self { client: client()?, runtime, fails: std::sync::Arc::default() })
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> BoxFuture<'b, std::result::Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        let (client, fails) = (self.client.clone(), self.fails.clone());
        let sent = self.runtime.spawn(async move {
            let sent = send(&client, request).await;
            let is_failure = !sent.as_ref().is_ok_and(|answer| answer.status().is_success());
            if is_failure {
                metrics::counter!("hutong_trace_export_failures_total").increment(1);
            }
            // Said once, and not with every batch.
            if fails.swap(is_failure, Ordering::Relaxed) != is_failure {
                match &sent {
                    Err(error) => tracing::warn!(%error, "traces are lost: the collector cannot be reached"),
                    Ok(answer) if is_failure => {
                        tracing::warn!(
                            status = answer.status().as_u16(),
                            "traces are lost: the collector refuses them"
                        );
                    }
                    Ok(_) => tracing::info!("the collector takes traces again"),
                }
            }
            sent
        });
        Box::pin(async move { sent.await? })
    }
}

async fn send(client: &reqwest::Client, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, HttpError> {
    let (head, body) = request.into_parts();
    let answer = client.request(head.method, head.uri.to_string()).headers(head.headers).body(body).send().await?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    // What a collector says besides its status is small; more of it is not read.
    let mut body = Vec::new();
    let mut answer = answer;
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    *response.body_mut() = body.into();
    Ok(response)
}

/// Longest answer of a collector that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
