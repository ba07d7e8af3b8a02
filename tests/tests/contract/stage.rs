//! What the fixtures are played on: servers with data, keys, and variables for the ids in it.
//!
//! | server | is |
//! | --- | --- |
//! | `demo` | `hutong demo`, whose finished campaign is the same every time, and a second company |
//! | `office hours` | a company where people may be called from 09:00 to 20:00 only |
//! | `foreign key` | the same, started with the key of another installation |
//! | `no time` | the same, where no request may take any time |

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use hutong_e2e::client::now;
use hutong_e2e::{Client, Credentials, Demo, Installation, Server, program};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The names of the servers.
pub(crate) const SERVERS: [&str; 4] = ["demo", "office hours", "foreign key", "no time"];
/// The zone of a server that is not told otherwise.
const ZONE: &str = "Asia/Shanghai";
/// Ten minutes: more than a signature may be off.
const TOO_LONG: Duration = Duration::from_secs(600);
/// The key of an installation that is not this one.
const FOREIGN_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A server with what is needed to speak with it.
pub(crate) struct Stage {
    server: Running,
    variables: BTreeMap<String, Value>,
    callers: BTreeMap<&'static str, Credentials>,
    // Where the data is; it goes when this is dropped, after the server.
    _folder: Box<dyn Any>,
}

enum Running {
    Demo(Demo),
    Serve(Server),
}

impl Stage {
    /// Starts the server of this name, with keys of this edition.
    pub(crate) fn set(server: &str, edition: &str) -> Self {
        match server {
            "demo" => Self::demo(edition),
            "office hours" => Self::office(
                edition,
                &[("HUTONG_DIALING__LEGAL_START", "09:00:00"), ("HUTONG_DIALING__LEGAL_END", "20:00:00")],
            ),
            "foreign key" => Self::office(edition, &[("HUTONG_KEY", FOREIGN_KEY)]),
            "no time" => Self::office(edition, &[("HUTONG_API__REQUEST_TIMEOUT_S", "0")]),
            unknown => panic!("there is no server {unknown:?}"),
        }
    }

    fn demo(edition: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let demo = Demo::start(&folder.path().join("data"), &[]);
        let key = |company: i64, options: &[&str]| {
            let company = company.to_string();
            let command = ["key", "create", "--company", &company, "--edition", edition];
            Credentials::printed(&program::succeed(demo.data(), &[&command, options].concat()))
        };
        let company = demo.number("COMPANY_ID");
        let other = second_company(&demo);
        let callers = BTreeMap::from([
            ("signed", key(company, &[])),
            ("limited", key(company, &["--requests-per-s", "1"])),
            ("other", key(other, &[])),
        ]);
        let mut variables = variables_of_demo(&demo);
        variables.extend(variables_of_second_company(&demo.server.client(&callers["other"]), other));
        Self { server: Running::Demo(demo), variables, callers, _folder: Box::new(folder) }
    }

