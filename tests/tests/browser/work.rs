//! A day's work: a campaign from the form to its export, and a scene from a conversation to its next version.

use hutong_e2e::wait::until;
use serde_json::json;

use crate::desk::Desk;

#[test]
fn a_task_is_made_filled_started_watched_and_exported() {
    let desk = Desk::open();
    let browser = &desk.browser;
    desk.go("tasks");
    browser.find("table.tasks tbody tr");
    desk.look_at("tasks");

    browser.click_named("a", "新建任务");
    browser.find("#task-form");
    // What is missing is told at its field, and nothing is made.
    browser.type_into("[name=name]", "浏览器任务");
    browser.click("#task-form button.primary");
    browser.find("#task-form [aria-invalid=true], #task-form .problem");
    browser.click("#task-form [name=line]");
    // It dials at whatever time of day the test runs.
    browser.type_into("[name=working_start]", "00:00");
    browser.type_into("[name=working_end]", "23:59");
    desk.look_at("task-form");
    browser.click("#task-form button.primary");
    browser.until("the task is made", "/\\/tasks\\/\\d+$/.test(location.pathname)");

    browser.click_named("a", "导入号码");
    let numbers: Vec<String> = (0..20).map(|n| format!("1380013{:04} 客户{n}", 9000 + n)).collect();
    browser.type_into("#pasted", &format!("{}\n不是号码\n", numbers.join("\n")));
    browser.click_named("button", "上传");
    browser.find("#number");
    browser.click_named("button", "检查");
    browser.until("twenty are good", "document.querySelector('.big-words strong')?.textContent === '20'");
    desk.look_at("import");
    browser.click_named("button", "开始导入");
    browser.until("they are in", "document.querySelector('#stage .stats dd')?.textContent === '20'");
    browser.click_named("a", "查看任务");
    browser.click_named("button", "启动");
    let done = "Number(document.querySelectorAll('.stats dd')[1]?.textContent.trim().split(/\\s/)[0])";
    browser.until("numbers finish while one watches", &format!("{done} > 0"));
    desk.look_at("task");

    let id: i64 = browser.path().rsplit('/').next().and_then(|id| id.parse().ok()).unwrap();
    let (client, company) = (desk.demo.client(), desk.demo.number("COMPANY_ID"));
    let detail = json!({ "companyId": company, "taskId": id });
    until("the API counts the same", || {
        let counted = client.read("task/getTaskDetail", &detail)["doneCount"].as_i64();
        let shown = browser.evaluate(done).as_i64();
        (counted == shown && counted > Some(0)).then_some(())
    });
    let file = "fetch(location.pathname + '/export.csv').then(async it => { document.title = String((await it.text()).trim().split('\\n').length); })";
    let _ = browser.evaluate(file);
    browser.until("the export has a head and rows", "Number(document.title) > 1");
    browser.click_named("button", "暂停");
    browser.until("it is paused", "document.body.textContent.includes('用户暂停')");
    desk.close();
}

#[test]
fn a_scene_is_talked_to_changed_and_published() {
    let desk = Desk::open();
    let browser = &desk.browser;
    desk.go("scenes");
    browser.click_named("table a", "房产电销");
    browser.find("svg");
    desk.look_at("scene");
    browser.click_named(".tabs a", "试聊");
    browser.click_named("button", "开始通话");
    browser.find(".talk-turns .robot");
    browser.type_into(".talk-say [name=text]", "不需要");
    browser.click_named(".talk-say button", "说");
    browser.until("it was understood", "document.querySelector('.talk-turns .badge.good') !== null");
    desk.look_at("talk");

    desk.go("scenes/1/edit");
    browser.until("the text is there", "document.querySelector('#document').value.includes('示例花园')");
    // One edit that is wrong, and one that is right.
    let edit = |from: &str, to: &str| {
        let _ = browser.evaluate(&format!(
            "(() => {{ const it = document.querySelector('#document'); it.value = it.value.replace('{from}', '{to}'); \
             it.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        ));
    };
    edit("start: 开场", "start: 没有这个节点");
    browser
        .until("the problem is told as one types", "document.querySelector('#check .problem, #check .bad') !== null");
    edit("start: 没有这个节点", "start: 开场");
    edit("项目名称: 示例花园", "项目名称: 样板花园");
    browser.until("it is good again", "document.querySelector('#check .good') !== null");
    browser.click_named("button", "预览并发布…");
    browser.find("#publish-form");
    desk.look_at("publish");
    browser.click("#publish-form [name=text_only]");
    browser.click("#publish-form button.primary");
    browser.find("[data-published]");
    desk.go("scenes/1/versions");
    browser.until("there is a second version", "document.querySelectorAll('main table tbody tr').length >= 2");
    desk.close();
}
