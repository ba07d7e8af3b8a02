//! Messages after RFC 4475, and others of their kind. `VICTIM` in them stands for the agent's address, `NUMBER` for
//! who answers there, and `ME` for the sender's address.

use std::net::SocketAddr;

/// A message, and the status code that has to come back; 0 where none may come, None where any will do.
pub(crate) struct Message {
    pub(crate) section: &'static str,
    pub(crate) text: String,
    pub(crate) answer: Option<u16>,
}

impl Message {
    /// The bytes to send from `me` to the victim.
    pub(crate) fn bytes(&self, victim: SocketAddr, me: SocketAddr) -> Vec<u8> {
        self.text.replace("VICTIM", &victim.to_string()).replace("ME", &me.to_string()).into_bytes()
    }
}

/// Lines ended as SIP wants it.
pub(crate) fn lines(text: &str) -> String {
    text.trim_start_matches('\n').replace('\n', "\r\n")
}

/// A request with these lines instead of, or besides, the ones that it needs.
pub(crate) fn request(method: &str, unique: &str, more: &str) -> String {
    lines(&format!(
        "{method} sip:nobody@VICTIM SIP/2.0\nVia: SIP/2.0/UDP ME;rport;branch=z9hG4bK{unique}\nMax-Forwards: 70\n\
         From: <sip:caller@ME>;tag=f{unique}\nTo: <sip:nobody@VICTIM>\nCall-ID: {unique}@torture\n\
         CSeq: 1 {method}\nContact: <sip:caller@ME>\n{more}Content-Length: 0\n\n"
    ))
}

fn message(section: &'static str, answer: Option<u16>, text: String) -> Message {
    Message { section, text, answer }
}

/// All of them.
pub(crate) fn all() -> Vec<Message> {
    [valid(), invalid(), application(), strays()].into_iter().flatten().collect()
}

/// RFC 4475 section 3.1.1.1.
fn tortuous() -> String {
    lines(
        "
INVITE sip:vivekg@VICTIM;unknownparam SIP/2.0
TO :
 sip:vivekg@VICTIM ;   tag-less  = 1918181833n
from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 0
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    ME;branch=390skdjuw;rport
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

",
    )
}

/// RFC 4475 section 3.1.1: unusual, and right.
fn valid() -> Vec<Message> {
    let long = "x".repeat(3_000);
    let many = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\n".repeat(30);
    vec![
        message("3.1.1.1 short tortuous INVITE", None, tortuous()),
        message(
            "3.1.1.2 wide range of characters",
            None,
            request("INVITE", "intmeth", "extensionHeader-!.%*+_`'~:\u{5927}\u{505c}\u{96fb}\n").replace(
                "sip:nobody@",
                "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@",
            ),
        ),
        message(
            "3.1.1.3 escaped characters in addresses",
            Some(404),
            request("INVITE", "esc01", "").replace("sip:nobody@", "sip:sips%3Auser%40example.com@"),
        ),
        message(
            "3.1.1.4 escaped nulls",
            None,
            request("OPTIONS", "escnull", "").replace("sip:nobody@", "sip:null-%00-null@"),
        ),
        message(
            "3.1.1.6 white space around the names of headers and no space after the colon",
            Some(200),
            request("OPTIONS", "lws", "")
                .replace("Max-Forwards: 70", "Max-Forwards \t :\t70")
                .replace("Call-ID: ", "i:"),
        ),
        message(
            "3.1.1.7 long values",
            None,
            request("INVITE", "longreq", &format!("Unknown-{long}: {long}; p={long}\n{many}"))
                .replace("<sip:caller@", &format!("\"I have a {long}\" <sip:{long}@")),
        ),
        message(
            "3.1.1.8 something behind the end of the message",
            Some(200),
            format!("{}INVITE sip:second@VICTIM SIP/2.0\r\n\r\n", request("OPTIONS", "dblreq", "")),
        ),
        message(
            "3.1.1.9 a semicolon in the user part",
            Some(200),
            request("OPTIONS", "semiuri", "").replace("sip:nobody@", "sip:user;par=u%40example.net@"),
        ),
        message(
            "3.1.1.10 unknown transports in Via",
            None,
            request("OPTIONS", "transports", "Via: SIP/2.0/UNKNOWN t.example.com;branch=z9hG4bKx\n"),
        ),
    ]
}

