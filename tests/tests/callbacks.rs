//! Callbacks as an integrator gets them from the real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use futures::executor::block_on;
use hutong_domain::callback::CallbackKind;
use hutong_domain::ids::CompanyId;
use hutong_e2e::client::now;
use hutong_e2e::follower::Follower;
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Server, Tenant, program};
use hutong_store::callback::CallbackName;
use hutong_store::callback::delivery::{self, Attempt, Verdict};
use hutong_store::{Options, Store, Url};
use hutong_testkit::clock::START;
use hutong_testkit::receiver::{Answer, Receiver, Request};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// Callbacks go to a receiver on this machine.
const TO_US: (&str, &str) = ("HUTONG_CALLBACKS__PRIVATE_ADDRESSES", "true");
/// A number that answers after some seconds, and talks.
const ANSWERS: &str = "13800138000";
/// A number that is busy, as is known within seconds.
const BUSY: &str = "13800138006";

/// A company that is told of its calls, on a server.
struct World {
    client: Client,
    tenant: Tenant,
    receiver: Receiver,
    _server: Server,
    installation: Installation,
}

impl World {
    fn new(options: &[&str]) -> Self {
        Self::answering(options, |_| Answer::ok())
    }

    fn answering(options: &[&str], plan: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let installation = Installation::with_environment(&[TO_US]);
        let tenant = installation.tenant("公司", 10);
        let receiver = Receiver::start(plan);
        let (company, url) = (tenant.company.to_string(), receiver.url());
        installation.run(&[&["callback", "set", "--company", &company, "--url", &url], options].concat());
        let server = installation.serve();
        Self { client: server.client(&tenant.credentials), tenant, receiver, _server: server, installation }
    }

    fn next(&mut self) -> (Request, Value) {
        let request = until("a callback comes", || self.receiver.try_next());
        let body = serde_json::from_str(&request.body).unwrap();
        (request, body)
    }

    fn call_info(&self, call: &Value) -> Value {
        self.client.read("task/phoneLogInfo", &json!({ "callInstanceId": call }))
    }
}

/// Everything of `part` stands in `whole` as well; what else does.
fn rest(whole: &Value, part: &Value) -> Map<String, Value> {
    let mut rest = whole.as_object().unwrap().clone();
    for (name, value) in part.as_object().unwrap() {
        assert_eq!(rest.remove(name).as_ref(), Some(value), "{name} of {whole}");
    }
    rest
}

#[test]
fn a_finished_call_is_told_with_what_its_details_say_and_more() {
    let mut world = World::new(&[]);
    let numbers = [ANSWERS, BUSY].map(str::to_owned);
    let task = world.tenant.running_task(&world.client, &json!({}), &numbers);

    for index in 0..2 {
        let (request, body) = world.next();
        assert_eq!(rest(&body, &json!({ "code": 200, "resultMsg": "成功", "errorStackTrace": null })).len(), 1);
        assert_eq!(body["data"]["dataType"], "CALL_INSTANCE_RESULT");
        let told = &body["data"]["data"];
        let call = &told["sceneInstance"];
        let details = world.call_info(&call["callInstanceId"]);
        assert_eq!(request.header("idempotency-key"), format!("call-{}-0", call["callInstanceId"]));
        assert_eq!(request.header("content-type"), "application/json;charset=utf-8");

        // Whoever knows the secret can tell that it was us.
        let signed = world.tenant.credentials.signed(request.header("datetime"));
        for (name, value) in signed {
            assert_eq!(request.header(&name), value, "{name}");
        }
        assert_eq!(told["dateTime"], request.header("datetime"));
        assert_eq!(told["sign"], request.header("sign"));

        let customer = if call["customerTelephone"] == ANSWERS { ANSWERS } else { BUSY };
        let properties = call["propertiesMap"].as_object().unwrap();
        assert_eq!(properties["联系方式"], customer);
        assert_eq!(properties["客户名称"], call["customerName"]);
        let more = rest(call, &details["sceneInstance"]);
        let expected = json!({
            "callUserId": 0, "callIndex": index, "industry": more["industry"], "cost": 0, "callbacked": 0,
            "propertiesMap": properties,
        });
        assert_eq!(Value::Object(more), expected);

        let level = &told["taskResult"][0];
        let more = rest(level, &details["taskResult"][0]);
        let letter = level["resultValue"].as_str().unwrap().split_at(1).0;
        assert_eq!((&more["callJobId"], &more["resultValueAlias"]), (&json!(task), &json!(letter)));
        assert_eq!((&more["artificialChanged"], &more["artificialResultValue"]), (&json!(false), &Value::Null));
        assert!(more["resultValueNew"].as_str().unwrap().starts_with(letter), "{more:?}");
        assert!(more.contains_key("resultLabels"));

        let lines = told["phoneLog"]["phoneLogs"].as_array().unwrap();
        assert_eq!(told["phoneLog"]["luyinOssUrl"], details["phoneLog"]["luyinOssUrl"]);
        assert_eq!(lines.is_empty(), customer == BUSY);
        for (line, said) in lines.iter().zip(details["phoneLog"]["phoneLogs"].as_array().unwrap()) {
            let more = rest(line, said);
            assert_eq!((&more["companyId"], &more["robotDefId"]), (&call["companyId"], &call["robotDefId"]));
            assert!(!more["decisionId"].as_str().unwrap().is_empty(), "{more:?}");
            let status = more["answerStatus"].as_i64().unwrap();
            assert!((0..=2).contains(&status) && (status == 1) == (more["knowledgeBaseId"] != 0), "{more:?}");
            assert_eq!((&more["studyStatus"], &more["correctionContent"]), (&json!(0), &Value::Null));
        }
    }
}

