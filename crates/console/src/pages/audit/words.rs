//! What the log's names are called by people.

use crate::ui::Ui;

/// Kinds of things, as actions and rows name them.
const KINDS: &[(&str, &str, &str)] = &[
    ("task", "任务", "task"),
    ("number", "号码", "number"),
    ("call", "通话", "call"),
    ("blacklist", "黑名单", "blacklist"),
    ("blacklist.group", "黑名单组", "blacklist group"),
    ("blacklist_group", "黑名单组", "blacklist group"),
    ("blacklist_entry", "黑名单号码", "blacklisted number"),
    ("company", "公司", "company"),
    ("callback", "回调", "callbacks"),
    ("callback_address", "回调地址", "callback address"),
    ("line", "线路", "line"),
    ("announcement", "运营商提示音", "announcement"),
    ("scene", "话术", "scene"),
    ("key", "密钥", "key"),
    ("user", "用户", "user"),
];

const VERBS: &[(&str, &str, &str)] = &[
    ("create", "创建", "made"),
    ("update", "更改", "changed"),
    ("delete", "删除", "deleted"),
    ("import", "导入", "imported"),
    ("start", "启动", "started"),
    ("pause", "暂停", "paused"),
    ("stop", "终止", "stopped"),
    ("first", "优先拨打", "put first"),
    ("forget", "清除个人信息", "forgotten"),
    ("place", "拨打", "placed"),
    ("grade", "修改意向", "judged"),
    ("note", "备注", "noted"),
    ("read", "首次查看", "opened"),
    ("add", "添加", "added"),
    ("remove", "移除", "removed"),
    ("set", "设置", "set"),
    ("unset", "取消", "unset"),
    ("resend", "重发", "sent again"),
    ("publish", "发布", "published"),
    ("learn", "标记已处理", "crossed off"),
    ("bind", "绑定公司", "bound"),
    ("unbind", "解绑公司", "unbound"),
    ("rotate", "更换密钥", "rotated"),
    ("revoke", "作废", "revoked"),
    ("password", "更改密码", "password"),
    ("role", "更改角色", "role"),
    ("companies", "更改可见公司", "companies"),
    ("disable", "停用", "disabled"),
    ("enable", "启用", "enabled"),
    ("sign_in", "登录", "signed in"),
    ("sign_out", "退出", "signed out"),
];

fn find<'a>(ui: &Ui, words: &'static [(&str, &str, &str)], name: &'a str) -> &'a str {
    let found = words.iter().find(|(known, ..)| *known == name);
    found.map_or(name, |(_, zh, en)| if ui.is_english() { en } else { zh })
}

/// A kind of thing.
pub(super) fn kind<'a>(ui: &Ui, name: &'a str) -> &'a str {
    find(ui, KINDS, name)
}

/// An action: the thing, and what is done to it.
pub(super) fn action(ui: &Ui, name: &str) -> String {
    match name.rsplit_once('.') {
        Some((thing, verb)) => format!("{} · {}", kind(ui, thing), find(ui, VERBS, verb)),
        None => name.to_owned(),
    }
}

/// Who did it.
pub(super) fn actor(ui: &Ui, name: &str) -> String {
    let kinds = [("user ", "用户 ", "user "), ("key ", "密钥 ", "key "), ("command line ", "命令行 ", "command line ")];
    let found = kinds
        .into_iter()
        .find_map(|(kind, zh, en)| name.strip_prefix(kind).map(|rest| format!("{}{rest}", ui.t(zh, en))));
    found.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hutong_domain::audit::Action;

    #[test]
    fn every_action_has_words() {
        for action in Action::ALL {
            let (thing, verb) = action.name().rsplit_once('.').unwrap();
            assert!(KINDS.iter().any(|(known, ..)| *known == thing), "{thing}");
            assert!(VERBS.iter().any(|(known, ..)| *known == verb), "{verb}");
        }
    }
}
