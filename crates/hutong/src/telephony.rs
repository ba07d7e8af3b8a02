//! Telephony as this binary wires it: what the configuration says of SIP and of voices, and what calls need of both.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_recordings::Recordings;
use hutong_store::Store;
use hutong_store::vault::Vault;
use hutong_telephony::media::{Engine, EngineOptions, Latching};
use hutong_telephony::sip::{Authorities, Listen, RegistrationState, Trunk, UserAgent};
use hutong_trunks::{Carrier, Speech, Trunks};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};

/// Where systems keep the certificates of the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SipConfig {
    listen: SocketAddr,
    advertised: String,
    tcp: bool,
    tls_authorities: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaConfig {
    port_first: u16,
    port_last: u16,
    shards: usize,
    jitter_ms: u64,
    silence_s: u64,
    latching: LatchingConfig,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LatchingConfig {
    Never,
    SignalledHost,
    FirstSource,
}

impl SipConfig {
    pub(crate) fn check(&self) -> Result<()> {
        self.advertised()?;
        if self.listen.is_ipv6() && self.listen.ip().is_unspecified() {
            return Err(Error::config(
                "sip.listen",
                "name the address itself for IPv6, such as \"[2001:db8::7]:5060\": what trunks would see of [::] is not known",
            ));
        }
        if !self.tls_authorities.as_os_str().is_empty() {
            self.authorities()?;
        }
        Ok(())
    }

    fn advertised(&self) -> Result<Option<IpAddr>> {
        match self.advertised.as_str() {
            "" => Ok(None),
            text => {
                let wrong =
                    |_| Error::config("sip.advertised", "must be an address such as \"198.51.100.7\", or empty");
                text.parse().map(Some).map_err(wrong)
            }
        }
    }

    /// The address of SIP, as configured.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Where to listen.
    fn listen(&self) -> Result<Listen> {
        let advertised = self.advertised()?.map(|ip| SocketAddr::new(ip, self.listen.port()));
        if advertised.is_some_and(|address| address.port() == 0) {
            return Err(Error::config(
                "sip.listen",
                "needs a port that others can know, since sip.advertised is given",
            ));
        }
        Ok(Listen { advertised, tcp: self.tcp, authorities: self.authorities()?, ..Listen::at(self.listen) })
    }

    /// Who vouches for trunks over TLS. A system without any is no error: most trunks are over UDP.
    fn authorities(&self) -> Result<Authorities> {
        let path = &self.tls_authorities;
        if path.as_os_str().is_empty() {
            let systems = SYSTEM_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok());
            return Ok(systems.and_then(|pem| Authorities::read(&pem).ok()).unwrap_or_default());
        }
        let wrong = |cause: &dyn std::fmt::Display| {
            Error::config("sip.tls_authorities", &format!("{}: {cause}", path.display()))
        };
        let pem = std::fs::read(path).map_err(|cause| wrong(&cause))?;
        Authorities::read(&pem).map_err(|cause| wrong(&cause))
    }
}

impl MediaConfig {
    pub(crate) fn check(&self) -> Result<()> {
        if self.port_first > self.port_last || (self.port_first == 0) != (self.port_last == 0) {
            return Err(Error::config(
                "media.port_last",
                "must not be below media.port_first; 0 and 0 take free ports",
            ));
        }
        if !(20..=200).contains(&self.jitter_ms) {
            return Err(Error::config("media.jitter_ms", "must be between 20 and 200"));
        }
        if self.silence_s == 0 {
            return Err(Error::config("media.silence_s", "must be at least 1"));
        }
        Ok(())
    }

    pub(crate) fn ports(&self) -> RangeInclusive<u16> {
        self.port_first..=self.port_last
    }

    /// The first ports of the pairs that calls take; none where the system chooses.
    pub(crate) fn pairs(&self) -> Option<impl Iterator<Item = u16>> {
        let last = self.port_last;
        (last > 0).then(|| self.ports().filter(move |port| port % 2 == 0 && *port < last))
    }

