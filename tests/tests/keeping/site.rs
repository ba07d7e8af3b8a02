//! A company with a task that is done.

use std::path::{Path, PathBuf};

use hutong_e2e::client::query;
use hutong_e2e::http::Request;
use hutong_e2e::wait::until;
use hutong_e2e::{Client, Installation, Server, Tenant};
use serde_json::{Value, json};

/// Two talk, one is busy, one does not exist, one is switched off.
pub(crate) const NUMBERS: [&str; 5] = ["13800138000", "13800138020", "13800138006", "13800138004", "13800138005"];

/// What addresses of recordings begin with, wherever a server listens.
pub(crate) const PUBLIC_URL: (&str, &str) = ("HUTONG_PUBLIC_URL", "http://hutong.example.com");

pub(crate) struct Site {
    pub(crate) installation: Installation,
    pub(crate) tenant: Tenant,
    pub(crate) server: Server,
    /// The task that is done.
    pub(crate) done: i64,
}

impl Site {
    pub(crate) fn new() -> Self {
        let installation = Installation::new();
        let tenant = installation.tenant("公司", 5);
        let server = installation.serve_with(&[PUBLIC_URL, ("HUTONG_DIALING__DRAIN_S", "1")]);
        let client = server.client(&tenant.credentials);
        let done = tenant.running_task(&client, &json!({ "concurrencyQuota": 5 }), &NUMBERS.map(str::to_owned));
        until("the task is done", || {
            let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": done }));
            (detail["status"] == 2).then_some(())
        });
        Self { installation, tenant, server, done }
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client(&self.tenant.credentials)
    }

    /// The finished calls.
    pub(crate) fn feed(&self, client: &Client) -> Vec<Value> {
        let done = client.read("task/queryDoneTaskPhones", &json!({ "callJobId": self.done, "pageSize": 50 }));
        done["list"].as_array().unwrap().clone()
    }

    /// The id of the call to this number.
    pub(crate) fn call_to(&self, number: &str) -> i64 {
        let feed = self.feed(&self.client());
        let call = feed.iter().find(|call| call["customerTelephone"] == number).expect("the number was called");
        call["callInstanceId"].as_i64().unwrap()
    }

    /// A running task with calls in progress: these ring for half a minute.
    pub(crate) fn call_somebody(&self) -> i64 {
        let client = self.client();
        let numbers = ["13800138008", "13800148008", "13800158008"].map(str::to_owned);
        let task = self.tenant.running_task(&client, &json!({ "concurrencyQuota": 3 }), &numbers);
        until("calls are in progress", || {
            let lines = client.read("company/getPhones", &json!({ "companyId": self.tenant.company }));
            (lines[0]["usedConcurrencyQuota"] == 3).then_some(())
        });
        task
    }

    /// Files of a recording of a call, as if it had been made on a trunk; their names.
    pub(crate) fn record(&self, call: i64) -> [PathBuf; 3] {
        let name = format!("2026/11/22/{}/{call}-1", self.tenant.company);
        let store = hutong_store::Options::new(hutong_store::Url::Sqlite(self.data().join("hutong.db")));
        let store = hutong_store::Store::open(&store, hutong_testkit::clock::START).unwrap();
        let (both, customer) = (format!("{name}.wav"), format!("{name}-customer.wav"));
        let named = store.write(hutong_domain::ids::CompanyId(self.tenant.company), move |db| {
            let sql = "UPDATE call SET recording = ?2, customer_recording = ?3 WHERE id = ?1";
            db.execute(sql, hutong_store::values![call, &both, &customer])
        });
        assert_eq!(futures::executor::block_on(named).unwrap(), 1);
        ["", "-customer", "-stereo"].map(|part| {
            let path = self.data().join("recordings").join(format!("{name}{part}.wav"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, format!("the voices of call {call}{part}")).unwrap();
            path
        })
    }

    pub(crate) fn data(&self) -> &Path {
        self.installation.data()
    }

    /// What every query answers about what has finished, byte by byte but for the signatures of addresses: they expire.
    pub(crate) fn answers(&self, client: &Client) -> Vec<(String, String)> {
        let company = self.tenant.company;
        let (task, of_company) =
            (json!({ "companyId": company, "taskId": self.done }), json!({ "companyId": company }));
        let feed = |more: Value| {
            let mut asked = json!({ "callJobId": self.done, "pageSize": 2 });
            for (name, value) in more.as_object().unwrap() {
                asked[name] = value.clone();
            }
            ("task/queryDoneTaskPhones", asked)
        };
        let mut asked = vec![
            ("company/getCompanys", json!({})),
            ("company/getRobots", of_company.clone()),
            ("company/blacklist/group/list", of_company.clone()),
            ("company/blacklist/info/page", json!({ "companyId": company, "blacklistInfoGroupId": -1 })),
            ("sms/template/list", of_company),
            ("task/getTasks", json!({ "companyId": company, "status": 2 })),
            ("task/getTaskDetail", task.clone()),
            ("task/notDialedCustomerList", task),
            feed(json!({})),
            feed(json!({ "pageNum": 2 })),
            feed(json!({ "index": 2 })),
            feed(json!({ "finishStatus": 0 })),
        ];
        for call in self.feed(client) {
            let id = call["callInstanceId"].clone();
            asked.push(("task/phoneLogInfo", json!({ "companyId": company, "callInstanceId": id })));
        }
        let ask = |(operation, parameters): (&str, Value)| {
            let name = format!("/openapi/v1/{operation}{}", query(&parameters));
            let answer = client.send(Request::get(&name));
            assert_eq!(answer.json()["code"], 200, "{name}: {}", String::from_utf8_lossy(&answer.body));
            (name, without_signatures(&answer.body))
        };
        asked.into_iter().map(ask).collect()
    }
}

/// The text without what an answer is known by, and without what expires: up to the next quotation mark.
fn without_signatures(body: &[u8]) -> String {
    let mut text = std::str::from_utf8(body).unwrap().to_owned();
    for mark in ["\"requestId\":\"", "?expires="] {
        let mut parts = text.split(mark);
        let first = parts.next().unwrap_or_default().to_owned();
        text = parts.fold(first, |kept, part| kept + part.find('"').map_or("", |end| &part[end..]));
    }
    text
}
