//! A call that is handed over: one side asks the other to call somebody else in its place (REFER, RFC 3515), and is told
//! how that goes (NOTIFY with a `message/sipfrag`, RFC 3420).

use rsipstack::dialog::dialog::{Dialog, DialogSnapshotState, DialogStateReceiver, TransactionHandle};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{self, HasHeaders, Header, Response, StatusCode, StatusCodeKind};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::agent::Inner;
use super::{clock, header};

/// The event package of a REFER's subscription.
const PACKAGE: &str = "refer";
/// What a notification carries.
const SIPFRAG: &str = "message/sipfrag";
/// For how long we would tell how a transfer goes, in seconds.
const SUBSCRIPTION_S: u32 = 180;
/// 489 Bad Event.
const BAD_EVENT: u16 = 489;

/// How asking the far side to call somebody else went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Referred {
    /// Whom it called has answered; or it took the request and said that no more will be heard of it (RFC 4488).
    Taken,
    /// It does not do it: its status code, or none where it did not answer at all.
    Declined {
        /// The status code of the REFER.
        code: Option<u16>,
    },
    /// It tried: the status code of whom it called, or none where it did not say in time.
    Unreached {
        /// The status code that was reported.
        code: Option<u16>,
    },
}

/// A REFER on its way, and what is still to be heard of it.
pub(super) struct Referral {
    asking: Option<JoinHandle<rsipstack::Result<Option<Response>>>>,
    /// Until when the outcome is waited for; none where that was given up, and only a late success matters.
    until: Option<Instant>,
    /// What was said last, until its notification is answered: whoever hangs up then does it after that.
    word: Option<Word>,
}

/// What a notification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing that matters yet.
    Underway,
    /// The outcome.
    Over(Referred),
    /// The far side talks to the person, after we have given up: this call is of no use to it any more.
    TooLate,
}

impl Referral {
    /// Sends a REFER: `to` and `by` are addresses that may stand between angle brackets. `connected` is waited for first.
    pub(super) fn begin(
        dialog: InviteDialog,
        (to, by): (&sip::Uri, &sip::Uri),
        until: Instant,
        connected: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let headers = vec![Header::ReferredBy(format!("<{by}>").into())];
        let to: sip::ReferTo = format!("<{to}>").into();
        let asking = tokio::spawn(async move {
            connected.await;
            dialog.refer(to, Some(headers), None).await
        });
        Self { asking: Some(asking), until: Some(until), word: None }
    }

    /// Whether the library may have given the call up because the REFER was challenged.
    pub(super) fn is_being_asked(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether somebody waits for the outcome.
    pub(super) fn is_waited_for(&self) -> bool {
        self.until.is_some()
    }

    /// Takes what a NOTIFY says; the status code that it is answered with.
    pub(super) fn take(&mut self, request: &sip::Request) -> StatusCode {
        let (status, word) = self.notified(request);
        self.word = word.filter(|word| *word != Word::Underway).or(self.word);
        status
    }

    /// The last word, once its notification is answered.
    pub(super) fn last_word(&mut self) -> Option<Word> {
        self.word.take()
    }

    /// What a NOTIFY says, and the status code that it is answered with.
    fn notified(&self, request: &sip::Request) -> (StatusCode, Option<Word>) {
        if !is_of_package(request) {
            return (BAD_EVENT.into(), None);
        }
        let code = fragment_code(request);
        let word = match code {
            Some(200..=299) if self.until.is_none() => Word::TooLate,
            Some(200..=299) => Word::Over(Referred::Taken),
            Some(300..) => Word::Over(Referred::Unreached { code }),
            // Who ends the subscription without an outcome will not name one.
            None | Some(..200) if is_terminated(request) => Word::Over(Referred::Unreached { code: None }),
            None | Some(..200) => Word::Underway,
        };
        let word = match word {
            // Nobody waits for it any more.
            Word::Over(_) if self.until.is_none() => Word::Underway,
            word => word,
        };
        (StatusCode::OK, Some(word))
    }

    fn answered(&self, result: Option<rsipstack::Result<Option<Response>>>) -> Option<Referred> {
        let response = match result {
            Some(Ok(Some(response))) => response,
            Some(Ok(None) | Err(_)) | None => return Some(Referred::Declined { code: None }),
        };
        let is_silent = header::values(&response, "Refer-Sub").any(|value| value.eq_ignore_ascii_case("false"));
        match response.status_code.kind() {
            StatusCodeKind::Successful => is_silent.then_some(Referred::Taken),
            _ if made_by_our_own_side(&response) => Some(Referred::Declined { code: None }),
            _ => Some(Referred::Declined { code: Some(response.status_code.code()) }),
        }
        .filter(|_| self.until.is_some())
    }
}

/// Waits until something is known without a notification: the far side refused, or time is over. Nothing else of it
/// counts then, but for a late success. Waits for ever where nothing is asked.
pub(super) async fn heard(slot: &mut Option<Referral>) -> Option<Referred> {
    let Some(referral) = slot else { return std::future::pending().await };
    tokio::select! {
        biased;
        result = super::outgoing::finished(&mut referral.asking) => {
            referral.asking = None;
            let referred = referral.answered(result);
            if referred.is_some() {
                *slot = None;
            }
            referred
        }
        () = clock::sleep_until(referral.until), if referral.word.is_none() => {
            referral.until = None;
            Some(Referred::Unreached { code: None })
        }
    }
}

/// Takes up a call again that the library gave up because it could not answer the challenge of a request within it: of
/// that the call does not end (RFC 3261 §12.2.1.2). Its credentials are no longer used.
pub(super) fn taken_up_again(agent: &Inner, given_up: &InviteDialog) -> Option<(InviteDialog, DialogStateReceiver)> {
    let mut snapshot = given_up.snapshot();
    snapshot.state = DialogSnapshotState::Confirmed;
    let id = given_up.id();
    agent.layer.remove_dialog(&id);
    let (sender, states) = agent.layer.new_dialog_state_channel();
    agent.layer.restore_from_snapshot(snapshot, sender).ok()?;
    match agent.layer.get_dialog(&id)? {
        Dialog::Invite(dialog) => Some((dialog, states)),
        _ => None,
    }
}

/// A 408 or 503 without a To tag: our own transaction's word for no answer at all.
fn made_by_our_own_side(response: &Response) -> bool {
    use rsipstack::sip::HeadersExt as _;
    let tagged = response.to_header().ok().and_then(|to| to.tag().ok().flatten()).is_some();
    matches!(response.status_code.code(), 408 | 503) && !tagged
}

fn is_of_package(message: &impl HasHeaders) -> bool {
    header::values(message, "Event")
        .any(|value| value.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(PACKAGE)))
}

