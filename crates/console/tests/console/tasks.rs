//! Tasks: the list, the form, one task with its numbers, and what goes in and out of it.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE};
use axum::http::{Request, StatusCode};
use hutong_accounts::csrf_token;
use hutong_domain::access::Role;
use hutong_domain::ids::TaskId;
use hutong_domain::outcome::Disposition;
use hutong_store::call::NewCustomer;
use hutong_store::task::{self, Filter, NewTask, Settings};
use hutong_store::{PageRequest, line};
use hutong_testkit::fixture::{customer, settings};

use crate::world::{Browser, Reply, World};

const SCRIPT: &str = "<script>alert(1)</script>";
const ESCAPED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;";

async fn tasks(world: &World) -> i64 {
    let all = PageRequest { number: 1, size: 100 };
    world.ours.read(move |db, company| task::page(db, company, &Filter::default(), all)).await.total
}

fn form(world: &World, more: &str) -> String {
    let (robot, voice, line) = (world.ours.robot.id, world.ours.voice(), world.ours.line);
    format!(
        "name=x&kind=2&robot={robot}%3A{voice}&line={line}&quota=2&in_progress=2&working_start=09:00\
         &working_end=18:00&{more}"
    )
}

/// A file, as a form of this session sends it.
async fn upload(world: &World, browser: &Browser<'_>, path: &str, bytes: &[u8]) -> Reply {
    let head = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let body = [head.as_bytes(), bytes, b"\r\n--x--\r\n"].concat();
    let request = Request::post(path)
        .header(COOKIE, format!("hutong={}", browser.token))
        .header("hx-request", "true")
        .header("x-csrf-token", csrf_token(&browser.token))
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    world.send(request.body(Body::from(body)).unwrap()).await
}

/// The import's page once nothing goes on any more.
async fn settled(browser: &Browser<'_>, path: &str) -> Reply {
    let mut reply = browser.get(path).await;
    while reply.html.contains("every 1s") {
        tokio::task::yield_now().await;
        reply = browser.get(path).await;
    }
    reply
}

