//! The harness notices what is wrong with a page, and does what people do.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use hutong_e2e::browser::{Browser, DESK, Key, PHONE};
use hutong_e2e::wait::until;
use serde_json::json;

use crate::site::{HTML, SCRIPT, Site};

fn said(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).expect("panics say why")
}

#[test]
fn what_a_script_does_wrong_is_noticed() {
    let site = Site::serve(&[
        ("/", 200, HTML, "<!doctype html><title>页</title><script src=/wrong.js></script>"),
        ("/wrong.js", 200, SCRIPT, "Promise.reject(new Error('forgotten')); console.error('odd'); nothing.at.all;"),
    ]);
    let browser = Browser::start();
    browser.go(site.address(), "/");
    let faults = browser.take_faults();
    let is_noticed = |source: &str, text: &str| faults.iter().any(|it| it.starts_with(source) && it.contains(text));
    assert!(is_noticed("javascript", "nothing is not defined"), "{faults:?}");
    assert!(is_noticed("javascript", "forgotten") && is_noticed("console-api", "odd"), "{faults:?}");
    assert_eq!(faults.len(), 3, "{faults:?}");
    browser.finish();
}

#[test]
fn what_the_policy_of_a_page_forbids_is_noticed() {
    let site = Site::serve(&[(
        "/",
        200,
        HTML,
        "<!doctype html><title>页</title><script>document.title = 'run'</script><img alt=x src=http://127.0.0.1:9/x.png>",
    )]);
    let browser = Browser::start();
    let load = browser.first_load(site.address(), "/");
    assert_eq!(load.elsewhere(site.address()), ["http://127.0.0.1:9/x.png"]);
    assert_eq!(browser.evaluate("document.title"), "页");
    let faults = browser.take_faults();
    assert!(faults.iter().all(|it| it.starts_with("security")), "{faults:?}");
    assert!(faults[0].contains("inline script") && faults[1].contains("x.png"), "{faults:?}");
    browser.finish();
}

#[test]
fn a_missing_asset_is_noticed_and_a_refusal_is_an_answer() {
    let site = Site::serve(&[
        ("/", 200, HTML, "<!doctype html><title>页</title><script src=/gone.js></script>"),
        ("/refused", 422, HTML, "<!doctype html><title>页</title><p>请填写名称<script src=/asks.js></script>"),
        ("/asks.js", 200, SCRIPT, "fetch('/refused').then(it => { document.title = it.status; });"),
    ]);
    let browser = Browser::start();
    browser.go(site.address(), "/refused");
    browser.until("the script is answered", "document.title == '422'");
    assert_eq!(browser.take_faults(), [""; 0]);
    browser.go(site.address(), "/");
    let faults = browser.take_faults();
    assert!(faults.len() == 1 && faults[0].contains("/gone.js") && faults[0].contains("404"), "{faults:?}");
    browser.go(site.address(), "/nowhere");
    let error = catch_unwind(AssertUnwindSafe(|| browser.finish())).unwrap_err();
    assert!(said(&*error).contains("/nowhere") && said(&*error).contains("404"), "{}", said(&*error));
}

#[test]
fn what_keeps_people_from_using_a_page_is_noticed() {
    let site = Site::serve(&[
        (
            "/bad",
            200,
            HTML,
            "<!doctype html><html lang=zh><title>页</title><main><h1>页</h1><p style='color:#ccc'>看不清</p><input id=name>",
        ),
        (
            "/good",
            200,
            HTML,
            "<!doctype html><html lang=zh><title>页</title><main><h1>页</h1><label>名称 <input></label></main>",
        ),
    ]);
    let browser = Browser::start();
    browser.go(site.address(), "/good");
    browser.assert_accessible();
    browser.go(site.address(), "/bad");
    let error = catch_unwind(AssertUnwindSafe(|| browser.assert_accessible())).unwrap_err();
    let said = said(&*error);
    assert!(said.contains("label (critical)") && said.contains("#name"), "{said}");
    assert!(said.contains("color-contrast (serious)"), "{said}");
    browser.finish();
}

const FORM: &str = "<!doctype html><html lang=zh><meta name=viewport content='width=device-width'><title>表</title>
    <form id=form><input name=name value=old><input type=date name=day><input type=file name=file>
    <select name=line><option value=1>一号线</option><option value=2>二号线</option></select>
    <button>保存</button></form><p id=said></p><button hidden>删除</button><script src=/form.js></script>";
const FORM_SCRIPT: &str = "const form = document.forms[0], paragraph = document.getElementById('said');
    form.onsubmit = async event => {
        event.preventDefault();
        const {name, day, file, line} = Object.fromEntries(new FormData(form));
        paragraph.textContent = [name, day, line, await file.text()].join('|');
        // A button that is to be seen later, and again another one.
        const late = document.querySelector('[hidden]');
        setTimeout(() => { late.hidden = false; late.onclick = () => { document.title = confirm('真的?'); }; }, 300);
    };";

#[test]
fn it_does_what_people_do() {
    let site = Site::serve(&[("/form", 200, HTML, FORM), ("/form.js", 200, SCRIPT, FORM_SCRIPT)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    fs::write(&file, "13800138000").unwrap();
    let browser = Browser::start();
    browser.go(site.address(), "/form?of=1");
    browser.type_into("[name=name]", "春季回访");
    browser.type_into("[name=day]", "2026-03-01");
    browser.choose("[name=line]", "二号线");
    browser.upload("[name=file]", &file);
    browser.click_named("button", "保存");
    browser.until("it is saved", "document.getElementById('said').textContent");
    assert_eq!(browser.text("#said"), "春季回访|2026-03-01|2|13800138000");
    browser.click("form + p + button");
    assert_eq!(browser.answer(true), "真的?");
    browser.until("the answer is heard", "document.title == 'true'");
    browser.type_into("[name=name]", "秋");
    browser.press("季");
    browser.press(Key::Enter);
    browser.until("it is saved", "document.getElementById('said').textContent.startsWith('秋季')");
    assert_eq!(
        (browser.value("[name=name]"), browser.count("option"), browser.path()),
        ("秋季".into(), 2, "/form?of=1".into())
    );
    browser.reload();
    assert_eq!(browser.value("[name=name]"), "old");
    browser.finish();
}

#[test]
fn pages_are_seen_in_a_hand_at_night_and_in_another_language() {
    let site = Site::serve(&[("/form", 200, HTML, FORM), ("/form.js", 200, SCRIPT, FORM_SCRIPT)]);
    let browser = Browser::start_in("en");
    let seen = "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, navigator.language]";
    browser.set_width(PHONE);
    browser.dark(true);
    browser.go(site.address(), "/form");
    browser.screenshot("harness");
    assert_eq!(browser.evaluate(seen), json!([PHONE, true, "en"]));
    browser.set_width(DESK);
    browser.dark(false);
    assert_eq!(browser.evaluate(seen), json!([DESK, false, "en"]));
    browser.finish();
}

/// The processes that were told of this folder.
fn processes(folder: &Path) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder.to_str().unwrap())).count()
}

#[test]
fn a_browser_ends_with_its_test_also_with_one_that_fails() {
    let browser = Browser::start();
    let folder = browser.folder().to_owned();
    assert_ne!(processes(&folder), 0);
    let error = catch_unwind(AssertUnwindSafe(move || {
        let _browser = browser;
        panic!("{}", String::from("the test fails"));
    }));
    assert_eq!(said(&*error.unwrap_err()), "the test fails");
    until("all of its processes are gone", || (processes(&folder) == 0).then_some(()));
    assert!(!folder.exists());
}
