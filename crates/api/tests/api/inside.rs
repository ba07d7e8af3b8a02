//! People of the console ask from inside: they may what their role and reach let them, and stand in the audit log by name.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use hutong_api::{Answered, Limits, Person, Refused};
use hutong_domain::access::{Access, Reach, Role};
use hutong_domain::ids::CompanyId;
use hutong_store::company;
use hutong_testkit::clock::START;
use serde_json::{Value, json};

use crate::audit::{changing_operations, filled, known, log, script};
use crate::world::{World, customer_list};

fn person(name: &str, role: Role, reach: Reach) -> Person {
    Person { name: name.to_owned(), access: Access::new(role, reach) }
}

fn only(company: CompanyId) -> Reach {
    Reach::Companies([company].into())
}

async fn ask(world: &World, person: &Person, operation: &str, parameters: Value) -> Result<Answered, Refused> {
    world.inside.ask(person, operation, &parameters).await
}

/// Every operation, as people name it.
async fn all_operations(world: &World) -> Vec<String> {
    let document = world.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await.body;
    let paths = document["paths"].as_object().unwrap().keys();
    paths.map(|path| path.strip_prefix("/openapi/").unwrap().to_owned()).collect()
}

fn is_for_other_roles(refused: &Refused) -> bool {
    refused.code == 403 && refused.reason.zh.starts_with("当前用户的角色（")
}

#[tokio::test]
async fn every_operation_says_which_permission_it_needs() {
    let world = World::new().await;
    let changing = changing_operations(&world).await;
    let operations = all_operations(&world).await;
    assert_eq!(operations.len(), 30);
    for role in Role::ALL {
        let somebody = person("somebody", role, Reach::All);
        let mut closed = BTreeSet::new();
        for operation in &operations {
            let answer = ask(&world, &somebody, operation, json!({})).await;
            if answer.is_err_and(|refused| is_for_other_roles(&refused)) {
                closed.insert(format!("/openapi/{operation}"));
            }
        }
        // What nobody gave a permission to is closed to admins too. Viewers do what changes nothing, and all of that.
        let expected = if role == Role::Viewer { changing.clone() } else { BTreeSet::new() };
        assert_eq!(closed, expected, "{role:?}");
    }
}