    pub(crate) fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            shards: if self.shards == 0 {
                std::thread::available_parallelism().map_or(1, usize::from)
            } else {
                self.shards
            },
            ports: self.ports(),
            latching: match self.latching {
                LatchingConfig::Never => Latching::Never,
                LatchingConfig::SignalledHost => Latching::SignalledHost,
                LatchingConfig::FirstSource => Latching::FirstSource,
            },
            jitter: Duration::from_millis(self.jitter_ms),
            silence_max: Duration::from_secs(self.silence_s),
        }
    }
}

/// Opens what calls on trunks need.
pub(crate) async fn open(
    (sip, media): (&SipConfig, &MediaConfig),
    (store, vault): (&Store, &Vault),
    (recordings, speech): (Recordings, Speech),
    runtime: Arc<dyn Runtime>,
) -> Result<Arc<Carrier>> {
    let agent = UserAgent::start(sip.listen()?, None).await;
    let agent = agent.map_err(|error| Error::config("sip.listen", &error.to_string()))?;
    let engine = Engine::start(media.engine_options())?;
    let trunks = Arc::new(Trunks::new(agent.clone(), store.clone(), vault.clone(), runtime.clone()));
    Ok(Arc::new(Carrier { agent, engine, trunks, advertised: sip.advertised()?, recordings, speech, runtime }))
}

/// Signalling of a command: beside a server, so on a port of its own.
pub(crate) async fn open_beside_a_server(sip: &SipConfig) -> Result<UserAgent> {
    let mut listen = Listen { advertised: None, ..sip.listen()? };
    listen.address.set_port(0);
    UserAgent::start(listen, None).await.map_err(|error| Error::config("sip.listen", &error.to_string()))
}

/// Signalling and voices for one call of a command.
pub(crate) async fn open_for_a_test(sip: &SipConfig, media: &MediaConfig) -> Result<(UserAgent, Engine)> {
    let agent = open_beside_a_server(sip).await?;
    let engine = Engine::start(EngineOptions { shards: 1, ..media.engine_options() })?;
    Ok((agent, engine))
}

/// What mends a trunk whose certificate is not trusted.
pub(crate) const TRUST_ADVICE: &str = "write the trunk as its certificate names it (--server, --outbound-proxy), and have \
    whoever vouches for it in the file of sip.tls_authorities, or in the system's where that is empty: hutong line set";

/// A registration that a command keeps until it gives it back.
pub(crate) struct Registering {
    /// Dropped to stop.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Registering {
    /// Registers at a trunk.
    ///
    /// # Errors
    /// What the trunk says to it, in words, or that it says nothing within `patience`.
    pub(crate) async fn begin(
        agent: &UserAgent,
        trunk: &Trunk,
        patience: Duration,
    ) -> std::result::Result<Self, String> {
        let (stop, mut stopped) = watch::channel(());
        let (state, mut registered) = watch::channel(RegistrationState::Pending);
        let (agent, trunk) = (agent.clone(), trunk.clone());
        let task = tokio::spawn(async move {
            // Nothing is ever sent: the wait ends when the sender is dropped.
            let gone = async move { stopped.changed().await.unwrap_or_default() };
            agent.keep_registered(&trunk, &state, gone).await;
        });
        let registering = Self { stop, task };
        let known = registered.wait_for(|state| *state != RegistrationState::Pending);
        let known = tokio::time::timeout(patience, known).await;
        match known.map(|known| known.map(|state| state.clone())) {
            Ok(Ok(RegistrationState::Registered)) => Ok(registering),
            Ok(Ok(RegistrationState::Refused(code))) => Err(format!("the trunk refuses the registration with {code}")),
            Ok(Ok(RegistrationState::Unreachable(why))) => {
                Err(format!("the trunk does not answer the registration: {why}"))
            }
            _ => Err("the trunk does not answer the registration".to_owned()),
        }
    }

    /// Gives it back.
    pub(crate) async fn give_back(self) {
        drop(self.stop);
        // An error means that it broke: then nothing is left to be given back.
        let _ = self.task.await;
    }
}
