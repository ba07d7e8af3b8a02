//! Registration at a trunk (RFC 3261 §10): made, refreshed, and given back.

use std::time::Duration;

use rsipstack::dialog::registration::Registration;
use rsipstack::sip::StatusCodeKind;
use tokio::sync::watch;

use super::agent::UserAgent;
use super::clock;
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
    /// The trunk does not answer.
    Unreachable,
}

impl UserAgent {
    /// Registers at a trunk and stays registered until `stop` ends; what is so stands in `state`.
    pub async fn keep_registered(
        &self,
        trunk: &Trunk,
        state: &watch::Sender<RegistrationState>,
        stop: impl Future<Output = ()> + Send,
    ) {
        let (Ok(server), Ok(routes)) = (trunk.uri(), trunk.route_set()) else {
            state.send_replace(RegistrationState::Unreachable);
            return;
        };
        let mut registration = Registration::new(self.inner.endpoint().clone(), trunk.credential());
        registration.outbound_proxy = routes.first().and_then(|route| route_address(&route.uri));
        let mut stop = std::pin::pin!(stop);
        let mut retry = RETRY.0;
        loop {
            let answer = tokio::select! {
                answer = registration.register(server.clone(), Some(trunk.register_s)) => answer,
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
                    state.send_replace(RegistrationState::Unreachable);
                    longer(&mut retry)
                }
            };
            tokio::select! {
                () = clock::sleep(pause) => {}
                () = &mut stop => break,
            }
        }
        if *state.borrow() == RegistrationState::Registered {
            let _ = tokio::time::timeout(GOODBYE, registration.register(server, Some(0))).await;
        }
    }
}

/// The pause now; the next one is twice as long.
fn longer(retry: &mut Duration) -> Duration {
    let pause = *retry;
    *retry = (pause * 2).min(RETRY.1);
    pause
}

fn route_address(uri: &rsipstack::sip::Uri) -> Option<std::net::SocketAddr> {
    rsipstack::transport::SipAddr::try_from(uri).ok()?.get_socketaddr().ok()
}
