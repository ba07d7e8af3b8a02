//! Every page that a link leads to, with scripts in whatever text somebody can type there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hutong_e2e::wait::until;
use serde::Deserialize;
use serde_json::json;

use crate::desk::Desk;

/// What runs where a page shows text as it was typed; short enough for a tag, and one word.
const SCRIPT: &str = "<img/src/onerror=a>";
/// After these, a part of a path names one of many.
const MANY: [&str; 6] = ["keys", "deliveries", "users", "callbacks", "companies", "c"];
/// What there are pages for, at least.
const PAGES: [&str; 46] = [
    "/audit",
    "/c/{}/calls/{}",
    "/c/{}/integration",
    "/c/{}/integration/callbacks/{}",
    "/c/{}/integration/deliveries",
    "/c/{}/integration/deliveries/{}",
    "/c/{}/integration/keys/new",
    "/c/{}/integration/keys/{}",
    "/c/{}/integration/signer",
    "/c/{}/lines",
    "/c/{}/lines/new",
    "/c/{}/lines/{}",
    "/c/{}/numbers",
    "/c/{}/numbers?number={}",
    "/c/{}/numbers/groups/-1",
    "/c/{}/numbers/groups/{}",
    "/c/{}/numbers/groups/{}/import",
    "/c/{}/overview",
    "/c/{}/reports",
    "/c/{}/reports?by=hour",
    "/c/{}/reports?by=line",
    "/c/{}/reports?by=robot",
    "/c/{}/reports?by=task",
    "/c/{}/scenes",
    "/c/{}/scenes/new",
    "/c/{}/scenes/{}",
    "/c/{}/scenes/{}/edit",
    "/c/{}/scenes/{}/prompts",
    "/c/{}/scenes/{}/rules",
    "/c/{}/scenes/{}/talk",
    "/c/{}/scenes/{}/text",
    "/c/{}/scenes/{}/unheard",
    "/c/{}/scenes/{}/versions",
    "/c/{}/tasks",
    "/c/{}/tasks/new",
    "/c/{}/tasks/{}",
    "/c/{}/tasks/{}/edit",
    "/c/{}/tasks/{}/import",
    "/c/{}/tasks/{}/numbers",
    "/c/{}/tasks/{}/numbers?tab=live",
    "/c/{}/tasks/{}/numbers?tab=waiting",
    "/companies",
    "/companies/{}",
    "/installation",
    "/me",
    "/users",
];
/// Fields that take any text, at least, by where their forms are sent to.
const FREE: [&str; 17] = [
    "/c/{}/calls/{}/note note",
    "/c/{}/calls/{}/note tags",
    "/c/{}/calls/{}/results note",
    "/c/{}/lines name",
    "/c/{}/numbers/block remark",
    "/c/{}/numbers/groups name",
    "/c/{}/numbers/groups remark",
    "/c/{}/numbers/groups/{}/add name",
    "/c/{}/numbers/groups/{}/add remark",
    "/c/{}/numbers/groups/{}/rename name",
    "/c/{}/numbers/groups/{}/rename remark",
    "/c/{}/scenes/{}/talk v:客户名称",
    "/c/{}/tasks/new name",
    "/c/{}/tasks/new remark",
    "/c/{}/tasks/{}/edit name",
    "/companies name",
    "/companies/{} name",
];

/// Sends every form of the page with the script in one of its text fields after the other, and what is usual in the
/// others that are empty.
const TYPE_EVERYWHERE: &str = r"(async (script) => {
  const usual = {number: '13800138000', mobile: '13800138001', server: '127.0.0.1:5099', phone: '13800138002', user: 'u'};
  const fill = (form, body) => {
    for (const {name, type, value} of form.elements) {
      if (!name || body.get(name)) continue;
      if (type === 'number') body.set(name, '1');
      else if (type === 'radio' || type === 'checkbox' && name === 'line') body.set(name, value);
      else if (['text', 'textarea', 'url'].includes(type)) body.set(name, usual[name] ?? (name === 'name' ? '名称' + Math.random() : ''));
    }
  };
  const csrf = JSON.parse(document.body.getAttribute('hx-headers'));
  const headers = {...csrf, 'hx-request': 'true', 'content-type': 'application/x-www-form-urlencoded'};
  const sent = [];
  for (const form of document.querySelectorAll('form[hx-post]')) {
    if (form.hasAttribute('hx-encoding') || form.getAttribute('hx-post').endsWith('/password')) continue;
    const fields = [...form.elements].filter(it => it.name && ['text', 'search', 'textarea', 'url'].includes(it.type));
    for (const field of fields) {
      const body = new URLSearchParams(new FormData(form));
      fill(form, body);
      body.set(field.name, script);
      const address = form.getAttribute('hx-post');
      const answer = await fetch(address, {method: 'POST', headers, body});
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const said = [...page.querySelectorAll('[role=alert], .problem')].map(it => it.textContent.trim()).join(' ');
      sent.push({address, field: field.name, status: answer.status, said, runs: page.querySelector('img[onerror]') !== null});
    }
  }
  return sent;
})";
const LINKS: &str = "[...document.querySelectorAll('a[href]')].filter(it => it.origin === location.origin && \
                     !it.hasAttribute('download')).map(it => it.pathname + it.search)";

/// What became of a form.
#[derive(Debug, Deserialize)]
struct Sent {
    address: String,
    field: String,
    status: u16,
    said: String,
    runs: bool,
}

