//! The trunks of the store, whether they are there, and what their carriers announce.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hutong_dialer::Runtime;
use hutong_domain::ids::LineId;
use hutong_domain::line::{LineDriver, LineKind};
use hutong_domain::message::Message;
use hutong_domain::say;
use hutong_store::Store;
use hutong_store::line::{self, Line};
use hutong_store::vault::Vault;
use hutong_telephony::detect::announcement::Announcements;
use hutong_telephony::sip::{RegistrationState, SipError, Trunk, UserAgent};
use tokio::sync::watch;

use crate::announcements::KnownAnnouncements;
use crate::bridges::Bridges;
use crate::settings;

/// How often the store is asked for changed lines.
const LOOK: Duration = Duration::from_secs(5);
/// For how long an answer to OPTIONS is waited for.
const PING_PATIENCE: Duration = Duration::from_secs(4);
/// OPTIONS without an answer after which a trunk counts as gone: a lost datagram is sent again by the protocol.
const SILENT_PINGS: u32 = 2;

/// Where a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkState {
    /// What registering came to; none where the trunk wants none.
    pub registration: Option<RegistrationState>,
    /// How long the last OPTIONS took to be answered; none where it was not, or none was sent yet.
    pub answered_in: Option<Duration>,
    /// OPTIONS in a row that were not answered, by a trunk that has answered before: some never do.
    pub unanswered: u32,
    /// Why the last OPTIONS came to nothing, for whoever operates the line.
    pub trouble: Option<SipError>,
    answers: bool,
}

impl TrunkState {
    fn new(trunk: &Trunk) -> Self {
        let registration = trunk.register.then_some(RegistrationState::Pending);
        Self { registration, answered_in: None, unanswered: 0, trouble: None, answers: false }
    }

    /// It was asked, and answered within so long, or not at all.
    fn asked(&mut self, answer: Result<Duration, SipError>) {
        let answered_in = answer.as_ref().ok().copied();
        self.trouble = answer.err();
        self.answered_in = answered_in;
        self.answers |= answered_in.is_some();
        self.unanswered = match answered_in {
            None if self.answers => self.unanswered.saturating_add(1),
            _ => 0,
        };
    }

    /// Whether calls can be placed: it did not fall silent, is who it should be, and knows us where it wants to.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let registered = match &self.registration {
            None | Some(RegistrationState::Registered) => true,
            Some(RegistrationState::Pending | RegistrationState::Refused(_) | RegistrationState::Unreachable(_)) => {
                false
            }
        };
        let trusted = !matches!(self.trouble, Some(SipError::Untrusted(_)));
        registered && trusted && self.unanswered < SILENT_PINGS
    }

    /// Why calls cannot be placed, in words.
    #[must_use]
    pub fn why_down(&self) -> Option<Message> {
        match &self.registration {
            _ if self.is_up() => None,
            Some(RegistrationState::Refused(code)) => {
                Some(say!("it refuses the registration with {code}", "中继拒绝注册，返回 {code}"))
            }
            Some(RegistrationState::Unreachable(why)) => Some(say!("{why}", "无法注册：{why}")),
            _ => {
                Some(self.trouble.as_ref().map_or_else(|| say!("it does not answer", "中继无应答"), SipError::message))
            }
        }
    }
}

/// A trunk, and what its line adds to it.
#[derive(Debug)]
pub struct KnownTrunk {
    /// Its settings.
    pub trunk: Trunk,
    /// Whether callees do not see the caller number (无主叫).
    pub hides_caller: bool,
}

/// A trunk that is looked after; dropping it stops that, and gives its registration back.
struct Watched {
    settings: String,
    known: Arc<KnownTrunk>,
    state: watch::Receiver<TrunkState>,
    /// Dropped to stop.
    _stop: watch::Sender<()>,
}

/// All trunks of the store.
pub struct Trunks {
    agent: UserAgent,
    store: Store,
    vault: Vault,
    runtime: Arc<dyn Runtime>,
    announcements: KnownAnnouncements,
    pub(crate) bridges: Arc<Bridges>,
    watched: RwLock<HashMap<LineId, Watched>>,
}

impl Trunks {
    /// No trunk yet: [`Trunks::run`] finds them.
    #[must_use]
    pub fn new(agent: UserAgent, store: Store, vault: Vault, runtime: Arc<dyn Runtime>) -> Self {
        let announcements = KnownAnnouncements::new();
        let bridges = Arc::default();
        Self { agent, store, vault, runtime, announcements, bridges, watched: RwLock::default() }
    }

    /// The announcements that are listened for before the answer.
    #[must_use]
    pub fn announcements(&self) -> Arc<Announcements> {
        self.announcements.current()
    }

