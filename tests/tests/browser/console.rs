//! The console as an operator uses it: signs in, watches, opens a call, plays it, judges it.

use hutong_e2e::Browser;
use hutong_e2e::wait::until;
use serde_json::json;

use crate::desk::Desk;

#[test]
fn the_overview_moves_by_itself() {
    let desk = Desk::open();
    desk.go("overview");
    let browser = &desk.browser;
    browser.find(".stats");
    let dialled = "Number(document.querySelectorAll('.stats dd')[3].textContent.replaceAll(',', ''))";
    let before = browser.evaluate(dialled);
    browser.until("more is dialled than before", &format!("{dialled} > {before}"));
    desk.look_at("overview");
    desk.close();
}

#[test]
fn language_and_light_are_a_click_away() {
    let desk = Desk::open();
    let browser = &desk.browser;
    browser.click_named("header button", "English");
    browser.until("the page is in English", "document.querySelector('h1')?.textContent === 'Overview'");
    browser.click("header button[aria-label=Dark]");
    browser.until("it is dark", "document.documentElement.dataset.theme === 'dark'");
    browser.click_named("header button", "Sign out");
    browser.find("form[action='/sign-in']");
    browser.click_named("button", "中文");
    browser.until("the page is in Chinese", "document.documentElement.lang === 'zh-CN'");
    desk.close();
}

#[test]
fn a_call_is_opened_played_to_its_end_judged_and_noted() {
    let desk = Desk::open();
    let client = desk.demo.client();
    let feed = json!({ "callJobId": desk.demo.number("RUNNING_TASK_ID"), "index": -1, "pageSize": 100 });
    let call = until("a call was recorded", || {
        let page = client.read("task/queryDoneTaskPhones", &feed);
        let rows = page["list"].as_array().into_iter().flatten();
        let recorded = rows.filter(|row| row["luyinOssUrl"].is_string() && row["durationSeconds"].as_i64() > Some(5));
        recorded.filter_map(|row| row["callInstanceId"].as_i64()).next()
    });
    desk.go(&format!("calls/{call}"));
    let browser = &desk.browser;
    browser.find(".transcript li");
    let wave = "document.querySelector('.wave').hidden === false && (() => { const it = document.querySelector('.wave canvas'); \
                return it.getContext('2d').getImageData(0, 0, it.width, it.height).data.some((value) => value > 0) })()";
    browser.until("both voices are drawn", wave);
    desk.look_at("call");

    // Each line jumps to its place, and is lit while it plays.
    browser.click(".transcript li:last-child .said");
    browser.until("the line plays", "document.querySelector('.transcript li:last-child').classList.contains('lit')");
    let _ = browser.evaluate("document.querySelector('audio').playbackRate = 16");
    browser.until("it plays to its end", "document.querySelector('audio').ended");

    browser.click("#results details summary");
    browser.choose("#results select", "B级(一般)");
    browser.click("#results form.judge button");
    browser.until("it is judged", "document.querySelector('.results strong').textContent === 'B级(一般)'");
    let detail = client.read("task/phoneLogInfo", &json!({ "callInstanceId": call }));
    let results = detail["taskResult"].as_array().unwrap();
    assert!(results.iter().any(|result| result["resultValue"] == "B级(一般)"), "{results:?}");

    browser.type_into("[name=tags]", "重点 回访");
    browser.click("#noted form button");
    browser.until("it is noted", "document.querySelector('#noted .muted')?.textContent.includes('demo')");
    browser.reload();
    assert_eq!(browser.value("[name=tags]"), "重点 回访");
    desk.close();
}

#[test]
fn whoever_is_not_signed_in_is_led_to_the_page_and_back() {
    let desk = Desk::open();
    let stranger = Browser::start();
    stranger.go(desk.address(), &desk.path("overview"));
    stranger.type_into("[name=name]", desk.demo.setting("CONSOLE_USER"));
    stranger.type_into("[name=password]", "not the password");
    stranger.click_named("button", "登录");
    stranger.find("[role=alert]");
    stranger.type_into("[name=password]", desk.demo.setting("CONSOLE_PASSWORD"));
    stranger.click_named("button", "登录");
    stranger.find(".stats");
    assert_eq!(stranger.path(), desk.path("overview"));
    stranger.finish();
    desk.close();
}