#[test]
fn a_task_that_is_done_is_told_with_all_of_its_fields() {
    let mut world = World::new(&["--of", "tasks"]);
    let task = world.tenant.running_task(&world.client, &json!({}), &[BUSY.to_owned()]);

    let (request, body) = world.next();
    let told = &body["data"]["data"];
    assert_eq!(body["data"]["dataType"], "JOB_INFO_RESULT");
    assert!(request.header("idempotency-key").starts_with(&format!("task-{task}-")), "{request:?}");
    assert_eq!(
        (&told["callJobId"], &told["status"], &told["companyId"]),
        (&json!(task), &json!(2), &json!(world.tenant.company))
    );
    assert_eq!(told["endDate"].as_str().map(str::len), Some("2026-05-06".len()), "{told}");
    let fields = [
        "callJobId",
        "companyId",
        "jobName",
        "jobType",
        "startDate",
        "endDate",
        "workingStartTime",
        "workingEndTime",
        "breakStartTime",
        "breakEndTime",
        "status",
        "callType",
        "robotDefId",
        "sceneDefId",
        "sceneRecordId",
        "remark",
        "smsType",
        "smsCondition",
        "smsTemplateId",
        "userId",
        "userName",
        "secondaryStartTime",
        "jobIsDelete",
        "gmtCreate",
        "gmtModified",
    ];
    let mut names: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected = fields.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn an_intent_level_changed_by_hand_is_told_where_that_is_wanted() {
    let mut world = World::new(&["--manual-changes", "--of", "calls", "--content-type", "text"]);
    let task = world.tenant.running_task(&world.client, &json!({}), &[BUSY.to_owned()]);
    let (request, body) = world.next();
    assert_eq!(request.header("content-type"), "text/plain;charset=utf-8");
    let call = body["data"]["data"]["sceneInstance"]["callInstanceId"].to_string();

    world.installation.run(&[
        "grade",
        "--call",
        &call,
        "--result",
        "客户意向等级",
        "--value",
        "A级(较强)",
        "--by",
        "质检员",
    ]);

    let (request, body) = world.next();
    assert!(request.header("idempotency-key").starts_with(&format!("change-{call}-")), "{request:?}");
    let changed = json!({
        "companyId": world.tenant.company, "sceneInstanceId": call.parse::<i64>().unwrap(),
        "resultName": "客户意向等级", "resultValue": "A级(较强)",
    });
    assert_eq!(body["data"], json!({ "dataType": "CALL_INSTANCE_RESULT", "data": { "taskResult": [changed] } }));
    // Sent once more, the call itself says what was made of it, and that it was told before.
    let company = world.tenant.company.to_string();
    world.installation.run(&["callback", "resend", "--company", &company, "--call", &call]);
    let (_, again) = world.next();
    let told = &again["data"]["data"];
    assert_eq!(told["sceneInstance"]["callbacked"], 1);
    let level = &told["taskResult"][0];
    assert_eq!((&level["artificialChanged"], &level["artificialResultValue"]), (&json!(true), &json!("A级(较强)")));
    assert_eq!((&level["resultValueAlias"], &level["resultValueNew"]), (&json!("A"), &json!("A级(有明确意向)")));
    let _ = task;
}

#[test]
fn an_operator_sees_what_became_of_callbacks() {
    let world = World::new(&["--of", "calls"]);
    let company = world.tenant.company.to_string();
    let show = world.installation.run(&["callback", "show", "--company", &company]);
    assert_eq!(show, format!("calls\t{}\tjson\n", world.receiver.url()));
    let task = world.tenant.running_task(&world.client, &json!({}), &[BUSY.to_owned()]);
    let mut follower = Follower::new(task);
    until("the call is over", || follower.poll(&world.client).then_some(()));

    let listed = until("the callback is delivered", || {
        let listed = world.installation.run(&["callback", "list", "--company", &company]);
        listed.contains("delivered").then_some(listed)
    });
    assert!(listed.contains("HTTP 200\t\"success\"") && listed.ends_with("1 of 1\n"), "{listed}");
    let removed = world.installation.run(&["callback", "unset", "--company", &company, "--of", "calls"]);
    assert_eq!(removed, "");
}

#[test]
fn what_was_given_up_is_listed_and_sent_once_more() {
    let mut answers = vec![Answer::ok(), Answer::Says(200, "error".to_owned())];
    let mut world = World::answering(&["--of", "calls"], move |_| answers.pop().unwrap_or_else(Answer::ok));
    let company = world.tenant.company;
    let task = world.tenant.running_task(&world.client, &json!({}), &[BUSY.to_owned()]);
    let call = world.next().1["data"]["data"]["sceneInstance"]["callInstanceId"].clone();
    until("the answer is kept", || {
        let listed = world.installation.run(&["callback", "list", "--company", &company.to_string()]);
        listed.contains("\"error\"").then_some(())
    });
    // A day has passed.
    let store = Store::open(&Options::new(Url::Sqlite(world.installation.data().join("hutong.db"))), START).unwrap();
    let name = CallbackName { kind: CallbackKind::Call, subject: call.as_i64().unwrap(), seq: 0 };
    let (at, answer) = (START, "error".to_owned());
    let last = Attempt { name, number: 28, at, verdict: Verdict::GivenUp, http_status: Some(200), answer };
    let id = CompanyId(company);
    block_on(store.write(id, move |db| delivery::record(db, id, std::slice::from_ref(&last)))).unwrap();

    let today = now().to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).date();
    let asked = json!({
        "companyId": company, "callJobId": task, "dataType": 0, "startDate": today.yesterday().unwrap().to_string(),
        "endDate": today.tomorrow().unwrap().to_string(),
    });
    let page = world.client.read("callBack/queryUnCallBack", &asked);
    assert_eq!((&page["total"], &page["list"][0]["callInstanceId"]), (&json!(1), &call), "{page}");
    assert_eq!(page["list"][0]["customerTelephone"], BUSY);

    let resent = world.installation.run(&["callback", "resend", "--company", &company.to_string(), "--given-up"]);
    assert_eq!(resent, "1 callbacks are sent again\n");
    let (request, again) = world.next();
    assert_eq!(request.header("idempotency-key"), name.to_string());
    assert_eq!(again["data"]["data"]["sceneInstance"]["callInstanceId"], call);
    assert_eq!(world.client.read("callBack/queryUnCallBack", &asked)["total"], 0);
}

#[test]
fn an_address_that_nothing_can_be_sent_to_is_refused() {
    let installation = Installation::new();
    let tenant = installation.tenant("公司", 1);
    let company = tenant.company.to_string();
    let check = |arguments: &[&str], code: i32, names: &str| {
        let arguments = [&["callback", "set", "--company", &company], arguments].concat();
        let done = program::run(installation.data(), &arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains(names), "{arguments:?}: {}", done.stderr);
    };
    check(&["--url", "crm.example.com"], 2, "--url \"crm.example.com\"");
    check(&["--url", "http://10.0.0.1/"], 2, "callbacks.private_addresses");
    check(&["--url", "http://me:secret@crm.example.com/"], 2, "a user or a password");
    check(&["--url", "http://crm.example.com/", "--content-type", "xml"], 2, "expected json or text");
    check(&["--url", "http://crm.example.com/", "--key", "nobody"], 1, "hutong key list");
    assert_eq!(installation.run(&["callback", "show", "--company", &company]), "");
}
