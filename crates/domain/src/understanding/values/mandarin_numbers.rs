//! Numbers, money and digits in Mandarin.

use super::letters::Letters;
use super::{Found, Number};

/// Digits in a row, from which on they are dictated rather than counted: 三五七.
const DICTATED_MIN: usize = 3;

/// Arabic digits in a row, from which on they are a number of something (a phone, a card) and no
/// amount, where nothing says otherwise.
const ARABIC_DICTATED_MIN: usize = 7;

/// Before these, digits are a number of something.
const BEFORE_DIGITS: &[&str] = &[
    "尾号",
    "尾号是",
    "号码",
    "号码是",
    "卡号",
    "卡号是",
    "手机",
    "手机号",
    "手机号是",
    "电话",
    "电话是",
    "验证码",
    "验证码是",
    "编号",
    "编号是",
    "后四位",
    "后四位是",
];

/// What follows a number that is no amount of money.
const OTHER_UNITS: &[char] = &[
    '个', '平', '年', '月', '日', '号', '天', '点', '分', '秒', '楼', '层', '人', '次', '岁', '口', '栋', '室', '厅',
    '米', '公', '斤', '套', '辆', '家', '位', '期', '成', '折', '周', '星', '小', '%', '路', '线', '种', '件', '条',
    '遍', '些', '下', '会', '样', '直', '起', '定', '般', '共', '切', '部', '边', '旦',
];

/// Words with 一 in them that count nothing.
const NOT_COUNTED: &[&str] = &[
    "一共",
    "一般",
    "一起",
    "一直",
    "一定",
    "一样",
    "一些",
    "一点",
    "一会",
    "一切",
    "一部分",
    "一边",
    "一下",
    "一旦",
    "万一",
    "唯一",
];

/// After an amount, these say that there is none of it: 一分钱都没有.
const NOTHING_OF_IT: &[&str] = &["没", "还没", "拿不", "掏不", "付不", "还不", "凑不", "出不", "给不", "交不", "存不"];

/// So little that who denies it has nothing: 一分钱都不还.
const NEXT_TO_NOTHING: &[&str] = &["一分", "一毛", "一块"];

/// What only looks so: 五百块都没问题.
const NO_MATTER: &[&str] = &["没问题", "没关系", "没事", "不是问题", "不成问题"];

const UNITS_OF_MONEY: &[&str] = &["块钱", "元钱", "块", "元", "圆", "人民币"];

/// A number and the index after it.
pub(super) struct Cardinal {
    pub(super) value: Number,
    pub(super) end: usize,
}

pub(super) fn numbers(text: &str) -> Vec<Found<Number>> {
    let letters = Letters::new(text);
    scan(&letters, |index| {
        let other = dictated(&letters, index).map(|(_, end)| end).or(year(&letters, index).map(|(_, end)| end));
        if let Some(end) = other.or_else(|| not_counted(&letters, index)) {
            return Step::Skip(end);
        }
        cardinal(&letters, index).map_or(Step::Next, |number| Step::Found(number.value, number.end))
    })
}

pub(super) fn percentages(text: &str) -> Vec<Found<Number>> {
    let letters = Letters::new(text);
    scan(&letters, |index| {
        let shares = [("百分之", 1), ("千分之", 10), ("万分之", 100)];
        if let Some((divisor, start)) = letters.one_of(index, &shares) {
            let number =
                cardinal(&letters, start).and_then(|number| Some((number.value.divided(divisor)?, number.end)));
            return number.map_or(Step::Next, |(value, end)| Step::Found(value, end));
        }
        let Some(number) = cardinal(&letters, index) else {
            return Step::Next;
        };
        if let Some(end) = letters.after_any(number.end, &["%", "个百分点", "个点"]) {
            return Step::Found(number.value, end);
        }
        match letters.after(number.end, "成").and_then(|end| Some((number.value.times(10)?, end))) {
            Some((value, end)) => Step::Found(value, end),
            None => Step::Skip(number.end),
        }
    })
}