    /// Follows the store until `stop` ends.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let read = async {
                self.look().await?;
                self.announcements.refresh(&self.store).await
            };
            if let Err(error) = read.await {
                tracing::warn!(%error, "trunks and announcements could not be read");
            }
            tokio::select! {
                () = self.runtime.sleep(LOOK) => {}
                () = &mut stop => break,
            }
        }
        self.watched.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads the lines, and begins or ends looking after their trunks.
    async fn look(&self) -> hutong_store::Result<()> {
        let lines = self.store.read(|db| line::of_driver(db, LineDriver::Sip)).await?;
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|id, kept| {
            lines.iter().any(|line| line.id == *id && line.enabled && line.settings == kept.settings)
        });
        for line in lines.iter().filter(|line| line.enabled) {
            if !watched.contains_key(&line.id)
                && let Some(begun) = self.watch(line)
            {
                watched.insert(line.id, begun);
            }
        }
        Ok(())
    }

    fn watch(&self, line: &Line) -> Option<Watched> {
        let known = match settings::open(&line.settings, &self.vault) {
            Ok(trunk) => Arc::new(KnownTrunk { trunk, hides_caller: line.kind == LineKind::Hidden }),
            Err(error) => {
                tracing::error!(line = %line.id, %error, "line {} cannot be used", line.id);
                return None;
            }
        };
        let (sender, state) = watch::channel(TrunkState::new(&known.trunk));
        let (stop, stopped) = watch::channel(());
        tokio::spawn(look_after(self.agent.clone(), known.clone(), sender, stopped, self.runtime.clone()));
        Some(Watched { settings: line.settings.clone(), known, state, _stop: stop })
    }

    /// The trunk of a line, read from the store where it is new; none where it cannot be used. One that we are just
    /// registering at is waited for, as long as its first word may take.
    pub async fn find(&self, line: LineId) -> Option<(Arc<KnownTrunk>, TrunkState)> {
        let (known, mut state) = match self.known(line) {
            Some(found) => found,
            None => {
                self.look().await.ok()?;
                self.known(line)?
            }
        };
        let settled = state.wait_for(|state| state.registration != Some(RegistrationState::Pending));
        // What is known after that is what there is.
        let _ = tokio::time::timeout(known.trunk.reply_time(), settled).await;
        let state = state.borrow().clone();
        Some((known, state))
    }

    fn known(&self, line: LineId) -> Option<(Arc<KnownTrunk>, watch::Receiver<TrunkState>)> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.get(&line).map(|watched| (watched.known.clone(), watched.state.clone()))
    }

    /// Where every trunk stands.
    #[must_use]
    pub fn states(&self) -> Vec<(LineId, TrunkState)> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        watched.iter().map(|(id, watched)| (*id, watched.state.borrow().clone())).collect()
    }
}

/// Registers at a trunk and asks whether it is there, until nobody wants to know any more.
async fn look_after(
    agent: UserAgent,
    known: Arc<KnownTrunk>,
    state: watch::Sender<TrunkState>,
    stopped: watch::Receiver<()>,
    runtime: Arc<dyn Runtime>,
) {
    let trunk = &known.trunk;
    let gone = |mut stopped: watch::Receiver<()>| async move {
        // Nothing is ever sent: the wait ends when the sender is dropped.
        let _ = stopped.changed().await;
    };
    let registering = async {
        if trunk.register {
            let (sender, mut receiver) = watch::channel(RegistrationState::Pending);
            let follow = async {
                while receiver.changed().await.is_ok() {
                    let now = receiver.borrow().clone();
                    tracing::info!(server = trunk.server, ?now, "registration at {}", trunk.server);
                    state.send_modify(|state| state.registration = Some(now));
                }
            };
            let keep = async {
                agent.keep_registered(trunk, &sender, gone(stopped.clone())).await;
                drop(sender);
            };
            tokio::join!(follow, keep);
        }
    };
    let asking = async {
        let mut stop = std::pin::pin!(gone(stopped.clone()));
        if trunk.options_s == 0 {
            return;
        }
        loop {
            let answer = agent.ping(trunk, PING_PATIENCE).await;
            let trouble = answer.as_ref().err().cloned();
            if let Some(error) = trouble.as_ref().filter(|_| state.borrow().trouble != trouble) {
                tracing::warn!(server = trunk.server, %error, "the trunk {} does not answer OPTIONS", trunk.server);
            }
            state.send_modify(|state| state.asked(answer));
            tokio::select! {
                () = runtime.sleep(Duration::from_secs(u64::from(trunk.options_s))) => {}
                () = &mut stop => break,
            }
        }
    };
    tokio::join!(registering, asking);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_that_fell_silent_is_down_and_one_that_never_answers_is_not() {
        let (second, none) = (Ok(Duration::from_secs(1)), Err(SipError::Unreachable("no answer".to_owned())));
        let check = |answers: &[&Result<Duration, SipError>], down: Option<&str>| {
            let mut state = TrunkState::new(&Trunk::at("trunk.example"));
            answers.iter().for_each(|answer| state.asked((*answer).clone()));
            let why = state.why_down().map(|why| why.en);
            assert_eq!((state.is_up(), why.as_deref()), (down.is_none(), down), "{answers:?}");
        };
        check(&[], None);
        check(&[&none, &none, &none], None);
        check(&[&second, &none], None);
        check(&[&second, &none, &none], Some("no answer"));
        check(&[&second, &none, &none, &second], None);
        // Who is somebody else is no trunk, whether it has ever answered or not.
        let stranger = Err(SipError::Untrusted("a stranger".to_owned()));
        check(&[&stranger], Some("a stranger"));
        check(&[&stranger, &second], None);
    }

    #[test]
    fn a_trunk_that_wants_a_registration_is_up_when_it_has_one() {
        let mut state = TrunkState::new(&Trunk { register: true, ..Trunk::at("trunk.example") });
        for (registration, up) in [
            (RegistrationState::Pending, false),
            (RegistrationState::Registered, true),
            (RegistrationState::Refused(403), false),
            (RegistrationState::Unreachable("no answer".to_owned()), false),
        ] {
            state.registration = Some(registration);
            assert_eq!(state.is_up(), up, "{state:?}");
        }
    }
}