/// RFC 4475 section 3.1.2: wrong. Each is refused or passed over; none may do harm.
fn invalid() -> Vec<Message> {
    let changed =
        |section, unique, from: &str, to: &str| message(section, None, request("INVITE", unique, "").replace(from, to));
    vec![
        changed("3.1.2.1 extra separators", "badinv01", "Contact: <", "Contact: \"Joe\" ;;;;<"),
        changed("3.1.2.2 length larger than the message", "clerr", "Content-Length: 0", "Content-Length: 9999"),
        changed("3.1.2.3 negative length", "ncl", "Content-Length: 0", "Content-Length: -999"),
        changed("3.1.2.3 length beyond all numbers", "hugecl", "Length: 0", "Length: 18446744073709551616"),
        changed("3.1.2.4 numbers out of range", "scalar02", "CSeq: 1 ", "CSeq: 36893488147419103232 "),
        changed("3.1.2.4 a negative number", "scalar03", "CSeq: 1 ", "CSeq: -1 "),
        changed("3.1.2.6 an open quote", "quotbal", "To: <", "To: \"Mr. J. User <"),
        changed("3.1.2.7 an address in angle brackets", "ltgtruri", "sip:nobody@VICTIM SIP", "<sip:nobody@VICTIM> SIP"),
        changed("3.1.2.8 white space within the address", "lwsruri", "VICTIM SIP", "VICTIM; lr SIP"),
        changed("3.1.2.9 many spaces in the first line", "lwsstart", " SIP/2.0\r\nVia", "   SIP/2.0\r\nVia"),
        changed("3.1.2.10 spaces behind the first line", "trws", " SIP/2.0\r\nVia", " SIP/2.0  \r\nVia"),
        changed("3.1.2.11 escaped headers in the address", "escruri", "VICTIM SIP", "VICTIM?Route=%3Csip:x%3E SIP"),
        changed("3.1.2.16 an unknown version", "badvers", "SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
        changed("3.1.2.17 methods that differ", "mismatch", "CSeq: 1 INVITE", "CSeq: 1 OPTIONS"),
        changed("3.1.2.18 an unknown method in CSeq", "mismatch2", "CSeq: 1 INVITE", "CSeq: 1 WHATEVER"),
        changed("3.3.1 nothing but the first line", "insuf", "Max-Forwards", "X"),
        changed("3.3.1 no Call-ID", "insuf1", "Call-ID", "X-Call"),
        changed("3.3.1 no CSeq", "insuf2", "CSeq", "X-CSeq"),
        changed("3.3.1 no From", "insuf3", "From:", "X-From:"),
        changed("3.3.1 no To", "insuf4", "To:", "X-To:"),
        changed("3.3.1 no Via", "insuf5", "Via:", "X-Via:"),
        changed("no tag in From", "notag", ";tag=fnotag", ""),
        changed("an empty Via", "novia", "SIP/2.0/UDP ME;rport;branch=z9hG4bKnovia", ""),
        changed("a port beyond all ports", "port", "UDP ME", "UDP 127.0.0.1:99999"),
        changed(
            "an address of IPv6 without its end",
            "ipv6",
            "<sip:caller@ME>\r\nContent",
            "<sip:caller@[::1>\r\nContent",
        ),
        changed("nothing in Contact", "contact", "Contact: <sip:caller@ME>", "Contact:"),
        message(
            "an answer with a code out of range",
            Some(0),
            lines("SIP/2.0 4294967301 better\nVia: SIP/2.0/UDP x\n\n"),
        ),
        message("nothing but an end", Some(0), "\r\n\r\n".to_owned()),
        message("nothing but a first line", Some(0), "INVITE sip:nobody@VICTIM SIP/2.0\r\n\r\n".to_owned()),
        message("a line that goes on where nothing began", Some(0), lines("OPTIONS sip:x SIP/2.0\n  x\n: y\n\n")),
    ]
}

/// RFC 4475 sections 3.3 and 3.4: right in form, wrong in meaning.
fn application() -> Vec<Message> {
    vec![
        message(
            "3.3.2 an unknown scheme",
            None,
            request("OPTIONS", "unkscm", "")
                .replace("sip:nobody@VICTIM SIP", "nobodyKnowsThisScheme:totallyopaquecontent SIP"),
        ),
        message(
            "3.3.5 an address that is none of ours",
            None,
            request("OPTIONS", "novelsc", "").replace("sip:nobody@VICTIM SIP", "soap.beep://192.0.2.103:3002 SIP"),
        ),
        message(
            "3.3.6 an unknown Proxy-Require",
            None,
            request("OPTIONS", "bext01", "Proxy-Require: noProxiesSupportThis\nRequire: nothingSupportsThis\n"),
        ),
        message(
            "3.3.8 several values where one may be",
            None,
            request(
                "INVITE",
                "multi01",
                "CSeq: 5 INVITE\nCall-ID: 98asdh@192.0.2.2\nMax-Forwards: 5\nFrom: <sip:other@x>;tag=3413415\nTo: <sip:other@x>;tag=7\n",
            ),
        ),
        message("3.3.9 two lengths", None, request("OPTIONS", "mcl01", "Content-Length: 13\n")),
        message(
            "3.3.15 a REGISTER, for which we are nobody",
            Some(405),
            request("REGISTER", "cparam01", "")
                .replace("Contact: <sip:caller@ME>", "Contact: sip:+19725552222@VICTIM;unknownparam"),
        ),
        message("an unknown method", Some(405), request("NEWMETHOD", "unkm", "").replace("NEWMETHOD", "PUBLISH")),
        message(
            "3.4.1 an INVITE as of RFC 2543, without a branch",
            Some(404),
            request("INVITE", "inv2543", "").replace(";branch=z9hG4bKinv2543", ""),
        ),
    ]
}

/// Requests and answers that belong to nothing.
fn strays() -> Vec<Message> {
    let tagged = |method, unique, answer| {
        message(
            "a stray",
            answer,
            request(method, unique, "").replace("To: <sip:nobody@VICTIM>", "To: <sip:nobody@VICTIM>;tag=unknown"),
        )
    };
    let response = |code: &str, unique| {
        let text =
            request("INVITE", unique, "").replace("INVITE sip:nobody@VICTIM SIP/2.0", &format!("SIP/2.0 {code}"));
        message("an answer to nothing", Some(0), text.replace("UDP ME", "UDP VICTIM"))
    };
    vec![
        message("a CANCEL of nothing", Some(481), request("CANCEL", "cancel", "")),
        tagged("BYE", "bye", Some(481)),
        tagged("INFO", "info", Some(481)),
        tagged("UPDATE", "update", Some(481)),
        tagged("PRACK", "prack", Some(481)),
        tagged("INVITE", "reinvite", Some(481)),
        tagged("ACK", "ack", Some(0)),
        response("100 Trying", "r100"),
        response("183 Session Progress", "r183"),
        response("200 OK", "r200"),
        response("401 Unauthorized", "r401"),
        response("302 Moved", "r302"),
        response("999 Whatever", "r999"),
    ]
}
