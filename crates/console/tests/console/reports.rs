//! Reports: the figures of the page and of its files are those of the store.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use hutong_domain::access::Role;
use hutong_domain::report::{Counts, Days, GRADES};
use hutong_store::report::{self, Question};
use hutong_store::task::Settings;
use hutong_testkit::clock::zone;
use hutong_testkit::fixture::settings;
use jiff::civil::date;

use crate::world::{Reply, World};

/// The day of [`hutong_testkit::clock::START`].
const TODAY: &str = "2026-05-06";

async fn total(world: &World) -> Counts {
    let today = Days::one(date(2026, 5, 6));
    let read = world.ours.read(move |db, company| report::total(db, &Question::of_company(company, today, zone())));
    read.await
}

/// What stands in the places of a row, after its head.
fn places(html: &str, head: &str) -> Vec<String> {
    let (_, row) = html.split_once(head).unwrap_or_else(|| panic!("no row {head:?} in {html}"));
    let (row, _) = row.split_once("</tr>").unwrap();
    let places = row.split("<td class=\"number\">").skip(1);
    places.map(|place| place.split('<').next().unwrap().to_owned()).collect()
}

/// The same of these counts, written by hand.
fn written(counts: &Counts) -> Vec<String> {
    let tenths = |part: Option<i64>| part.map_or("—".to_owned(), |part| format!("{}.{} %", part / 10, part % 10));
    let clock = |s: i64| format!("{}:{:02}", s / 60, s % 60);
    let any = |number: Option<i64>| number.map_or("—".to_owned(), |number| number.to_string());
    let mut written = vec![
        counts.imported.to_string(),
        counts.dialled.to_string(),
        counts.numbers_dialled.to_string(),
        counts.answered.to_string(),
        tenths(counts.answered_per_mille()),
        clock(counts.talk_s),
        counts.mean_talk_s().map_or("—".to_owned(), clock),
    ];
    written.extend(GRADES.map(|grade| counts.of_grade(grade).to_string()));
    written.extend([
        counts.lost.to_string(),
        tenths(counts.lost_per_mille()),
        any(counts.mean_turn_ms()),
        any(counts.turn_ms_p95()),
    ]);
    written
}

const TOTAL: &str = "<th scope=\"row\">合计</th>";

async fn reported(world: &World, query: &str) -> Reply {
    let page = world.browser(Role::Viewer).await.get(&world.path(&format!("reports{query}"))).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.html);
    page
}

#[tokio::test]
async fn the_figures_are_those_of_the_store_whatever_the_rows_are() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let total = total(&world).await;
    assert_eq!((total.imported, total.dialled, total.answered, total.talk_s, total.of_grade('A')), (3, 3, 1, 27, 1));

    for by in ["day", "hour", "task", "line", "robot"] {
        let page = reported(&world, &format!("?days=today&by={by}")).await;
        assert_eq!(places(&page.html, TOTAL), written(&total), "{by}");
    }
    let page = reported(&world, "?days=7&by=day").await;
    page.shows("2026-04-30");
    assert_eq!(places(&page.html, &format!(">{TODAY}</a></th>")), written(&total));
    let page = reported(&world, "?days=today&by=hour").await;
    assert_eq!(places(&page.html, "<th scope=\"row\">10:00</th>"), written(&total));
    assert_eq!(places(&page.html, "<th scope=\"row\">11:00</th>"), written(&Counts::default()));
    let page = reported(&world, "?days=today&by=task").await;
    let head = format!("<a href=\"?days=today&#38;by=day&#38;task={task}\">回访</a></th>");
    assert_eq!(places(&page.html, &head), written(&total));
    let yesterday = reported(&world, "?days=yesterday").await;
    assert_eq!(places(&yesterday.html, TOTAL), written(&Counts::default()));
}

#[tokio::test]
async fn without_a_choice_the_last_seven_days_are_shown() {
    let world = World::new().await;
    world.finished_task().await;
    let page = reported(&world, "").await;
    page.shows("value=\"2026-04-30\"").shows(&format!("value=\"{TODAY}\""));
    page.shows("<title>2026-05-06：拨打 3，接听 1（33.3 %）</title>");
    let month = reported(&world, "?days=month").await;
    month.shows("value=\"2026-05-01\"");
}