pub(super) fn amounts(text: &str) -> Vec<Found<Number>> {
    let letters = Letters::new(text);
    let marked = scan(&letters, |index| {
        let start = letters.after_any(index, &["¥", "￥", "$"]).unwrap_or(index);
        let Some(number) = cardinal(&letters, start) else {
            return Step::Next;
        };
        match money_after(&letters, &number) {
            Some((_, end)) if there_is_none(&letters, index, end) => Step::Skip(end),
            Some((value, end)) => Step::Found(value, end),
            None if start > index => Step::Found(number.value, number.end),
            None => Step::Skip(number.end),
        }
    });
    if !marked.is_empty() {
        return marked;
    }
    scan(&letters, |index| {
        let half = letters.after(index, "一半");
        let no_amount = dictated(&letters, index).map(|(_, end)| end).or_else(|| not_counted(&letters, index)).or(half);
        if let Some(end) = no_amount {
            return Step::Skip(end);
        }
        let Some(number) = cardinal(&letters, index) else {
            return Step::Next;
        };
        let end = money_after(&letters, &number).map_or(number.end, |(_, end)| end);
        if there_is_none(&letters, index, end) {
            return Step::Skip(end);
        }
        let other = letters.at(number.end).is_some_and(|next| OTHER_UNITS.contains(&next));
        let ordinal = letters.is_before(index, "第");
        if other || ordinal { Step::Skip(number.end) } else { Step::Found(number.value, number.end) }
    })
}

pub(super) fn digits(text: &str) -> Vec<Found<String>> {
    let letters = Letters::new(text);
    scan(&letters, |index| match dictated(&letters, index).or_else(|| plain(&letters, index)) {
        Some((value, end)) => Step::Found(value, end),
        None if year(&letters, index).is_some() => Step::Skip(index + 4),
        None => cardinal(&letters, index).map_or(Step::Next, |number| Step::Skip(number.end)),
    })
}

/// The index after a word that only looks like a number: 一共, or the 五 of 周五.
fn not_counted(letters: &Letters, index: usize) -> Option<usize> {
    // 一点五 counts, and 一点 does not.
    let counts = letters.after(index, "一点").and_then(|end| letters.at(end)).and_then(digit_of).is_some();
    letters.after_any(index, NOT_COUNTED).filter(|_| !counts).or_else(|| weekday(letters, index))
}

/// The index after 周五; but 一周五次 and 每周五天 count.
fn weekday(letters: &Letters, index: usize) -> Option<usize> {
    let start = letters.after_any(index, &["周", "星期", "礼拜"])?;
    letters.at(start).and_then(digit_of).filter(|day| (1..=7).contains(day))?;
    let is_digit = |index: Option<usize>| index.and_then(|index| letters.at(index)).and_then(digit_of).is_some();
    // 两个星期 are weeks, and 这个星期五 is a day.
    let weeks = is_digit(index.checked_sub(1)) || (letters.is_before(index, "个") && is_digit(index.checked_sub(2)));
    let counts = letters.at(start + 1).is_some_and(|next| matches!(next, '次' | '天' | '回' | '节' | '个' | '趟'));
    (!weeks && !counts).then_some(start + 1)
}

/// Whether what was said of an amount is that there is none of it: 一分钱都没有, 没有一分钱.
fn there_is_none(letters: &Letters, start: usize, end: usize) -> bool {
    let none = letters.after_any(end, &["都", "也"]).is_some_and(|next| {
        let denied = letters.after(next, "不").and(letters.after_any(start, NEXT_TO_NOTHING));
        letters.after_any(next, NOTHING_OF_IT).or(denied).is_some() && letters.after_any(next, NO_MATTER).is_none()
    });
    none || (letters.after(start, "一").is_some() && ["没", "没有"].iter().any(|word| letters.is_before(start, word)))
}

enum Step<T> {
    Found(T, usize),
    Skip(usize),
    Next,
}

fn scan<T>(letters: &Letters, step: impl Fn(usize) -> Step<T>) -> Vec<Found<T>> {
    let mut found = Vec::new();
    let mut index = 0;
    // Each step goes on by one letter at least.
    while index < letters.len() {
        index = match step(index) {
            Step::Found(value, end) => {
                found.push(Found { value, place: letters.place(index..end) });
                end.max(index + 1)
            }
            Step::Skip(end) => end.max(index + 1),
            Step::Next => index + 1,
        };
    }
    found
}

/// Digits that are dictated, and the index after them.
fn dictated(letters: &Letters, index: usize) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut end = index;
    let mut next = index;
    let mut only_arabic = true;
    let mut groups = 0;
    while let Some(letter) = letters.at(next) {
        if let Some(digit) = digit_of(letter) {
            only_arabic &= letter.is_ascii_digit();
            groups += usize::from(value.is_empty() || end < next);
            value.push(char::from(b'0' + digit));
            end = next + 1;
        } else if !matches!(letter, ' ' | '-' | '，' | ',') || value.is_empty() {
            break;
        }
        next += 1;
    }
    let unit_follows = letters.at(end).is_some_and(|next| unit_of(next).is_some() || next == '点' || next == '.');
    let announced = BEFORE_DIGITS.iter().any(|word| letters.is_before(index, word));
    let starts_with_zero = value.starts_with('0') && value.len() > 1;
    // 3 5 7 8: one by one is how digits are dictated.
    let one_by_one = groups == value.len();
    let enough = if only_arabic && !one_by_one {
        value.len() >= ARABIC_DICTATED_MIN || starts_with_zero
    } else {
        value.len() >= DICTATED_MIN
    };
    // 二零二六年 is a year, and 1,200 an amount.
    let year = year(letters, index).is_some();
    let grouped = arabic(letters, index).is_some_and(|number| letters.text(index..number.end).contains(','));
    (((enough && !unit_follows) || (announced && !value.is_empty())) && !year && !grouped).then_some((value, end))
}

