//! `pages`: how long the console takes for its pages on tasks of a million calls, the release binary itself on the
//! generated store, and what its exports hold in memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hutong_domain::ids::TaskId;
use rusqlite::params;

use crate::dataset::{Dataset, Facts};
use crate::process::{Product, memory};
use crate::report::{Table, verdict};
use crate::statistics::{figure, micros, percentile};

/// How often each page is asked for, after the first time.
const SAMPLES: usize = 30;
/// The most that the middle one of these may take.
const GOAL: Duration = Duration::from_millis(100);
const USER: &str = "bench";

/// Measures every page, then the exports.
pub(crate) fn measure(dataset: &Dataset, facts: &Facts) -> Result<String> {
    let password = Product::password_of(dataset, USER)?;
    let server = Product::start(dataset)?;
    let visitor = Visitor::sign_in(&server, &password)?;
    let mut table = Table::new(["page", "HTML", "first", "p50", "p95", ""]);
    for (what, path) in pages(dataset, facts)? {
        let mut times = Vec::with_capacity(SAMPLES);
        let mut length = 0;
        for _ in 0..=SAMPLES {
            let begun = Instant::now();
            length = visitor.get(&path)?;
            times.push(micros(begun.elapsed()));
        }
        let first = times.remove(0);
        let (p50, p95) = (percentile(&mut times, 50), percentile(&mut times, 95));
        println!("{what}: {length} bytes, first {first} µs, p50 {p50} µs, p95 {p95} µs");
        let ms = |us: u64| format!("{:.1} ms", figure(us) / 1000.0);
        let kilobytes = format!("{:.0} kB", figure(length) / 1000.0);
        table.row(&[what, kilobytes, ms(first), ms(p50), ms(p95), verdict(p50 <= micros(GOAL)).to_owned()]);
    }
    Ok(format!(
        "## Pages of the console\n\n`hutong serve` on the generated store; one page after another over HTTP, {SAMPLES} \
         times each after the first. The goal is {} ms at the median; sizes are before compression.\n\n{}\n{}",
        GOAL.as_millis(),
        table.text(),
        exports(&server, &visitor, facts)?
    ))
}

/// Exports of a task of a million calls: how long, how much, and what the server holds more than before at most.
fn exports(server: &Product, visitor: &Visitor, facts: &Facts) -> Result<String> {
    let (company, task) = (facts.company, facts.million_finished);
    let mut table =
        Table::new(["export of a million calls", "bytes", "time", "own memory before", "at most while it ran"]);
    for extension in ["csv", "xlsx"] {
        let before = memory(server.id())?.anonymous_kb;
        let mut most = before;
        let begun = Instant::now();
        let length = visitor.read(&format!("/c/{company}/tasks/{task}/export.{extension}"), || {
            most = most.max(memory(server.id())?.anonymous_kb);
            Ok(())
        })?;
        let mb = |kb: u64| format!("{} MB", kb / 1024);
        let time = format!("{:.1} s", begun.elapsed().as_secs_f64());
        println!("{extension}: {length} bytes in {time}, {} before, {} at most", mb(before), mb(most));
        table.row(&[extension.to_owned(), format!("{} MB", length / 1_000_000), time, mb(before), mb(most)]);
    }
    Ok(table.text())
}

