//! `hutong export calls`: the same calls in every form.

use std::process::Command;

use hutong_e2e::wait::until;
use hutong_e2e::{Installation, program};
use serde_json::{Value, json};

/// Prints the cells of a sheet, a JSON list a row: XLSX is XML in a ZIP file, and Python reads both.
const READ_XLSX: &str = r#"
import json, re, sys, zipfile
from xml.etree import ElementTree
book = zipfile.ZipFile(sys.argv[1])
space = '{http://schemas.openxmlformats.org/spreadsheetml/2006/main}'
strings = [''.join(t.text or '' for t in item.iter(space + 't'))
           for item in ElementTree.fromstring(book.read('xl/sharedStrings.xml'))]
for row in ElementTree.fromstring(book.read('xl/worksheets/sheet1.xml')).iter(space + 'row'):
    cells = []
    for cell in row:
        value = cell.find(space + 'v')
        text = '' if value is None else value.text
        cells.append(strings[int(text)] if cell.get('t') == 's' else float(text) if text else '')
    print(json.dumps(cells))
"#;

/// A finished task over the sandbox numbers of these cases; its id, and what the feed says of it.
fn finished_task(installation: &Installation, cases: &[u32]) -> (String, Vec<Value>) {
    let tenant = installation.tenant("公司", 5);
    let server = installation.serve();
    let client = server.client(&tenant.credentials);
    let numbers: Vec<String> = cases.iter().map(|case| format!("138001380{case:02}")).collect();
    let task = tenant.running_task(&client, &json!({ "concurrencyQuota": 5 }), &numbers);
    until("the task is done", || {
        let detail = client.read("task/getTaskDetail", &json!({ "companyId": tenant.company, "taskId": task }));
        (detail["status"] == 2).then_some(())
    });
    let calls = client.all("task/queryDoneTaskPhones", &json!({ "callJobId": task }));
    assert_eq!(calls.len(), cases.len());
    (task.to_string(), calls)
}

#[test]
fn finished_calls_are_exported_in_every_form_with_the_same_content() {
    let installation = Installation::new();
    let (task, calls) = finished_task(&installation, &[0, 3, 4, 6, 9]);
    let export = |format: &str| installation.run(&["export", "calls", "--task", &task, "--format", format]);

    let lines: Vec<Value> =
        export("jsonl").lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), calls.len());
    for (line, call) in lines.iter().zip(&calls) {
        let pairs = [
            ("call_index", "callIndex"),
            ("call_id", "callInstanceId"),
            ("phone", "customerTelephone"),
            ("name", "customerName"),
            ("finish_status", "finishStatus"),
            ("duration_s", "durationSeconds"),
            ("chat_rounds", "chatRound"),
            ("started_at", "startTime"),
            ("ended_at", "endTime"),
            ("caller_phone", "callerPhone"),
            ("redials", "secondaryCallTimes"),
        ];
        for (exported, answered) in pairs {
            assert_eq!(line[exported], call[answered], "{exported}");
        }
        assert!(line["results"].as_str().is_some_and(|results| results.starts_with("客户意向等级=")), "{line}");
    }

    let csv = export("csv");
    let mut rows = csv.lines();
    let head: Vec<&str> = rows.next().expect("a head").split(',').collect();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (row, line) in rows.by_ref().zip(&lines) {
        let expect: Vec<String> = head.iter().map(|name| text(&line[name])).collect();
        assert_eq!(row.split(',').collect::<Vec<_>>(), expect);
    }
    assert_eq!(csv.lines().count(), lines.len() + 1);

    let file = installation.data().join("calls.xlsx");
    let path = file.to_str().expect("a path in text");
    installation.run(&["export", "calls", "--task", &task, "--format", "xlsx", "--output", path]);
    let sheet = program::finish(Command::new("python3").args(["-c", READ_XLSX, path]));
    assert_eq!(sheet.code, Some(0), "{}", sheet.stderr);
    let rows: Vec<Vec<Value>> =
        sheet.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(rows[0], head);
    assert_eq!(rows.len(), lines.len() + 1);
    for (row, line) in rows[1..].iter().zip(&lines) {
        for (cell, name) in row.iter().zip(&head) {
            let same = match &line[name] {
                Value::Number(number) => cell.as_f64() == number.as_f64(),
                other => cell == other,
            };
            assert!(same, "{name}: {cell} is not {}", line[name]);
        }
    }
}

#[test]
fn an_export_goes_to_a_file_where_one_is_named_and_xlsx_needs_one() {
    let installation = Installation::new();
    let (task, _) = finished_task(&installation, &[3]);
    let file = installation.data().join("calls.csv");
    let path = file.to_str().expect("a path in text");
    assert_eq!(installation.run(&["export", "calls", "--task", &task, "--output", path]), "");
    let printed = installation.run(&["export", "calls", "--task", &task]);
    assert_eq!(std::fs::read_to_string(&file).expect("the file is there"), printed);
    let done = program::run(installation.data(), &["export", "calls", "--task", &task, "--format", "xlsx"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}
