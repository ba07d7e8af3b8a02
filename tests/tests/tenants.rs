//! Tenants are walls: every operation is asked with another company's ids, and gives and changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::collections::BTreeMap;

use hutong_e2e::client::query;
use hutong_e2e::http::Request;
use hutong_e2e::{Client, Demo, Installation, Server};
use serde_json::{Map, Value, json};

/// Parameters that name something of a company.
const IDS: [&str; 11] = [
    "companyId",
    "taskId",
    "callJobId",
    "callInstanceId",
    "customerId",
    "robotDefId",
    "sceneDefId",
    "sceneRecordId",
    "userPhoneIds",
    "blacklistInfoGroupId",
    "smsTemplateId",
];

/// Where somebody else's id may be called a wrong parameter, code 412: in a list, and where only one id is
/// right, whoever has the others (the scene and voice of the robot, the robot of the task).
fn may_be_wrong(operation: &Operation, id: &str) -> bool {
    match id {
        "userPhoneIds" | "sceneRecordId" => true,
        "sceneDefId" => operation.path.ends_with("/createTask"),
        "robotDefId" => operation.path.ends_with("/update"),
        _ => false,
    }
}

/// Everything else that operations ask for, with values that are good.
fn harmless() -> Map<String, Value> {
    let values = json!({
        "blacklist": [{ "mobile": "13800138001", "name": "张三" }],
        "breakEndTime": "13:00", "breakStartTime": "12:00", "callType": 1, "chatRoundLeft": 0,
        "chatRoundRight": 100, "concurrencyPhone": 1, "concurrencyQuota": 1, "createDate": "", "dataType": 0,
        "customerInfoList": [{ "name": "张三", "phone": "13800138004" }], "defaultIntentionRule": true,
        "durationLeft": 0, "durationRight": 100_000, "endDate": "2099-12-31", "finishStatus": "", "index": -1,
        "jobName": "", "mobile": "13800138001", "name": "改名", "needAll": true, "noBreak": false, "openElasticity": false,
        "pageNum": 1, "pageSize": 500, "phoneNum": 1, "remark": "备注", "repeatCall": false,
        "repeatCallRule": [], "resultQueryList": "", "robotStatus": 0, "smsSendLevel": ["A"], "smsType": 1,
        "startDate": "2018-01-01", "status": "", "taskName": "改名", "taskType": 2, "userName": "张三",
        "variables": {}, "workingEndTime": "20:00", "workingStartTime": "09:00",
    });
    values.as_object().unwrap().clone()
}

/// An operation, with the names of its parameters.
#[derive(Debug)]
struct Operation {
    method: String,
    path: String,
    parameters: Vec<String>,
}

impl Operation {
    fn ids(&self) -> impl Iterator<Item = &'static str> {
        IDS.into_iter().filter(|name| self.parameters.iter().any(|parameter| parameter == name))
    }

    /// The parameters: ids from `ids`, but for those in `instead`, and everything else harmless.
    fn parameters(&self, ids: &Ids, instead: &Map<String, Value>) -> Value {
        let harmless = harmless();
        let value = |name: &String| {
            let known = instead.get(name).or_else(|| ids.get(name.as_str())).or_else(|| harmless.get(name));
            known.unwrap_or_else(|| panic!("{} {}: what is {name}?", self.method, self.path)).clone()
        };
        self.parameters.iter().map(|name| (name.clone(), value(name))).collect::<Map<_, _>>().into()
    }

    fn ask(&self, client: &Client, parameters: &Value) -> Value {
        let request = match self.method.as_str() {
            "GET" => Request::get(&format!("{}{}", self.path, query(parameters))),
            _ => Request::post(&self.path, parameters),
        };
        client.send(request).json()
    }
}

/// The operations of the API's own description.
fn operations(server: &Server) -> Vec<Operation> {
    let document = Request::get("/openapi.json").send(server.address()).unwrap().json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let in_query = operation["parameters"].as_array().into_iter().flatten();
            let mut parameters: Vec<String> =
                in_query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
            let schema = resolved(&document, &operation["requestBody"]["content"]["application/json"]["schema"]);
            parameters.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
            operations.push(Operation { method: method.to_uppercase(), path: path.clone(), parameters });
        }
    }
    assert!(operations.len() > 28, "{operations:?}");
    operations
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    name.map_or(schema, |name| &document["components"]["schemas"][name])
}

/// Ids of things of one company, by the names of the parameters that take them.
type Ids = BTreeMap<&'static str, Value>;

