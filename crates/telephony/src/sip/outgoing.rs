//! A call that we place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hutong_domain::transfer::Destination;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle};
use rsipstack::dialog::invitation::{InviteAsyncResult, InviteOption};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{self, Header, HeadersExt as _, Response, StatusCode, StatusCodeKind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::agent::{ALLOWED, Inner, Notes, UserAgent, WAITING_IN_CALL_MAX};
use super::call::{Ended, EndedBy, Request, Signal, SipError};
use super::clock;
use super::connections::Hop;
use super::header::{self, SessionExpires};
use super::in_call;
use super::session_timer::{Due, INTERVAL_S, SessionTimer};
use super::transfer::{self, Referral, Referred, Word};
use super::trunk::{Number, Trunk};

/// For how long the end of a call is waited for before its dialog is forgotten: no answer comes after it (64 × T1).
pub(super) const GOODBYE: Duration = Duration::from_secs(33);
/// The longest session interval that is granted after a refusal of ours.
const INTERVAL_S_MAX: u32 = 86_400;
/// The status that says that the account is not enough.
const UNAUTHORIZED: u16 = 401;
/// How often a call is placed anew with what the trunk missed in it: each hop may want more than those before it.
const ASKED_AGAIN_MAX: u8 = 2;

/// A call on a trunk. Dropping it hangs up: CANCEL before the answer, BYE after it.
pub struct OutgoingCall {
    agent: Arc<Inner>,
    option: InviteOption,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    early: mpsc::Receiver<Request>,
    invite: Option<JoinHandle<InviteAsyncResult>>,
    refresh: Option<JoinHandle<rsipstack::Result<Option<Response>>>>,
    referral: Option<Referral>,
    timer: Option<SessionTimer>,
    /// Whether refreshing is done with UPDATE; else with a re-INVITE.
    updates: bool,
    /// Our session description, which a refresh repeats.
    sdp: String,
    ended: Option<Ended>,
    call_id: String,
    /// The connection that it goes on, which may break while people talk.
    hop: Option<Hop>,
    patience: Patience,
    /// How often the call was placed anew with what the trunk missed in it.
    asked_again: u8,
}

/// For how long an answer is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    placed: Instant,
    /// For the trunk's first word.
    reply: Duration,
    /// For the answer.
    ring: Duration,
    heard: bool,
    answered: bool,
}

impl Patience {
    /// When it ends, and how the call ends then.
    fn ends(self) -> Option<(Instant, Ended)> {
        match self {
            Self { answered: true, .. } => None,
            Self { heard: true, .. } => {
                Some((self.placed + self.ring, Ended { by: EndedBy::Us, code: None, q850: None }))
            }
            Self { heard: false, .. } => Some((self.placed + self.reply.min(self.ring), Ended::in_silence())),
        }
    }
}

