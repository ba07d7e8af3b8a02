//! What `auto_explain` has written into a server's log.

use std::collections::BTreeSet;

use hutong_store::BIG_TABLES;
use serde_json::Value;

/// A statement as the server has run it.
pub(crate) struct Explained {
    /// Its text.
    pub(crate) sql: String,
    /// The big tables that it reads or writes.
    pub(crate) big_tables: BTreeSet<String>,
    /// The partitions of big tables that it has scanned: table and number.
    pub(crate) partitions: BTreeSet<(String, u32)>,
}

/// Every statement that the log explains.
pub(crate) fn explained(log: &str) -> Vec<Explained> {
    let mut lines = log.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if !(line.contains("LOG:  duration: ") && line.ends_with("plan:")) {
            continue;
        }
        // An entry goes on in the lines that begin with a tab.
        let mut text = String::new();
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(more.trim_start_matches('\t'));
            text.push('\n');
        }
        found.push(read_plan(&serde_json::from_str(&text).unwrap()));
    }
    found
}

fn read_plan(plan: &Value) -> Explained {
    let mut explained = Explained {
        sql: plan["Query Text"].as_str().unwrap().to_owned(),
        big_tables: BTreeSet::new(),
        partitions: BTreeSet::new(),
    };
    read_node(&plan["Plan"], &mut explained);
    explained
}

fn read_node(node: &Value, explained: &mut Explained) {
    if let Some(relation) = node["Relation Name"].as_str() {
        let (table, partition) = match relation.rsplit_once("_p") {
            Some((table, number)) => (table, number.parse().ok()),
            None => (relation, None),
        };
        if BIG_TABLES.contains(&table) {
            explained.big_tables.insert(table.to_owned());
            let scans = node["Node Type"].as_str().unwrap().ends_with("Scan");
            let ran = node["Actual Loops"].as_u64().unwrap() > 0;
            explained.partitions.extend(partition.filter(|_| scans && ran).map(|number| (table.to_owned(), number)));
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        read_node(child, explained);
    }
}

#[test]
fn a_plan_is_read_from_the_lines_of_a_log() {
    let log = "2026-05-06 10:00:00 LOG:  ready\n\
               2026-05-06 10:00:00 LOG:  duration: 0.1 ms  plan:\n\
               \t{ \"Query Text\": \"SELECT 1\",\n\
               \t  \"Plan\": { \"Node Type\": \"Append\", \"Actual Loops\": 1, \"Plans\": [\n\
               \t    { \"Node Type\": \"Seq Scan\", \"Relation Name\": \"call_p3\", \"Actual Loops\": 1 },\n\
               \t    { \"Node Type\": \"Seq Scan\", \"Relation Name\": \"call_p4\", \"Actual Loops\": 0 },\n\
               \t    { \"Node Type\": \"Seq Scan\", \"Relation Name\": \"task\", \"Actual Loops\": 1 }] } }\n\
               2026-05-06 10:00:01 LOG:  bye\n";

    let found = explained(log);

    let [only] = found.as_slice() else { panic!("{} statements", found.len()) };
    assert_eq!(only.sql, "SELECT 1");
    assert_eq!(only.big_tables, BTreeSet::from(["call".to_owned()]));
    assert_eq!(only.partitions, BTreeSet::from([("call".to_owned(), 3)]));
}