fn is_terminated(message: &impl HasHeaders) -> bool {
    header::values(message, "Subscription-State")
        .any(|value| value.split(';').next().is_some_and(|state| state.trim().eq_ignore_ascii_case("terminated")))
}

/// Reads what a message says of a transfer, whatever it is.
pub(super) fn read(request: &sip::Request) {
    let (_, word) = Referral { asking: None, until: Some(clock::now()), word: None }.notified(request);
    if let Some(Word::Over(Referred::Unreached { code: Some(code) })) = word {
        assert!((300..700).contains(&code));
    }
    for value in header::values(request, "Refer-To") {
        assert!(!address_in(&value).contains('?'));
    }
}

/// The status code in a notification.
fn fragment_code(request: &sip::Request) -> Option<u16> {
    let is_fragment =
        |value: String| value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SIPFRAG));
    header::values(request, "Content-Type").any(is_fragment).then(|| code_of(&request.body)).flatten()
}

/// The code of a status line, from 100 to 699.
fn code_of(fragment: &[u8]) -> Option<u16> {
    let line = fragment.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty())?;
    let rest = std::str::from_utf8(line.get(..11)?).ok()?.strip_prefix("SIP/2.0 ")?;
    let ends = line.get(11).is_none_or(|byte| *byte == b' ');
    rest.parse().ok().filter(|code| ends && (100..700).contains(code) && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The far side's wish that we call somebody else in its place; refused with 603 where it is dropped without an answer.
#[derive(Debug)]
pub struct ReferRequest {
    /// Whom to call: an address, without angle brackets and header fields. It is the far side's text: nothing is known
    /// of it but that it is one line.
    pub to: String,
    reply: oneshot::Sender<StatusCode>,
}

impl ReferRequest {
    /// Takes it (202): how it goes is to be told.
    pub fn accept(self) {
        let _ = self.reply.send(StatusCode::Accepted);
    }

    /// Refuses it with a status code from 300 to 699.
    pub fn refuse(self, code: u16) {
        let _ = self.reply.send(code.into());
    }
}

/// A REFER from the far side; none where it cannot be read, which is answered here (400).
pub(super) fn asked(request: &sip::Request, handle: TransactionHandle) -> Option<ReferRequest> {
    let mut values = header::values(request, "Refer-To");
    // RFC 3515 §2.4.2: exactly one.
    let (Some(value), None) = (values.next(), values.next()) else {
        super::in_call::respond(handle, StatusCode::BadRequest);
        return None;
    };
    let to = address_in(&value);
    let (reply, answer) = oneshot::channel();
    tokio::spawn(async move {
        let status = answer.await.unwrap_or(StatusCode::Decline);
        handle.respond(status, None, None).await
    });
    Some(ReferRequest { to, reply })
}

/// The address in a Refer-To: what stands between angle brackets, or before the first parameter.
fn address_in(value: &str) -> String {
    let inner = match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>').map_or(rest, |(inner, _)| inner),
        None => value.split(';').next().unwrap_or_default(),
    };
    inner.split('?').next().unwrap_or_default().trim().to_owned()
}

