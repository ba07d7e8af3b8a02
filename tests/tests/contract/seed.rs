//! The four query operations answer what the document shows in its examples.

use std::path::Path;

use hutong_e2e::{Client, Demo};
use serde_json::{Value, json};

use crate::shown::missing;

/// The example of this name, from the document.
fn example(name: &str) -> Value {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/contract/seed")).join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check(name: &str, answer: &Value) {
    let missing = missing(&example(name), answer);
    assert!(missing.is_empty(), "what the document shows and the answer has not:\n{missing}{answer}");
}

/// A test on a demo of its own.
fn on_demo(test: impl FnOnce(&Demo, &Client)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let demo = Demo::start(&folder.path().join("data"), &[]);
    test(&demo, &demo.client());
}

/// Whether the numbers of a page fit each other; `first_row` is how the first row of all is numbered.
fn check_paging(page: &Value, first_row: i64) {
    let number = |name: &str| page[name].as_i64().unwrap_or_else(|| panic!("{name} is no number in {page}"));
    let (size, total, rows) = (number("pageSize"), number("total"), number("size"));
    assert_eq!(i64::try_from(page["list"].as_array().unwrap().len()).unwrap(), rows, "size");
    assert_eq!(number("pages"), total.div_euclid(size) + i64::from(total % size > 0), "pages");
    let before = (number("pageNum") - 1) * size;
    assert_eq!(rows, (total - before).clamp(0, size), "size");
    let expect = if rows == 0 { (0, 0) } else { (before + first_row, before + first_row + rows - 1) };
    assert_eq!((number("startRow"), number("endRow")), expect, "startRow and endRow");
}

#[test]
fn a_list_of_tasks_is_as_the_document_shows_it() {
    on_demo(|demo, client| {
        let company = demo.number("COMPANY_ID");
        for number in 1..=3 {
            let asked = json!({ "companyId": company, "pageNum": number, "pageSize": 2 });
            let answer = client.get("task/getTasks", &asked);
            check_paging(&answer["data"], 1);
            if number < 3 {
                check("getTasks", &answer);
            }
        }
        let tasks = client.all("task/getTasks", &json!({ "companyId": company }));
        let ids: Vec<i64> = tasks.iter().map(|task| task["callJobId"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
    });
}

#[test]
fn the_detail_of_a_task_is_as_the_document_shows_it() {
    on_demo(|demo, client| {
        let (company, task) = (demo.number("COMPANY_ID"), demo.number("DONE_TASK_ID"));
        let answer = client.get("task/getTaskDetail", &json!({ "companyId": company, "taskId": task }));
        check("getTaskDetail", &answer);
        let data = &answer["data"];
        let sum = |list: &Value| -> i64 {
            list.as_array().unwrap().iter().map(|count| count["value"].as_i64().unwrap()).sum()
        };
        let count = |name: &str| data[name].as_i64().unwrap();
        let parts = ["calledCount", "rejectedCount", "unavailableCount", "fromUnavailableCount"];
        assert_eq!(parts.map(count).iter().sum::<i64>(), count("doneCount"));
        assert_eq!(sum(&data["durationStat"]), count("calledCount"));
        assert_eq!(sum(&data["chatRoundStat"]), count("calledCount"));
        assert_eq!(sum(&data["finishStatusStat"]), count("doneCount"));
    });
}

#[test]
fn the_finished_calls_of_a_task_are_as_the_document_shows_them() {
    on_demo(|demo, client| {
        let mut asked = example("queryDoneTaskPhones.request");
        asked["callJobId"] = json!(demo.number("DONE_TASK_ID"));
        asked["finishStatus"] = json!(0);
        asked["pageSize"] = json!(2);
        let answer = client.post("task/queryDoneTaskPhones", &asked);
        check("queryDoneTaskPhones", &answer);
        check_paging(&answer["data"], 0);
        let pages = answer["data"]["pages"].as_i64().unwrap();
        for number in 2..=pages + 1 {
            asked["pageNum"] = json!(number);
            let answer = client.post("task/queryDoneTaskPhones", &asked);
            check_paging(&answer["data"], 0);
            assert_eq!(answer["data"]["list"].as_array().unwrap().is_empty(), number > pages);
        }
    });
}

#[test]
fn the_details_of_calls_are_as_the_document_shows_them() {
    on_demo(|demo, client| {
        let asked = json!({ "callJobId": demo.number("DONE_TASK_ID"), "finishStatus": 0 });
        let calls = client.all("task/queryDoneTaskPhones", &asked);
        assert!(!calls.is_empty(), "the demo's campaign has answered calls");
        for call in calls {
            let answer = client.get("task/phoneLogInfo", &json!({ "callInstanceId": call["callInstanceId"] }));
            check("phoneLogInfo", &answer);
            check_call(&call, &answer["data"]);
        }
    });
}

/// The detail says the same as the list, and its parts the same as each other.
fn check_call(listed: &Value, detail: &Value) {
    let call = &detail["sceneInstance"];
    for name in
        ["callInstanceId", "callJobId", "customerTelephone", "finishStatus", "chatRound", "startTime", "endTime"]
    {
        assert_eq!(listed[name], call[name], "{name}");
    }
    assert_eq!(listed["durationSeconds"], call["duration"]);
    let results = |list: &Value, name: &str, value: &str| -> Vec<(Value, Value)> {
        list.as_array().unwrap().iter().map(|result| (result[name].clone(), result[value].clone())).collect()
    };
    let concluded = results(&detail["taskResult"], "resultName", "resultValue");
    assert_eq!(results(&listed["resultList"], "name", "value"), concluded);
    let logs = detail["phoneLog"]["phoneLogs"].as_array().unwrap();
    let spoken_by = |speaker: &str| logs.iter().filter(|log| log["speaker"] == speaker).count();
    assert_eq!(call["chatRound"], json!(spoken_by("AI")), "chatRound is how often the AI spoke");
    let times: Vec<i64> =
        logs.iter().flat_map(|log| [&log["startTime"], &log["endTime"]]).map(|time| time.as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "what was said follows what was said before: {times:?}");
    for log in logs {
        assert_eq!(log["aiUnknown"], json!(log["userMean"] == "AI_UNKNOWN"), "{log}");
    }
}
