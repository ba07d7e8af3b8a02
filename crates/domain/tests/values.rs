//! Values in what customers say: each with its place, and said back.

#![allow(clippy::panic, reason = "helpers of tests, which may fail like tests")]

use hutong_domain::understanding::intents::Language;
use hutong_domain::understanding::values::{Found, Precision, amounts, digits, numbers, percentages, times};
use jiff::civil::{DateTime, date};

use Language::{English, Mandarin};
use Precision::{Day, Minute, PartOfDay};

/// A Friday.
const NOW: DateTime = date(2026, 11, 27).at(10, 30, 0, 0);

/// What was found, as text, with the words that it was found in.
fn told<T: ToString>(text: &str, found: &[Found<T>]) -> String {
    let told = found.iter().map(|found| format!("{}={}", &text[found.place.clone()], found.value.to_string()));
    told.collect::<Vec<_>>().join(" ")
}

#[test]
fn numbers_are_counted() {
    let cases = [
        (Mandarin, "大概一万二吧", "一万二=12000"),
        (Mandarin, "两千三百五", "两千三百五=2350"),
        (Mandarin, "一万零五", "一万零五=10005"),
        (Mandarin, "三点五", "三点五=3.5"),
        (Mandarin, "一百二十平左右", "一百二十=120"),
        (Mandarin, "十五个", "十五=15"),
        (Mandarin, "三亿五千万", "三亿五千万=350000000"),
        (Mandarin, "一亿零三百", "一亿零三百=100000300"),
        (Mandarin, "半年", "半=0.5"),
        (Mandarin, "先还一半", "一半=0.5"),
        (Mandarin, "12,000", "12,000=12000"),
        (Mandarin, "1.2万", "1.2万=12000"),
        (Mandarin, "三点五万", "三点五万=35000"),
        (Mandarin, "有3个孩子，2岁", "3=3 2=2"),
        (Mandarin, "没有数", ""),
        (Mandarin, "3578", "3578=3578"),
        (Mandarin, "一共三个人", "三=3"),
        (Mandarin, "周三我们一起去，五个人", "五=5"),
        (Mandarin, "一般一个人", "一=1"),
        (Mandarin, "一点五", "一点五=1.5"),
        (Mandarin, "一部分", ""),
        (Mandarin, "便宜一点，一些，一会儿，一直", ""),
        (Mandarin, "九千九百九十九万九千九百九十九", "九千九百九十九万九千九百九十九=99999999"),
        (English, "about two thousand three hundred and fifty", "two thousand three hundred and fifty=2350"),
        (English, "twenty five people", "twenty five=25"),
        (English, "a hundred", "a hundred=100"),
        (English, "three point five", "three point five=3.5"),
        (English, "1,200 or so", "1,200=1200"),
        (English, "two million", "two million=2000000"),
        (English, "two and a half", "two and a half=2.5"),
        (English, "nothing", ""),
    ];
    for (language, text, expected) in cases {
        assert_eq!(told(text, &numbers(text, language)), expected, "{text}");
    }
}

#[test]
fn shares_of_a_hundred_are_found() {
    let cases = [
        (Mandarin, "百分之三十", "百分之三十=30"),
        (Mandarin, "首付30%吧", "30%=30"),
        (Mandarin, "三成就行", "三成=30"),
        (English, "thirty percent", "thirty percent=30"),
        (English, "4.5%", "4.5%=4.5"),
    ];
    for (language, text, expected) in cases {
        assert_eq!(told(text, &percentages(text, language)), expected, "{text}");
    }
}

