//! Requests inside a call, in either direction.

use rsipstack::dialog::dialog::{DialogState, TransactionHandle};
use rsipstack::sip::{Header, Method, StatusCode};
use tokio::sync::oneshot;

use super::call::{Reply, Request, SessionChange, Signal};
use super::header::{self, SessionExpires};
use super::session_timer::SessionTimer;

/// Whether a state is a request inside a call, which [`take`] takes.
pub(super) fn is_request(state: &DialogState) -> bool {
    matches!(
        state,
        DialogState::Updated(..)
            | DialogState::Info(..)
            | DialogState::Options(..)
            | DialogState::Notify(..)
            | DialogState::Refer(..)
            | DialogState::Message(..)
            | DialogState::Publish(..)
    )
}

/// What a request inside a call is for us; what we have no use for is answered here. `timer` is what the session's
/// refreshing was agreed on.
pub(super) fn take(state: DialogState, timer: Option<SessionTimer>) -> Option<Signal> {
    match state {
        DialogState::Updated(_, request, handle) => session_change(request, handle, timer),
        DialogState::Info(_, request, handle) => {
            respond(handle, StatusCode::OK);
            let content_type = header::values(&request, "Content-Type").next().unwrap_or_default();
            Some(Signal::Request(Request::Info { content_type, body: request.body }))
        }
        DialogState::Options(_, _, handle) => {
            respond(handle, StatusCode::OK);
            None
        }
        DialogState::Notify(_, _, handle)
        | DialogState::Refer(_, _, handle)
        | DialogState::Message(_, _, handle)
        | DialogState::Publish(_, _, handle) => {
            respond(handle, StatusCode::MethodNotAllowed);
            None
        }
        _ => None,
    }
}

/// A re-INVITE or UPDATE. An UPDATE without a session description only refreshes the session.
fn session_change(
    request: rsipstack::sip::Request,
    handle: TransactionHandle,
    timer: Option<SessionTimer>,
) -> Option<Signal> {
    // In this transaction, the far side is the client.
    let refreshed = timer.filter(|_| SessionExpires::of(&request).is_some()).map(|timer| {
        let refresher = if timer.is_ours() { "uas" } else { "uac" };
        Header::SessionExpires(format!("{};refresher={refresher}", timer.interval().as_secs()).into())
    });
    let offer = header::carries_sdp(&request).then_some(request.body);
    if offer.is_none() && request.method == Method::Update {
        tokio::spawn(async move { handle.respond(StatusCode::OK, refreshed.map(|header| vec![header]), None).await });
        return None;
    }
    let (reply, answer) = oneshot::channel();
    tokio::spawn(async move {
        match answer.await {
            Ok(Reply::Accept(sdp)) => {
                let headers = refreshed.into_iter().chain([Header::ContentType("application/sdp".into())]).collect();
                handle.respond(StatusCode::OK, Some(headers), Some(sdp.into_bytes())).await
            }
            Ok(Reply::Refuse) | Err(_) => handle.respond(StatusCode::NotAcceptableHere, None, None).await,
        }
    });
    Some(Signal::Request(Request::Session(SessionChange { offer, reply })))
}

/// Replies without waiting for the reply to be sent.
pub(super) fn respond(handle: TransactionHandle, status: StatusCode) {
    tokio::spawn(async move { handle.respond(status, None, None).await });
}