/// One of everything that the company has; what it does not have is made.
fn ids(client: &Client, company: i64, task: i64) -> Ids {
    let only = json!({ "companyId": company });
    let robot = &client.read("company/getRobots", &only)[0];
    let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
    let call = calls[0]["callInstanceId"].clone();
    let detail = client.read("task/phoneLogInfo", &json!({ "callInstanceId": call }));
    let group = json!({ "companyId": company, "name": "分组" });
    let group = client.write("company/blacklist/group/add", &group);
    let entry = json!({
        "companyId": company, "blacklistInfoGroupId": group, "blacklist": [{ "mobile": "13800138001", "name": "张三" }],
    });
    client.write("company/addBlackList/batch", &entry);
    BTreeMap::from([
        ("companyId", json!(company)),
        ("taskId", json!(task)),
        ("callJobId", json!(task)),
        ("callInstanceId", call),
        ("customerId", detail["sceneInstance"]["customerId"].clone()),
        ("robotDefId", robot["robotDefId"].clone()),
        ("sceneDefId", robot["sceneDefId"].clone()),
        ("sceneRecordId", robot["sceneRecords"][0]["sceneRecordId"].clone()),
        ("userPhoneIds", json!([client.read("company/getPhones", &only)[0]["userPhoneId"]])),
        ("blacklistInfoGroupId", group),
        ("smsTemplateId", client.read("sms/template/list", &only)["list"][0]["smsTemplateId"].clone()),
    ])
}

/// All that can be seen of a company, by its own key and by the operator.
fn everything(installation: &Installation, client: &Client, company: i64) -> BTreeMap<String, Value> {
    let only = json!({ "companyId": company });
    let mut seen = BTreeMap::new();
    for operation in [
        "company/getCompanys",
        "company/getPhones",
        "company/getRobots",
        "company/seat/statistics",
        "sms/template/list",
    ] {
        seen.insert(operation.to_owned(), client.read(operation, &only));
    }
    let groups = client.read("company/blacklist/group/list", &only);
    for group in groups.as_array().unwrap() {
        let asked = json!({ "companyId": company, "blacklistInfoGroupId": group["blacklistInfoGroupId"] });
        seen.insert(format!("group {group}"), json!(client.all("company/blacklist/info/page", &asked)));
    }
    let undelivered = json!({ "companyId": company, "startDate": "2018-01-01", "endDate": "2099-12-31" });
    seen.insert("callbacks".to_owned(), json!(client.all("callBack/queryUnCallBack", &undelivered)));
    let tasks = client.all("task/getTasks", &json!({ "companyId": company, "needAll": true }));
    for task in &tasks {
        let id = &task["callJobId"];
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": company, "taskId": id }));
        let waiting = client.all("task/notDialedCustomerList", &json!({ "taskId": id }));
        let done = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": id }));
        for call in waiting.iter().take(5).chain(&done) {
            let asked = json!({ "callInstanceId": call["callInstanceId"] });
            seen.insert(format!("call {}", asked["callInstanceId"]), client.read("task/phoneLogInfo", &asked));
        }
        seen.insert(format!("task {id}"), json!([task, detail, waiting, done]));
        let exported = installation.run(&["export", "calls", "--task", &id.to_string(), "--format", "jsonl"]);
        seen.insert(format!("export {id}"), json!(exported));
    }
    seen
}

/// The demo's company, whose campaigns have come to rest, with the ids of its things.
fn victim(installation: &Installation) -> (hutong_e2e::Credentials, i64, i64) {
    // Calls in progress are hung up at once when the server stops.
    let demo = Demo::start(installation.data(), &[("HUTONG_DIALING__DRAIN_S", "0")]);
    let client = demo.client();
    client.write("task/stop", &json!({ "taskId": demo.number("RUNNING_TASK_ID") }));
    let victim = (demo.credentials(), demo.number("COMPANY_ID"), demo.number("DONE_TASK_ID"));
    assert!(demo.server.stop().status.success());
    victim
}

struct World {
    installation: Installation,
    server: Server,
    victim: (Client, i64, Ids),
    stranger: Stranger,
}

struct Stranger {
    client: Client,
    ids: Ids,
    /// A task that nobody started: the only kind that can be changed.
    waiting_task: Value,
}

impl Stranger {
    /// Ids of its own with which this operation succeeds.
    fn ids_for(&self, operation: &Operation) -> Ids {
        let mut ids = self.ids.clone();
        if operation.path.ends_with("/update") {
            ids.insert("taskId", self.waiting_task.clone());
        }
        ids
    }
}