#[test]
fn amounts_of_money_are_found() {
    let cases = [
        (Mandarin, "五千块", "五千块=5000"),
        (Mandarin, "我先还五千块钱行吗", "五千块钱=5000"),
        (Mandarin, "三万五", "三万五=35000"),
        (Mandarin, "一共1,200元", "1,200元=1200"),
        (Mandarin, "三块五", "三块五=3.5"),
        (Mandarin, "十二块八毛五分", "十二块八毛五分=12.85"),
        (Mandarin, "一千块零五毛", "一千块零五毛=1000.5"),
        (Mandarin, "五毛钱", "五毛钱=0.5"),
        (Mandarin, "2.3万元", "2.3万元=23000"),
        (Mandarin, "¥99.9", "¥99.9=99.9"),
        (Mandarin, "五千多块", "五千多块=5000"),
        (Mandarin, "我家五口人", ""),
        (Mandarin, "还一部分", ""),
        (Mandarin, "先还一部分，五百", "五百=500"),
        (Mandarin, "一分钱都没有", ""),
        (Mandarin, "一毛钱也拿不出来", ""),
        (Mandarin, "一百块都没有", ""),
        (Mandarin, "一分钱也不还", ""),
        (Mandarin, "没有一分钱", ""),
        (Mandarin, "一点五万", "一点五万=15000"),
        (Mandarin, "五百块都不行吗", "五百块=500"),
        (Mandarin, "五百块都没问题", "五百块=500"),
        (Mandarin, "周五先还五百", "五百=500"),
        (Mandarin, "星期三还两千", "两千=2000"),
        (Mandarin, "礼拜二", ""),
        (Mandarin, "下个星期五三千", "三千=3000"),
        (Mandarin, "两个星期五百", "五百=500"),
        (Mandarin, "今天先还一点", ""),
        (Mandarin, "先还一半", ""),
        (Mandarin, "一共两千", "两千=2000"),
        (Mandarin, "明天下午三点", ""),
        (Mandarin, "首付五十万，月供三千块", "三千块=3000"),
        (English, "two thousand dollars", "two thousand dollars=2000"),
        (English, "$1,200.50 today", "$1,200.50=1200.5"),
        (English, "twelve dollars and fifty cents", "twelve dollars and fifty cents=12.5"),
        (English, "fifty bucks", "fifty bucks=50"),
        (English, "maybe three hundred", "three hundred=300"),
        (English, "I have two kids", ""),
    ];
    for (language, text, expected) in cases {
        assert_eq!(told(text, &amounts(text, language)), expected, "{text}");
    }
}

#[test]
fn dictated_digits_are_put_together() {
    let cases = [
        (Mandarin, "幺三八零零幺三八零零零", "幺三八零零幺三八零零零=13800138000"),
        (Mandarin, "尾号三五七八", "三五七八=3578"),
        (Mandarin, "尾号是3578", "3578=3578"),
        (Mandarin, "3578", "3578=3578"),
        (Mandarin, "尾号3578", "3578=3578"),
        (Mandarin, "3 5 7 8", "3 5 7 8=3578"),
        (Mandarin, "3，5，7，8", "3，5，7，8=3578"),
        (Mandarin, "1380", "1380=1380"),
        (Mandarin, "是３５７８。", "３５７８=3578"),
        (Mandarin, "0012", "0012=0012"),
        (Mandarin, "还500块，130平，2026年", ""),
        (Mandarin, "¥1200，5.25，15:30", ""),
        (Mandarin, "我的号码是138 0013 8000", "138 0013 8000=13800138000"),
        (Mandarin, "二零二六年", ""),
        (Mandarin, "三千五百", ""),
        (Mandarin, "1,200元", ""),
        (English, "it ends in three five seven eight", "three five seven eight=3578"),
        (English, "double five oh one", "double five oh one=5501"),
        (English, "3578", "3578=3578"),
        (English, "it's 3 5 7 8", "3 5 7 8=3578"),
        (English, "$1200 or 500 dollars or 120 days", ""),
        (English, "call 13800138000", "13800138000=13800138000"),
        (English, "two bedrooms", ""),
    ];
    for (language, text, expected) in cases {
        assert_eq!(told(text, &digits(text, language)), expected, "{text}");
    }
}

fn check_time(language: Language, now: DateTime, text: &str, expected: (&str, &str, Precision, &str, &str)) {
    let (from, to, precision, place, spoken) = expected;
    let found = times(text, language, now);
    let [found] = found.as_slice() else {
        panic!("{text}: {found:?}");
    };
    let time = &found.value;
    let got = (time.from.strftime("%m-%d %H:%M").to_string(), time.to.strftime("%m-%d %H:%M").to_string());
    let to = if to.is_empty() { from } else { to };
    assert_eq!((got.0.as_str(), got.1.as_str(), time.precision), (from, to, precision), "{text}");
    assert_eq!((&text[found.place.clone()], time.spoken.as_str()), (place, spoken), "{text}");
}

