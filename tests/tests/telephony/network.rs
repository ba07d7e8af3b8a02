//! The network between a server and its trunks goes away: in mid-call, and before the next one.

use hutong_e2e::callees::Callees;
use hutong_e2e::namespaces::Hosts;
use hutong_e2e::recording::is_heard;
use hutong_e2e::wait::until;
use serde_json::{Value, json};

use crate::company::{Company, FIRST_LINE, SECOND_LINE};
use crate::killed::{SILENT, attempts, finished, listened_to, until_heard};

const ANSWERED: i64 = 0;
const LINE_FAILED: i64 = 3;

#[test]
fn a_call_whose_network_goes_away_ends_once_and_the_next_ones_take_the_other_line() {
    let hosts = match Hosts::make(2) {
        Ok(hosts) => hosts,
        Err(reason) => {
            eprintln!("SKIPPED: this machine makes no network namespaces (it takes root, and iproute2): {reason}");
            return;
        }
    };
    let callees = [1, 2].map(|far| {
        hosts.enter(far);
        Callees::start_at(&format!("{}:5070", Hosts::address(far)))
    });
    hosts.enter(0);
    let mut company = Company::new("1");
    let waits = ["--reply-seconds", "1", "--options-seconds", "0"];
    let first = company.line(FIRST_LINE, callees[0].address(), &waits);
    let second = company.line(SECOND_LINE, callees[1].address(), &waits);
    let client = company.serve_with(&[("HUTONG_MEDIA__SILENCE_S", "2")]);

    let task = company.dial(&client, &[first], &[SILENT], &json!({}));
    until_heard(company.installation.data(), 1);
    hosts.plug(1, false);
    let done = finished(&client, &task);
    assert_eq!((done.len(), &done[0]["finishStatus"]), (1, &json!(ANSWERED)), "{done:?}");
    assert!(is_heard(&listened_to(&client, &company, &done[0])));
    let tried = attempts(&company, &task, SILENT);
    assert!(tried.len() == 1 && tried[0].contains("\tanswered"), "{tried:?}");

    // Five failures in a row, and the line is left alone: the other one carries what is left.
    let numbers = ["01", "02", "04", "05", "06", "07", "22"].map(|ending| format!("138001380{ending}"));
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let done = company.dialled(&client, &[first, second], 1, &numbers);
    let (failed, carried): (Vec<&Value>, Vec<&Value>) = done.iter().partition(|call| call["callerPhone"] == FIRST_LINE);
    assert!(failed.iter().all(|call| call["finishStatus"] == LINE_FAILED), "{failed:?}");
    assert!(!carried.is_empty(), "{done:?}");
    for call in carried {
        let ending = call["customerTelephone"].as_str().unwrap()[9..].parse::<i64>().unwrap();
        assert_eq!((&call["callerPhone"], &call["finishStatus"]), (&json!(SECOND_LINE), &json!(ending)), "{call}");
    }

    hosts.plug(1, true);
    until("the first line is there again", || (company.test(first, "13800138000").code == Some(0)).then_some(()));
    assert!(company.server.take().unwrap().stop().status.success());
}
