//! Whom nobody may call.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_number_is_added_once() {
    let world = World::new().await;
    let entry = json!({"companyId": world.company(), "mobile": "138-0013 8000", "name": "不弃"});
    let id = world.post("company/addBlackList", entry.clone()).await.data().clone();
    assert_eq!(world.post("company/addBlackList", entry).await.data(), &id);
    let path = format!("company/blacklist/info/page?companyId={}&blacklistInfoGroupId=-1", world.company());
    let page = world.get(&path).await;
    assert_eq!((&page.data()["total"], &page.data()["pageSize"]), (&json!(1), &json!(20)));
    assert_eq!(page.data()["list"][0]["mobile"], "13800138000");
    let wrong = world.post("company/addBlackList", json!({"companyId": world.company(), "mobile": "abc"})).await;
    wrong.refused(412, "参数错误：mobile 应为电话号码，收到 \"abc\"");
}

#[tokio::test]
async fn groups_live_and_die() {
    let world = World::new().await;
    let company = world.company();
    let groups = async || world.get(&format!("company/blacklist/group/list?companyId={company}")).await;
    let default = json!({"blacklistInfoGroupId": -1, "name": "默认分组", "publicFlag": true, "remark": ""});
    assert_eq!(groups().await.data(), &json!([default]));
    let add = json!({"companyId": company, "name": "投诉"});
    let id = world.post("company/blacklist/group/add", add.clone()).await.data().as_i64().unwrap();
    world.post("company/blacklist/group/add", add).await.refused(412, "参数错误：name 应为未使用的分组名称");
    let edit = json!({"companyId": company, "blacklistInfoGroupId": id, "name": "投诉客户", "remark": "勿扰"});
    assert_eq!(world.post("company/blacklist/group/edit", edit).await.data(), &json!(true));
    assert_eq!(groups().await.data()[1]["name"], "投诉客户");
    let numbers = json!([{"mobile": "13800138000"}, {"mobile": 13_800_138_001_i64}, {"mobile": "13800138000"}]);
    let batch = json!({"companyId": company, "blacklistInfoGroupId": id, "blacklist": numbers});
    let added = world.post("company/addBlackList/batch", batch).await;
    assert_eq!(added.data(), &json!({"requsetNum": 3, "successNum": 2}));
    let group = json!({"companyId": company, "blacklistInfoGroupId": id});
    world.post("company/blacklist/group/delete", group.clone()).await.refused(412, "参数错误：分组内还有号码");
    for mobile in ["13800138000", "13800138001"] {
        let number = json!({"companyId": company, "blacklistInfoGroupId": id, "mobile": mobile});
        assert_eq!(world.post("company/blacklist/info/delete", number.clone()).await.msg(), "删除成功");
        world.post("company/blacklist/info/delete", number).await.refused(404, "资源未找到：");
    }
    assert_eq!(world.post("company/blacklist/group/delete", group.clone()).await.data(), &json!(true));
    world.post("company/blacklist/group/delete", group).await.refused(404, "资源未找到：黑名单分组");
    let default = json!({"companyId": company, "blacklistInfoGroupId": -1});
    world.post("company/blacklist/group/delete", default).await.refused(412, "参数错误：默认分组");
}
