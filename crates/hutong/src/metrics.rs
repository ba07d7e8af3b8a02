//! `/metrics`: what is counted and measured, in the format of Prometheus. `docs/metrics.md` lists it.
//!
//! Counters and histograms are kept where things happen; what is a state (trunks, queues, calls) is read when somebody
//! asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hutong_recordings::Recordings;
use hutong_speech::recogniser::{Recognisers, ServerState};
use hutong_trunks::Carrier;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::disk::Disks;
use crate::error::{Error, Result};

/// How often the exporter tidies up what it has measured.
const UPKEEP: Duration = Duration::from_secs(10);

/// Upper bounds of the buckets: seconds of the network, seconds of talk, shares.
const SETUP_S: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
const TALK_S: [f64; 8] = [5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0];
const JITTER_S: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16];
const LATENCY_S: [f64; 12] = [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 0.8, 1.2, 2.0, 4.0, 8.0];
const REQUEST_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0];
const RATIO: [f64; 7] = [0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1];

/// What a frame of voices lasts.
const FRAME_MS: u64 = 20;
/// Counters that are there from the beginning: what has never happened has happened 0 times, and can be alerted on.
const FROM_ZERO: [&str; 5] = [
    "hutong_trace_export_failures_total",
    "hutong_http_connections_refused_total",
    "hutong_utterances_lost_total",
    "hutong_words_not_rendered_total",
    "hutong_prompts_incomplete_total",
];

/// What is asked when somebody looks.
#[derive(Clone)]
pub(crate) struct Exporter {
    handle: PrometheusHandle,
    carrier: Arc<Carrier>,
    recordings: Recordings,
    disks: Disks,
}

impl Exporter {
    /// Begins to count. Once in a process.
    pub(crate) fn begin(carrier: Arc<Carrier>, recordings: Recordings, disks: Disks) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| Error::Failed(format!("metrics: {error}"));
        let mut builder = PrometheusBuilder::new();
        let buckets: [(&str, &[f64]); 7] = [
            ("hutong_call_setup_seconds", &SETUP_S),
            ("hutong_talk_seconds", &TALK_S),
            ("hutong_callback_seconds", &LATENCY_S),
            ("hutong_talk_latency_seconds", &LATENCY_S),
            ("hutong_rtp_jitter_seconds", &JITTER_S),
            ("hutong_rtp_loss_ratio", &RATIO),
            ("hutong_http_request_seconds", &REQUEST_S),
        ];
        for (name, bounds) in buckets {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
                .map_err(|error| failed(&error))?;
        }
        let handle = builder.install_recorder().map_err(|error| failed(&error))?;
        describe();
        for name in FROM_ZERO {
            metrics::counter!(name).increment(0);
        }
        for part in ["pause", "recognition", "ours", "total"] {
            let _there = metrics::histogram!("hutong_talk_latency_seconds", "part" => part);
        }
        gauge!("hutong_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let upkeep = handle.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            loop {
                tick.tick().await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self { handle, carrier, recordings, disks })
    }

    /// The page.
    pub(crate) fn page(self) -> Router {
        let content_type = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
        Router::new().route("/metrics", get(move || std::future::ready((content_type, self.render()))))
    }

    fn render(&self) -> String {
        self.look();
        self.handle.render()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of things that happen; gauges are floating point")]
    fn look(&self) {
        for (line, state) in self.carrier.trunks.states() {
            let line = line.to_string();
            gauge!("hutong_trunk_up", "line" => line.clone()).set(if state.is_up() { 1.0 } else { 0.0 });
            let answered_in = state.answered_in.map_or(f64::NAN, |took| took.as_secs_f64());
            gauge!("hutong_trunk_options_seconds", "line" => line).set(answered_in);
        }
        let sip = self.carrier.agent.stats();
        gauge!("hutong_sip_calls").set(sip.calls as f64);
        gauge!("hutong_sip_transactions").set(sip.transactions as f64);
        let media = self.carrier.engine.stats();
        gauge!("hutong_media_calls").set(media.open as f64);
        gauge!("hutong_media_tick_lateness_p99_seconds").set(media.late_p99.as_secs_f64());
        for (name, count) in [
            ("hutong_rtp_packets_sent_total", media.sent),
            ("hutong_rtp_packets_received_total", media.received),
            ("hutong_rtp_packets_lost_total", media.lost),
            ("hutong_rtp_packets_late_total", media.late),
            ("hutong_rtp_packets_of_strangers_total", media.strangers),
        ] {
            metrics::counter!(name).absolute(count);
        }
        for server in self.carrier.speech.recognisers.iter().flat_map(Recognisers::health) {
            let name = server.name.to_string();
            let asked = if server.state == ServerState::Asked { 1.0 } else { 0.0 };
            gauge!("hutong_recogniser_up", "recogniser" => name.clone()).set(asked);
            for (outcome, count) in [("answered", server.answered), ("failed", server.failed)] {
                let name = name.clone();
                metrics::counter!("hutong_recogniser_utterances_total", "recogniser" => name, "outcome" => outcome)
                    .absolute(count);
            }
        }
        for (folder, _, free) in self.disks.free() {
            gauge!("hutong_disk_free_bytes", "folder" => folder).set(free.map_or(f64::NAN, |free| free as f64));
        }
        let recorder = self.recordings.metrics();
        gauge!("hutong_recorder_calls").set(recorder.tapes as f64);
        gauge!("hutong_recorder_lag_seconds").set(recorder.lag_ms as f64 / 1_000.0);
        gauge!("hutong_recorder_waiting_uploads").set(recorder.waiting_moves as f64);
        for (name, count) in [
            ("hutong_recorder_lost_frames_total", recorder.lost_ms / FRAME_MS),
            ("hutong_recorder_write_failures_total", recorder.write_failures),
            ("hutong_recorder_upload_failures_total", recorder.move_failures),
        ] {
            metrics::counter!(name).absolute(count);
        }
    }
}