impl UserAgent {
    /// Calls `callee` on a trunk, with `sdp` as the offer. `local` is our address towards the trunk.
    ///
    /// # Errors
    /// When a number or a setting cannot be written in SIP.
    pub fn place(
        &self,
        trunk: &Trunk,
        local: IpAddr,
        (caller, callee): (Number<'_>, &str),
        sdp: String,
    ) -> Result<OutgoingCall, SipError> {
        let callee = trunk.callee(callee).map_err(|error| SipError::Malformed(error.to_string()))?;
        self.place_at(trunk, local, (caller, callee), sdp)
    }

    /// Calls a person whom a call is handed over to. An address that is not of the trunk is called through it all the
    /// same: what it leads to is for the trunk to know.
    ///
    /// # Errors
    /// When a number or a setting cannot be written in SIP.
    pub fn place_to(
        &self,
        trunk: &Trunk,
        local: IpAddr,
        (caller, person): (Number<'_>, &Destination),
        sdp: String,
    ) -> Result<OutgoingCall, SipError> {
        let person = trunk.person(person).map_err(|error| SipError::Malformed(error.to_string()))?;
        self.place_at(trunk, local, (caller, person), sdp)
    }

    fn place_at(
        &self,
        trunk: &Trunk,
        local: IpAddr,
        (caller, callee): (Number<'_>, sip::Uri),
        sdp: String,
    ) -> Result<OutgoingCall, SipError> {
        let malformed = |error: super::TrunkError| SipError::Malformed(error.to_string());
        let identity = trunk.identity(caller).map_err(malformed)?;
        let contact_user = identity.from.user().unwrap_or("hutong").to_owned();
        let mut headers = identity.headers;
        headers.push(Header::Allow(ALLOWED.into()));
        headers.push(Header::Supported("timer".into()));
        headers.push(Header::SessionExpires(INTERVAL_S.to_string().into()));
        headers.push(Header::MinSE(self.inner.session_s_min.to_string().into()));
        let option = InviteOption {
            caller_display_name: identity.display_name,
            caller: identity.from,
            route_set: trunk.route_to(&callee).map_err(malformed)?,
            callee,
            offer: Some(sdp.clone().into_bytes()),
            contact: self.inner.contact_for(trunk, &contact_user, local)?,
            credential: trunk.credential(),
            headers: Some(headers),
            support_prack: trunk.reliable_provisional,
            ..InviteOption::default()
        };
        let patience = Patience {
            placed: clock::now(),
            reply: trunk.reply_time(),
            ring: trunk.ring_time(),
            heard: false,
            answered: false,
        };
        OutgoingCall::begin(self.inner.clone(), option, (sdp, Hop::of(trunk)), patience)
    }
}

impl OutgoingCall {
    fn begin(
        agent: Arc<Inner>,
        option: InviteOption,
        (sdp, hop): (String, Option<Hop>),
        patience: Patience,
    ) -> Result<Self, SipError> {
        let (sender, states) = agent.layer.new_dialog_state_channel();
        let begun = agent.layer.do_invite_async(option.clone(), sender);
        let (dialog, invite) = begun.map_err(|error| SipError::Malformed(error.to_string()))?;
        let call_id = dialog.id().call_id;
        let (early_sender, early) = mpsc::channel(WAITING_IN_CALL_MAX);
        agent.notes().insert(call_id.clone(), Notes::new(early_sender));
        Ok(Self {
            agent,
            option,
            dialog,
            states,
            early,
            invite: Some(invite),
            refresh: None,
            referral: None,
            timer: None,
            updates: false,
            sdp,
            ended: None,
            call_id,
            hop,
            patience,
            asked_again: 0,
        })
    }

    /// The Call-ID, to find the call in a trace.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Waits for what happens next. After the end, it is the end again. A call that nobody answers ends when the
    /// trunk's ring time is over, and one to a trunk that says nothing at all when its reply time is; it is cancelled
    /// when it is dropped.
    pub async fn next(&mut self) -> Signal {
        loop {
            if let Some(ended) = &self.ended {
                return Signal::Ended(ended.clone());
            }
            let given_up = self.patience.ends();
            let due = self.timer.filter(|_| self.refresh.is_none()).map(SessionTimer::due);
            let signal = tokio::select! {
                biased;
                Some(state) = self.states.recv() => self.on_state(state),
                Some(request) = self.early.recv() => Some(Signal::Request(request)),
                result = finished(&mut self.invite) => self.on_final(result),
                result = finished(&mut self.refresh) => self.on_refreshed(result),
                referred = transfer::heard(&mut self.referral) => referred.map(Signal::Referred),
                () = clock::sleep_until(given_up.as_ref().map(|(at, _)| *at)) => {
                    given_up.map(|(_, ended)| Signal::Ended(ended))
                }
                () = clock::sleep_until(due.map(|(at, _)| at)) => match due {
                    Some((_, Due::Refresh)) => { self.begin_refresh(); None }
                    _ => Some(Signal::Ended(Ended::in_silence())),
                },
            };
            match signal {
                Some(Signal::Ended(ended)) => self.ended = Some(ended),
                Some(signal) => {
                    self.patience.heard = true;
                    self.patience.answered |= matches!(signal, Signal::Answered { .. });
                    return signal;
                }
                None => {}
            }
        }
    }

    /// What our side sends from now on: a refresh repeats it.
    pub fn set_session(&mut self, sdp: String) {
        self.sdp = sdp;
    }

    /// Sends the far side a message within the call (INFO).
    pub fn info(&self, content_type: &str, body: Vec<u8>) {
        let (dialog, headers) = (self.dialog.clone(), vec![Header::ContentType(content_type.into())]);
        tokio::spawn(async move { dialog.info(Some(headers), Some(body)).await });
    }

    /// Asks the far side of an answered call to call `person` in our place (REFER). [`Signal::Referred`] says what came
    /// of it, within `patience`; where nothing came of it, the call goes on as before.
    ///
    /// # Errors
    /// When the call is not answered, when an earlier one has not come to its end, or when the address cannot be written.
    pub fn refer(&mut self, trunk: &Trunk, person: &Destination, patience: Duration) -> Result<(), SipError> {
        if !self.patience.answered || self.ended.is_some() || self.referral.is_some() {
            return Err(SipError::Malformed("the call cannot be handed over now".to_owned()));
        }
        let to = trunk.person(person).map_err(|error| SipError::Malformed(error.to_string()))?;
        let connected = connected(self.agent.clone(), self.hop.clone());
        let whom = (&to, &self.option.caller);
        self.referral = Some(Referral::begin(self.dialog.clone(), whom, clock::now() + patience, connected));
        Ok(())
    }

    /// How the call that the far side was asked for goes.
    fn on_notify(&mut self, request: &sip::Request, handle: TransactionHandle) {
        let status = match &mut self.referral {
            Some(referral) => referral.take(request),
            None => StatusCode::CallTransactionDoesNotExist,
        };
        in_call::respond(handle, status);
    }

    /// A notification was answered: now it counts.
    fn on_notified(&mut self) -> Option<Signal> {
        match self.referral.as_mut()?.last_word()? {
            Word::Underway => None,
            Word::Over(referred) => {
                self.referral = None;
                Some(Signal::Referred(referred))
            }
            Word::TooLate => Some(Signal::Ended(Ended { by: EndedBy::Us, code: None, q850: None })),
        }
    }

    fn on_state(&mut self, state: DialogState) -> Option<Signal> {
        if matches!(state, DialogState::Updated(..)) {
            self.timer = self.timer.map(|timer| timer.restarted(clock::now()));
        }
        if let DialogState::Notify(_, request, handle) = state {
            self.on_notify(&request, handle);
            return None;
        }
        if in_call::is_request(&state) {
            return in_call::take(state, self.timer);
        }
        match state {
            DialogState::Trying(_) => Some(Signal::Trying),
            DialogState::Confirmed(..) => self.on_notified(),
            DialogState::Early(_, response) => Some(Signal::Progress {
                code: response.status_code.code(),
                sdp: header::carries_sdp(&response).then_some(response.body),
            }),
            DialogState::Terminated(_, reason) => self.on_terminated(&reason),
            _ => None,
        }
    }

    fn on_terminated(&mut self, reason: &TerminatedReason) -> Option<Signal> {
        match reason {
            TerminatedReason::UasBye | TerminatedReason::UacBye => {
                let q850 = self.agent.notes().get(&self.call_id).and_then(|notes| notes.q850);
                let ended = Ended { by: EndedBy::FarSide, code: None, q850 };
                match self.on_notified() {
                    // It said how it went, and left: in this order.
                    Some(Signal::Referred(referred)) => {
                        self.ended = Some(ended);
                        Some(Signal::Referred(referred))
                    }
                    _ => Some(Signal::Ended(ended)),
                }
            }
            // The result of the INVITE follows, and says more.
            _ if self.invite.is_some() => None,
            TerminatedReason::ProxyAuthRequired if self.referral.as_ref().is_some_and(Referral::is_being_asked) => {
                let Some((dialog, states)) = transfer::taken_up_again(&self.agent, &self.dialog) else {
                    return Some(Signal::Ended(Ended::in_silence()));
                };
                (self.dialog, self.states) = (dialog, states);
                let waited_for = self.referral.take().is_some_and(|referral| referral.is_waited_for());
                waited_for.then_some(Signal::Referred(Referred::Declined { code: Some(UNAUTHORIZED) }))
            }
            _ => Some(Signal::Ended(Ended::in_silence())),
        }
    }

    fn on_final(&mut self, result: Option<InviteAsyncResult>) -> Option<Signal> {
        self.invite = None;
        let response = match result {
            Some(Ok((_, Some(response)))) => response,
            Some(Ok((_, None))) | None => return Some(Signal::Ended(Ended::in_silence())),
            Some(Err(error)) => {
                tracing::debug!(call_id = self.call_id, %error, "an INVITE failed");
                return Some(Signal::Ended(Ended::in_silence()));
            }
        };
        let code = response.status_code.code();
        if response.status_code.kind() == StatusCodeKind::Successful {
            self.timer = SessionTimer::agreed(SessionExpires::of(&response), self.agent.session_s_min, clock::now());
            self.updates = header::lists(&response, "Allow", "UPDATE");
            return Some(Signal::Answered { sdp: response.body });
        }
        if self.ask_again(&response) {
            return None;
        }
        let tagged = response.to_header().ok().and_then(|to| to.tag().ok().flatten()).is_some();
        if matches!(code, 408 | 503) && !tagged {
            // Made by our own transaction: nobody answered at all, or the connection broke.
            return Some(Signal::Ended(Ended::in_silence()));
        }
        let q850 = header::q850_cause(&response);
        Some(Signal::Ended(Ended { by: EndedBy::FarSide, code: Some(code), q850 }))
    }

    /// The same call once more, where the trunk says what it misses in it: a longer session interval (RFC 4028 §6), or
    /// that provisional answers may be reliable (RFC 3262 §3). It has a Call-ID of its own, against the advice of RFC 3261
    /// §8.1.3.5: the library counts each INVITE from 1, and the same Call-ID with the same CSeq is a loop to a proxy.
    fn ask_again(&mut self, refusal: &Response) -> bool {
        let mut option = self.option.clone();
        match refusal.status_code.code() {
            422 => {
                let longer =
                    header::min_se(refusal).filter(|seconds| (INTERVAL_S + 1..=INTERVAL_S_MAX).contains(seconds));
                let Some(seconds) = longer else { return false };
                let headers = option.headers.get_or_insert_default();
                headers.retain(|header| !matches!(header, Header::SessionExpires(_) | Header::MinSE(_)));
                headers.push(Header::SessionExpires(seconds.to_string().into()));
                headers.push(Header::MinSE(seconds.to_string().into()));
            }
            421 if !option.support_prack && header::lists(refusal, "Require", "100rel") => option.support_prack = true,
            _ => return false,
        }
        if self.asked_again == ASKED_AGAIN_MAX {
            return false;
        }
        let whereby = (self.sdp.clone(), self.hop.clone());
        let Ok(mut again) = Self::begin(self.agent.clone(), option, whereby, self.patience) else { return false };
        again.asked_again = self.asked_again + 1;
        *self = again;
        true
    }

    fn begin_refresh(&mut self) {
        let Some(timer) = self.timer else { return };
        let dialog = self.dialog.clone();
        let expires = format!("{};refresher=uac", timer.interval().as_secs());
        let mut headers = vec![
            Header::Supported("timer".into()),
            Header::SessionExpires(expires.into()),
            Header::MinSE(self.agent.session_s_min.to_string().into()),
        ];
        let sdp = (!self.updates).then(|| self.sdp.clone().into_bytes());
        if sdp.is_some() {
            headers.push(Header::ContentType("application/sdp".into()));
        }
        let connected = connected(self.agent.clone(), self.hop.clone());
        self.refresh = Some(tokio::spawn(async move {
            connected.await;
            match sdp {
                Some(sdp) => dialog.reinvite(Some(headers), Some(sdp)).await,
                None => dialog.update(Some(headers), None).await,
            }
        }));
    }

    fn on_refreshed(&mut self, result: Option<rsipstack::Result<Option<Response>>>) -> Option<Signal> {
        self.refresh = None;
        self.timer = self.timer.map(|timer| timer.restarted(clock::now()));
        match result {
            // Of a refusal the call only dies where the far side does not know it, or does not answer (RFC 4028 §10).
            Some(Ok(Some(response))) if !matches!(response.status_code.code(), 408 | 481) => None,
            _ => Some(Signal::Ended(Ended::in_silence())),
        }
    }
}

impl Drop for OutgoingCall {
    fn drop(&mut self) {
        let (agent, dialog, call_id) = (self.agent.clone(), self.dialog.clone(), std::mem::take(&mut self.call_id));
        let invite = self.invite.take();
        let far_side_is_gone = self.ended.as_ref().is_some_and(|ended| ended.by == EndedBy::FarSide);
        if call_id.is_empty() {
            return;
        }
        if invite.is_none() && far_side_is_gone {
            agent.forget(&call_id, &dialog.id());
            return;
        }
        // Nothing to be sent with: the process ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let connected = connected(agent.clone(), self.hop.take());
        runtime.spawn(async move {
            if say_goodbye(&dialog, invite, connected).await.is_err() {
                tracing::debug!(call_id, "the far side did not say goodbye");
            }
            agent.forget(&call_id, &dialog.id());
        });
    }
}

/// CANCEL or BYE, whichever it takes.
async fn say_goodbye(
    dialog: &InviteDialog,
    invite: Option<JoinHandle<InviteAsyncResult>>,
    connected: impl Future<Output = ()>,
) -> Result<(), tokio::time::error::Elapsed> {
    if let Some(invite) = invite {
        // An INVITE that is given up is cancelled by the library, also when its first answer comes later.
        invite.abort();
        let answered = match invite.await {
            Ok(Ok((_, Some(response)))) => response.status_code.kind() == StatusCodeKind::Successful,
            _ => false,
        };
        if !answered {
            return Ok(());
        }
    }
    if dialog.state().is_terminated() {
        return Ok(());
    }
    connected.await;
    tokio::time::timeout(GOODBYE, dialog.bye()).await.map(|_| ())
}

/// Opens the connection to the trunk anew where it broke in mid-call, before a request within the call is sent: that goes
/// to the address that the trunk gave for itself, often a number, and no certificate is for that.
async fn connected(agent: Arc<Inner>, hop: Option<Hop>) {
    if let Err(error) = agent.connect(hop.as_ref()).await {
        // The route of the call may still lead somewhere else.
        tracing::debug!(%error, "the connection of a call cannot be opened anew");
    }
}

/// The result of a task; waits for ever where there is none, and gives nothing where it broke.
pub(super) async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}
