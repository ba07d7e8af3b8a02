//! A group of the blacklist and the numbers in it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum_extra::extract::Form;
use futures::stream;
use hutong_domain::access::{Permission, Role};
use hutong_domain::ids::{BlacklistEntryId, BlacklistGroupId};
use hutong_domain::phone::{PhoneNumber, spellings};
use hutong_store::blacklist::{self, Entry, Group, Wanted};
use serde::Deserialize;
use serde_json::json;

use super::{SECTION, group_name, groups, part, refusal};
use crate::error::{Error, Result};
use crate::page::{Html, done, go_to, html};
use crate::paging::{self, Pager};
use crate::router::Shared;
use crate::sheet::{Cell, Kind};
use crate::ui::Ui;
use crate::visitor::Visit;

/// Numbers that are read at a time for a file.
const ROWS_AT_A_TIME: i64 = 1_000;

/// The group that a path names: `/c/{company}/numbers/groups/{group}`; -1 is the default one.
#[derive(Debug, Deserialize)]
pub(crate) struct GroupPath {
    pub(super) group: BlacklistGroupId,
}

/// What is looked for in a group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    find: String,
    page: Option<i64>,
}

/// A number that is to be added.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewNumber {
    mobile: String,
    name: String,
    remark: String,
}

#[derive(Template)]
#[template(path = "numbers/group.html", blocks = ["entries", "settings"])]
struct GroupPage {
    ui: Ui,
    group: Group,
    find: String,
    entries: Vec<Entry>,
    pager: Pager,
    new: NewNumber,
    problem: String,
    settings_problem: String,
}

/// A group of the company.
pub(super) async fn of_company(shared: &Shared, visit: &Visit, id: BlacklistGroupId) -> Result<Group> {
    let company = visit.company;
    let all = shared.app.store.read(move |db| groups(db, company)).await?;
    let group = all.into_iter().find(|group| group.id == id).ok_or(Error::NotFound)?;
    Ok(Group { name: group_name(&visit.ui, id, &group.name), ..group })
}

impl GroupPage {
    async fn read(shared: &Shared, visit: &Visit, id: BlacklistGroupId, asked: &Asked) -> Result<Self> {
        let ui = visit.ui.in_section(SECTION);
        let group = of_company(shared, visit, id).await?;
        let find = asked.find.trim().to_owned();
        let (wanted, company, page) = (wanted(&ui, &find), visit.company, paging::request(asked.page));
        let found = shared.app.store.read_snapshot(move |db| match wanted {
            None => blacklist::page(db, company, id, page),
            Some(wanted) => blacklist::search(db, company, id, &wanted, page),
        });
        let found = found.await?;
        let query = if find.is_empty() {
            String::new()
        } else {
            form_urlencoded::Serializer::new(String::new()).append_pair("find", &find).finish()
        };
        let pager = Pager::new(page, found.total, query);
        let (new, problem, settings_problem) = (NewNumber::default(), String::new(), String::new());
        Ok(Self { ui, group, find, entries: found.rows, pager, new, problem, settings_problem })
    }

    fn is_default(&self) -> bool {
        self.group.id == BlacklistGroupId::DEFAULT
    }

    fn path(&self) -> String {
        self.ui.url(&format!("numbers/groups/{}", self.group.id))
    }
}

/// What is looked for; whoever may not see whole numbers finds none by a part of it.
fn wanted(ui: &Ui, find: &str) -> Option<Wanted> {
    if find.is_empty() {
        return None;
    }
    let phone = PhoneNumber::parse(find);
    if ui.user.as_ref().is_some_and(|user| user.role > Role::Viewer) {
        let text = phone.map_or_else(|| find.to_owned(), |phone| phone.as_str().to_owned());
        return Some(Wanted::Part(text));
    }
    Some(Wanted::Whole(phone.map(|phone| spellings(&phone)).unwrap_or_default(), find.to_owned()))
}

/// `GET /c/{company}/numbers/groups/{group}`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
    Query(asked): Query<Asked>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    html(&GroupPage::read(&shared, &visit, group, &asked).await?)
}