#[tokio::test]
async fn what_a_person_does_stands_in_the_audit_log_by_name_and_what_is_refused_does_not() {
    let world = World::new().await;
    let mut known = known(&world).await;
    let anna = person("anna", Role::Operator, only(world.ours.company));
    let refused_ones = [
        person("vera", Role::Viewer, only(world.ours.company)),
        person("otto", Role::Operator, only(world.theirs.company)),
        person("nemo", Role::Operator, Reach::Companies(BTreeSet::new())),
    ];
    for (rows, (operation, body, action, kept_as)) in script(world.company()).into_iter().enumerate() {
        let body = filled(&body, &known);
        for somebody in &refused_ones {
            let refused = ask(&world, somebody, operation, body.clone()).await.unwrap_err();
            assert!(matches!(refused.code, 403 | 404), "{operation} by {}: {refused:?}", somebody.name);
        }
        assert_eq!(log(&world).await.len(), rows, "{operation}: what was refused leaves nothing");
        let answered = ask(&world, &anna, operation, body).await.unwrap();
        let log = log(&world).await;
        assert_eq!(log.len(), rows + 1, "{operation} leaves one row");
        assert_eq!((log[0].action.as_str(), log[0].actor.as_str()), (action, "user anna"), "{operation}");
        assert_eq!((log[0].company, log[0].at), (Some(world.ours.company), world.ours.now()), "{operation}");
        if !kept_as.is_empty() {
            known[kept_as] = answered.data;
        }
        world.ours.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_person_sees_the_companies_that_they_reach_and_no_others() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let ours = person("vera", Role::Viewer, only(world.ours.company));
    let theirs = person("otto", Role::Operator, only(world.theirs.company));
    let all = person("root", Role::Admin, Reach::All);
    let company = world.company();
    let questions = [
        ("v1/task/getTasks", json!({ "companyId": company })),
        ("v1/task/getTaskDetail", json!({ "companyId": company, "taskId": task.get() })),
        ("v1/task/phoneLogInfo", json!({ "callInstanceId": calls[0].get() })),
        ("v1/company/blacklist/group/list", json!({ "companyId": company })),
    ];
    for (operation, parameters) in questions {
        let seen = ask(&world, &ours, operation, parameters.clone()).await.unwrap();
        assert_eq!(ask(&world, &all, operation, parameters.clone()).await.unwrap(), seen, "{operation}");
        let refused = ask(&world, &theirs, operation, parameters).await.unwrap_err();
        assert_eq!((refused.code, refused.reason.zh.starts_with("无权访问该")), (403, true), "{refused:?}");
    }
    let count = async |person| {
        ask(&world, person, "v1/company/getCompanys", json!({})).await.unwrap().data.as_array().unwrap().len()
    };
    assert_eq!((count(&ours).await, count(&theirs).await, count(&all).await), (1, 1, 2));
    // Those that are made later too; but none that there is not.
    let unmade = json!({ "companyId": 9999, "mobile": "13800138000" });
    assert_eq!(ask(&world, &all, "v1/company/addBlackList", unmade).await.unwrap_err().code, 403);
    let made = world.ours.write(|db, _| company::insert(db, "新公司", 1, START)).await;
    assert_eq!(count(&all).await, 3);
    let parameters = json!({ "companyId": made.get(), "mobile": "13800138000" });
    ask(&world, &all, "v1/company/addBlackList", parameters).await.unwrap();
}

#[tokio::test]
async fn a_refusal_has_code_and_text_and_names_the_field() {
    let world = World::new().await;
    let anna = person("anna", Role::Operator, only(world.ours.company));
    let company = world.company();
    let new = json!({
        "companyId": company, "taskName": "测试", "taskType": 2, "userPhoneIds": [world.ours.line.get()],
        "robotDefId": world.ours.robot.id.get(), "workingStartTime": "08:00", "workingEndTime": "20:00",
    });
    // What was adjusted is said in the text of a success.
    let made = ask(&world, &anna, "v1/task/createTask", new.clone()).await.unwrap();
    assert!(made.data.is_i64() && made.text.starts_with("操作成功：拨打时段已按"), "{made:?}");

    let without = |name: &str| {
        let mut body = new.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let refused = ask(&world, &anna, "v1/task/createTask", without("taskName")).await.unwrap_err();
    assert_eq!((refused.code, refused.reason.zh.as_str()), (412, "缺少必填参数 taskName"));
    assert_eq!(refused.reason.en, "taskName is missing");
    assert_eq!((refused.field.as_deref(), refused.request_id.is_some()), (Some("taskName"), true));
    assert_eq!(refused.to_string(), refused.reason.zh);
    let list = json!({ "companyId": company, "taskId": made.data, "customerInfoList": [{ "phone": [1] }] });
    let refused = ask(&world, &anna, "v1/task/importTaskCustomer", list).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (412, Some("customerInfoList[0].phone")), "{refused:?}");
    // What fits no state, does not exist, or is no operation is about no field.
    for (operation, task, code) in [
        ("v1/task/pause", made.data, 412),
        ("v1/task/pause", json!(9999), 404),
        ("v1/task/noSuchThing", json!(1), 404),
        ("no operation", json!(1), 404),
    ] {
        let refused = ask(&world, &anna, operation, json!({ "taskId": task })).await.unwrap_err();
        assert_eq!((refused.code, &refused.field), (code, &None), "{operation}: {refused:?}");
    }
    assert_eq!(ask(&world, &anna, "v1/task/getTasks", json!([1])).await.unwrap_err().code, 412);
}

#[tokio::test]
async fn an_import_from_inside_is_not_limited_as_a_strangers_body_is() {
    let limits = Limits { body_bytes_max: 1024, bodies_bytes_max: 1024, ..Limits::default() };
    let world = World::with_limits(limits).await;
    let list = customer_list(&world, 10_000).await;
    let task = world.ours.insert_task(world.ours.new_task()).await;
    let parameters = json!({ "companyId": world.company(), "taskId": task.get(), "customerInfoList": list });
    assert_eq!(world.post("/openapi/v2/task/importTaskCustomer", parameters.clone()).await.code(), 413);
    let anna = person("anna", Role::Operator, only(world.ours.company));
    let imported = ask(&world, &anna, "v2/task/importTaskCustomer", parameters).await.unwrap();
    assert_eq!(imported.data["successNum"], 10_000, "{}", imported.text);
}

#[tokio::test]
async fn nobody_outside_can_pretend_to_be_a_person() {
    let world = World::new().await;
    let root = person("root", Role::Admin, Reach::All);
    for operation in all_operations(&world).await {
        let mut request = Request::post(format!("/openapi/{operation}?user=root&person=root&companyId=1"));
        for name in ["insider", "person", "user", "x-user", "x-person", "x-forwarded-user", "remote-user", "needs"] {
            request = request.header(name, "root");
        }
        request = request.header("cookie", "session=root; user=root");
        let mut request = request.body(Body::from(r#"{"person":{"name":"root"},"companyId":1}"#)).unwrap();
        // Not even what the console may keep beside a request for its own pages makes a person of it.
        request.extensions_mut().insert(root.clone());
        world.send(request).await.refused(401, "校验数据错误：");
    }
    assert!(log(&world).await.is_empty());
}
