//! Numbers and the blacklist, as an operator works with them.

use std::fs;

use serde_json::json;

use crate::desk::Desk;

#[test]
fn a_number_is_looked_up_blacklisted_and_seen_there() {
    let desk = Desk::open();
    let client = desk.demo.client();
    let page = client.read(
        "task/queryDoneTaskPhones",
        &json!({ "callJobId": desk.demo.number("DONE_TASK_ID"), "index": -1, "pageSize": 1 }),
    );
    let number = page["list"][0]["customerTelephone"].as_str().unwrap().to_owned();
    desk.go("numbers");
    desk.look_at("numbers");
    let browser = &desk.browser;
    browser.press("/");
    browser.type_into("input[name=number]", &number);
    browser.click("form[role=search] button");
    browser.find("#found table tbody tr");
    assert_eq!(browser.text("#number"), number);
    browser.type_into("#found input[name=remark]", "客户投诉");
    browser.click_named("#found button", "加入黑名单");
    browser.find("#found .badge.bad");
    desk.look_at("number");

    browser.click("#found dd li a");
    browser.find("#entries td a");
    let listed = format!("[...document.querySelectorAll('#entries td')].some(it => it.textContent === '{number}')");
    assert_eq!(browser.evaluate(&listed), json!(true));
    desk.look_at("blacklist");

    // The dialog says what goes before it does.
    desk.go(&format!("numbers?number={number}"));
    browser.click_named("#found button", "遗忘此号码…");
    browser.find("#forget[open] form button.danger");
    desk.look_at("forget");
    browser.click("#forget form button.danger");
    browser.until("it is forgotten", "document.getElementById('forget-what').textContent.includes('已遗忘')");
    desk.close();
}

#[test]
fn a_file_of_numbers_is_looked_at_and_goes_in() {
    let desk = Desk::open();
    desk.go("numbers");
    let browser = &desk.browser;
    browser.type_into("#groups input[name=name]", "投诉客户");
    browser.click("#groups form button");
    browser.until("the group is there", "document.querySelector('h1')?.textContent === '投诉客户'");
    browser.click(".actions a.primary");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    let numbers: String = (0..25_000).map(|n| format!("138{n:08},客户\n")).collect();
    fs::write(&file, format!("号码,姓名\n没有\n{numbers}")).unwrap();
    browser.upload("[name=file]", &file);
    browser.click_named("button", "预览");
    browser.until("it is looked at", "document.querySelector('#preview strong')?.textContent === '25,000'");
    desk.look_at("import");
    browser.click("#preview button");
    browser.until("all are in", "document.querySelector('#preview h2')?.textContent === '导入完成'");
    browser.click("#preview a");
    browser.until("they are listed", "document.querySelector('.pager .muted')?.textContent.includes('25,000')");
    desk.close();
}
