//! Two user agents on loopback: every way in which a call can go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hutong_telephony::sip::{
    Ended, EndedBy, IncomingCall, Listen, Number, OutgoingCall, Refusal, Reply, Request, Signal, Transport, Trunk,
    UserAgent,
};
use tokio::sync::mpsc;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What is waited for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
const ANSWER: &str =
    "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40002 RTP/AVP 8\r\n";

struct Pair {
    caller: UserAgent,
    callee: UserAgent,
    trunk: Trunk,
    calls: mpsc::Receiver<IncomingCall>,
}

async fn pair() -> Pair {
    let (sender, calls) = mpsc::channel(8);
    let listen = || Listen::at((LOOPBACK, 0).into());
    let caller = UserAgent::start(listen(), None).await.unwrap();
    let callee = UserAgent::start(listen(), Some(sender)).await.unwrap();
    let trunk = Trunk::at(&callee.local_address().to_string());
    Pair { caller, callee, trunk, calls }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

impl Pair {
    fn place(&self) -> OutgoingCall {
        let numbers = (Number::Shown("02180000001"), "13800138000");
        self.caller.place(&self.trunk, LOOPBACK, numbers, OFFER.to_owned()).unwrap()
    }

    async fn taken(&mut self) -> IncomingCall {
        soon(self.calls.recv()).await.unwrap()
    }

    async fn is_at_rest(&self) {
        soon(async {
            while self.caller.stats().calls + self.callee.stats().calls + self.caller.stats().dialogs > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

async fn until_answered(call: &mut OutgoingCall) -> Vec<u8> {
    loop {
        match soon(call.next()).await {
            Signal::Answered { sdp } => return sdp,
            Signal::Ended(ended) => panic!("{ended:?}"),
            _ => {}
        }
    }
}

async fn until_ended(call: &mut OutgoingCall) -> Ended {
    loop {
        if let Signal::Ended(ended) = soon(call.next()).await {
            return ended;
        }
    }
}

#[tokio::test]
async fn a_call_rings_is_answered_and_is_hung_up_by_the_callee() {
    let mut pair = pair().await;
    let mut call = pair.place();
    let mut taken = pair.taken().await;
    assert_eq!((taken.number.as_str(), taken.caller.as_str()), ("13800138000", "02180000001"));
    assert_eq!(taken.offer.as_deref(), Some(OFFER.as_bytes()));
    taken.ring(Some(ANSWER.to_owned()));
    loop {
        if let Signal::Progress { code, sdp } = soon(call.next()).await {
            assert_eq!((code, sdp.as_deref()), (183, Some(ANSWER.as_bytes())));
            break;
        }
    }
    taken.answer(ANSWER.to_owned());
    assert_eq!(until_answered(&mut call).await, ANSWER.as_bytes());
    assert!(matches!(soon(taken.next()).await, Signal::Answered { .. }));
    drop(taken);
    assert_eq!(until_ended(&mut call).await, Ended { by: EndedBy::FarSide, code: None, q850: None });
    drop(call);
    pair.is_at_rest().await;
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_its_cause() {
    let mut pair = pair().await;
    for refusal in
        [Refusal { code: 486, q850: Some(17) }, Refusal { code: 404, q850: Some(1) }, Refusal { code: 603, q850: None }]
    {
        let mut call = pair.place();
        pair.taken().await.refuse(refusal);
        let Refusal { code, q850 } = refusal;
        assert_eq!(until_ended(&mut call).await, Ended { by: EndedBy::FarSide, code: Some(code), q850 });
    }
    pair.is_at_rest().await;
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_rings_is_cancelled() {
    let mut pair = pair().await;
    let mut call = pair.place();
    let mut taken = pair.taken().await;
    taken.ring(None);
    while !matches!(soon(call.next()).await, Signal::Progress { code: 180, .. }) {}
    drop(call);
    assert!(matches!(soon(taken.next()).await, Signal::Ended(Ended { by: EndedBy::FarSide, .. })));
    drop(taken);
    pair.is_at_rest().await;
}

#[tokio::test]
async fn a_call_that_is_given_up_before_any_answer_is_cancelled_too() {
    let mut pair = pair().await;
    let call = pair.place();
    drop(call);
    // Either it never left, or it is cancelled.
    if let Ok(Some(mut taken)) = tokio::time::timeout(Duration::from_secs(2), pair.calls.recv()).await {
        assert!(matches!(soon(taken.next()).await, Signal::Ended(Ended { by: EndedBy::FarSide, .. })));
    }
    pair.is_at_rest().await;
}

#[tokio::test]
async fn our_hanging_up_reaches_the_callee_over_tcp_as_well() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = pair().await;
        pair.trunk.transport = transport;
        let mut call = pair.place();
        let mut taken = pair.taken().await;
        taken.answer(ANSWER.to_owned());
        until_answered(&mut call).await;
        assert!(matches!(soon(taken.next()).await, Signal::Answered { .. }), "{transport:?}");
        drop(call);
        assert!(matches!(soon(taken.next()).await, Signal::Ended(Ended { by: EndedBy::FarSide, .. })), "{transport:?}");
        drop(taken);
        pair.is_at_rest().await;
    }
}

#[tokio::test]
async fn messages_within_a_call_arrive_both_ways() {
    let mut pair = pair().await;
    let mut call = pair.place();
    let mut taken = pair.taken().await;
    taken.answer(ANSWER.to_owned());
    until_answered(&mut call).await;
    soon(taken.next()).await;
    taken.info("text/plain", "喂，你好".into());
    match soon(call.next()).await {
        Signal::Request(Request::Info { content_type, body }) => {
            assert_eq!((content_type.as_str(), body), ("text/plain", "喂，你好".into()));
        }
        other => panic!("{other:?}"),
    }
    call.info("text/plain", b"hello".to_vec());
    assert!(matches!(soon(taken.next()).await, Signal::Request(Request::Info { body, .. }) if body == b"hello"));
}

#[tokio::test]
async fn a_trunk_that_is_not_there_ends_a_call_in_silence_and_answers_no_ping() {
    let nobody = std::net::UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await.unwrap();
    let trunk = Trunk { transport: Transport::Tcp, ..Trunk::at(&nobody.local_addr().unwrap().to_string()) };
    let numbers = (Number::Shown("02180000001"), "13800138000");
    let mut call = agent.place(&trunk, LOOPBACK, numbers, OFFER.to_owned()).unwrap();
    assert_eq!(until_ended(&mut call).await, Ended::in_silence());
    assert!(agent.ping(&trunk, Duration::from_millis(300)).await.is_err());
    let silent = Trunk::at(&nobody.local_addr().unwrap().to_string());
    assert!(agent.ping(&silent, Duration::from_millis(300)).await.is_err());
    let pair = pair().await;
    assert!(agent.ping(&pair.trunk, PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_trunk_of_the_other_address_family_is_told_from_one_that_is_silent() {
    let agent = UserAgent::start(Listen::at((LOOPBACK, 0).into()), None).await.unwrap();
    assert_eq!(agent.address_towards(&Trunk::at("127.0.0.2:5060")).await.unwrap(), LOOPBACK);
    let error = agent.address_towards(&Trunk::at("[::1]:5060")).await.unwrap_err().to_string();
    assert!(error.contains("IPv4"), "{error}");
}

#[tokio::test]
async fn a_change_of_the_session_is_asked_about_and_answered() {
    let mut pair = pair().await;
    let mut call = pair.place();
    let mut taken = pair.taken().await;
    taken.answer(ANSWER.to_owned());
    until_answered(&mut call).await;
    soon(taken.next()).await;
    let asking = taken.change_session(OFFER.to_owned());
    match soon(call.next()).await {
        Signal::Request(Request::Session(change)) => {
            assert_eq!(change.offer.as_deref(), Some(OFFER.as_bytes()));
            change.reply(Reply::Accept(ANSWER.to_owned()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(soon(asking).await.unwrap(), Some(ANSWER.as_bytes().to_vec()));
}