#[tokio::test]
async fn a_report_is_narrowed_and_widened_again() {
    let world = World::new().await;
    let (task, _) = world.finished_task().await;
    let other = world.ours.running_task(Settings { name: "春季".to_owned(), ..settings() }, 2).await;
    let page = reported(&world, &format!("?days=today&task={other}&line={}", world.ours.line)).await;
    page.shows("任务: 春季").shows("线路: 线路");
    page.shows(&format!("href=\"?days=today&#38;line={}\"", world.ours.line));
    assert_eq!(places(&page.html, TOTAL)[..2], ["0", "0"], "numbers that were imported are of no line");
    let page = reported(&world, &format!("?days=today&task={other}")).await;
    assert_eq!(places(&page.html, TOTAL)[..2], ["2", "0"]);
    let page = reported(&world, &format!("?days=today&task={task}&robot={}", world.ours.robot.id)).await;
    assert_eq!(
        places(&page.html, TOTAL),
        written(&{
            let question = move |company| Question {
                task: Some(task),
                ..Question::of_company(company, Days::one(date(2026, 5, 6)), zone())
            };
            world.ours.read(move |db, company| report::total(db, &question(company))).await
        })
    );
}

#[tokio::test]
async fn names_and_figures_of_another_company_stay_there() {
    let world = World::new().await;
    world.finished_task().await;
    let name = "别人的任务".to_owned();
    let theirs = world.theirs.running_task(Settings { name, ..settings() }, 5).await;
    let page = reported(&world, &format!("?days=today&task={theirs}&line={}", world.theirs.line)).await;
    page.lacks("别人的任务").shows(&format!("任务: #{theirs}")).shows(&format!("线路: #{}", world.theirs.line));
    assert_eq!(places(&page.html, TOTAL), written(&Counts::default()));
}

#[tokio::test]
async fn what_is_no_report_is_said_at_the_field() {
    let world = World::new().await;
    for (query, problem) in [
        ("?from=2026-05-06&to=2026-05-05", "结束日期 2026-05-05 早于开始日期 2026-05-06"),
        ("?from=2026-01-01&to=2026-05-05", "最多查询 92 天，所选为 125 天"),
        ("?from=%3Cscript%3Ealert(1)%3C/script%3E", "日期应写作 2026-11-27"),
        ("?task=x", "任务、线路和机器人应为编号"),
    ] {
        let page = reported(&world, query).await;
        page.shows(problem).shows("aria-invalid=\"true\"").lacks("<table").lacks("<script>alert");
        let file = world.browser(Role::Viewer).await.get(&world.path(&format!("reports/csv{query}"))).await;
        assert_eq!(file.status, StatusCode::UNPROCESSABLE_ENTITY);
        file.shows(problem);
    }
}

#[tokio::test]
async fn what_is_shown_is_kept_as_a_file() {
    let world = World::new().await;
    world.finished_task().await;
    world.ours.running_task(Settings { name: "=HYPERLINK(1)".to_owned(), ..settings() }, 2).await;
    let viewer = world.browser(Role::Viewer).await;
    let csv = viewer.get(&world.path("reports/csv?days=today&by=task")).await;
    let lines: Vec<&str> = csv.html.trim_start_matches('\u{feff}').lines().collect();
    assert!(lines[0].starts_with("任务,导入,拨打,拨打号码,接听,接听率,"), "{lines:?}");
    assert!(lines.contains(&"回访,3,3,3,1,33.3%,27,27,1,0,0,2,0,0,0,0.0%,,"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("'=HYPERLINK(1),2,0,")), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("合计,5,3,3,1,"), "{lines:?}");
    let file = csv.headers[CONTENT_DISPOSITION].to_str().unwrap();
    assert_eq!(file, "attachment; filename*=UTF-8''report-1-2026-05-06-2026-05-06-by-task.csv");

    let xlsx = viewer.get(&world.path("reports/xlsx?days=today&by=task")).await;
    assert!(xlsx.headers[CONTENT_TYPE].to_str().unwrap().contains("spreadsheetml") && xlsx.html.starts_with("PK"));
    assert_eq!(viewer.get(&world.path("reports/pdf")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_script_in_a_name_is_a_name() {
    let world = World::new().await;
    let name = "<script>alert(1)</script>".to_owned();
    let task = world.ours.running_task(Settings { name, ..settings() }, 1).await;
    for query in ["?days=today&by=task".to_owned(), format!("?days=today&task={task}")] {
        reported(&world, &query).await.shows("&#60;script&#62;alert(1)").lacks("<script>alert");
    }
}

#[tokio::test]
async fn a_long_report_is_no_large_page() {
    let world = World::new().await;
    for _ in 0..310 {
        world.ours.running_task(settings(), 1).await;
    }
    let page = reported(&world, "?days=today&by=task").await;
    page.shows("只列出前 300 行");
    let table = page.html.split("<table class=\"report\">").nth(1).unwrap();
    assert_eq!(table.matches("<tr><th scope=\"row\">").count(), 301, "with the total");
    assert!(page.html.len() < 250_000, "{} bytes", page.html.len());
    let csv = world.browser(Role::Viewer).await.get(&world.path("reports/csv?days=today&by=task")).await;
    assert_eq!(csv.html.lines().count(), 312);
}
