//! Calls and their lines, from the command line and over the API.

use std::net::UdpSocket;

use hutong_e2e::callees::Callees;
use serde_json::{Value, json};

use crate::company::{Company, FIRST_LINE, SECOND_LINE, assert_recorded};

/// Asserts that all these stand in the lines of a text, in this order.
fn assert_in_order(text: &str, steps: &[&str]) {
    let mut lines = text.lines();
    for step in steps {
        assert!(lines.any(|line| line.contains(step)), "no {step:?} where it should be in\n{text}");
    }
}

#[test]
fn a_log_holds_no_message_and_no_number() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let callees = Callees::logging(log.reopen().unwrap());
    let company = Company::new("5");
    let line = company.line(FIRST_LINE, callees.address(), &[]);
    let tested = company.test(line, "13800138004");
    drop(callees);
    let said = std::fs::read_to_string(log.path()).unwrap() + tested.stderr.as_str();
    for secret in ["SIP/2.0", "13800138004", FIRST_LINE] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_line_is_tested_step_by_step_before_it_is_used() {
    let callees = Callees::start();
    let company = Company::new("1");
    let line = company.line(FIRST_LINE, callees.address(), &[]);

    let answered = company.test(line, "13800138000");
    assert_eq!(answered.code, Some(0), "{}", answered.stderr);
    let there = format!("calling from 127.0.0.1 over UDP to {}", callees.address());
    let steps = [&there, "OPTIONS answered", "INVITE sent, Call-ID ", "180", "200: answered, PCMA", "speaking: "];
    assert_in_order(&answered.stdout, &steps);
    let steps = ["the first voice packet arrived", "spoken", ", 0 lost", "somebody was heard", "hung up"];
    assert_in_order(&answered.stdout, &steps);

    let vacant = company.test(line, "13800138004");
    assert_eq!(vacant.code, Some(1), "{}", vacant.stdout);
    let steps = ["INVITE sent", "183, with early media", "heard before the answer: vacant", "refused with 404"];
    assert_in_order(&vacant.stdout, &steps);
    assert!(vacant.stderr.contains("the call was not answered"), "{}", vacant.stderr);

    drop(callees);
    let gone = company.test(line, "13800138000");
    assert_eq!(gone.code, Some(1), "{}", gone.stdout);
    assert!(gone.stderr.contains("no answer to OPTIONS"), "{}", gone.stderr);
}

#[test]
fn calls_over_sip_end_as_the_document_says_and_are_recorded() {
    let callees = Callees::start();
    let mut company = Company::new("20");
    let line = company.line(FIRST_LINE, callees.address(), &["--ring-seconds", "8"]);
    let client = company.serve();
    // Up to 9 the last digit says it; 10 cannot be played by a far side.
    let expected = [
        ("13800138001", 1),
        ("13800138002", 2),
        ("13800138003", 3),
        ("13800138004", 4),
        ("13800138005", 5),
        ("13800138006", 6),
        ("13800138007", 7),
        ("13800138008", 8),
        ("13800138010", 3),
        ("13800138022", 22),
        ("13800138021", 0),
        ("13800138023", 0),
        ("13800138026", 0),
        ("13800138027", 0),
    ];
    let done = company.dialled(&client, &[line], 14, &expected.map(|(number, _)| number));
    for (number, status) in expected {
        let calls: Vec<&Value> = done.iter().filter(|call| call["customerTelephone"] == number).collect();
        assert_eq!(calls.len(), 1, "{number}: {calls:?}");
        assert_eq!(calls[0]["finishStatus"], status, "{number}: {}", calls[0]);
        assert_eq!(calls[0]["callerPhone"], FIRST_LINE);
        if status == 0 {
            assert_recorded(&client, company.id, calls[0]);
        }
    }
    // The account is empty: nothing else is dialled on the line after that.
    let done = company.dialled(&client, &[line], 1, &["13800138009"]);
    assert_eq!(done[0]["finishStatus"], 9, "{}", done[0]);
    assert!(company.server.take().unwrap().stop().status.success());
}

#[test]
fn a_dead_trunk_is_left_alone_and_the_second_line_carries_the_calls() {
    let callees = Callees::start();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut company = Company::new("1");
    let dead = nobody.local_addr().unwrap().to_string();
    let first = company.line(FIRST_LINE, &dead, &["--reply-seconds", "1", "--options-seconds", "0"]);
    let second = company.line(SECOND_LINE, callees.address(), &[]);
    let client = company.serve();
    // The first five would answer, if anybody heard of them.
    let unlucky = ["13800138020", "13800138021", "13800138023", "13800138024", "13800138025"].map(|number| (number, 0));
    let lucky = [("13800138001", 1), ("13800138002", 2), ("13800138004", 4), ("13800138005", 5), ("13800138006", 6)];
    let expected = [unlucky, lucky].concat();
    let numbers: Vec<&str> = expected.iter().map(|(number, _)| *number).collect();
    let done = company.dialled(&client, &[first, second], 1, &numbers);
    let (failed, carried): (Vec<&Value>, Vec<&Value>) = done.iter().partition(|call| call["callerPhone"] == FIRST_LINE);
    assert!(failed.iter().all(|call| call["finishStatus"] == 3), "{failed:?}");
    // Five failures in a row open the breaker; after half a minute, one call tries the line again.
    assert!((5..=6).contains(&failed.len()), "{failed:?}");
    assert!(!carried.is_empty());
    for call in carried {
        let (_, status) = expected.iter().find(|(number, _)| call["customerTelephone"] == *number).unwrap();
        assert_eq!((&call["callerPhone"], &call["finishStatus"]), (&json!(SECOND_LINE), &json!(status)), "{call}");
    }
    assert!(company.server.take().unwrap().stop().status.success());
}
