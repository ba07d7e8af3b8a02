//! What the console is told of the installation.

use std::sync::Arc;

use futures::future::BoxFuture;
use hutong_api::{App, Inside};
use hutong_console::{Console, Equipment, Installation, Recogniser, SpeechServers, Tell, TrunkState, Understood};
use hutong_dialer::mind::Mind;
use hutong_domain::ids::LineId;
use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_recordings::{Destination, S3};
use hutong_scenes::Speaker;
use hutong_speech::recogniser::{
    CallHints, Check, Protocol, Recognisers, ServerHealth, ServerState, UTTERANCE_SAMPLES_MAX,
};
use hutong_speech::voice::{Voices, telephone_audio};
use hutong_store::Url;
use hutong_store::line::Line;
use hutong_telephony::sip::RegistrationState;
use hutong_trunks::Carrier;
use hutong_trunks::trial::{Step, Way};
use tokio::sync::watch;

use crate::config::Config;
use crate::error::Result;
use crate::installation;

/// The console, with the API that it asks, where browsers find it and what carries its calls, which language model its
/// conversations ask, and what says that the server stops.
pub(crate) fn open(
    config: &Config,
    (app, inside): (&Arc<App>, Inside),
    (public_url, carrier): (String, Arc<Carrier>),
    (mind, stopped): (Option<Arc<dyn Mind>>, watch::Receiver<bool>),
) -> Result<Console> {
    Ok(Console {
        app: app.clone(),
        inside,
        accounts: installation::accounts(&app.store),
        is_https: public_url.starts_with("https://"),
        installation: Arc::new(installation(config, public_url, carrier)?),
        studio: config.speech.studio(&app.store)?,
        mind,
        stopped,
    })
}

/// What it is told of how the installation is configured, and what it may do with what this server carries calls on.
fn installation(config: &Config, public_url: String, carrier: Arc<Carrier>) -> Result<Installation> {
    let poster = Arc::new(config.callbacks.poster()?);
    let speech = &config.speech;
    let servers = (speech.voice_server()?, speech.speaker(), speech.mind_model());
    let equipment = Arc::new(OfServer { carrier, servers });
    Ok(Installation { public_url, keep: config.keep(), settings: settings(config)?, poster, equipment })
}

/// Keys of the configuration that matter to people. None that may hold a secret is among them: of the store's address
/// and of where recordings are kept, the kind alone is told.
fn settings(config: &Config) -> Result<Vec<(&'static str, String)>> {
    let store = match config.store_options()?.url {
        Url::Sqlite(path) => format!("sqlite:{}", path.display()),
        Url::Memory => "memory".to_owned(),
        Url::Postgres(_) => "postgresql".to_owned(),
    };
    let recordings = match config.recording_options()?.destination {
        Destination::Folder(folder) => folder.display().to_string(),
        Destination::S3(S3 { bucket, prefix, .. }) => format!("s3://{bucket}/{prefix}"),
        Destination::Objects(_) => String::new(),
    };
    let ports = config.media.ports();
    Ok(vec![
        ("listen", config.listen.clone()),
        ("public_url", config.public_url.clone()),
        ("data", config.data.display().to_string()),
        ("store.url", store),
        ("dialing.calls_max", config.dialing.calls_max.to_string()),
        ("dialing.drain_s", config.dialing.drain_s.to_string()),
        ("sip.listen", config.sip.address().to_string()),
        ("media.port_first", ports.start().to_string()),
        ("media.port_last", ports.end().to_string()),
        ("recordings.url", recordings),
        ("callbacks.private_addresses", config.callbacks.private_addresses.to_string()),
        ("api.clock_skew_s", config.api.clock_skew_s.to_string()),
        ("metrics.enabled", config.metrics.enabled.to_string()),
        ("metrics.listen", config.metrics.listen.clone()),
        ("log.level", config.log.level.clone()),
    ])
}

/// The trunks and the servers of speech of this process.
struct OfServer {
    carrier: Arc<Carrier>,
    /// Who speaks, in whose voice, and which language model is asked.
    servers: (Option<Voices>, Speaker, Option<String>),
}

