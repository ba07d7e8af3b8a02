//! What a company has.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_company_is_asked_for_what_it_has() {
    let world = World::new().await;
    let company = world.company();
    let companies = world.get("company/getCompanys").await;
    assert_eq!(companies.data(), &json!([{"companyName": "试用公司", "companyId": company}]));
    let phones = world.get(&format!("company/getPhones?companyId={company}")).await;
    let phone = &phones.data()[0];
    assert_eq!((&phone["phoneType"], &phone["available"], &phone["sceneType"]), (&json!(6), &json!(true), &json!(2)));
    assert_eq!((&phone["totalConcurrencyQuota"], &phone["usedConcurrencyQuota"]), (&json!(null), &json!(0)));
    let seats = world.get(&format!("company/seat/statistics?companyId={company}")).await;
    assert_eq!(seats.data(), &json!({"companyAllCallSeat": 10, "companyUsingCallSeat": 0}));
    let templates = world.get(&format!("sms/template/list?companyId={company}")).await;
    assert_eq!(templates.data()["total"], 0);
}

#[tokio::test]
async fn robots_are_listed_by_state() {
    let world = World::new().await;
    let count = async |query: &str| {
        let reply = world.get(&format!("company/getRobots?companyId={}{query}", world.company())).await;
        reply.data().as_array().unwrap().len()
    };
    assert_eq!(count("").await, 2);
    let (id, now) = (world.ours.robot.id, world.ours.now());
    world.ours.write(move |db, company| hutong_store::robot::set_online(db, company, id, false, now)).await;
    assert_eq!(count("&robotStatus=1").await, 1);
    assert_eq!(count("&robotStatus=2").await, 2);
    let wrong = world.get(&format!("company/getRobots?companyId={}&robotStatus=3", world.company())).await;
    wrong.refused(412, "参数错误：robotStatus");
}

#[tokio::test]
async fn undelivered_callbacks_are_asked_for_by_day() {
    let world = World::new().await;
    let ask = |query: &str| {
        let path = format!("callBack/queryUnCallBack?companyId={}&{query}", world.company());
        let world = &world;
        async move { world.get(&path).await }
    };
    let reply = ask("dataType=0&startDate=2018-01-01&endDate=2018-01-01").await;
    assert_eq!((&reply.data()["pageSize"], &reply.data()["total"]), (&json!(100), &json!(0)));
    ask("startDate=2018-01-02&endDate=2018-01-01").await.refused(412, "参数错误：startDate");
    ask("startDate=2018-01-01").await.refused(412, "参数错误：缺少必填参数 endDate");
    ask("startDate=2018-01-01&endDate=2018-01-01&dataType=2").await.refused(412, "参数错误：dataType");
}
