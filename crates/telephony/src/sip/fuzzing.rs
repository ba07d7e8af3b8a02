//! What becomes of any datagram: the protocol library's reading of it, and ours.

use std::net::{Ipv4Addr, SocketAddr};

use rsipstack::dialog::DialogId;
use rsipstack::sip::prelude::ToTypedHeader as _;
use rsipstack::sip::{HeadersExt, SipMessage, Transport, Uri};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipAddr, SipConnection};

use super::header::{self, SessionExpires};
use super::session_timer::{INTERVAL_S_MIN, SessionTimer};
use super::{clock, transfer, trunk};

/// Reads a datagram as the transport, the transactions and the calls do. A panic in the first two would be the end of
/// all signalling: they run on one task each.
pub fn message(bytes: &[u8]) {
    let Ok(message) = SipMessage::try_from(bytes) else { return };
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_060));
    let Ok(message) = SipConnection::update_msg_received(message, source, Transport::Udp) else { return };
    let written = message.to_bytes();
    match &message {
        SipMessage::Request(request) => {
            for role in [TransactionRole::Server, TransactionRole::Client] {
                let _ = TransactionKey::from_request(request, role);
                let _ = DialogId::try_from((request, role));
            }
            let _ = SipAddr::try_from(&request.uri);
            let _ = request.uri.user().map(str::len);
            transfer::read(request);
            read_headers(request);
        }
        SipMessage::Response(response) => {
            for role in [TransactionRole::Server, TransactionRole::Client] {
                let _ = TransactionKey::from_response(response, role);
                let _ = DialogId::try_from((response, role));
            }
            let _ = response.status_code.kind();
            read_headers(response);
        }
    }
    // What is written again is read again, or refused: never more than that.
    let _ = SipMessage::try_from(written.as_slice());
}

fn read_headers(message: &impl HeadersExt) {
    let address = |uri: Uri| {
        let _ = SipAddr::try_from(&uri);
        let _ = uri.to_string();
    };
    if let Ok(from) = message.from_header() {
        let _ = from.tag();
        let _ = from.uri().map(address);
    }
    if let Ok(to) = message.to_header() {
        let _ = to.tag();
        let _ = to.uri().map(address);
    }
    let _ = message.cseq_header().map(|cseq| (cseq.seq(), cseq.method()));
    let _ = message.call_id_header().map(|call_id| call_id.value().len());
    let _ = message.top_via_header().map(|via| via.typed());
    let _ = message.contact_header().map(|contact| contact.typed().map(|contact| address(contact.uri)));
    let _ = message.typed_contact_headers();
    header::q850_cause(message);
    header::min_se(message);
    header::carries_sdp(message);
    header::lists(message, "Allow", "UPDATE");
    if let Some(timer) = SessionTimer::agreed(SessionExpires::of(message), INTERVAL_S_MIN, clock::now()) {
        let _ = timer.restarted(clock::now()).due();
        assert!(timer.interval().as_secs() >= u64::from(INTERVAL_S_MIN));
    }
}

/// Reads the settings of a trunk, and writes what they say into the parts of a request.
pub fn settings(bytes: &[u8]) {
    let Ok(trunk) = serde_json::from_slice::<trunk::Trunk>(bytes) else { return };
    if trunk.check().is_err() {
        return;
    }
    for caller in [trunk::Number::Shown("02180000001"), trunk::Number::Hidden("02180000001")] {
        let Ok(identity) = trunk.identity(caller) else { continue };
        assert!(identity.headers.iter().all(|header| !header.to_string().trim_end().contains(['\r', '\n'])));
    }
    let addresses = [trunk.uri(), trunk.callee("13800138000")];
    assert!(addresses.iter().flatten().all(|uri| !uri.to_string().contains(['\r', '\n', ' '])));
    let _ = (trunk.route_set(), trunk.credential());
}