#[test]
fn times_in_mandarin_are_what_people_mean() {
    let cases = [
        ("明天下午三点再打给我", ("11-28 15:00", "", Minute, "明天下午三点", "明天下午三点")),
        ("后天上午吧", ("11-29 08:00", "11-29 12:00", PartOfDay, "后天上午", "后天上午")),
        ("下周三", ("12-02 00:00", "12-03 00:00", Day, "下周三", "十二月二号周三")),
        ("周六", ("11-28 00:00", "11-29 00:00", Day, "周六", "明天")),
        ("周三下午", ("12-02 13:00", "12-02 18:00", PartOfDay, "周三下午", "十二月二号周三下午")),
        ("这个周末有空", ("11-28 00:00", "11-30 00:00", Day, "这个周末", "这个周末")),
        ("晚上八点半", ("11-27 20:30", "", Minute, "晚上八点半", "今天晚上八点半")),
        ("今晚七点", ("11-27 19:00", "", Minute, "今晚七点", "今天晚上七点")),
        ("明早九点", ("11-28 09:00", "", Minute, "明早九点", "明天上午九点")),
        ("十分钟以后", ("11-27 10:40", "", Minute, "十分钟以后", "今天上午十点四十分")),
        ("半个小时后再打", ("11-27 11:00", "", Minute, "半个小时后", "今天上午十一点")),
        ("两个小时后", ("11-27 12:30", "", Minute, "两个小时后", "今天中午十二点半")),
        ("一个半小时以后", ("11-27 12:00", "", Minute, "一个半小时以后", "今天中午十二点")),
        ("过十五分钟", ("11-27 10:45", "", Minute, "过十五分钟", "今天上午十点四十五分")),
        ("过两天再说", ("11-29 00:00", "11-30 00:00", Day, "过两天", "后天")),
        ("三天之内", ("11-27 10:30", "12-01 00:00", Day, "三天之内", "三天之内")),
        ("月底发工资", ("11-28 00:00", "12-01 00:00", Day, "月底", "月底")),
        ("下个月初", ("12-01 00:00", "12-04 00:00", Day, "下个月初", "下个月初")),
        ("15号", ("12-15 00:00", "12-16 00:00", Day, "15号", "十二月十五号周二")),
        ("三月五号", ("03-05 00:00", "03-06 00:00", Day, "三月五号", "三月五号周五")),
        ("下午", ("11-27 13:00", "11-27 18:00", PartOfDay, "下午", "今天下午")),
        ("待会儿吧", ("11-27 11:00", "11-27 12:30", PartOfDay, "待会儿", "稍后")),
        ("三点", ("11-27 15:00", "", Minute, "三点", "今天下午三点")),
        ("九点半", ("11-27 21:30", "", Minute, "九点半", "今天晚上九点半")),
        ("上午九点", ("11-28 09:00", "", Minute, "上午九点", "明天上午九点")),
        ("早上", ("11-27 10:30", "11-27 12:00", PartOfDay, "早上", "今天上午")),
        ("下午3点15", ("11-27 15:15", "", Minute, "下午3点15", "今天下午三点十五分")),
        ("15:30", ("11-27 15:30", "", Minute, "15:30", "今天下午三点半")),
        ("中午十二点", ("11-27 12:00", "", Minute, "中午十二点", "今天中午十二点")),
        ("晚上十二点", ("11-28 00:00", "", Minute, "晚上十二点", "明天凌晨零点")),
        ("星期天下午两点一刻", ("11-29 14:15", "", Minute, "星期天下午两点一刻", "后天下午两点十五分")),
        ("下周吧", ("11-30 00:00", "12-07 00:00", Day, "下周", "下周")),
        ("下个星期", ("11-30 00:00", "12-07 00:00", Day, "下个星期", "下周")),
        ("下下周", ("12-07 00:00", "12-14 00:00", Day, "下下周", "下下周")),
        ("这周吧", ("11-27 10:30", "11-30 00:00", Day, "这周", "这周")),
        ("下个月", ("12-01 00:00", "01-01 00:00", Day, "下个月", "下个月")),
        ("这个月", ("11-27 10:30", "12-01 00:00", Day, "这个月", "这个月")),
        ("月初", ("12-01 00:00", "12-04 00:00", Day, "月初", "下个月初")),
        ("下周末", ("12-05 00:00", "12-07 00:00", Day, "下周末", "下周末")),
        ("一个星期以后", ("12-04 00:00", "12-05 00:00", Day, "一个星期以后", "十二月四号周五")),
        ("再给我一个星期", ("12-04 00:00", "12-05 00:00", Day, "再给我一个星期", "十二月四号周五")),
        ("能不能宽限三天", ("11-30 00:00", "12-01 00:00", Day, "宽限三天", "十一月三十号周一")),
        ("再过一个星期", ("12-04 00:00", "12-05 00:00", Day, "再过一个星期", "十二月四号周五")),
        ("再等两个礼拜", ("12-11 00:00", "12-12 00:00", Day, "再等两个礼拜", "十二月十一号周五")),
        ("过一个星期", ("12-04 00:00", "12-05 00:00", Day, "过一个星期", "十二月四号周五")),
        ("过个星期", ("12-04 00:00", "12-05 00:00", Day, "过个星期", "十二月四号周五")),
        ("周五下午四点", ("11-27 16:00", "", Minute, "周五下午四点", "今天下午四点")),
        ("周五上午九点", ("12-04 09:00", "", Minute, "周五上午九点", "十二月四号周五上午九点")),
        (
            "二零二七年三月五号下午三点",
            ("03-05 15:00", "", Minute, "二零二七年三月五号下午三点", "三月五号周五下午三点"),
        ),
        ("下个月五号", ("12-05 00:00", "12-06 00:00", Day, "下个月五号", "十二月五号周六")),
    ];
    for (text, expected) in cases {
        check_time(Mandarin, NOW, text, expected);
    }
}

