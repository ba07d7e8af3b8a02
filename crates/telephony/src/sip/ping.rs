//! OPTIONS outside of any call (RFC 3261 §11): whether a trunk is there.

use std::time::Duration;

use rsipstack::Error as StackError;
use rsipstack::sip::{self, Header, HeadersExt as _, Method, StatusCode, StatusCodeKind, typed};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::SipAddr;

use super::agent::UserAgent;
use super::call::SipError;
use super::clock;
use super::connections::Hop;
use super::trunk::{Transport, Trunk};

impl UserAgent {
    /// Asks a trunk whether it is there (OPTIONS); how long it took to answer. Any answer will do: it is there.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub async fn ping(&self, trunk: &Trunk, patience: Duration) -> Result<Duration, SipError> {
        let hop = Hop::of(trunk);
        let asking = async {
            self.inner.connect(hop.as_ref()).await?;
            let asked = clock::now();
            self.ask(trunk).await.map_err(|error| SipError::Unreachable(error.to_string()))?;
            Ok(clock::now() - asked)
        };
        let answer = tokio::time::timeout(patience, asking).await;
        let (connections, transports) = (&self.inner.connections, &self.inner.endpoint().transport_layer);
        match (&answer, &hop) {
            (Ok(Ok(_)), Some(hop)) => connections.has_answered(hop),
            (Err(_), Some(hop)) => connections.is_silent(transports, hop),
            _ => {}
        }
        let silent = || SipError::Unreachable(format!("no answer to OPTIONS within {} ms", patience.as_millis()));
        answer.unwrap_or_else(|_| Err(silent()))
    }

    async fn ask(&self, trunk: &Trunk) -> Result<(), StackError> {
        let malformed = |error: super::TrunkError| StackError::Error(error.to_string());
        let uri = trunk.uri().map_err(malformed)?;
        let account = trunk.user.as_deref().unwrap_or("hutong");
        let from =
            typed::From { display_name: None, uri: trunk.address_of(account).map_err(malformed)?, params: vec![] };
        let from = from.with_tag(rsipstack::transaction::make_tag());
        let to = typed::To { display_name: None, uri: uri.clone(), params: vec![] };
        let routes = trunk.route_set().map_err(malformed)?;
        let next_hop = routes.first().map_or(&uri, |route| &route.uri);
        let mut next_hop = SipAddr::try_from(next_hop)?;
        if trunk.transport == Transport::Tls {
            // As the library does when it sends, and only then.
            next_hop.addr.port.get_or_insert_with(|| trunk.transport.standard_port().into());
        }
        let inner = self.inner.endpoint();
        let (connection, _) = inner.transport_layer.lookup(&next_hop, None).await?;
        let via = inner.get_via(Some(connection.get_addr().clone()), None)?;
        let mut request = inner.make_request(Method::Options, uri, via, from, to, 1, None);
        for route in routes {
            request.headers.push(route.into());
        }
        request.headers.push(Header::Accept("application/sdp".into()));
        request.headers.push(Header::ContentLength(0_u32.into()));
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let mut transaction = Transaction::new_client(key, request, inner.clone(), None);
        transaction.destination = Some(next_hop);
        transaction.send().await?;
        while let Some(message) = transaction.receive().await {
            if let sip::SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                // The transaction answers itself with 408 when nobody else did; such an answer has no To tag.
                return match response.to_header()?.tag()? {
                    Some(_) => Ok(()),
                    None if response.status_code != StatusCode::RequestTimeout => Ok(()),
                    None => Err(StackError::Error("no answer to OPTIONS".to_owned())),
                };
            }
        }
        Err(StackError::Error("the connection broke".to_owned()))
    }
}
