//! Registration at a trunk (RFC 3261 §10): made, refreshed, and given back.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rsipstack::dialog::registration::Registration;
use rsipstack::sip::typed::Contact;
use rsipstack::sip::{Response, StatusCodeKind, Uri};
use tokio::sync::watch;

use super::agent::{UserAgent, with_port};
use super::call::SipError;
use super::clock;
use super::connections::Hop;
use super::trunk::Trunk;

/// For how long giving a registration back may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// The pauses after failures: the first, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// Where a registration stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not tried yet.
    Pending,
    /// The trunk knows us.
    Registered,
    /// The trunk refuses us, with this status code.
    Refused(u16),
    /// The trunk does not answer, or is not to be trusted; why.
    Unreachable(String),
}

impl UserAgent {
    /// Registers at a trunk and stays registered until `stop` ends; what is so stands in `state`.
    pub async fn keep_registered(
        &self,
        trunk: &Trunk,
        state: &watch::Sender<RegistrationState>,
        stop: impl Future<Output = ()> + Send,
    ) {
        let server = match trunk.uri() {
            Ok(server) => server,
            Err(error) => {
                state.send_replace(RegistrationState::Unreachable(error.to_string()));
                return;
            }
        };
        let hop = Hop::of(trunk);
        let mut registration = Registration::new(self.inner.endpoint().clone(), trunk.credential());
        let mut stop = std::pin::pin!(stop);
        let mut retry = RETRY.0;
        loop {
            let answer = tokio::select! {
                answer = self.register(trunk, hop.as_ref(), &server, &mut registration) => answer,
                () = &mut stop => break,
            };
            let pause = match answer {
                Ok(response) if response.status_code.kind() == StatusCodeKind::Successful => {
                    state.send_replace(RegistrationState::Registered);
                    retry = RETRY.0;
                    // The trunk may have granted less than was asked for.
                    Duration::from_secs(u64::from(registration.expires().max(4)) * 3 / 4)
                }
                Ok(response) => {
                    state.send_replace(RegistrationState::Refused(response.status_code.code()));
                    longer(&mut retry)
                }
                Err(error) => {
                    tracing::debug!(server = trunk.server, %error, "a registration failed");
                    state.send_replace(RegistrationState::Unreachable(error.to_string()));
                    longer(&mut retry)
                }
            };
            let registered = *state.borrow() == RegistrationState::Registered;
            // A registration goes with its connection (RFC 5626 §4.4): the next one makes a new one of each.
            let lost = async {
                self.inner.disconnected(hop.as_ref()).await;
                clock::sleep(RETRY.0).await;
            };
            tokio::select! {
                () = clock::sleep(pause) => {}
                () = lost, if registered => {}
                () = &mut stop => break,
            }
        }
        if *state.borrow() == RegistrationState::Registered {
            let _ = tokio::time::timeout(GOODBYE, registration.register(server, Some(0))).await;
        }
    }

    /// Registers once.
    async fn register(
        &self,
        trunk: &Trunk,
        hop: Option<&Hop>,
        server: &Uri,
        registration: &mut Registration,
    ) -> Result<Response, SipError> {
        let lost = |error: rsipstack::Error| SipError::Unreachable(error.to_string());
        let connected = self.inner.connect(hop).await?;
        if let Some((local, _)) = connected {
            let user = trunk.user.as_deref().unwrap_or("hutong");
            let uri = self.inner.contact_for(trunk, user, local.ip())?;
            registration.contact = Some(Contact { display_name: None, uri, params: Vec::new() });
        }
        registration.outbound_proxy = match (connected, &trunk.outbound_proxy) {
            (Some((_, far)), Some(_)) => Some(far),
            (None, Some(proxy)) => Some(resolved(proxy, self.inner.local_ip()).await?),
            (_, None) => None,
        };
        registration.register(server.clone(), Some(trunk.register_s)).await.map_err(lost)
    }
}

/// The address of a proxy over UDP that our socket can send to.
async fn resolved(proxy: &str, local: IpAddr) -> Result<SocketAddr, SipError> {
    let lost = |why: String| SipError::Unreachable(format!("{proxy}: {why}"));
    let found = tokio::net::lookup_host(with_port(proxy)).await;
    let mut found = found.map_err(|error| lost(error.to_string()))?;
    found.find(|far| far.is_ipv4() == local.is_ipv4()).ok_or_else(|| lost("has no address".to_owned()))
}

/// The pause now; the next one is twice as long.
fn longer(retry: &mut Duration) -> Duration {
    let pause = *retry;
    *retry = (pause * 2).min(RETRY.1);
    pause
}