fn describe() {
    describe_counter!("hutong_attempts_total", "Attempts that ended, by outcome and by what carried them.");
    describe_histogram!("hutong_talk_seconds", "How long answered calls lasted.");
    describe_server();
    describe_talk();
    describe_histogram!("hutong_call_setup_seconds", "From the INVITE to the first response beyond 100.");
    describe_histogram!("hutong_rtp_jitter_seconds", "Interarrival jitter (RFC 3550) of a call at its end.");
    describe_histogram!("hutong_rtp_loss_ratio", "Share of a call's packets that never came.");
    describe_counter!("hutong_callback_attempts_total", "Attempts to deliver a callback, by what came of them.");
    describe_histogram!("hutong_callback_seconds", "From the beginning of an attempt to the receiver's answer.");
    describe_gauge!("hutong_callbacks_waiting", "Callbacks that are neither delivered nor given up.");
    describe_gauge!("hutong_callbacks_oldest_waiting_seconds", "How long ago the oldest of them happened.");
    describe_gauge!("hutong_trunk_up", "Whether calls can be placed on a line's trunk.");
    describe_gauge!("hutong_trunk_options_seconds", "How long the last OPTIONS took; NaN where it was not answered.");
    describe_gauge!("hutong_sip_calls", "Calls that signalling knows.");
    describe_gauge!("hutong_sip_transactions", "SIP transactions that are not over.");
    describe_gauge!("hutong_media_calls", "Calls whose voices are open.");
    describe_gauge!("hutong_media_tick_lateness_p99_seconds", "How late 99 of 100 frames of 20 ms are moved at most.");
    describe_counter!("hutong_rtp_packets_sent_total", "RTP packets sent.");
    describe_counter!("hutong_rtp_packets_received_total", "RTP packets received.");
    describe_counter!("hutong_rtp_packets_lost_total", "RTP packets that never came.");
    describe_counter!("hutong_rtp_packets_late_total", "RTP packets that came too late to be heard.");
    describe_counter!("hutong_rtp_packets_of_strangers_total", "Packets from addresses that were not agreed on.");
    describe_gauge!("hutong_recorder_calls", "Calls that are being recorded.");
    describe_gauge!("hutong_recorder_lag_seconds", "How far the disk is behind the voices.");
    describe_gauge!("hutong_recorder_waiting_uploads", "Files that wait for being moved or uploaded.");
    describe_counter!("hutong_recorder_lost_frames_total", "Frames of 20 ms that the disk could not take.");
    describe_counter!("hutong_recorder_write_failures_total", "Writes of recordings that failed.");
    describe_counter!("hutong_recorder_upload_failures_total", "Moves and uploads of recordings that failed.");
}

fn describe_server() {
    describe_gauge!("hutong_build_info", "Which version runs: always 1.");
    describe_gauge!("hutong_disk_free_bytes", "Room on the disks that grow.");
    describe_gauge!("hutong_tls_certificate_expiry_timestamp_seconds", "Until when the API's certificate is good.");
    describe_counter!("hutong_trace_export_failures_total", "Batches of spans that the collector did not take.");
    describe_gauge!("hutong_http_connections", "Connections that are open.");
    describe_counter!(
        "hutong_http_connections_refused_total",
        "Connections of addresses that had as many as they may."
    );
    describe_histogram!("hutong_http_request_seconds", "How long requests of the open API took.");
}

fn describe_talk() {
    describe_histogram!(
        "hutong_talk_latency_seconds",
        "From the end of a customer's words to the first packet of the answer, in its parts."
    );
    describe_gauge!("hutong_recogniser_up", "Whether a recogniser is asked; 0 while it is left alone after failures.");
    describe_counter!("hutong_recogniser_utterances_total", "What recognisers were asked for, by outcome.");
    describe_counter!("hutong_utterances_lost_total", "What customers said and no recogniser answered.");
    describe_counter!("hutong_words_not_rendered_total", "Words of customers that the voice server did not speak.");
    describe_counter!("hutong_prompts_incomplete_total", "Prompts that were spoken without a part of them.");
    describe_counter!("hutong_mind_answers_total", "What the language model was asked for, by outcome.");
    describe_counter!("hutong_transfers_total", "Calls that were to be handed to a person, by way and outcome.");
}