/// Tells the far side how the call that it asked for goes. Whether it took note.
pub(super) async fn report(dialog: &InviteDialog, code: u16, is_last: bool) -> bool {
    let state =
        if is_last { "terminated;reason=noresource".to_owned() } else { format!("active;expires={SUBSCRIPTION_S}") };
    let headers = vec![
        Header::Event(PACKAGE.into()),
        Header::SubscriptionState(state.into()),
        Header::ContentType(format!("{SIPFRAG};version=2.0").into()),
    ];
    let status = StatusCode::from(code);
    let body = format!("SIP/2.0 {code} {}\r\n", status.text()).into_bytes();
    let response = dialog.notify(Some(headers), Some(body)).await;
    matches!(response, Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn referral(waits: bool) -> Referral {
        Referral { asking: None, until: waits.then(clock::now), word: None }
    }

    fn notify(event: &str, state: &str, body: &str) -> sip::Request {
        let text = format!(
            "NOTIFY sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\r\nFrom: <sip:b@c>;tag=1\r\n\
             To: <sip:a@c>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\n{event}Subscription-State: {state}\r\n\
             Content-Type: message/sipfrag;version=2.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        match sip::SipMessage::try_from(text.as_bytes()).unwrap() {
            sip::SipMessage::Request(request) => request,
            sip::SipMessage::Response(_) => panic!("{text}"),
        }
    }

    #[test]
    fn a_notification_tells_the_outcome_or_that_there_is_none_yet() {
        let check = |state: &str, body: &str, expected: Word| {
            let request = notify("Event: refer;id=2\r\n", state, body);
            assert_eq!(referral(true).notified(&request), (StatusCode::OK, Some(expected)), "{state} {body:?}");
        };
        check("active;expires=60", "SIP/2.0 100 Trying\r\n", Word::Underway);
        check("active", "SIP/2.0 180 Ringing", Word::Underway);
        check("active", "", Word::Underway);
        check("active", "HTTP/1.1 200 OK\r\n", Word::Underway);
        check("terminated;reason=noresource", "SIP/2.0 200 OK\r\n", Word::Over(Referred::Taken));
        check("active", "SIP/2.0 200 OK\r\nContact: <sip:x@y>\r\n\r\n", Word::Over(Referred::Taken));
        check("Terminated", "SIP/2.0 486 Busy Here", Word::Over(Referred::Unreached { code: Some(486) }));
        check("terminated;reason=timeout", "SIP/2.0 100 Trying\r\n", Word::Over(Referred::Unreached { code: None }));
        check("terminated", "", Word::Over(Referred::Unreached { code: None }));
    }

    #[test]
    fn after_giving_up_only_a_success_matters() {
        let check = |body: &str, expected: Word| {
            let (status, word) = referral(false).notified(&notify("o: refer\r\n", "terminated", body));
            assert_eq!((status, word), (StatusCode::OK, Some(expected)), "{body}");
        };
        check("SIP/2.0 200 OK\r\n", Word::TooLate);
        check("SIP/2.0 486 Busy Here\r\n", Word::Underway);
        let (status, word) = referral(true).notified(&notify("Event: presence\r\n", "active", "SIP/2.0 200 OK"));
        assert_eq!((status.code(), word), (489, None));
    }

    #[test]
    fn the_code_of_a_fragment_is_read_and_nothing_else() {
        let check = |text: &str, code| assert_eq!(code_of(text.as_bytes()), code, "{text:?}");
        check("SIP/2.0 200 OK", Some(200));
        check("\r\nSIP/2.0 603\r\n", Some(603));
        check("SIP/2.0 2000 OK", None);
        check("SIP/2.0 +20 OK", None);
        check("SIP/2.0 099 OK", None);
        check("SIP/2.0 700 OK", None);
        check("SIP/2.0 20", None);
        check("SIP/2.0 名", None);
        check("", None);
    }

    #[test]
    fn the_address_of_a_refer_to_is_found_without_what_stands_around_it() {
        let check = |value: &str, to: &str| assert_eq!(address_in(value), to, "{value}");
        check("<sip:8001@pbx.example>", "sip:8001@pbx.example");
        check("\"Anna\" <sip:8001@pbx.example?Replaces=1%3Bto-tag%3D2>;x=y", "sip:8001@pbx.example");
        check("sip:8001@pbx.example;method=INVITE", "sip:8001@pbx.example");
        check("<sip:8001@pbx.example", "sip:8001@pbx.example");
        check("", "");
    }
}