/// Arabic digits that are written together and count nothing, and the index after them: recognisers write dictated
/// digits so.
fn plain(letters: &Letters, index: usize) -> Option<(String, usize)> {
    let is_digit = |index: usize| letters.at(index).is_some_and(|letter| letter.is_ascii_digit());
    let end = (index..letters.len()).find(|&at| !is_digit(at)).unwrap_or(letters.len());
    let measured = letters.after_any(end, UNITS_OF_MONEY).is_some()
        || letters.at(end).is_some_and(|next| {
            unit_of(next).is_some() || OTHER_UNITS.contains(&next) || matches!(next, '毛' | '角' | '多' | '来')
        });
    let part_of_number = letters.at(end).is_some_and(|next| matches!(next, '.' | ',' | ':')) && is_digit(end + 1);
    let money = ["¥", "￥", "$"].iter().any(|sign| letters.is_before(index, sign));
    let enough = end >= index + DICTATED_MIN;
    (enough && !measured && !part_of_number && !money).then(|| (letters.text(index..end), end))
}

/// 二零二六年, 2026年: the year and the index after it.
pub(super) fn year(letters: &Letters, index: usize) -> Option<(i16, usize)> {
    let mut value = 0;
    for at in index..index + 4 {
        value = value * 10 + i16::from(letters.at(at).and_then(digit_of)?);
    }
    Some((value, letters.after(index + 4, "年")?))
}

/// The number that begins at an index.
pub(super) fn cardinal(letters: &Letters, index: usize) -> Option<Cardinal> {
    if let Some(number) = arabic(letters, index) {
        return Some(number);
    }
    if let Some(end) = letters.after(index, "一半").or_else(|| half(letters, index)) {
        return Some(Cardinal { value: Number { millionths: 500_000 }, end });
    }
    chinese(letters, index)
}

/// 半 stands for a half where a unit follows.
fn half(letters: &Letters, index: usize) -> Option<usize> {
    let end = letters.after(index, "半")?;
    letters.at(end).filter(|next| matches!(next, '个' | '年' | '价' | '套' | '斤' | '小' | '公' | '万'))?;
    Some(end)
}

fn arabic(letters: &Letters, index: usize) -> Option<Cardinal> {
    let is_digit = |index: usize| letters.at(index).is_some_and(|letter| letter.is_ascii_digit());
    if !is_digit(index) {
        return None;
    }
    let mut end = index;
    let mut digits = String::new();
    while let Some(letter) = letters.at(end) {
        let inside = is_digit(end + 1);
        match letter {
            '0'..='9' => digits.push(letter),
            '.' if inside && !digits.contains('.') => digits.push('.'),
            // A comma groups by three: 1,200, but not 3,5.
            ',' if (end + 1..end + 4).all(is_digit) && !is_digit(end + 4) && !digits.contains('.') => {}
            _ => break,
        }
        end += 1;
    }
    let mut value = Number::parse(&digits)?;
    while let Some(unit) = letters.at(end).and_then(unit_of) {
        value = value.times(unit)?;
        end += 1;
    }
    Some(Cardinal { value, end })
}

/// 一万二, 两千三百五, 三点五, 十五.
fn chinese(letters: &Letters, index: usize) -> Option<Cardinal> {
    let mut sum = Sum::default();
    let mut end = index;
    while let Some(letter) = letters.at(end) {
        let went_on = if let Some(digit) = digit_of(letter).filter(|_| !letter.is_ascii_digit()) {
            sum.digit(i64::from(digit))
        } else if let Some(unit) = unit_of(letter) {
            sum.unit(unit, end == index)?
        } else {
            false
        };
        if !went_on {
            break;
        }
        end += 1;
    }
    if end == index {
        return None;
    }
    let mut value = Number::whole(sum.total()?)?;
    if let Some((behind, next)) = behind_point(letters, end) {
        value = value.plus(behind)?;
        end = next;
        while let Some(unit) = letters.at(end).and_then(unit_of).filter(|unit| *unit >= 100) {
            value = value.times(unit)?;
            end += 1;
        }
    }
    Some(Cardinal { value, end })
}

