//! A call from outside.

use std::sync::Arc;

use rsipstack::Error as StackError;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, HeadersExt as _, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc;

use super::agent::{self, ALLOWED, Inner, Notes, WAITING_IN_CALL_MAX};
use super::call::{Ended, EndedBy, Request, Signal};
use super::trunk::Transport;
use super::{header, in_call, transfer};

/// A call that somebody places to us. Dropping it refuses it before the answer, and hangs up after it.
pub struct IncomingCall {
    agent: Arc<Inner>,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    answered: bool,
    ended: Option<Ended>,
    /// The user part of the address that is called.
    pub number: String,
    /// The user part of who calls.
    pub caller: String,
    /// The session description of the offer; none where it asks for ours.
    pub offer: Option<Vec<u8>>,
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The status code, from 300 to 699.
    pub code: u16,
    /// The Q.850 cause that goes with it.
    pub q850: Option<u8>,
}

/// Takes a call from outside and gives it to whoever takes calls.
pub(super) async fn begin(
    agent: Arc<Inner>,
    mut transaction: Transaction,
    calls: &mpsc::Sender<IncomingCall>,
) -> Result<(), StackError> {
    let user = |uri: &rsipstack::sip::Uri| uri.user().unwrap_or_default().to_owned();
    let number = user(&transaction.original.uri);
    let caller = user(&transaction.original.from_header()?.uri()?);
    let offer = header::carries_sdp(&transaction.original).then(|| transaction.original.body.clone());
    let Ok(place) = calls.try_reserve() else { return transaction.reply(StatusCode::ServiceUnavailable).await };
    let (sender, states) = agent.layer.new_dialog_state_channel();
    let contact = agent::contact(&number, agent.listens_at(local_ip(&agent, &transaction)), Transport::Udp).ok();
    let mut dialog = agent.layer.get_or_create_server_invite(&transaction, sender, None, contact)?;
    let (early, _) = mpsc::channel(WAITING_IN_CALL_MAX);
    agent.notes().insert(dialog.id().call_id, Notes::new(early));
    place.send(IncomingCall {
        agent,
        dialog: dialog.clone(),
        states,
        answered: false,
        ended: None,
        number,
        caller,
        offer,
    });
    dialog.handle(&mut transaction).await
}

/// Where the caller reached us.
fn local_ip(agent: &Inner, transaction: &Transaction) -> std::net::IpAddr {
    let reached = transaction.connection.as_ref().and_then(|connection| connection.get_addr().get_socketaddr().ok());
    reached.map_or_else(|| agent.local_ip(), |address| address.ip())
}

impl IncomingCall {
    /// The address on which the caller reached us: where voices are sent from.
    #[must_use]
    pub fn local_ip(&self) -> std::net::IpAddr {
        self.agent.local_ip()
    }

    /// Says that it rings (180), with early media where there is a session description (183).
    pub fn ring(&self, sdp: Option<String>) {
        let headers = sdp.as_ref().map(|_| vec![Header::ContentType("application/sdp".into())]);
        self.told(self.dialog.ringing(headers, sdp.map(String::into_bytes)));
    }

    /// Answers.
    pub fn answer(&mut self, sdp: String) {
        let allowed = format!("{ALLOWED}, REFER");
        let headers = vec![Header::ContentType("application/sdp".into()), Header::Allow(allowed.into())];
        self.answered = true;
        self.told(self.dialog.accept(Some(headers), Some(sdp.into_bytes())));
    }

    /// Refuses.
    pub fn refuse(&mut self, refusal: Refusal) {
        let cause = refusal.q850.map(|cause| format!("Q.850;cause={cause}"));
        self.told(self.dialog.reject(Some(StatusCode::from(refusal.code)), cause));
        self.ended = Some(Ended { by: EndedBy::Us, code: Some(refusal.code), q850: refusal.q850 });
    }

    /// Sends the caller a message within the call (INFO).
    pub fn info(&self, content_type: &str, body: Vec<u8>) {
        let (dialog, headers) = (self.dialog.clone(), vec![Header::ContentType(content_type.into())]);
        tokio::spawn(async move { dialog.info(Some(headers), Some(body)).await });
    }

    /// Asks the caller for another session (re-INVITE); its session description where it agrees.
    pub fn change_session(&self, sdp: String) -> tokio::task::JoinHandle<Option<Vec<u8>>> {
        let (dialog, headers) = (self.dialog.clone(), vec![Header::ContentType("application/sdp".into())]);
        tokio::spawn(async move {
            let response = dialog.reinvite(Some(headers), Some(sdp.into_bytes())).await.ok()??;
            (response.status_code == StatusCode::OK).then_some(response.body)
        })
    }

    /// Tells the caller how the call goes that it asked for ([`Request::Refer`]), by a status code as of that call. Whether
    /// it took note; reports that follow each other have to wait for each other.
    pub fn report_referral(&self, code: u16, is_last: bool) -> impl Future<Output = bool> + Send + use<> {
        let dialog = self.dialog.clone();
        async move { transfer::report(&dialog, code, is_last).await }
    }

    /// Waits for what happens next: the caller's confirmation of our answer is [`Signal::Answered`]. After the end, it
    /// is the end again.
    pub async fn next(&mut self) -> Signal {
        loop {
            if let Some(ended) = &self.ended {
                return Signal::Ended(ended.clone());
            }
            let Some(state) = self.states.recv().await else {
                self.ended = Some(Ended::in_silence());
                continue;
            };
            match self.on_state(state) {
                Some(Signal::Ended(ended)) => self.ended = Some(ended),
                Some(signal) => return signal,
                None => {}
            }
        }
    }

    fn on_state(&mut self, state: DialogState) -> Option<Signal> {
        if let DialogState::Refer(_, request, handle) = state {
            return transfer::asked(&request, handle).map(|asked| Signal::Request(Request::Refer(asked)));
        }
        if in_call::is_request(&state) {
            return in_call::take(state, None);
        }
        match state {
            DialogState::Confirmed(..) if !self.answered => None,
            DialogState::Confirmed(..) => {
                let first = std::mem::replace(&mut self.answered, false);
                let sdp = self.dialog.last_remote_ack().map(|ack| ack.body).unwrap_or_default();
                first.then_some(Signal::Answered { sdp })
            }
            DialogState::Terminated(_, reason) => {
                let by = match reason {
                    TerminatedReason::UacBye | TerminatedReason::UacCancel => EndedBy::FarSide,
                    TerminatedReason::UasDecline | TerminatedReason::UasBye => EndedBy::Us,
                    _ => EndedBy::Silence,
                };
                let q850 = self.agent.notes().get(&self.dialog.id().call_id).and_then(|notes| notes.q850);
                Some(Signal::Ended(Ended { by, code: None, q850 }))
            }
            _ => None,
        }
    }

    fn told(&self, result: rsipstack::Result<()>) {
        if let Err(error) = result {
            // The caller cancelled meanwhile: the next signal says so.
            tracing::debug!(%error, "an answer to a call from outside came too late");
        }
    }
}

impl Drop for IncomingCall {
    fn drop(&mut self) {
        let (agent, dialog) = (self.agent.clone(), self.dialog.clone());
        if dialog.state().can_cancel() {
            let _ = dialog.reject(Some(StatusCode::TemporarilyUnavailable), None);
        }
        let call_id = dialog.id().call_id;
        if dialog.state().is_terminated() {
            agent.forget(&call_id, &dialog.id());
            return;
        }
        // Nothing to be sent with: the process ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let _ = tokio::time::timeout(super::outgoing::GOODBYE, dialog.bye()).await;
            agent.forget(&call_id, &dialog.id());
        });
    }
}
