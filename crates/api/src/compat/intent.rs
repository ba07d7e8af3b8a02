//! The three spellings of an intent level.
//!
//! The wording was changed in 2019 and shortened by many integrators in their own databases, so filters
//! come in any of them, whatever the scene of the task writes.

/// The letter, the wording of the seed document, and the newer wording.
const LEVELS: [[&str; 3]; 6] = [
    ["A", "A级(较强)", "A级(有明确意向)"],
    ["B", "B级(一般)", "B级(可能有意向)"],
    ["C", "C级(很少)", "C级(明确拒绝)"],
    ["D", "D级(需筛选)", "D级(用户忙)"],
    ["E", "E级(需要再次跟进)", "E级(拨打失败)"],
    ["F", "F级(无需跟进)", "F级(无效客户)"],
];

/// Every spelling of the level that `value` names; the value itself where it names none.
pub(crate) fn spellings(value: &str) -> Vec<String> {
    level(value).map_or_else(|| vec![value.to_owned()], |level| level.map(str::to_owned).to_vec())
}

/// The wording of the seed document for the level that `value` names.
pub(crate) fn canonical(value: &str) -> Option<&'static str> {
    level(value).map(|[_, wording, _]| wording)
}

/// The letter of the level that `value` names, and its wording of 2019.
pub(crate) fn letter_and_newer(value: &str) -> Option<(&'static str, &'static str)> {
    level(value).map(|[letter, _, newer]| (letter, newer))
}

fn level(value: &str) -> Option<[&'static str; 3]> {
    // Input methods write full-width brackets by themselves.
    let value = value.trim().replace('（', "(").replace('）', ")");
    LEVELS.into_iter().find(|level| level.iter().any(|known| known.eq_ignore_ascii_case(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_spelling_finds_all_of_them() {
        let all = ["A", "A级(较强)", "A级(有明确意向)"].map(str::to_owned).to_vec();
        for spelling in ["A", "a", "A级(较强)", "A级（较强）", " A级(有明确意向)"] {
            assert_eq!(spellings(spelling), all, "{spelling}");
            assert_eq!(canonical(spelling), Some("A级(较强)"));
        }
        assert_eq!(letter_and_newer("A级(较强)"), Some(("A", "A级(有明确意向)")));
        assert_eq!(letter_and_newer("成功"), None);
        assert_eq!(spellings("成功"), ["成功"]);
        assert_eq!(canonical("G"), None);
    }
}
