//! Numbers: looked up, put on the blacklist and taken off it, forgotten; groups, imports and files.

use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use hutong_domain::access::Role;
use hutong_domain::ids::{BlacklistEntryId, BlacklistGroupId, TaskId};
use hutong_domain::phone::PhoneNumber;
use hutong_store::blacklist::{self, NewEntry};
use hutong_store::lookup;
use hutong_testkit::clock::START;
use hutong_testkit::fixture::{customer, customers, rules, settings};

use crate::world::{Browser, Reply, World};

const PHONE: &str = "13800138000";
const SCRIPT: &str = "<script>alert(1)</script>";

/// A running task with this number alone.
async fn task_with(world: &World, phone: &str) -> TaskId {
    let task = world.ours.running_task(settings(), 0).await;
    world.ours.import(task, vec![customer(phone)]).await;
    task
}

async fn is_blacklisted(world: &World, phone: &'static str) -> bool {
    world.ours.read(move |db, company| blacklist::contains(db, company, phone)).await
}

async fn group(world: &World, name: &'static str) -> BlacklistGroupId {
    let made = world.ours.write(move |db, company| blacklist::insert_group(db, company, name, "", START)).await;
    made.unwrap()
}

async fn add(world: &World, group: BlacklistGroupId, mobile: &str, remark: &str) {
    let entry = NewEntry { mobile: mobile.to_owned(), name: remark.to_owned(), remark: remark.to_owned() };
    world.ours.write(move |db, company| blacklist::add(db, company, group, &entry, START)).await;
}

async fn mobiles(world: &World, group: BlacklistGroupId) -> Vec<String> {
    let all =
        world.ours.read(move |db, company| blacklist::after(db, company, group, BlacklistEntryId(0), 100_000)).await;
    all.into_iter().map(|entry| entry.mobile).collect()
}

async fn look_up(world: &World, browser: &Browser<'_>, number: &str) -> Reply {
    browser.get(&world.path(&format!("numbers?number={number}"))).await
}

#[tokio::test]
async fn a_number_is_found_with_its_calls_and_why_it_waits() {
    let world = World::new().await;
    let task = task_with(&world, PHONE).await;
    let found = world.ours.read(move |db, company| {
        let phone = PhoneNumber::parse(PHONE).unwrap();
        lookup::number(db, company, &phone, (&rules(), START))
    });
    let found = found.await;
    assert_eq!(found.calls.len(), 1);

    let page = look_up(&world, &world.browser(Role::Operator).await, "%2B86-138-0013-8000").await;
    page.shows(&format!("/calls/{}\"", found.calls[0].id)).shows(&format!("/tasks/{task}\"")).shows(PHONE);
    page.shows("不在黑名单").shows("未开始").shows("任务状态：").shows("下一个就拨");
    page.lacks("遗忘此号码").lacks("黑名单分组");
    let none = look_up(&world, &world.browser(Role::Operator).await, "13800139999").await;
    none.shows("没有任务有这个号码").shows("没有任务在等待拨打它");
}

#[tokio::test]
async fn what_is_no_number_is_said_at_the_field() {
    let world = World::new().await;
    let page = look_up(&world, &world.browser(Role::Viewer).await, "%3Cscript%3Ealert(1)%3C/script%3E").await;
    page.shows("号码应为 3 到 20 位数字").shows("aria-invalid=\"true\"").shows("&#60;script&#62;").lacks(SCRIPT);
}

