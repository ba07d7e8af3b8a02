//! An integrator that is told by callbacks the whole time, and does not always take them at once.

use std::collections::{BTreeMap, HashMap};

use hutong_e2e::follower::Follower;
use hutong_e2e::wait::until;
use hutong_e2e::{Installation, Tenant};
use hutong_testkit::receiver::{Answer, Receiver, Request};
use serde_json::Value;

/// Of so many calls, one is not taken at the first attempt.
const NOT_TAKEN_EACH: usize = 97;

/// The integrator, and what came first of each call, in the order in which it came.
pub(crate) struct Told {
    receiver: Receiver,
    /// Places in the feed, by task.
    first: BTreeMap<i64, Vec<i64>>,
    seen: HashMap<String, usize>,
}

impl Told {
    /// Has the company's callbacks sent here.
    pub(crate) fn begin(installation: &Installation, tenant: &Tenant) -> Self {
        let mut attempts: HashMap<String, usize> = HashMap::new();
        let receiver = Receiver::start(move |request| {
            let calls = attempts.len();
            let attempt = attempts.entry(request.header("idempotency-key").to_owned()).or_default();
            *attempt += 1;
            if *attempt > 1 || !calls.is_multiple_of(NOT_TAKEN_EACH) {
                return Answer::ok();
            }
            match calls / NOT_TAKEN_EACH % 6 {
                0 => Answer::Says(200, "error".to_owned()),
                1 => Answer::Points(302, "/elsewhere".to_owned()),
                2 => Answer::Says(500, "success".to_owned()),
                3 => Answer::Garbage,
                4 => Answer::Half,
                _ => Answer::HangsUp,
            }
        });
        let (company, url) = (tenant.company.to_string(), receiver.url());
        installation.run(&["callback", "set", "--company", &company, "--url", &url]);
        Self { receiver, first: BTreeMap::new(), seen: HashMap::new() }
    }

    /// Every call that somebody read from the feeds was told, and those of a task in the order in which they ended.
    pub(crate) fn check(mut self, read: &[Follower]) {
        let calls: usize = read.iter().map(|follower| follower.calls.len()).sum();
        until("every call was told", || {
            while let Some(request) = self.receiver.try_next() {
                self.enter(&request);
            }
            (self.first.values().map(Vec::len).sum::<usize>() >= calls).then_some(())
        });
        for follower in read {
            let expected: Vec<i64> = (0..).zip(&follower.calls).map(|(index, _)| index).collect();
            assert_eq!(self.first.get(&follower.task()), Some(&expected), "what was told of task {}", follower.task());
        }
        let again = self.seen.values().filter(|times| **times > 1).count();
        eprintln!("{calls} calls were told, {again} of them more than once");
    }

    fn enter(&mut self, request: &Request) {
        let times = self.seen.entry(request.header("idempotency-key").to_owned()).or_default();
        *times += 1;
        if *times > 1 {
            return;
        }
        let body: Value = serde_json::from_str(&request.body).unwrap();
        if body["data"]["dataType"] == "CALL_INSTANCE_RESULT" {
            let call = &body["data"]["data"]["sceneInstance"];
            assert_eq!(call["status"], 2, "{call}");
            let (task, index) = (call["callJobId"].as_i64().unwrap(), call["callIndex"].as_i64().unwrap());
            self.first.entry(task).or_default().push(index);
        }
    }
}
