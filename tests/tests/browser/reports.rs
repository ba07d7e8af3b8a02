//! Reports, as somebody reads them.

use serde_json::json;

use crate::desk::Desk;

#[test]
fn a_report_is_read_narrowed_and_kept() {
    let desk = Desk::open();
    desk.go("reports");
    let browser = &desk.browser;
    browser.find("svg.chart rect.bar-part");
    let tall = "Math.max(...[...document.querySelectorAll('svg.chart rect.chart-whole')].map(it => Number(it.getAttribute('height'))))";
    assert_eq!(browser.evaluate(tall), json!(100), "the highest column fills the chart");
    desk.look_at("reports");

    browser.click_named("nav.tabs a", "按任务");
    browser.find("table.report tbody a");
    let dialled =
        "Number(document.querySelector('table.report tfoot').rows[0].cells[2].textContent.replaceAll(',', ''))";
    assert!(browser.evaluate(dialled).as_i64() > Some(0));
    desk.look_at("reports-task");
    browser.click("table.report tbody a");
    browser.until("it is narrowed", "location.search.includes('task=')");
    browser.click_named("nav.choices a", "今日");
    browser.until("it is of today", "location.search.includes('days=today') && location.search.includes('task=')");
    let file = "fetch(document.querySelector('.actions a').href).then(async it => { document.title = (await it.text()).slice(1, 3); })";
    let _ = browser.evaluate(file);
    browser.until("the file is there", "document.title === '日期'");
    desk.close();
}