/// `POST /c/{company}/numbers/groups/{group}/add`
pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
    Form(new): Form<NewNumber>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let NewNumber { mobile, name, remark } = &new;
    let entry = json!({ "mobile": mobile, "name": name.trim(), "remark": remark.trim() });
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": group, "blacklist": [entry] });
    let words = match shared.inside.ask(&visit.person(), "v1/company/addBlackList/batch", &asked).await {
        Ok(answered) => Ok(match answered.data["successNum"].as_i64() {
            Some(0) => visit.ui.t("它已在这个分组", "It is in this group already"),
            _ => visit.ui.t("已加入", "It was added"),
        }),
        Err(refused) => {
            // The one number of a list is no list to whoever typed it.
            refusal(&visit.ui, refused)?;
            Err(super::parse(&visit.ui, mobile).err().unwrap_or_default())
        }
    };
    let mut page = GroupPage::read(&shared, &visit, group, &Asked::default()).await?;
    let notice = match words {
        Ok(words) => done(words)?,
        Err(problem) => {
            (page.problem, page.new) = (problem, new);
            Html(String::new())
        }
    };
    let Html(entries) = html(&page.as_entries())?;
    Ok(part(&page.problem, Html(entries + &notice.0)))
}

/// Numbers that were chosen.
#[derive(Debug, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    mobile: Vec<String>,
    #[serde(default)]
    find: String,
}

/// `POST /c/{company}/numbers/groups/{group}/remove`
pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
    Form(chosen): Form<Chosen>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let mut removed = 0;
    for mobile in chosen.mobile.iter().take(usize::try_from(paging::ROWS).unwrap_or(usize::MAX)) {
        let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": group, "mobile": mobile });
        match shared.inside.ask(&visit.person(), "v1/company/blacklist/info/delete", &asked).await {
            Ok(_) => removed += 1,
            // Somebody else has removed it meanwhile.
            Err(refused) if refused.code == 404 => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    let page = GroupPage::read(&shared, &visit, group, &Asked { find: chosen.find, page: None }).await?;
    let (zh, en) = (format!("已移出 {removed} 个号码"), format!("{removed} numbers were removed"));
    let (Html(entries), Html(notice)) = (html(&page.as_entries())?, done(visit.ui.t(&zh, &en))?);
    Ok(part("", Html(entries + &notice)))
}

/// What a group is to be called.
#[derive(Debug, Deserialize)]
pub(crate) struct Renamed {
    name: String,
    #[serde(default)]
    remark: String,
}

/// `POST /c/{company}/numbers/groups/{group}/rename`
pub(crate) async fn rename(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
    Form(Renamed { name, remark }): Form<Renamed>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": group, "name": &name, "remark": &remark });
    match shared.inside.ask(&visit.person(), "v1/company/blacklist/group/edit", &asked).await {
        Ok(_) => Ok(go_to(&visit.ui.url(&format!("numbers/groups/{group}")))),
        Err(refused) => {
            let mut page = GroupPage::read(&shared, &visit, group, &Asked::default()).await?;
            page.settings_problem = refusal(&visit.ui, refused)?;
            (page.group.name, page.group.remark) = (name, remark);
            Ok(part(&page.settings_problem, html(&page.as_settings())?))
        }
    }
}

/// `POST /c/{company}/numbers/groups/{group}/delete`
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": group });
    match shared.inside.ask(&visit.person(), "v1/company/blacklist/group/delete", &asked).await {
        Ok(_) => Ok(go_to(&visit.ui.url("numbers"))),
        Err(refused) => {
            let mut page = GroupPage::read(&shared, &visit, group, &Asked::default()).await?;
            page.settings_problem = refusal(&visit.ui, refused)?;
            Ok(part(&page.settings_problem, html(&page.as_settings())?))
        }
    }
}

/// `GET /c/{company}/numbers/groups/{group}/export`: as CSV, read while it is sent.
pub(crate) async fn export(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
) -> Result<Response> {
    visit.require(Permission::SeeCalls)?;
    of_company(&shared, &visit, group).await?;
    let (ui, company) = (visit.ui, visit.company);
    let head = ["号码 number", "姓名 name", "备注 remark", "加入时间 since"].map(str::to_owned).to_vec();
    let rows = stream::try_unfold(BlacklistEntryId(0), move |last| {
        let (shared, ui) = (shared.clone(), ui.clone());
        async move {
            let read = shared.app.store.read(move |db| blacklist::after(db, company, group, last, ROWS_AT_A_TIME));
            let entries = read.await?;
            let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(None) };
            let row = |it: &Entry| [ui.phone(&it.mobile), it.name.clone(), it.remark.clone(), ui.when(it.created_at)];
            let rows = entries.iter().map(|entry| row(entry).map(Cell::Text).to_vec());
            Ok::<_, Error>(Some((rows.collect(), last)))
        }
    });
    Kind::Csv.download(&format!("blacklist-{company}-{group}"), head, rows).await
}