#[test]
fn every_page_is_for_everybody_and_shows_typed_scripts_as_text() {
    let desk = Desk::open();
    wait_for_a_call(&desk);
    plant_a_scene(&desk);
    set_a_callback(&desk);
    let (mut taken, mut refused) = (BTreeSet::new(), BTreeMap::new());
    let mut made = BTreeMap::new();
    // The second time there are pages of what the first has made.
    for _ in 0..2 {
        made = each_page(&desk, ["tasks", "numbers?number=13800138000", "overview"], |_| {
            let sent = desk.browser.evaluate(&format!("{TYPE_EVERYWHERE}({})", json!(SCRIPT)));
            for sent in serde_json::from_value::<Vec<Sent>>(sent).unwrap() {
                assert!(!sent.runs && sent.status < 500, "{sent:?}");
                let field = format!("{} {}", kind(&sent.address), sent.field);
                if sent.status < 300 {
                    taken.insert(field);
                } else {
                    refused.insert(field, sent.said);
                }
            }
        });
    }
    let missing: Vec<_> = FREE.iter().filter(|it| !taken.contains(**it)).collect();
    assert!(missing.is_empty(), "not taken: {missing:?}; taken: {taken:#?}; refused: {refused:#?}");

    let running = format!("tasks/{}", desk.demo.setting("RUNNING_TASK_ID"));
    let edit = made["/c/{}/tasks/{}/edit"].replace(&desk.path(""), "");
    let first = [running.as_str(), &edit, "numbers?number=13800138000", "overview"];
    let mut faults = BTreeSet::new();
    let seen = each_page(&desk, first, |kind| {
        let load = desk.browser.first_load(desk.address(), &desk.browser.path());
        assert_eq!(load.elsewhere(desk.address()), [""; 0]);
        assert!(load.bytes <= crate::desk::BYTES_MAX, "{kind}: {load:?}");
        assert_eq!(desk.browser.count("img[onerror]"), 0, "{kind}");
        faults.extend(desk.faults(&format!("page{}", kind.replace(['/', '?', '='], "-").replace("{}", "1"))));
    });
    assert!(faults.is_empty(), "{}", Vec::from_iter(faults).join("\n"));
    let missing: Vec<_> = PAGES.iter().filter(|it| !seen.contains_key(**it)).collect();
    assert!(missing.is_empty(), "no link leads to {missing:?}; seen: {seen:#?}");
    desk.close();
}

/// Goes to one page of each kind that a link leads to from these pages of the company on; which they were.
fn each_page<const N: usize>(desk: &Desk, first: [&str; N], mut at: impl FnMut(&str)) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut ahead = VecDeque::from(first.map(|path| desk.path(path)));
    while let Some(path) = ahead.pop_front() {
        let kind = kind(&path);
        // The reference of the API has a test of its own.
        if path.starts_with("/docs") || path.starts_with("/openapi") || seen.contains_key(&kind) {
            continue;
        }
        desk.browser.go(desk.address(), &path);
        desk.browser.find("main h1");
        let links = serde_json::from_value::<Vec<String>>(desk.browser.evaluate(LINKS)).unwrap();
        ahead.extend(links);
        at(&kind);
        seen.insert(kind, path);
    }
    seen
}

/// The path of a page with `{}` for what names one of many; of its query, what makes it another page.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut kind = String::new();
    let mut before = "";
    for part in path.split('/').skip(1) {
        let is_number = part.starts_with(|it: char| it.is_ascii_digit());
        let is_one = is_number || (MANY.contains(&before) && part != "new" && part != "resend");
        kind.push('/');
        kind.push_str(if is_one { "{}" } else { part });
        before = part;
    }
    for (name, value) in query.split('&').filter_map(|it| it.split_once('=')) {
        match name {
            "tab" | "by" => kind.push_str(&format!("?{name}={value}")),
            "number" => kind.push_str("?number={}"),
            _ => {}
        }
    }
    kind
}

/// A call that can be opened, and something that was delivered.
fn wait_for_a_call(desk: &Desk) {
    let client = desk.demo.client();
    let feed = json!({ "callJobId": desk.demo.number("RUNNING_TASK_ID"), "index": -1, "pageSize": 1 });
    until("a call is over", || {
        client.read("task/queryDoneTaskPhones", &feed)["list"].as_array().filter(|it| !it.is_empty()).map(drop)
    });
}

/// Another version of a scene, whose words are scripts.
fn plant_a_scene(desk: &Desk) {
    desk.go("scenes/1/edit");
    let browser = &desk.browser;
    browser.until("the text is there", "document.querySelector('#document').value.includes('示例花园')");
    let _ = browser.evaluate(&format!(
        "(() => {{ const it = document.querySelector('#document'); it.value = it.value.replace('项目名称: 示例花园', \
         '项目名称: \"{SCRIPT}\"'); it.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
    browser.until("it is good", "document.querySelector('#check .good') !== null");
    browser.click_named("button", "预览并发布…");
    browser.find("#publish-form");
    browser.click("#publish-form [name=text_only]");
    browser.click("#publish-form button.primary");
    browser.find("[data-published]");
}

/// Calls are told to somebody who is not there.
fn set_a_callback(desk: &Desk) {
    let browser = &desk.browser;
    desk.go("integration");
    browser.click("main td a[href*='/callbacks/']");
    browser.type_into("#url", "http://receiver.invalid/calls");
    browser.click("#changes button.primary");
    browser.find("#changes .note");
    until("a call is told of", || {
        browser.go(desk.address(), &desk.path("integration/deliveries"));
        (browser.count("main tbody td a") > 0).then_some(())
    });
}