/// The pages, by what they show.
fn pages(dataset: &Dataset, facts: &Facts) -> Result<Vec<(String, String)>> {
    let company = facts.company;
    let called = someone(dataset, facts.million_finished)?;
    let (number, name, call) = (&called.number, &called.name, called.call);
    let (done, paused, waits) = (facts.million_finished, facts.million_paused, facts.million_waiting);
    let waiting_call = someone(dataset, waits)?.call;
    let beginning: String = number.chars().take(7).collect();
    let first_digits: String = number.chars().take(3).collect();
    let quarter = "from=2026-01-01&to=2026-04-02";
    let company_pages = [
        ("overview", "overview".to_owned()),
        ("tasks", "tasks".to_owned()),
        ("tasks, the last page", "tasks?page=40".to_owned()),
        ("tasks, by a part of the name, by name", "tasks?name=1&order=name".to_owned()),
        ("a task, finished", format!("tasks/{done}")),
        ("a task, half done", format!("tasks/{paused}")),
        ("a task, waiting", format!("tasks/{waits}")),
        ("its forecast", format!("tasks/{waits}/forecast")),
        ("numbers of a task", format!("tasks/{done}/numbers")),
        ("numbers, page 10,000", format!("tasks/{done}/numbers?page=10000")),
        ("numbers, answered", format!("tasks/{done}/numbers?finish=0")),
        ("numbers, by talk time and rounds", format!("tasks/{done}/numbers?talk_min=30&rounds_min=3")),
        ("numbers, by a whole number", format!("tasks/{done}/numbers?text={number}")),
        ("numbers, by seven digits", format!("tasks/{done}/numbers?text={beginning}")),
        ("numbers, by three digits", format!("tasks/{done}/numbers?text={first_digits}")),
        ("numbers, by a name", format!("tasks/{done}/numbers?text={}", encoded(name))),
        ("numbers, by a name that nobody has", format!("tasks/{done}/numbers?text={}", encoded("没有此人"))),
        ("numbers that wait", format!("tasks/{waits}/numbers?tab=waiting")),
        ("numbers that wait, by a name", format!("tasks/{waits}/numbers?tab=waiting&text={}", encoded(name))),
        ("why a number is not dialled", format!("tasks/{waits}/why/{waiting_call}")),
        ("import into a task", format!("tasks/{waits}/import")),
        ("the form of a task", format!("tasks/{waits}/edit")),
        ("a call", format!("calls/{call}")),
        ("a number in all tasks", format!("numbers?number={number}")),
        ("report of 92 days, by day", format!("reports?{quarter}")),
        ("report of 92 days, by task", format!("reports?{quarter}&by=task")),
        ("report of 92 days, by line", format!("reports?{quarter}&by=line")),
        ("report of 92 days, by robot", format!("reports?{quarter}&by=robot")),
        ("report of a task, by day", format!("reports?{quarter}&task={done}")),
        ("numbers and the blacklist", "numbers".to_owned()),
        ("scenes", "scenes".to_owned()),
        ("lines", "lines".to_owned()),
        ("integration", "integration".to_owned()),
        ("deliveries", "integration/deliveries".to_owned()),
    ];
    let of_company = company_pages.map(|(what, path)| (what.to_owned(), format!("/c/{company}/{path}")));
    let of_installation = ["/users", "/audit", "/companies", "/installation", "/me"];
    let of_installation = of_installation.map(|path| (format!("`{path}`"), path.to_owned()));
    Ok(of_company.into_iter().chain(of_installation).collect())
}

/// Somebody in the middle of a task.
struct Someone {
    number: String,
    name: String,
    call: i64,
}

fn someone(dataset: &Dataset, task: TaskId) -> Result<Someone> {
    let sql = "SELECT customer_phone, customer_name, id FROM call WHERE task_id = ?1 AND import_no = 4000 LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok(Someone { number: row.get(0)?, name: row.get(1)?, call: row.get(2)? });
    Ok(dataset.connect()?.query_row(sql, params![task.get()], read)?)
}

/// As it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Who asks for pages.
struct Visitor {
    address: String,
    cookie: String,
}

impl Visitor {
    fn sign_in(server: &Product, password: &str) -> Result<Self> {
        let address = server.address.clone();
        let form = format!("name={USER}&password={}", encoded(password));
        let mut stream = TcpStream::connect(&address)?;
        write!(
            stream,
            "POST /sign-in HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{form}",
            form.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
        let cookie = cookie.with_context(|| format!("not signed in: {answer}"))?.to_owned();
        Ok(Self { address, cookie })
    }

    /// Asks for a page; how long it is.
    fn get(&self, path: &str) -> Result<u64> {
        self.read(path, || Ok(()))
    }

    /// Reads an answer to its end, by HTTP/1.0, where the end of the connection is the end of it.
    fn read(&self, path: &str, mut after_each: impl FnMut() -> Result<()>) -> Result<u64> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\ncookie: {}\r\n\r\n", self.address, self.cookie)?;
        let mut buffer = vec![0; 1 << 20];
        let mut length = 0;
        loop {
            let read = stream.read(&mut buffer)?;
            if length == 0 {
                let head = String::from_utf8_lossy(buffer.get(..read.min(2000)).unwrap_or_default()).into_owned();
                ensure!(head.starts_with("HTTP/1.0 200 "), "{path}: {head}");
            }
            if read == 0 {
                return Ok(length);
            }
            length += u64::try_from(read)?;
            after_each()?;
        }
    }
}