#[tokio::test]
async fn a_list_of_tasks_shows_what_the_store_has_and_viewers_see_no_button() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let path = world.path("tasks");
    let operator = world.browser(Role::Operator).await;
    operator.get(&path).await.shows("3 / 3").shows("33.3 %").shows("1 / 0").shows("新建任务").shows("tasks/bulk");
    let viewer = world.browser(Role::Viewer).await;
    viewer.get(&path).await.shows("3 / 3").lacks("新建任务").lacks("tasks/bulk").lacks("type=\"checkbox\"");
    viewer.get(&format!("{path}/{task}")).await.shows("A级(较强)").lacks("/command/").lacks("/import");
    operator.get(&format!("{path}?name=nothing")).await.shows("没有符合条件的任务").lacks("3 / 3");
    assert_eq!(operator.get(&format!("{path}?status=99")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(operator.get(&format!("{path}?from=tomorrow")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let viewer = world.browser(Role::Viewer).await;
    let changes = [
        "tasks/bulk".to_owned(),
        "tasks/new".to_owned(),
        "tasks/preview".to_owned(),
        format!("tasks/{task}/edit"),
        format!("tasks/{task}/command/stop"),
        format!("tasks/{task}/command/delete"),
        format!("tasks/{task}/import/check"),
        format!("tasks/{task}/import/start"),
        format!("tasks/{task}/import/stop"),
    ];
    for path in changes {
        let body = if path.ends_with("bulk") { "command=stop&task=1" } else { "number=0&quota=1" };
        assert_eq!(viewer.post(&world.path(&path), body).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let import = world.path(&format!("tasks/{task}/import"));
    assert_eq!(upload(&world, &viewer, &import, b"13800138000").await.status, StatusCode::FORBIDDEN);
    for path in ["tasks/new".to_owned(), format!("tasks/{task}/edit"), format!("tasks/{task}/import")] {
        assert_eq!(viewer.get(&world.path(&path)).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(tasks(&world).await, 1);
}

#[tokio::test]
async fn nobody_sees_another_companys_task() {
    let world = World::new().await;
    let theirs = world.theirs.insert_task(world.theirs.new_task()).await;
    let operator = world.browser(Role::Operator).await;
    for path in ["", "/numbers", "/edit", "/import", "/export.csv", "/export.xlsx", "/live", "/forecast", "/why/1"] {
        let reply = operator.get(&world.path(&format!("tasks/{theirs}{path}"))).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    let reply = operator.post(&world.path(&format!("tasks/{theirs}/command/stop")), "").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_task_is_made_and_what_does_not_fit_is_told_at_its_field() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path("tasks/new");
    for (more, field) in [
        ("name=", "name-problem"),
        ("quota=0", "quota-problem"),
        ("in_progress=9", "in_progress-problem"),
        ("working_end=08:00", "working_end-problem"),
        ("break_start=12:00", "break_end-problem"),
        ("redial_status=6&redial_times=9&redial_interval=1", "redials-problem"),
        ("kind=1&start_date=", "start_date-problem"),
    ] {
        // The last of a field that is given twice would be taken: so the first is left out.
        let name = more.split('=').next().unwrap();
        let full = form(&world, "");
        let kept: Vec<&str> =
            full.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")) && !pair.is_empty()).collect();
        let reply = operator.post(&path, &format!("{}&{more}", kept.join("&"))).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{more}");
        reply.shows(&format!("id=\"{field}\"")).shows("aria-invalid=\"true\"");
        assert_eq!(tasks(&world).await, 0, "{more}");
    }
    let made = operator.post(&path, &form(&world, "redial_status=6&redial_times=2&redial_interval=30")).await;
    assert!(made.location().starts_with(&world.path("tasks/")), "{made:?}");
    operator.get(made.location()).await.shows("09:00–18:00").shows("占线：30 分钟后，最多 2 次").lacks("note warn");
    let edit = format!("{}/edit", made.location());
    let early = form(&world, "remark=r").replace("working_start=09:00", "working_start=07:00");
    let changed = operator.post(&edit, &early).await;
    assert!(changed.location().ends_with("?cut=1"), "{changed:?}");
    operator.get(changed.location()).await.shows("note warn").shows("09:00–18:00").shows("不重拨");
}

#[tokio::test]
async fn a_preview_says_in_words_when_and_how_it_will_dial() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let early = form(&world, "quota=99").replace("working_start=09:00", "working_start=07:00").replace("quota=2&", "");
    let reply = operator.post(&world.path("tasks/preview"), &early).await;
    reply
        .shows("每天 09:00–18:00 拨打")
        .shows("超出公司合规时段 09:00–20:00")
        .shows("公司只有 10 个坐席")
        .shows("不重拨");
    let late = form(&world, "").replace("working_start=09:00", "working_start=21:00");
    operator.post(&world.path("tasks/preview"), &late).await.shows("拨打结束时间应晚于开始时间");
}

#[tokio::test]
async fn what_somebody_wrote_is_never_a_script() {
    let world = World::new().await;
    let named = Settings { name: SCRIPT.to_owned(), remark: SCRIPT.to_owned(), ..settings() };
    let task = world.ours.insert_task(NewTask { settings: named, ..world.ours.new_task() }).await;
    world.ours.import(task, vec![NewCustomer { name: SCRIPT.to_owned(), ..customer("13800138000") }]).await;
    let operator = world.browser(Role::Operator).await;
    for path in ["", "/edit", "/numbers?tab=waiting", "/import", "/numbers?text=%3Cscript%3Ealert(1)%3C/script%3E"] {
        operator.get(&world.path(&format!("tasks/{task}{path}"))).await.shows(ESCAPED).lacks(SCRIPT);
    }
    operator.get(&world.path("tasks")).await.shows(ESCAPED).lacks(SCRIPT);
    operator
        .post(&world.path("tasks/new"), "name=%3Cscript%3Ealert(1)%3C/script%3E")
        .await
        .shows(ESCAPED)
        .lacks(SCRIPT);
}

#[tokio::test]
async fn many_tasks_are_answered_each_by_itself() {
    let world = World::new().await;
    let (done, _) = world.finished_task().await;
    let fresh = world.ours.insert_task(world.ours.new_task()).await;
    let operator = world.browser(Role::Operator).await;
    world.ours.look_at_all(world.ours.looking()).await;
    let reply =
        operator.post(&world.path("tasks/bulk"), &format!("command=start&task={done}&task={fresh}&task=999")).await;
    reply.shows("1 / 3").shows("已启动").shows("不能启动");
    let one = operator.post(&world.path(&format!("tasks/{fresh}/command/pause")), "").await;
    assert_eq!(one.location(), world.path(&format!("tasks/{fresh}")));
    let none = operator.post(&world.path("tasks/bulk"), "command=start").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn numbers_are_filtered_as_the_api_does_and_masked_for_viewers() {
    let world = World::new().await;
    let (task, calls) = world.finished_task().await;
    let phones = world
        .ours
        .read(move |db, company| hutong_store::call::find(db, company, calls[0]))
        .await
        .unwrap()
        .customer_phone;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("tasks/{task}/numbers"));
    operator.get(&path).await.shows(&phones).shows("共 3");
    operator.get(&format!("{path}?finish=0")).await.shows(&phones).shows("共 1");
    operator.get(&format!("{path}?finish=4")).await.lacks(&phones).shows("共 1");
    operator.get(&format!("{path}?result=客户关注点%3D位置&talk_min=20&talk_max=30&rounds_min=2")).await.shows("共 1");
    operator.get(&format!("{path}?text={phones}")).await.shows("共 1");
    for bad in ["finish=77", "talk_min=x", "talk_min=5&talk_max=1"] {
        assert_eq!(operator.get(&format!("{path}?{bad}")).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let viewer = world.browser(Role::Viewer).await;
    viewer.get(&path).await.lacks(&phones).shows("****");
    viewer.get(&world.path(&format!("tasks/{task}/export.csv"))).await.lacks(&phones).shows("****");
}

#[tokio::test]
async fn a_number_that_waits_says_why() {
    let world = World::new().await;
    let task = world.ours.insert_task(world.ours.new_task()).await;
    world.ours.import(task, vec![customer("13800138000")]).await;
    let viewer = world.browser(Role::Viewer).await;
    let page = viewer.get(&world.path(&format!("tasks/{task}/numbers?tab=waiting"))).await;
    let call = page.html.split("/why/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let why = viewer.part(&world.path(&format!("tasks/{task}/why/{call}"))).await;
    why.shows("任务尚未启动").shows("138****8000").lacks("13800138000");
}

#[tokio::test]
async fn an_export_has_a_mark_for_excel_and_no_formula() {
    let world = World::new().await;
    let task = world.ours.running_task(settings(), 0).await;
    world.ours.import(task, vec![NewCustomer { name: "=1+1".to_owned(), ..customer("13800138000") }]).await;
    let claimed = world.ours.look(task).await.claimed;
    world.ours.finish(&claimed[0], world.ours.unanswered(Disposition::Busy)).await;
    let operator = world.browser(Role::Operator).await;
    let csv = operator.get(&world.path(&format!("tasks/{task}/export.csv"))).await;
    assert!(csv.html.starts_with("\u{feff}序号,"), "{}", csv.html);
    csv.shows("13800138000,'=1+1,占线");
    assert_eq!(csv.html.lines().count(), 2);
    let xlsx = operator.get(&world.path(&format!("tasks/{task}/export.xlsx"))).await;
    assert_eq!((xlsx.status, xlsx.html.starts_with("PK")), (StatusCode::OK, true));
    operator.get(&world.path(&format!("tasks/{task}/export.csv?finish=0"))).await.lacks("13800138000");
}

#[tokio::test]
async fn a_forecast_is_made_beside_the_page() {
    let world = World::new().await;
    let task = world.ours.running_task(settings(), 300).await;
    let viewer = world.browser(Role::Viewer).await;
    let forecast = async |task: TaskId| {
        let path = world.path(&format!("tasks/{task}/forecast"));
        let mut part = viewer.part(&path).await;
        while part.html.contains("正在推算") {
            part.shows(&format!("{path}?again"));
            part = viewer.part(&format!("{path}?again")).await;
        }
        part
    };
    forecast(task).await.shows("完成时间").shows("2026-").shows("重新推算");
    let done = world.finished_task().await.0;
    forecast(done).await.shows("没有待拨打的号码");
    assert_eq!(forecast(TaskId(4711)).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_is_looked_through_and_what_is_good_of_it_goes_in() {
    let world = World::new().await;
    let task = world.ours.insert_task(world.ours.new_task()).await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("tasks/{task}/import"));
    let page = operator.get(&path).await;
    let variables: Vec<String> =
        page.html.split("<span class=\"badge\">").skip(1).map(|it| it.split('<').next().unwrap().to_owned()).collect();
    let good: Vec<&str> =
        variables.iter().map(|name| if name.contains("金额") { "1280" } else { "2026-12-31" }).collect();
    let row = |phone: &str, name: &str| format!("{phone},{name},{}\n", good.join(","));
    let text = [
        format!("手机,姓名,{}\n", variables.join(",")),
        row("13800138000", SCRIPT),
        row("坏号码", "乙"),
        row("138-0013-8000", "丙"),
        row("13800138001", "丁"),
        "13800138002,戊\n".to_owned(),
    ];
    let bytes = encoding_rs::GB18030.encode(&text.concat()).0.into_owned();
    assert_eq!(upload(&world, &operator, &path, &bytes).await.location(), path);
    operator.get(&path).await.shows(ESCAPED).lacks(SCRIPT).shows("坏号码");
    let columns: String =
        (2..).zip(&variables).map(|(column, name)| format!("&variable={name}&column={column}")).collect();
    operator.post(&format!("{path}/check"), &format!("number=0&name=1{columns}")).await;
    let checked = settled(&operator, &path).await;
    checked.shows("<strong>2</strong>").shows("号码不可用").shows("在本次名单中重复").lacks(SCRIPT);
    let refused = operator.get(&format!("{path}/refused.csv")).await;
    refused.shows("3,号码不可用,坏号码").shows("4,在本次名单中重复,138-0013-8000");
    assert_eq!(world.ours.task(task).await.counters.total, 0);
    operator.post(&format!("{path}/start"), "").await;
    settled(&operator, &path).await.shows("已导入");
    assert_eq!(world.ours.task(task).await.counters.total, 2);
    // Another list: what is in the task already is said before it goes in.
    operator.post(&format!("{path}/stop"), "").await;
    upload(&world, &operator, &path, row("13800138001", "丁").as_bytes()).await;
    operator.post(&format!("{path}/check"), &format!("number=0&name=1{columns}")).await;
    settled(&operator, &path).await.shows("任务中已有").lacks("/start\"");
}

#[tokio::test]
async fn what_is_no_list_is_refused_with_a_reason() {
    let world = World::new().await;
    let task = world.ours.insert_task(world.ours.new_task()).await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("tasks/{task}/import"));
    for (bytes, reason) in
        [(&b""[..], "没有数据"), (b"PK\x03\x04x", "无法读取"), (b"\xd0\xcf\x11\xe0", "xlsx"), (b"\xff\x00\x01", "编码")]
    {
        let reply = upload(&world, &operator, &path, bytes).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{reason}");
        reply.shows(reason);
    }
    let gone = operator.post(&format!("{path}/check"), "number=0").await;
    assert_eq!(gone.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_lines_of_a_form_are_those_that_call_out() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let lines = world.ours.read(line::of_company).await;
    operator.get(&world.path("tasks/new")).await.shows(&lines[0].name).shows("占线");
    let copied = world.ours.insert_task(world.ours.new_task()).await;
    operator.get(&world.path(&format!("tasks/new?copy={copied}"))).await.shows("checked");
    let gone = operator.get(&world.path("tasks/new?copy=999")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