#[test]
fn times_in_english_are_what_people_mean() {
    let cases = [
        ("tomorrow at 3 pm", ("11-28 15:00", "", Minute, "tomorrow at 3 pm", "tomorrow at three p.m.")),
        ("Can you call me tomorrow at 3?", ("11-28 15:00", "", Minute, "tomorrow at 3", "tomorrow at three p.m.")),
        ("in half an hour", ("11-27 11:00", "", Minute, "in half an hour", "today at eleven a.m.")),
        ("in twenty minutes please", ("11-27 10:50", "", Minute, "in twenty minutes", "today at ten fifty a.m.")),
        ("next Monday", ("11-30 00:00", "12-01 00:00", Day, "next Monday", "Monday, November thirtieth")),
        (
            "on Wednesday afternoon",
            (
                "12-02 13:00",
                "12-02 18:00",
                PartOfDay,
                "on Wednesday afternoon",
                "Wednesday, December second in the afternoon",
            ),
        ),
        ("half past four", ("11-27 16:30", "", Minute, "half past four", "today at four thirty p.m.")),
        ("this weekend", ("11-28 00:00", "11-30 00:00", Day, "this weekend", "this weekend")),
        ("next week", ("11-30 00:00", "12-07 00:00", Day, "next week", "next week")),
        (
            "at the end of the month",
            ("11-28 00:00", "12-01 00:00", Day, "at the end of the month", "the end of the month"),
        ),
        ("tonight at 8:30", ("11-27 20:30", "", Minute, "tonight at 8:30", "today at eight thirty p.m.")),
        (
            "the day after tomorrow",
            ("11-29 00:00", "11-30 00:00", Day, "the day after tomorrow", "Sunday, November twenty-ninth"),
        ),
        ("December fifth", ("12-05 00:00", "12-06 00:00", Day, "December fifth", "Saturday, December fifth")),
        ("the 15th", ("12-15 00:00", "12-16 00:00", Day, "the 15th", "Tuesday, December fifteenth")),
        (
            "Saturday, December fifth at noon",
            (
                "12-05 12:00",
                "12-05 14:00",
                PartOfDay,
                "Saturday, December fifth at noon",
                "Saturday, December fifth at noon",
            ),
        ),
        ("9 am", ("11-28 09:00", "", Minute, "9 am", "tomorrow at nine a.m.")),
        ("tomorrow morning", ("11-28 08:00", "11-28 12:00", PartOfDay, "tomorrow morning", "tomorrow in the morning")),
        ("two hours from now", ("11-27 12:30", "", Minute, "two hours from now", "today at twelve thirty p.m.")),
    ];
    for (text, expected) in cases {
        check_time(English, NOW, text, expected);
    }
}

#[test]
fn what_is_over_is_meant_for_the_next_time() {
    let late = date(2026, 11, 27).at(20, 0, 0, 0);
    check_time(Mandarin, late, "下午三点", ("11-28 15:00", "", Minute, "下午三点", "明天下午三点"));
    check_time(Mandarin, late, "下午", ("11-28 13:00", "11-28 18:00", PartOfDay, "下午", "明天下午"));
    check_time(Mandarin, late, "今天下午三点", ("11-28 15:00", "", Minute, "今天下午三点", "明天下午三点"));
    let last = date(2026, 12, 31).at(12, 0, 0, 0);
    check_time(Mandarin, last, "一月五号", ("01-05 00:00", "01-06 00:00", Day, "一月五号", "一月五号周二"));
    check_time(Mandarin, date(2027, 1, 30).at(9, 0, 0, 0), "30号", ("01-30 09:00", "01-31 00:00", Day, "30号", "今天"));
    check_time(
        Mandarin,
        date(2027, 2, 1).at(9, 0, 0, 0),
        "31号",
        ("03-31 00:00", "04-01 00:00", Day, "31号", "三月三十一号周三"),
    );
}

#[test]
fn what_is_no_time_is_left_alone() {
    let cases = [
        (
            Mandarin,
            vec![
                "三号线能到吗",
                "大声一点",
                "便宜一点",
                "三点五",
                "五号楼",
                "三个月",
                "天天打电话",
                "我姓周",
                "有点事",
            ],
        ),
        (English, vec!["good morning", "may I ask", "I have two kids", "I second that", "three five seven eight"]),
    ];
    for (language, texts) in cases {
        for text in texts {
            assert_eq!(times(text, language, NOW), [], "{text}");
        }
    }
}
