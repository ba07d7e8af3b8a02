//! Companies and the settings of the installation.

use axum::http::StatusCode;
use hutong_domain::access::Role;
use hutong_store::audit::{self, Filter};
use hutong_store::company;
use jiff::civil::time;

use crate::world::World;

fn form(changed: &[(&str, &str)]) -> String {
    let fields = [
        ("name", "甲公司"),
        ("seats", "7"),
        ("start", "10:00"),
        ("end", "18:30"),
        ("per_day", "2"),
        ("per_week", "0"),
        ("recordings", "90"),
        ("transcripts", "30"),
        ("numbers", ""),
    ];
    let value = |(name, value)| {
        let other = changed.iter().find(|(known, _)| *known == name);
        (name, other.map_or(value, |(_, value)| *value))
    };
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields.map(value)).finish()
}

#[tokio::test]
async fn a_company_is_made_and_made_stricter() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let made = admin.post("/companies", "name=%E4%B9%99%E5%85%AC%E5%8F%B8&seats=3").await;
    let page = made.location().to_owned();
    assert!(page.starts_with("/companies/"), "{page}");
    admin.get("/companies").await.shows("乙公司");
    admin.get(&page).await.shows("value=\"3\"").shows("09:00–20:00").shows("系统保留 30 天");
    admin.post(&page, &form(&[])).await.shows("已保存").shows("甲公司");
    let companies = world.ours.store.read(company::all).await.unwrap();
    let changed = companies.last().unwrap();
    assert_eq!((changed.name.as_str(), changed.seats), ("甲公司", 7));
    let legal = changed.rules.legal.unwrap();
    assert_eq!((legal.start, legal.end), (time(10, 0, 0, 0), time(18, 30, 0, 0)));
    assert_eq!((changed.rules.caps.per_day, changed.rules.caps.per_week), (Some(2), None));
    let keep = changed.keep;
    assert_eq!((keep.recordings_days, keep.transcripts_days, keep.numbers_days), (90, 30, 0));
    let filter = Filter { company: Some(changed.id), ..Filter::default() };
    let log = world.ours.store.read(move |db| audit::list(db, &filter, 10)).await.unwrap();
    let actions: Vec<(&str, &str)> = log.iter().map(|it| (it.actor.as_str(), it.action.as_str())).collect();
    assert_eq!(actions, [("user admin", "company.update"), ("user admin", "company.create")]);
}

#[tokio::test]
async fn a_company_is_never_less_strict_than_the_installation() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let page = format!("/companies/{}", world.ours.company);
    let before = world.ours.store.read(company::all).await.unwrap();
    for (field, value, at) in [
        ("name", " ", "name-problem"),
        ("seats", "0", "seats-problem"),
        ("seats", "many", "seats-problem"),
        ("start", "08:00", "start-problem"),
        ("end", "09:00", "start-problem"),
        ("end", "", "start-problem"),
        ("per_day", "-1", "per_day-problem"),
        ("per_week", "1001", "per_week-problem"),
        ("transcripts", "31", "transcripts-problem"),
    ] {
        let refused = admin.post(&page, &form(&[(field, value)])).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}");
        refused.shows(&format!("id=\"{at}\""));
    }
    for wrong in ["name=&seats=1", "name=x&seats=0"] {
        assert_eq!(admin.post("/companies", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(world.ours.store.read(company::all).await.unwrap(), before);
    assert_eq!(admin.get("/companies/9999").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn names_of_companies_are_text() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    let page = format!("/companies/{}", world.ours.company);
    let script = "<script>alert(1)</script>";
    admin.post(&page, &form(&[("name", script)])).await.lacks(script);
    for page in [page.as_str(), "/companies", "/users/new", "/users/admin", "/audit"] {
        admin.get(page).await.lacks(script).shows("script&#62;");
    }
}

#[tokio::test]
async fn the_settings_of_the_installation_are_shown() {
    let world = World::new().await;
    let page = world.browser(Role::Admin).await.get("/installation").await;
    page.shows("+08").shows("09:00–20:00").shows("dialing.calls_max").shows("2000").shows("30 天");
    page.shows("读数据库").shows("就绪");
}

#[tokio::test]
async fn many_companies_are_listed_page_by_page() {
    let world = World::new().await;
    let admin = world.browser(Role::Admin).await;
    for number in 0..60 {
        admin.post("/companies", &format!("name=no{number}&seats=3")).await;
    }
    admin.get("/companies").await.shows(">no0<").lacks(">no59</a></td>").shows("?page=2");
    admin.get("/companies?page=2").await.shows(">no59</a></td>").lacks(">no0</a></td>");
    assert_eq!(admin.get("/companies?page=99").await.status, StatusCode::OK);
}
