//! What a running server lets go of when its days are over, and what is forgotten beside it.

use hutong_e2e::wait::until;
use hutong_e2e::{Server, program};
use hutong_store::{Options, Store, Url, values};
use hutong_testkit::clock::START;
use serde_json::{Value, json};

use crate::site::Site;

/// Lets all finished calls of an installation have ended a month ago.
fn age(site: &Site) {
    let store = Store::open(&Options::new(Url::Sqlite(site.data().join("hutong.db"))), START).unwrap();
    let aged = store.write(hutong_domain::ids::CompanyId(0), |db| {
        db.execute("UPDATE call SET ended_at = ended_at - ?1 WHERE status = 2", values![30 * 86_400_000_i64])
    });
    assert_eq!(futures::executor::block_on(aged).unwrap(), 5);
}

fn detail(site: &Site, server: &Server, call: i64) -> Value {
    let client = server.client(&site.tenant.credentials);
    client.read("task/phoneLogInfo", &json!({ "companyId": site.tenant.company, "callInstanceId": call }))
}

#[test]
fn a_server_lets_go_of_what_is_due_and_answers_every_index() {
    let site = Site::new();
    let call = site.call_to("13800138000");
    let was = site.feed(&site.client());
    assert!(!detail(&site, &site.server, call)["phoneLog"]["phoneLogs"].as_array().unwrap().is_empty());
    let recorded = site.record(call);
    assert!(detail(&site, &site.server, call)["phoneLog"]["luyinOssUrl"].is_string());
    age(&site);
    let company = site.tenant.company.to_string();
    let own = ["--keep-numbers", "7", "--keep-recordings", "1"];
    let set = site.installation.run(&[&["company", "set", &company], &own[..]].concat());
    assert!(set.contains("keeps numbers for 7 days") && set.contains("keeps recordings for 1 days"), "{set}");
    // Only the company's own days: the installation keeps numbers and recordings for ever.
    let Site { installation, tenant, server, done } = site;
    let _ = server.stop();
    let server = installation.serve_with(&[("HUTONG_RETENTION__TRANSCRIPTS_DAYS", "7")]);
    let site = Site { installation, tenant, server, done };
    let client = site.client();
    let feed = until("numbers are masked", || {
        let feed = site.feed(&client);
        feed.iter().all(|call| call["customerTelephone"].as_str().unwrap().contains("****")).then_some(feed)
    });
    until("words are gone", || {
        let logs = detail(&site, &site.server, call)["phoneLog"]["phoneLogs"].clone();
        logs.as_array().unwrap().is_empty().then_some(())
    });
    until("recordings are deleted", || recorded.iter().all(|path| !path.exists()).then_some(()));
    assert_eq!(detail(&site, &site.server, call)["phoneLog"]["luyinOssUrl"], Value::Null);
    assert_eq!(feed.len(), was.len());
    for (was, is) in was.iter().zip(&feed) {
        for same in ["callInstanceId", "callIndex", "finishStatus", "duration", "chatRound", "resultPairs"] {
            assert_eq!(was[same], is[same], "{same}");
        }
        assert_eq!(is["customerName"], "");
    }
    assert!(feed.iter().any(|call| call["customerTelephone"] == "138****8000"), "{feed:?}");
    let task = json!({ "companyId": site.tenant.company, "taskId": site.done });
    assert_eq!(client.read("task/getTaskDetail", &task)["doneCount"], 5);
}

#[test]
fn a_company_keeps_nothing_longer_than_the_installation() {
    let site = Site::new();
    let arguments = ["company", "set", "1", "--keep-transcripts", "31"];
    let mut command = program::command();
    command.env("HUTONG_DATA", site.data()).env("HUTONG_RETENTION__TRANSCRIPTS_DAYS", "30").args(arguments);
    let done = program::finish(&mut command);
    assert_eq!(done.code, Some(2), "{}", done.stdout);
    assert!(done.stderr.contains("--keep-transcripts must be at most 30"), "{}", done.stderr);
}

#[test]
fn a_number_is_forgotten_while_the_server_runs() {
    let site = Site::new();
    let call = site.call_to("13800138000");
    let recorded = site.record(call);
    let client = site.client();
    let entry = json!({ "companyId": site.tenant.company, "mobile": "13800138000", "name": "张三", "remark": "勿扰" });
    client.write("company/addBlackList", &entry);
    let was = site.feed(&client);
    site.call_somebody();
    let forget = |more: &[&str]| program::run(site.data(), &[&["number", "forget"], more].concat());

    let busy = forget(&["13800138008"]);
    assert_eq!(busy.code, Some(1), "{}", busy.stdout);
    assert!(busy.stderr.contains("is in progress"), "{}", busy.stderr);
    let done = forget(&["+86 138-0013-8000"]);

    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("1\tcustomers emptied") && done.stdout.contains("1\trecordings"), "{}", done.stdout);
    assert!(
        done.stdout.contains("emptied but for the number") && !done.stdout.contains("13800138000"),
        "{}",
        done.stdout
    );
    for path in recorded {
        assert!(!path.exists(), "{}", path.display());
    }
    let is = site.feed(&client);
    assert_eq!(is.len(), was.len());
    for (was, is) in was.iter().zip(&is).filter(|(was, _)| was["callInstanceId"] != call) {
        assert_eq!(was, is, "nobody else is touched");
    }
    let forgotten = detail(&site, &site.server, call);
    let text = forgotten.to_string();
    assert!(!text.contains("13800138000") && !text.contains("客户1380"), "{text}");
    assert!(forgotten["phoneLog"]["phoneLogs"].as_array().unwrap().is_empty());
    assert_eq!(forgotten["phoneLog"]["luyinOssUrl"], Value::Null);
    let page = json!({ "companyId": site.tenant.company, "blacklistInfoGroupId": -1 });
    assert_eq!(client.read("company/blacklist/info/page", &page)["list"].as_array().unwrap().len(), 1);
    assert_eq!(forget(&["13800138000", "--drop-blacklisted", "--company", "1"]).code, Some(0));
    assert_eq!(client.read("company/blacklist/info/page", &page)["list"].as_array().unwrap().len(), 0);
    assert!(forget(&["13800138000"]).stdout.contains("nothing is kept of it"));
    // Nothing of it is in the store's file any more, free pages included.
    let Site { server, installation, .. } = site;
    let _ = server.stop();
    let file = std::fs::read(installation.data().join("hutong.db")).unwrap();
    let has = |needle: &str| file.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(!has("13800138000"), "the number is overwritten");
    assert!(has("13800138020"), "others are as they were");
}