    fn office(edition: &str, environment: &[(&str, &str)]) -> Self {
        let installation = Installation::new();
        let tenant = installation.tenant("办公室", 1);
        let office = installation.key(tenant.company, &["--edition", edition]);
        let variables = {
            let server = installation.serve();
            let (robot, _, _) = tenant.robot(&server.client(&office));
            let numbers = [("COMPANY_ID", tenant.company), ("LINE_1", tenant.line), ("ROBOT_ID", robot)];
            numbers.into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect()
        };
        let server = Running::Serve(installation.serve_with(environment));
        Self { server, variables, callers: BTreeMap::from([("office", office)]), _folder: Box::new(installation) }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> &str {
        match &self.server {
            Running::Demo(demo) => demo.server.address(),
            Running::Serve(server) => server.address(),
        }
    }

    /// The variables that requests and answers speak of as `$NAME`.
    pub(crate) fn variables(&self) -> &BTreeMap<String, Value> {
        &self.variables
    }

    /// The headers by which this caller is known, made now.
    pub(crate) fn headers(&self, caller: &str) -> Vec<(String, String)> {
        let key = |name: &str| self.callers.get(name).unwrap_or_else(|| panic!("there is no caller {name:?}"));
        let wrong_secret = || Credentials { secret: "wrong".to_owned(), ..key("signed").clone() };
        match caller {
            "nobody" => Vec::new(),
            "unknown key" => Credentials { key: "unknown".to_owned(), ..wrong_secret() }.signed_at(now()).to_vec(),
            "wrong secret" => wrong_secret().signed_at(now()).to_vec(),
            "basic with a wrong secret" => vec![wrong_secret().basic()],
            "basic" => vec![key("signed").basic()],
            "ten minutes late" => key("signed").signed_at(now() - TOO_LONG).to_vec(),
            "ten minutes early" => key("signed").signed_at(now() + TOO_LONG).to_vec(),
            "unreadable time" => key("signed").signed("2018-12-13 01:27:17").to_vec(),
            name => key(name).signed_at(now()).to_vec(),
        }
    }
}

fn second_company(demo: &Demo) -> i64 {
    let printed = program::succeed(demo.data(), &["company", "add", "别家公司", "--seats", "1"]);
    let company = printed.trim().trim_start_matches("company ").to_owned();
    let line = ["line", "add", "--company", &company, "--name", "线路", "--phone", "02180000009"];
    let _ = program::succeed(demo.data(), &[&line[..], &["--type", "fixed", "--driver", "simulated"]].concat());
    let scene = hutong_e2e::installation::BRIEF_SCENE;
    let _ = program::succeed(demo.data(), &["scene", "publish", scene, "--company", &company]);
    company.parse().expect("the id of a company")
}

fn variables_of_demo(demo: &Demo) -> BTreeMap<String, Value> {
    let client = demo.client();
    let company = json!({ "companyId": demo.number("COMPANY_ID") });
    let robots = client.read("company/getRobots", &company);
    let lines = client.read("company/getPhones", &company);
    let call = client.read("task/phoneLogInfo", &json!({ "callInstanceId": demo.number("CALL_INSTANCE_ID") }));
    let named = json!({ "companyId": demo.number("COMPANY_ID"), "taskName": "未开始" });
    let waiting_task = client.read("task/getTasks", &named)["list"][0]["callJobId"].clone();
    let waiting = client.read("task/notDialedCustomerList", &json!({ "taskId": waiting_task }));
    let templates = client.read("sms/template/list", &company);
    let today = now().to_zoned(TimeZone::get(ZONE).expect("the zone is known")).date();
    // When the finished campaign was made: a midnight may have passed since.
    let made = call["sceneInstance"]["gmtCreate"].as_str().and_then(|moment| moment.split(' ').next());
    let mut variables = BTreeMap::from(
        [
            ("ROBOT_ID", robots[0]["robotDefId"].clone()),
            ("SCENE_ID", robots[0]["sceneDefId"].clone()),
            ("VOICE_ID", robots[0]["sceneRecords"][0]["sceneRecordId"].clone()),
            ("DEBT_ROBOT_ID", robots[1]["robotDefId"].clone()),
            ("DEBT_SCENE_ID", robots[1]["sceneDefId"].clone()),
            ("LINE_1", lines[0]["userPhoneId"].clone()),
            ("LINE_2", lines[1]["userPhoneId"].clone()),
            ("CUSTOMER_ID", call["sceneInstance"]["customerId"].clone()),
            ("WAITING_TASK_ID", waiting_task),
            ("WAITING_CALL_ID", waiting["list"][0]["callInstanceId"].clone()),
            ("SMS_TEMPLATE_ID", templates["list"][0]["smsTemplateId"].clone()),
            ("TODAY", json!(today.to_string())),
            ("DAY_OF_DONE_TASK", json!(made)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let numbers = ["COMPANY_ID", "DONE_TASK_ID", "RUNNING_TASK_ID", "CALL_INSTANCE_ID"];
    variables.extend(numbers.map(|name| (name.to_owned(), json!(demo.number(name)))));
    variables
}

fn variables_of_second_company(client: &Client, company: i64) -> BTreeMap<String, Value> {
    let only = json!({ "companyId": company });
    let robot = client.read("company/getRobots", &only)[0]["robotDefId"].clone();
    let line = client.read("company/getPhones", &only)[0]["userPhoneId"].clone();
    let task = json!({
        "companyId": company, "taskName": "别家的任务", "taskType": 2, "userPhoneIds": [line], "robotDefId": robot,
    });
    let task = client.write("task/createTask", &task);
    let group = client.write("company/blacklist/group/add", &json!({ "companyId": company, "name": "别家的分组" }));
    let ids = [("OTHER_COMPANY_ID", json!(company)), ("OTHER_TASK_ID", task), ("OTHER_GROUP_ID", group)];
    ids.map(|(name, id)| (name.to_owned(), id)).into()
}