/// Two companies with everything in them, and nobody calling.
fn world() -> World {
    let installation = Installation::new();
    let (credentials, company, done) = victim(&installation);
    let tenant = installation.tenant("别家公司", 5);
    let server = installation.serve();
    let (owner, client) = (server.client(&credentials), server.client(&tenant.credentials));
    let theirs = ids(&owner, company, done);
    // The stranger has the same, of its own; a call that nobody answers is over soon.
    let numbers = ["13800138003".to_owned()];
    let task = tenant.running_task(&client, &json!({}), &numbers);
    hutong_e2e::wait::until("the stranger's call ends", || {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
        (done["total"] == 1).then_some(())
    });
    let waiting_task = client.write("task/createTask", &tenant.new_task(&client, &json!({})));
    let mut own = ids(&client, tenant.company, task);
    // Nothing makes a template for it yet: none is a good value.
    own.insert("smsTemplateId", Value::Null);
    let stranger = Stranger { client, ids: own, waiting_task };
    World { installation, server, victim: (owner, company, theirs), stranger }
}

fn check_refused(operation: &Operation, parameters: &Value, answer: &Value, may_be_wrong: bool) {
    let code = answer["code"].as_i64().unwrap();
    let refused = code == 403 || code == 404 || (code == 412 && may_be_wrong);
    assert!(refused, "{} {} with {parameters}: {answer}", operation.method, operation.path);
    assert_eq!(answer["data"], Value::Null, "an error carries no data");
}

#[test]
fn no_operation_gives_or_changes_anything_of_another_company() {
    let World { installation, server, victim: (owner, company, theirs), stranger } = world();
    let before = everything(&installation, &owner, company);
    for operation in operations(&server) {
        let (client, own) = (&stranger.client, stranger.ids_for(&operation));
        let all: Vec<_> = operation.ids().collect();
        if all.is_empty() {
            let answer = operation.ask(client, &operation.parameters(&own, &Map::new()));
            assert!(!answer.to_string().contains("呼通演示公司"), "{operation:?}: {answer}");
            continue;
        }
        let parameters = operation.parameters(&theirs, &Map::new());
        check_refused(&operation, &parameters, &operation.ask(client, &parameters), false);
        for name in all {
            let instead = Map::from_iter([(name.to_owned(), theirs[name].clone())]);
            let parameters = operation.parameters(&own, &instead);
            check_refused(&operation, &parameters, &operation.ask(client, &parameters), may_be_wrong(&operation, name));
        }
    }
    let after = everything(&installation, &owner, company);
    for (what, before) in &before {
        assert_eq!(Some(before), after.get(what), "{what} was changed");
    }
    assert_eq!(before.len(), after.len(), "something was added");
}

#[test]
fn with_ids_of_its_own_the_stranger_gets_through() {
    // The victim's data has to stay until the end.
    let World { installation: _installation, server, stranger, .. } = world();
    let mut operations = operations(&server);
    // What moves a task on or removes things is shown by the contract's fixtures.
    let elsewhere = ["/start", "/pause", "/stop", "/delete"];
    operations.retain(|operation| !elsewhere.iter().any(|end| operation.path.ends_with(end)));
    for operation in operations {
        let mut parameters = operation.parameters(&stranger.ids_for(&operation), &Map::new());
        if operation.path.ends_with("task/call") || operation.path.ends_with("singleCallByMobile") {
            // The harmless number is on the blacklist, and a number is in one call at a time.
            let mobile = if operation.path.ends_with("task/call") { "13800138004" } else { "13800148004" };
            parameters["mobile"] = json!(mobile);
        }
        if operation.path.ends_with("group/add") || operation.path.ends_with("group/edit") {
            parameters["name"] = json!(format!("名{}", operation.path.len()));
        }
        let answer = operation.ask(&stranger.client, &parameters);
        assert_eq!(answer["code"], 200, "{} {} with {parameters}: {answer}", operation.method, operation.path);
    }
}

#[test]
fn a_key_of_two_companies_reaches_both_and_no_third() {
    let installation = Installation::new();
    let tenants = ["甲", "乙", "丙"].map(|name| installation.tenant(name, 1));
    let second = tenants[1].company.to_string();
    let both = installation.key(tenants[0].company, &["--company", &second]);
    let server = installation.serve();
    let client = server.client(&both);
    let bound: Vec<i64> = client
        .read("company/getCompanys", &json!({}))
        .as_array()
        .unwrap()
        .iter()
        .map(|company| company["companyId"].as_i64().unwrap())
        .collect();
    assert_eq!(bound, [tenants[0].company, tenants[1].company]);
    for (tenant, code) in tenants.iter().zip([200, 200, 403]) {
        let own = server.client(&tenant.credentials);
        let task = own.write("task/createTask", &tenant.new_task(&own, &json!({})));
        let asked = json!({ "companyId": tenant.company, "taskId": task });
        assert_eq!(client.get("task/getTaskDetail", &asked)["code"], code);
        assert_eq!(client.post("task/stop", &json!({ "taskId": task }))["code"], code);
        assert_eq!(own.read("task/getTaskDetail", &asked)["status"], if code == 200 { 6 } else { 0 });
    }
}
