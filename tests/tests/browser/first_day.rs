//! The first day at an installation with nothing in it: all of it in the browser, but the first administrator.

use hutong_e2e::installation::BRIEF_SCENE;
use hutong_e2e::kept_logs::register_secret;
use hutong_e2e::{Browser, Installation};
use serde_json::json;

use crate::desk::sign_in;

#[test]
fn a_company_calls_its_first_customers_without_the_command_line() {
    let installation = Installation::new();
    let server = installation.serve();
    let browser = Browser::start();
    browser.go(server.address(), "/");
    browser.until("it says how the first administrator is made", "document.body.innerText.includes('hutong user add')");
    let printed = installation.run(&["user", "add", "anna", "--role", "admin", "--generate"]);
    let password = printed.lines().find_map(|line| line.strip_prefix("PASSWORD=")).unwrap();
    register_secret(password);
    browser.reload();
    sign_in(&browser, "anna", password);

    browser.click_named("a", "创建公司");
    browser.type_into("form [name=name]", "测试公司");
    browser.type_into("form [name=seats]", "5");
    browser.click_named("button", "创建");
    browser.until("the company is made", "location.pathname === '/companies/1'");

    browser.click_named(".actions a", "线路");
    browser.click_named("a", "添加线路");
    browser.type_into("[name=name]", "试用线路");
    browser.type_into("[name=phone]", "02180000001");
    browser.choose("[name=driver]", "模拟（试用与测试）");
    browser.click_named("button", "添加");
    browser.until("the line is there", "document.querySelector('h1')?.textContent === '试用线路'");

    browser.click_named("nav.side a", "话术");
    browser.click_named("a", "新建话术");
    let yaml = json!(std::fs::read_to_string(BRIEF_SCENE).unwrap());
    browser.find("#document");
    let _ = browser.evaluate(&format!(
        "(() => {{ const it = document.querySelector('#document'); it.value = {yaml}; \
         it.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
    browser.until("it is good", "document.querySelector('#check .good') !== null");
    browser.click_named("button", "预览并发布…");
    browser.click("#publish-form button.primary");
    browser.find("[data-published]");

    browser.click_named("nav.side a", "任务");
    browser.click_named("a", "新建任务");
    browser.type_into("#task-form [name=name]", "第一个任务");
    browser.type_into("[name=working_start]", "00:00");
    browser.type_into("[name=working_end]", "23:59");
    browser.click("#task-form [name=line]");
    browser.click("#task-form button.primary");
    browser.until("the task is made", "/\\/tasks\\/1$/.test(location.pathname)");
    browser.click_named("a", "导入号码");
    browser.type_into("#pasted", "13800138000 王女士\n13800138001 李先生\n");
    browser.click_named("button", "上传");
    browser.click_named("button", "检查");
    browser.click_named("button", "开始导入");
    browser.until("they are in", "document.querySelector('#stage .stats dd')?.textContent === '2'");
    browser.click_named("a", "查看任务");
    browser.click_named("button", "启动");
    browser.until("all were called", "document.querySelector('.head .badge, .badge')?.textContent === '已完成'");
    browser.click_named(".tabs a", "已完成");
    browser.until("both are listed", "document.querySelectorAll('main table tbody tr').length === 2");
    browser.click("main table tbody tr a");
    browser.find(".transcript li, .results");

    browser.finish();
    assert!(server.stop().status.success());
}