impl Equipment for OfServer {
    fn trunks(&self) -> Vec<(LineId, TrunkState)> {
        let shown = |state: hutong_trunks::TrunkState| TrunkState {
            is_up: state.is_up(),
            is_registered: state.registration.as_ref().map(|it| *it == RegistrationState::Registered),
            answered_in: state.answered_in,
            trouble: state.why_down(),
        };
        self.carrier.trunks.states().into_iter().map(|(line, state)| (line, shown(state))).collect()
    }

    fn test_call(
        &self,
        line: Line,
        number: String,
        tell: Tell,
    ) -> BoxFuture<'static, std::result::Result<(), Message>> {
        let carrier = self.carrier.clone();
        Box::pin(async move {
            let found = carrier.trunks.find(line.id).await;
            let unusable = || say!("the settings of the line cannot be used", "线路的中继设置不可用");
            let (known, state) = found.ok_or_else(unusable)?;
            let Carrier { agent, engine, advertised, .. } = &*carrier;
            let way = Way { agent, engine, advertised: *advertised, trunk: &known.trunk };
            way.ask(&*tell).await.map_err(|error| error.message())?;
            if let Some(why) = state.why_down() {
                return Err(why);
            }
            if known.trunk.register {
                tell(Step::Registered);
            }
            way.call(&line, &number, &*tell).await.map_err(|error| error.message())
        })
    }

    fn speech(&self) -> SpeechServers {
        let recogniser = |health: ServerHealth| Recogniser {
            name: health.name.to_string(),
            protocol: match health.protocol {
                Protocol::Funasr => "funasr",
                Protocol::Vosk => "vosk",
                Protocol::Openai => "openai",
            },
            left_alone: match health.state {
                ServerState::LeftAlone(time) => Some(time),
                ServerState::Asked | ServerState::Tried => None,
            },
            answered: health.answered,
            failed: health.failed,
            last_failure: health.last_failure.map(|failure| failure.to_string()),
        };
        let recognisers = self.carrier.speech.recognisers.iter().flat_map(Recognisers::health).map(recogniser);
        let (voice, speaker, mind) = &self.servers;
        let voice = voice.as_ref().map(|voice| format!("{} · {}", speaker.name, voice.model()));
        SpeechServers { recognisers: recognisers.collect(), voice, mind: mind.clone() }
    }

    fn speak(&self, text: String) -> BoxFuture<'_, std::result::Result<Vec<i16>, Message>> {
        Box::pin(async move {
            let (voice, speaker, _) = &self.servers;
            let none = || say!("no voice server is configured: speech.voice", "未配置语音合成服务（speech.voice）");
            let voice = voice.as_ref().ok_or_else(none)?;
            voice.speak(speaker.says(&text)).await.map_err(|error| say!("{error}", "语音合成失败：{error}"))
        })
    }

    fn understand(&self, file: Vec<u8>) -> BoxFuture<'_, std::result::Result<Vec<Understood>, Message>> {
        Box::pin(async move {
            let none =
                || say!("no recogniser is configured: speech.recognisers", "未配置语音识别（speech.recognisers）");
            let recognisers = self.carrier.speech.recognisers.as_ref().ok_or_else(none)?;
            // Resampling takes a while: not on a thread that others wait for.
            let read = tokio::task::spawn_blocking(move || telephone_audio(&file)).await;
            let samples = read
                .map_err(|error| say!("{error}", "读取录音失败：{error}"))?
                .map_err(|error| say!("{error}", "读不懂这个录音文件：{error}"))?;
            if samples.len() > UTTERANCE_SAMPLES_MAX {
                let seconds = UTTERANCE_SAMPLES_MAX / 8_000;
                return Err(say!("it lasts longer than {seconds} s", "录音超过 {seconds} 秒"));
            }
            let understood = |check: Check| Understood {
                name: check.name.to_string(),
                outcome: check.outcome.map_err(|failure| say!("{failure}", "识别失败：{failure}")),
            };
            let checks = recognisers.check(&samples, &CallHints::default()).await;
            Ok(checks.into_iter().map(understood).collect())
        })
    }
}
