//! Numbers go into a group from a list or a file: first it is said what would go in, then they do, some at a time.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Multipart, Path, State};
use axum::response::Response;
use hutong_accounts::random_text;
use hutong_domain::access::Permission;
use hutong_domain::ids::BlacklistGroupId;
use hutong_store::blacklist::{self, Group};
use serde::Deserialize;
use serde_json::json;

use super::group::{GroupPath, of_company};
use super::lines::{Lines, NUMBERS_MAX, Unfit};
use super::staged::Staged;
use super::{SECTION, part};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Numbers that go in with one request: what the API takes at once.
const AT_ONCE: usize = 10_000;
/// Numbers that are looked for in the group at once.
const KNOWN_AT_ONCE: usize = 1_000;
/// Letters of the name of an import.
const TOKEN_LETTERS: usize = 24;

#[derive(Template)]
#[template(path = "numbers/import.html", blocks = ["preview", "progress"])]
struct ImportPage {
    ui: Ui,
    group: Group,
    problem: String,
    preview: Option<Preview>,
    /// How far it is.
    staged: Option<Staged>,
}

/// What would go in.
struct Preview {
    lines: Lines,
    /// Numbers that are in the group already.
    known: usize,
    token: String,
}

impl Preview {
    fn new_ones(&self) -> i64 {
        count(self.lines.count - self.known.min(self.lines.count))
    }
}

impl ImportPage {
    async fn new(shared: &Shared, visit: &Visit, group: BlacklistGroupId) -> Result<Self> {
        let (ui, group) = (visit.ui.in_section(SECTION), of_company(shared, visit, group).await?);
        Ok(Self { ui, group, problem: String::new(), preview: None, staged: None })
    }

    fn path(&self) -> String {
        self.ui.url(&format!("numbers/groups/{}", self.group.id))
    }

    fn count(&self, count: &usize) -> String {
        self.ui.count(self::count(*count))
    }
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `GET /c/{company}/numbers/groups/{group}/import`
pub(crate) async fn page(State(shared): State<Arc<Shared>>, visit: Visit, Path(path): Path<GroupPath>) -> Result<Html> {
    visit.require(Permission::EditBlacklist)?;
    html(&ImportPage::new(&shared, &visit, path.group).await?)
}

/// `POST /c/{company}/numbers/groups/{group}/import`: what would go in, and what would not and why. Nothing does yet.
pub(crate) async fn preview(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(GroupPath { group }): Path<GroupPath>,
    form: Multipart,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let mut page = ImportPage::new(&shared, &visit, group).await?;
    let _permit = shared.imports.reading.acquire().await.map_err(|_| Error::NotFound)?;
    match read(&visit.ui, form).await {
        Ok(mut lines) => {
            let (numbers, total) = (std::mem::take(&mut lines.numbers), lines.count);
            let (known, numbers) = known(&shared, &visit, group, numbers).await?;
            let (user, company) = (visit.signed_in.user.name.clone(), visit.company);
            let token = random_text::<TOKEN_LETTERS>().map_err(hutong_accounts::Error::Vault)?;
            let staged =
                Staged { token: token.clone(), user, company, group, numbers, at: 0, total, done: 0, added: 0 };
            if total > 0 {
                shared.imports.put(staged);
            }
            page.preview = Some(Preview { lines, known, token });
        }
        Err(problem) => page.problem = problem,
    }
    Ok(part(&page.problem, html(&page.as_preview())?))
}

/// The lines of all fields of the form, one after the other.
async fn read(ui: &Ui, mut form: Multipart) -> std::result::Result<Lines, String> {
    let unfit = |unfit| {
        let (zh, en) = match unfit {
            Unfit::OtherKind => (
                "请上传 CSV 或 TXT 文件：表格请先另存为 CSV（UTF-8）".to_owned(),
                "Give a CSV or TXT file: save a spreadsheet as CSV (UTF-8) first".to_owned(),
            ),
            Unfit::TooMany => (
                format!("一次最多导入 {NUMBERS_MAX} 个号码，请分成几个文件"),
                format!("At most {NUMBERS_MAX} numbers go in at once: part the file"),
            ),
        };
        ui.t(&zh, &en).to_owned()
    };
    let broken = |_| {
        let (zh, en) = ("文件没有完整上传，或超过 64 MB", "The file did not come whole, or is larger than 64 MB");
        ui.t(zh, en).to_owned()
    };
    let mut lines = Lines::default();
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        while let Some(piece) = field.chunk().await.map_err(broken)? {
            lines.read(&piece).map_err(unfit)?;
        }
        lines.end_text().map_err(unfit)?;
    }
    lines.end();
    if lines.count == 0 && lines.refused_count == 0 {
        let (zh, en) = ("请粘贴号码或选择文件", "Paste numbers, or choose a file");
        return Err(ui.t(zh, en).to_owned());
    }
    Ok(lines)
}

/// How many of the numbers are in the group already; the numbers are handed back.
async fn known(shared: &Shared, visit: &Visit, group: BlacklistGroupId, numbers: String) -> Result<(usize, String)> {
    let company = visit.company;
    let looked = shared.app.store.read(move |db| {
        let all: Vec<&str> = numbers.lines().collect();
        let mut known = 0;
        for some in all.chunks(KNOWN_AT_ONCE) {
            known += blacklist::known(db, company, group, some)?;
        }
        Ok((usize::try_from(known).unwrap_or(0), numbers))
    });
    Ok(looked.await?)
}

/// The import that a path names: `/c/{company}/numbers/groups/{group}/import/{token}`.
#[derive(Debug, Deserialize)]
pub(crate) struct ImportPath {
    group: BlacklistGroupId,
    token: String,
}

/// `POST /c/{company}/numbers/groups/{group}/import/{token}`: the next numbers go in. What it answers asks for those after
/// them.
pub(crate) async fn go_on(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ImportPath { group, token }): Path<ImportPath>,
) -> Result<Response> {
    visit.require(Permission::EditBlacklist)?;
    let mut page = ImportPage::new(&shared, &visit, group).await?;
    let is_theirs = |staged: &Staged| {
        staged.user == visit.signed_in.user.name && (staged.company, staged.group) == (visit.company, group)
    };
    let Some(mut staged) = shared.imports.take(&token, is_theirs) else {
        let (zh, en) = ("这份名单已不在等待导入，请重新预览", "This list does not wait any more: look at it again");
        return Err(Error::Refused(visit.ui.t(zh, en).to_owned()));
    };
    let (numbers, bytes) = staged.next(AT_ONCE);
    let entries: Vec<_> = numbers.iter().map(|mobile| json!({ "mobile": mobile })).collect();
    let taken = entries.len();
    let asked = json!({ "companyId": visit.company, "blacklistInfoGroupId": group, "blacklist": entries });
    match shared.inside.ask(&visit.person(), "v1/company/addBlackList/batch", &asked).await {
        Ok(answered) => {
            staged.at += bytes;
            staged.done += taken;
            staged.added += answered.data["successNum"].as_i64().unwrap_or(0);
        }
        Err(refused) => {
            // Whoever tries again goes on from here.
            shared.imports.put(staged);
            return Err(refused.into());
        }
    }
    if staged.done < staged.total {
        shared.imports.put(staged.clone());
    }
    page.staged = Some(staged);
    Ok(part("", html(&page.as_progress())?))
}
