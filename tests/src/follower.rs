//! A client that follows the feed of a task, and what has to be true of everything that it was given.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Value, json};

use crate::client::Client;

/// A client that follows the feed, with what it has been given so far.
pub struct Follower {
    task: i64,
    /// The calls, in the order in which they were given.
    pub calls: Vec<Value>,
}

impl Follower {
    /// One that has seen nothing of the task yet.
    #[must_use]
    pub const fn new(task: i64) -> Self {
        Self { task, calls: Vec::new() }
    }

    /// The task that it follows.
    #[must_use]
    pub const fn task(&self) -> i64 {
        self.task
    }

    fn greatest_index(&self) -> i64 {
        self.calls.last().map_or(-1, |call| call["callIndex"].as_i64().unwrap())
    }

    /// Asks once; whether there was anything new.
    ///
    /// # Panics
    /// When the server is gone, or refuses.
    pub fn poll(&mut self, client: &Client) -> bool {
        self.try_poll(client).unwrap_or_else(|error| panic!("task {}: {error}", self.task))
    }

    /// Asks a server that may be gone; whether there was anything new.
    ///
    /// # Errors
    /// When there is no answer, or it breaks off: then nothing was read.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn try_poll(&mut self, client: &Client) -> io::Result<bool> {
        let asked = json!({ "callJobId": self.task, "index": self.greatest_index(), "pageSize": 7 });
        let page = client.try_read("task/queryDoneTaskPhones", &asked)?;
        let list = page["list"].as_array().unwrap();
        self.calls.extend_from_slice(list);
        Ok(!list.is_empty())
    }

    /// How many of the calls have finished like this.
    #[must_use]
    pub fn with_status(&self, status: i64) -> usize {
        self.calls.iter().filter(|call| call["finishStatus"] == status).count()
    }
}

/// Every number was given once, in order and without a gap.
///
/// # Panics
/// When that is not so.
pub fn check_feed(calls: &[Value], numbers: &[String]) {
    let indexes: Vec<i64> = calls.iter().map(|call| call["callIndex"].as_i64().unwrap()).collect();
    assert_eq!(indexes, (0..).take(numbers.len()).collect::<Vec<i64>>(), "0, 1, 2 … without gaps");
    let given: BTreeSet<&str> = calls.iter().map(|call| call["customerTelephone"].as_str().unwrap()).collect();
    assert_eq!(given, numbers.iter().map(String::as_str).collect(), "every number");
    let ids: BTreeSet<i64> = calls.iter().map(|call| call["callInstanceId"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), calls.len(), "every call once");
}

/// Two readers were given the same.
///
/// # Panics
/// When that is not so.
pub fn check_same(one: &[Value], other: &[Value]) {
    let different = one.iter().zip(other).find(|(one, other)| one != other);
    assert_eq!(different, None, "the first call that two readers were given differently");
    assert_eq!(one.len(), other.len(), "one reader was given more calls than the other");
}

/// The counts of a task's detail are what the feed gave. The scene has no result but the intent level.
///
/// # Panics
/// When that is not so.
pub fn check_counts(detail: &Value, calls: &[Value]) {
    let count = |in_bucket: &dyn Fn(i64) -> bool| {
        calls.iter().filter(|call| in_bucket(call["finishStatus"].as_i64().unwrap())).count()
    };
    assert_eq!(detail["totalCount"], calls.len());
    assert_eq!(detail["doneCount"], calls.len());
    assert_eq!(detail["calledCount"], count(&|status| status == 0));
    assert_eq!(detail["rejectedCount"], count(&|status| status == 1));
    assert_eq!(detail["fromUnavailableCount"], count(&|status| [3, 9].contains(&status)));
    assert_eq!(detail["unavailableCount"], count(&|status| ![0, 1, 3, 9].contains(&status)));
    let counts = |list: &Value, name: &str| -> BTreeMap<String, u64> {
        let entries = list.as_array().unwrap().iter();
        entries.map(|entry| (entry[name].to_string(), entry["value"].as_u64().unwrap())).collect()
    };
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_level: BTreeMap<String, u64> = BTreeMap::new();
    for call in calls {
        *by_status.entry(call["finishStatus"].to_string()).or_default() += 1;
        for result in call["resultList"].as_array().unwrap() {
            assert_eq!(result["name"], "客户意向等级", "the only result that the scene can conclude");
            *by_level.entry(result["value"].to_string()).or_default() += 1;
        }
    }
    assert_eq!(counts(&detail["finishStatusStat"], "finishStatus"), by_status);
    assert_eq!(counts(&detail["extraStat"]["客户意向等级"], "name"), by_level);
}