#[tokio::test]
async fn a_number_goes_onto_the_blacklist_in_every_spelling_and_off_it_again() {
    let world = World::new().await;
    task_with(&world, "+8613800138000").await;
    let operator = world.browser(Role::Operator).await;
    let complaints = group(&world, "投诉").await;
    let form = format!("number={PHONE}&group={complaints}&remark=%E5%88%AB%E5%86%8D%E6%89%93");
    let page = operator.post(&world.path("numbers/block"), &form).await;
    assert_eq!(page.status, StatusCode::OK);
    page.shows("已加入黑名单").shows("别再打").shows("投诉").shows("class=\"badge bad\"");
    assert_eq!(mobiles(&world, complaints).await, ["+8613800138000", PHONE]);
    let logged =
        world.ours.read(|db, _| db.query_int("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'blacklist%'", &[]));
    assert_eq!(logged.await, 1);

    let form = format!("number={PHONE}&group={complaints}&spelled={PHONE}");
    operator.post(&world.path("numbers/unblock"), &form).await.shows("已移出黑名单");
    assert_eq!(mobiles(&world, complaints).await, ["+8613800138000"]);
    assert!(!is_blacklisted(&world, PHONE).await);
    let again = operator.post(&world.path("numbers/unblock"), &form).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_number_that_waits_is_dialled_next() {
    let world = World::new().await;
    let task = world.ours.running_task(settings(), 3).await;
    world.ours.import(task, vec![customer(PHONE)]).await;
    let operator = world.browser(Role::Operator).await;
    let form = format!("number={PHONE}&spelled={PHONE}&task={task}");
    operator.post(&world.path("numbers/first"), &form).await.shows("下一个就拨它");
    assert_eq!(world.ours.claim(task, 1).await[0].customer_phone, PHONE);
    let late = operator.post(&world.path("numbers/first"), &form).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    late.shows("它不在等待首次拨打");
    let elsewhere = format!("number={PHONE}&spelled={PHONE}&task=999");
    assert_eq!(operator.post(&world.path("numbers/first"), &elsewhere).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_admin_forgets_a_number_and_sees_before_what_goes() {
    let world = World::new().await;
    let task = task_with(&world, PHONE).await;
    let (admin, operator) = (world.browser(Role::Admin).await, world.browser(Role::Operator).await);
    look_up(&world, &admin, PHONE).await.shows("遗忘此号码");
    let path = world.path("numbers/forget");
    assert_eq!(operator.part(&format!("{path}?number={PHONE}")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(operator.post(&path, &format!("number={PHONE}")).await.status, StatusCode::FORBIDDEN);
    let what = admin.part(&format!("{path}?number={PHONE}")).await;
    what.shows("<strong>1</strong>").shows("不能撤销");

    let claimed = world.ours.claim(task, 1).await.remove(0);
    add(&world, BlacklistGroupId::DEFAULT, PHONE, "张三").await;
    let busy = admin.post(&path, &format!("number={PHONE}")).await;
    assert_eq!(busy.status, StatusCode::UNPROCESSABLE_ENTITY);
    busy.shows("正在与这个号码通话");
    world.ours.finish(&claimed, world.ours.answered(5, 1, &[])).await;

    let done = admin.post(&path, &format!("number={PHONE}")).await;
    done.shows("138****8000").shows("已遗忘").shows("1 条客户资料").lacks(PHONE);
    assert!(is_blacklisted(&world, PHONE).await, "the wish not to be called stays");
    look_up(&world, &admin, PHONE).await.shows("没有任务有这个号码").lacks("张三");
    admin.post(&path, &format!("number={PHONE}&unblock=1")).await;
    assert!(!is_blacklisted(&world, PHONE).await);
    let logged =
        world.ours.read(|db, _| db.query_int("SELECT COUNT(*) FROM audit_log WHERE action = 'number.forget'", &[]));
    assert_eq!(logged.await, 2);
}

#[tokio::test]
async fn a_viewer_changes_nothing_and_sees_no_whole_number() {
    let world = World::new().await;
    let task = task_with(&world, PHONE).await;
    let complaints = group(&world, "投诉").await;
    add(&world, complaints, "13800138001", "王五").await;
    let viewer = world.browser(Role::Viewer).await;
    let page = look_up(&world, &viewer, "%2B8613800138000").await;
    page.shows("138****8000").shows(&format!("/tasks/{task}\"")).lacks(&format!(">{PHONE}<")).lacks("hx-post=\"/c");
    let of_group = world.path(&format!("numbers/groups/{complaints}"));
    let page = viewer.get(&of_group).await;
    page.shows("138****8001").lacks("13800138001").lacks("hx-post=\"/c/1/numbers").lacks("/import");
    viewer.get(&format!("{of_group}?find=38001")).await.shows("没有找到").lacks("王五");
    viewer.get(&format!("{of_group}?find=13800138001")).await.shows("王五").shows("138****8001");
    viewer.get(&format!("{of_group}/export")).await.shows("138****8001").lacks("13800138001");
    viewer.get(&world.path("numbers")).await.shows("投诉").lacks("hx-post=\"/c");

    let changes = [
        ("numbers/block", format!("number={PHONE}")),
        ("numbers/unblock", format!("number={PHONE}&group={complaints}&spelled=13800138001")),
        ("numbers/first", format!("number={PHONE}&spelled={PHONE}&task={task}")),
        ("numbers/forget", format!("number={PHONE}")),
        ("numbers/groups", "name=x".to_owned()),
    ];
    for (path, form) in changes {
        assert_eq!(viewer.post(&world.path(path), &form).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for (path, form) in
        [("add", "mobile=13800138002"), ("remove", "mobile=13800138001"), ("rename", "name=x"), ("delete", "")]
    {
        let reply = viewer.post(&format!("{of_group}/{path}"), form).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(viewer.get(&format!("{of_group}/import")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        viewer.upload(&format!("{of_group}/import"), "a.csv", b"13800138002").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(viewer.post(&format!("{of_group}/import/x"), "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(mobiles(&world, complaints).await, ["13800138001"]);
}

#[tokio::test]
async fn groups_are_made_renamed_and_deleted_when_they_are_empty() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let made = operator.post(&world.path("numbers/groups"), "name=%E6%8A%95%E8%AF%89&remark=r").await;
    assert_eq!(made.status, StatusCode::NO_CONTENT);
    let path = made.location().to_owned();
    operator.get(&path).await.shows("投诉").shows("分组里还没有号码");
    let taken = operator.post(&world.path("numbers/groups"), "name=%E6%8A%95%E8%AF%89&remark=%3Cscript%3E").await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    taken.shows("未使用的分组名称").shows("aria-invalid=\"true\"").shows("value=\"投诉\"").shows("&#60;script&#62;");

    let renamed = operator.post(&format!("{path}/rename"), "name=%E5%AE%A2%E6%88%B7&remark=").await;
    assert_eq!(renamed.location(), path);
    operator.get(&path).await.shows("<h1>客户</h1>");
    let refused = operator.post(&format!("{path}/rename"), "name=+&remark=").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    refused.shows("1 到 50 个字符");
    operator.post(&format!("{path}/add"), "mobile=13800138000").await;
    let full = operator.post(&format!("{path}/delete"), "").await;
    assert_eq!(full.status, StatusCode::UNPROCESSABLE_ENTITY);
    full.shows("分组内还有号码");
    operator.post(&format!("{path}/remove"), "mobile=13800138000").await.shows("已移出 1 个号码");
    assert_eq!(operator.post(&format!("{path}/delete"), "").await.location(), world.path("numbers"));
    assert_eq!(operator.get(&path).await.status, StatusCode::NOT_FOUND);
    let default = operator.get(&world.path("numbers/groups/-1")).await;
    default.shows("默认分组").lacks("分组设置");
}

#[tokio::test]
async fn numbers_of_a_group_are_listed_added_found_and_removed() {
    let world = World::new().await;
    let complaints = group(&world, "投诉").await;
    let entries = customers(0, 60);
    for person in &entries {
        add(&world, complaints, person.phone.as_str(), "").await;
    }
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("numbers/groups/{complaints}"));
    let page = operator.get(&path).await;
    page.shows("13800000059").lacks(">13800000009<").shows("href=\"?page=2\"");
    operator.get(&format!("{path}?page=2")).await.shows(">13800000009<");
    operator.get(&format!("{path}?find=00059")).await.shows("13800000059").lacks("13800000058");

    let wrong = operator.post(&format!("{path}/add"), "mobile=12&name=%3Cb%3E&remark=r").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    wrong.shows("号码应为 3 到 20 位数字").shows("value=\"12\"").shows("value=\"&#60;b&#62;\"").shows("aria-invalid");
    assert_eq!(mobiles(&world, complaints).await.len(), 60);
    operator.post(&format!("{path}/add"), "mobile=138-0013-8000&name=&remark=").await.shows("已加入").shows(PHONE);
    operator.post(&format!("{path}/add"), "mobile=13800138000&name=&remark=").await.shows("它已在这个分组");
    let removed =
        operator.post(&format!("{path}/remove"), "mobile=13800138000&mobile=13800000000&mobile=13899999999").await;
    removed.shows("已移出 2 个号码").lacks(PHONE);
    assert_eq!(mobiles(&world, complaints).await.len(), 59);
}

#[tokio::test]
async fn groups_of_another_company_are_not_there() {
    let world = World::new().await;
    let insert = |db: &mut hutong_store::Db, company| blacklist::insert_group(db, company, "别人", "", START);
    let theirs = world.theirs.write(insert).await.unwrap();
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("numbers/groups/{theirs}"));
    for page in [path.clone(), format!("{path}/export"), format!("{path}/import")] {
        assert_eq!(operator.get(&page).await.status, StatusCode::NOT_FOUND, "{page}");
    }
    for change in ["add", "remove", "rename", "delete"] {
        let reply = operator.post(&format!("{path}/{change}"), "mobile=13800138000&name=x").await;
        assert_ne!(reply.status, StatusCode::NO_CONTENT, "{change}");
    }
    let groups = world.theirs.read(blacklist::groups).await;
    assert_eq!((groups.len(), groups[0].name.as_str()), (1, "别人"));
    operator.get(&world.path("numbers")).await.lacks("别人");
}

#[tokio::test]
async fn a_list_is_looked_at_first_and_then_goes_in_piece_by_piece() {
    let world = World::new().await;
    let complaints = group(&world, "投诉").await;
    add(&world, complaints, "13800000000", "").await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path(&format!("numbers/groups/{complaints}/import"));
    operator.get(&path).await.shows("multipart/form-data");
    let mut list = "号码,姓名\n<script>alert(1)</script>9\n13800000001,x\n".to_owned();
    for person in customers(0, 25_000) {
        list.push_str(&format!("{},{}\n", person.phone.as_str(), person.name));
    }
    let preview = operator.upload(&path, "a.csv", list.as_bytes()).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.html);
    preview.shows("<strong>24,999</strong>").shows("表头").shows("&#60;script&#62;alert(1)").lacks(SCRIPT);
    assert_eq!(mobiles(&world, complaints).await.len(), 1, "nothing is in yet");
    let token = preview.html.split(&format!("{path}/")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let next = format!("{path}/{token}");
    let stranger = world.browser(Role::Admin).await.post(&next, "").await;
    assert_eq!(stranger.status, StatusCode::UNPROCESSABLE_ENTITY);

    operator.post(&next, "").await.shows("value=\"10000\"").shows("hx-trigger=\"load,");
    operator.post(&next, "").await.shows("value=\"20000\"");
    operator.post(&next, "").await.shows("导入完成").shows("<strong>24,999</strong>").lacks("hx-trigger");
    let counts = world.ours.read(blacklist::counts).await;
    assert_eq!(counts[&complaints], 25_000);
    assert_eq!(operator.post(&next, "").await.status, StatusCode::UNPROCESSABLE_ENTITY, "it is over");
}

#[tokio::test]
async fn what_cannot_be_imported_says_why() {
    let world = World::new().await;
    let operator = world.browser(Role::Operator).await;
    let path = world.path("numbers/groups/-1/import");
    for (file, problem) in
        [(&b"PK\x03\x04..."[..], "请先另存为 CSV"), (b"", "请粘贴号码或选择文件"), (b"\n\n \n", "请粘贴号码或选择文件")]
    {
        let reply = operator.upload(&path, "a.csv", file).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        reply.shows(problem);
    }
    let none = operator.upload(&path, "a.csv", b"abc1\n").await;
    none.shows("abc1").lacks("hx-post");
}

#[tokio::test]
async fn a_group_is_kept_as_a_file_that_spreadsheets_take_for_text() {
    let world = World::new().await;
    let complaints = group(&world, "投诉").await;
    add(&world, complaints, "13800138000", "=1+1").await;
    for person in customers(0, 1200) {
        add(&world, complaints, person.phone.as_str(), "").await;
    }
    let path = world.path(&format!("numbers/groups/{complaints}/export"));
    let file = world.browser(Role::Operator).await.get(&path).await;
    let lines: Vec<&str> = file.html.lines().collect();
    assert_eq!((lines[0], lines.len()), ("\u{feff}号码 number,姓名 name,备注 remark,加入时间 since", 1202));
    assert_eq!(lines[1], "13800138000,'=1+1,'=1+1,2026-05-06 10:00:00");
    let name = file.headers[CONTENT_DISPOSITION].to_str().unwrap();
    assert_eq!(name, format!("attachment; filename*=UTF-8''blacklist-1-{complaints}.csv"));
}

#[tokio::test]
async fn caps_are_said_in_words() {
    let world = World::new().await;
    let page = world.browser(Role::Operator).await.get(&world.path("numbers")).await;
    page.shows("拨打频次").shows("不限").lacks("/companies/1");
    let admin = world.browser(Role::Admin).await.get(&world.path("numbers")).await;
    admin.shows("href=\"/companies/1\"");
}

#[tokio::test]
async fn scripts_are_text_wherever_they_stand() {
    let world = World::new().await;
    let complaints = group(&world, SCRIPT).await;
    add(&world, complaints, PHONE, SCRIPT).await;
    let task = world.ours.running_task(hutong_store::task::Settings { name: SCRIPT.to_owned(), ..settings() }, 0).await;
    world.ours.import(task, vec![hutong_store::call::NewCustomer { name: SCRIPT.to_owned(), ..customer(PHONE) }]).await;
    let admin = world.browser(Role::Admin).await;
    for path in ["numbers".to_owned(), format!("numbers?number={PHONE}"), format!("numbers/groups/{complaints}")] {
        admin.get(&world.path(&path)).await.shows("&#60;script&#62;alert(1)").lacks(SCRIPT);
    }
}