/// 点五: but not the 点 of 三点五十 or 三点五分.
fn behind_point(letters: &Letters, index: usize) -> Option<(Number, usize)> {
    let start = letters.after(index, "点")?;
    let mut end = start;
    let mut places = String::new();
    while let Some(digit) = letters.at(end).and_then(digit_of).filter(|_| places.len() < 6) {
        places.push(char::from(b'0' + digit));
        end += 1;
    }
    if places.is_empty() || letters.at(end).is_some_and(|next| matches!(next, '十' | '分' | '刻')) {
        return None;
    }
    Some((Number::parse(&format!("0.{places}"))?, end))
}

/// What has been said of a Chinese number.
#[derive(Default)]
struct Sum {
    /// In full 万 and 亿.
    above: i64,
    /// Below the next 万.
    section: i64,
    digit: Option<i64>,
    last_unit: Option<i64>,
    zero: bool,
}

impl Sum {
    /// False where the digit cannot belong to this number: two in a row.
    const fn digit(&mut self, digit: i64) -> bool {
        if self.digit.is_some() {
            return false;
        }
        if digit == 0 && self.last_unit.is_some() {
            self.zero = true;
        } else {
            self.digit = Some(digit);
        }
        true
    }

    /// False where the unit cannot follow; none where the number is too large.
    fn unit(&mut self, unit: i64, is_first: bool) -> Option<bool> {
        if unit >= 10_000 {
            let section = self.section.checked_add(self.digit.unwrap_or(0))?;
            if is_first || (section == 0 && self.above == 0) {
                return Some(false);
            }
            let lower = if section == 0 { self.above } else { section };
            let rest = if section == 0 { 0 } else { self.above };
            self.above = rest.checked_add(lower.checked_mul(unit)?)?;
            self.section = 0;
        } else {
            let digit = match self.digit {
                Some(digit) => digit,
                // 十五, 一百一十 and 一百十五.
                None if unit == 10 => 1,
                None => return Some(false),
            };
            if self.section != 0 && self.last_unit.is_some_and(|last| last <= unit) {
                return Some(false);
            }
            self.section = self.section.checked_add(digit.checked_mul(unit)?)?;
        }
        self.digit = None;
        self.last_unit = Some(unit);
        self.zero = false;
        Some(true)
    }

    fn total(&self) -> Option<i64> {
        // 两千三百五 leaves out 十, and 三万五 leaves out 千.
        let short = self.last_unit.filter(|&unit| unit > 10 && !self.zero).map_or(1, |unit| unit / 10);
        let rest = self.digit.unwrap_or(0).checked_mul(short)?;
        self.above.checked_add(self.section)?.checked_add(rest)
    }
}

/// An amount whose number has been read: 五千块, 三块五, 十二块八毛, and the index after it.
fn money_after(letters: &Letters, number: &Cardinal) -> Option<(Number, usize)> {
    if let Some((divisor, end)) = letters.one_of(number.end, &[("毛钱", 10), ("毛", 10), ("角", 10), ("分钱", 100)])
    {
        return Some((number.value.divided(divisor)?, end));
    }
    let start = letters.after_any(number.end, &["多", "来"]).unwrap_or(number.end);
    let mut end = letters.after_any(start, UNITS_OF_MONEY)?;
    let mut value = number.value;
    let mut divisor = 10;
    // 零五毛 and 五毛三分.
    for _ in 0..2 {
        let at = letters.after_any(end, &["零"]).unwrap_or(end);
        let Some(digit) = letters.at(at).and_then(digit_of) else {
            break;
        };
        let parts = [("毛", 10), ("角", 10), ("分", 100)];
        let part = letters.one_of(at + 1, &parts);
        let bare = divisor == 10
            && letters
                .at(at + 1)
                .is_none_or(|next| unit_of(next).is_none() && digit_of(next).is_none() && !OTHER_UNITS.contains(&next));
        let (unit, next) = match part {
            Some(part) => part,
            None if bare => (divisor, at + 1),
            None => break,
        };
        value = value.plus(Number::whole(i64::from(digit))?.divided(unit)?)?;
        end = next;
        divisor = 100;
    }
    Some((value, letters.after(end, "钱").unwrap_or(end)))
}

pub(super) const fn digit_of(letter: char) -> Option<u8> {
    Some(match letter {
        '零' | '〇' | '洞' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        '0'..='9' => letter as u8 - b'0',
        _ => return None,
    })
}

const fn unit_of(letter: char) -> Option<i64> {
    Some(match letter {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1_000,
        '万' | '萬' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}
