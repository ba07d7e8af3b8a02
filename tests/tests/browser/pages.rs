//! Every page that a link leads to, with scripts in whatever text somebody can type there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hutong_e2e::wait::until;
use serde::Deserialize;
use serde_json::json;

use crate::desk::Desk;

/// What runs where a page shows text as it was typed: its image is not there either, so it is noticed twice.
const SCRIPT: &str = "<img/src=x/onerror=alert(1)>";
/// After these, a part of a path names one of many.
const MANY: [&str; 6] = ["keys", "deliveries", "users", "callbacks", "companies", "c"];
/// What there are pages for, at least.
const PAGES: [&str; 44] = [
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
const FREE: [&str; 14] = [
    "/c/{}/calls/{}/note note",
    "/c/{}/calls/{}/note tags",
    "/c/{}/integration/keys name",
    "/c/{}/integration/keys/{} name",
    "/c/{}/lines name",
    "/c/{}/numbers/block remark",
    "/c/{}/numbers/groups name",
    "/c/{}/numbers/groups remark",
    "/c/{}/numbers/groups/{}/add name",
    "/c/{}/numbers/groups/{}/add remark",
    "/c/{}/numbers/groups/{}/rename name",
    "/c/{}/tasks/new name",
    "/companies name",
    "/companies/{} name",
];

/// Sends every form of the page with the script in one of its text fields after the other, and what is usual in the
/// others that are empty.
const TYPE_EVERYWHERE: &str = r"(async (script) => {
  const usual = {number: '13800138000', mobile: '13800138001', name: '名称' + Math.random(), called: '', caller: ''};
  const csrf = JSON.parse(document.body.getAttribute('hx-headers'));
  const headers = {...csrf, 'hx-request': 'true', 'content-type': 'application/x-www-form-urlencoded'};
  const sent = [];
  for (const form of document.querySelectorAll('form[hx-post]')) {
    if (form.hasAttribute('hx-encoding') || form.querySelector('[type=password]')) continue;
    const fields = [...form.elements].filter(it => it.name && ['text', 'search', 'textarea'].includes(it.type));
    for (const field of fields) {
      const body = new URLSearchParams(new FormData(form));
      for (const {name} of fields) if (!body.get(name)) body.set(name, usual[name] ?? '');
      body.set(field.name, script);
      const address = form.getAttribute('hx-post');
      const answer = await fetch(address, {method: 'POST', headers, body});
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      sent.push({address, field: field.name, status: answer.status, runs: page.querySelector('img[src=x]') !== null});
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
    runs: bool,
}

#[test]
fn every_page_is_for_everybody_and_shows_typed_scripts_as_text() {
    let desk = Desk::open();
    wait_for_a_call(&desk);
    plant_a_scene(&desk);
    let mut free = BTreeSet::new();
    each_page(&desk, |_| {
        let sent = desk.browser.evaluate(&format!("{TYPE_EVERYWHERE}({})", json!(SCRIPT)));
        for sent in serde_json::from_value::<Vec<Sent>>(sent).unwrap() {
            assert!(!sent.runs && sent.status < 500, "{sent:?}");
            if sent.status < 300 {
                free.insert(format!("{} {}", kind(&sent.address), sent.field));
            }
        }
    });
    let refused: Vec<_> = FREE.iter().filter(|it| !free.contains(**it)).collect();
    assert!(refused.is_empty(), "not taken: {refused:?}; taken: {free:#?}");

    let seen = each_page(&desk, |kind| {
        let load = desk.browser.first_load(desk.address(), &desk.browser.path());
        assert_eq!(load.elsewhere(desk.address()), [""; 0]);
        assert!(load.bytes <= crate::desk::BYTES_MAX, "{kind}: {load:?}");
        assert_eq!(desk.browser.count("img[src=x]"), 0, "{kind}");
        desk.look_at(&format!("page{}", kind.replace(['/', '?', '='], "-").replace("{}", "1")));
    });
    let missing: Vec<_> = PAGES.iter().filter(|it| !seen.contains_key(**it)).collect();
    assert!(missing.is_empty(), "no link leads to {missing:?}; seen: {seen:#?}");
    desk.close();
}

/// Goes to one page of each kind that a link leads to from the overview on; which they were.
fn each_page(desk: &Desk, mut at: impl FnMut(&str)) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut ahead = VecDeque::from([desk.path("overview")]);
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
    let of_query = query.split('&').filter(|it| it.starts_with("tab=") || it.starts_with("by="));
    of_query.fold(kind, |kind, it| format!("{kind}?{it}"))
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
