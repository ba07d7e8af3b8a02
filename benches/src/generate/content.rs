//! What is in a generated call: drawn from its number, so that every run makes the same calls.

use hutong_domain::call::{CallResult, Evidence, HungUpBy, INTENT_LEVEL, Match, Speaker, Understanding, Utterance};
use hutong_domain::moment::Moment;
use hutong_domain::outcome::Disposition;

/// How a call ended, and what was said.
pub(crate) struct Content {
    pub(crate) disposition: Disposition,
    pub(crate) duration_s: i64,
    pub(crate) chat_rounds: i64,
    pub(crate) hung_up_by: Option<HungUpBy>,
    pub(crate) utterances: Vec<Utterance>,
    pub(crate) results: Vec<CallResult>,
}

/// A number drawn from `seed`; each `salt` draws another one (splitmix64).
pub(crate) fn chance(seed: u64, salt: u64) -> u64 {
    let mut z = seed.wrapping_add(salt.wrapping_mul(0xD1B5_4A32_D192_ED03)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One of `values`, drawn.
fn draw<T>(values: &[T], seed: u64, salt: u64) -> &T {
    let at = usize::try_from(chance(seed, salt) % values.len() as u64).unwrap_or(0);
    &values[at]
}

/// Dispositions with how many of a thousand calls end so.
const DISPOSITIONS: [(u64, Disposition); 12] = [
    (450, Disposition::Answered),
    (140, Disposition::RangOut),
    (120, Disposition::Unreachable),
    (110, Disposition::Declined),
    (50, Disposition::Vacant),
    (50, Disposition::PoweredOff),
    (48, Disposition::Busy),
    (15, Disposition::Suspended),
    (8, Disposition::NoSeat),
    (4, Disposition::LineFailed),
    (3, Disposition::Blacklisted),
    (2, Disposition::OutOfCoverage),
];

/// The level that the measured filter asks for: about every sixth call has it.
pub(crate) const FILTERED_LEVEL: &str = "C级(很少)";
const LEVELS: [(u64, &str); 6] = [
    (150, "A级(较强)"),
    (200, "B级(一般)"),
    (350, FILTERED_LEVEL),
    (100, "D级(需筛选)"),
    (80, "E级(需要再次跟进)"),
    (120, "F级(无需跟进)"),
];
const TOPIC: &str = "客户关注点";
const TOPICS: [&str; 7] = ["位置", "其他楼盘", "商业配套", "户型", "环境", "能否贷款", "询问价格"];

const ROBOT_SAYS: [&str; 8] = [
    "您好，我是示例花园的置业顾问小呼，我们在城东新区新推了一批房源，给您简单介绍一下好吗？",
    "我们的位置在城东新区，离地铁口步行五分钟，均价两万三，首付五十万起，最近看房的人挺多的。",
    "目前主推八十九平的小三房和一百二十平的大三房，都是南北通透，您是自己住还是做投资呢？",
    "可以贷款的，商业贷款和公积金都支持，我们也有合作的银行，可以帮您算月供、办手续。",
    "配套很齐全的，小区自带幼儿园，隔壁是小学，走路十分钟有大型商场和医院。",
    "这个周六我们有专车接送看房，您看上午方便还是下午方便？",
    "不好意思，我没太听明白，您是想了解一下，还是暂时不考虑呢？",
    "好的，那我先把资料发给您，您有空的时候看看，祝您生活愉快，再见。",
];
const CUSTOMER_SAYS: [&str; 8] = [
    "喂，你好，哪位？",
    "你们这个房子多少钱一平？",
    "在什么位置啊，离地铁远不远？",
    "我现在有点忙，你下午再打过来吧。",
    "有这个打算，不过还要跟家里人商量一下。",
    "可以用公积金贷款吗，月供大概多少？",
    "暂时不考虑，谢谢。",
    "那你先把户型图发给我看看吧。",
];
const NODES: [&str; 6] = ["开场", "介绍项目", "询问需求", "邀约看房", "挽留", "确认预约"];
const MATCHES: [(&str, &str, Option<u32>); 5] = [
    ("肯定", "有这个打算", None),
    ("询问价格", "你们这个房子多少钱一平", Some(1)),
    ("询问位置", "你们楼盘在什么位置", Some(2)),
    ("否定", "暂时不考虑", None),
    ("询问贷款", "能不能用公积金", Some(4)),
];

/// The content of the call with this number; `ended_at` is when it ended.
pub(crate) fn content(call: u64, ended_at: Moment) -> Content {
    let disposition = weighted(&DISPOSITIONS, call, 2);
    if disposition != Disposition::Answered {
        return Content {
            disposition,
            duration_s: 0,
            chat_rounds: 0,
            hung_up_by: None,
            utterances: Vec::new(),
            results: vec![level("D级(需筛选)", "未接通的电话。")],
        };
    }
    let lines = line_count(call);
    let utterances = transcript(call, lines, ended_at);
    let duration_s = utterances.last().map_or(0, |last| last.end_ms / 1000) + seconds(chance(call, 3) % 4);
    Content {
        disposition,
        duration_s,
        chat_rounds: i64::try_from(utterances.iter().filter(|line| line.speaker == Speaker::Robot).count())
            .unwrap_or(0),
        hung_up_by: Some(if chance(call, 4).is_multiple_of(3) { HungUpBy::Robot } else { HungUpBy::Customer }),
        utterances,
        results: conclusions(call),
    }
}

/// Utterances of an answered call: 12 on average, some hang up at once, some talk for minutes.
fn line_count(call: u64) -> u64 {
    let (shape, within) = (chance(call, 5) % 100, chance(call, 6));
    match shape {
        0..22 => 1 + within % 3,
        22..85 => 7 + within % 9,
        85..97 => 17 + within % 14,
        _ => 31 + within % 34,
    }
}

fn transcript(call: u64, lines: u64, ended_at: Moment) -> Vec<Utterance> {
    let answered_at = ended_at.ms() - i64::try_from(lines).unwrap_or(0) * 3500;
    let mut at_ms = 300;
    let says = (0..lines).map(|line| {
        let salt = 100 + line;
        let robot = line % 2 == 0;
        let text = *draw(if robot { &ROBOT_SAYS } else { &CUSTOMER_SAYS }, call, salt);
        let shortest_ms = if robot { 4200 } else { 1600 };
        let talk_ms = shortest_ms + seconds(chance(call, salt) % 900);
        let (start_ms, end_ms) = (at_ms, at_ms + talk_ms);
        at_ms = end_ms + 400;
        Utterance {
            speaker: if robot { Speaker::Robot } else { Speaker::Customer },
            text: text.to_owned(),
            start_ms,
            end_ms,
            at: Moment(answered_at + start_ms),
            understanding: (!robot).then(|| understanding(call, salt)),
            node: (*draw(&NODES, call, salt + 1000)).to_owned(),
            latency: None,
            recogniser: None,
        }
    });
    says.collect()
}

/// What was drawn, as a number of the domain: seconds, or milliseconds.
fn seconds(drawn: u64) -> i64 {
    i64::try_from(drawn).unwrap_or(0)
}

fn understanding(call: u64, salt: u64) -> Understanding {
    match chance(call, salt + 2000) % 100 {
        0..8 => Understanding::Unknown,
        8..35 => Understanding::NotNeeded,
        drawn => {
            let &(name, sample, knowledge) = draw(&MATCHES, call, salt);
            let score = f64::from(u32::try_from(drawn).unwrap_or(0)) / 100.0;
            Understanding::Matched(Match { name: name.to_owned(), sample: sample.to_owned(), score, knowledge })
        }
    }
}

fn conclusions(call: u64) -> Vec<CallResult> {
    let mut results = vec![level(weighted(&LEVELS, call, 7), "客户询问了多项产品信息，但没有谈到结果。")];
    let first = chance(call, 8) % 14;
    // Half ask about nothing, others about one or two things.
    for topic in [first, first + 3].into_iter().take(usize::try_from(chance(call, 9) % 3).unwrap_or(0)) {
        if let Some(topic) = usize::try_from(topic).ok().and_then(|topic| TOPICS.get(topic)) {
            results.push(CallResult {
                name: TOPIC.to_owned(),
                value: (*topic).to_owned(),
                description: Some("客户问到了这一项。".to_owned()),
                rule: Some("BY_KNOWLEDGE".to_owned()),
                evidence: vec![Evidence { utterance: 1, from_ms: 0, until_ms: 0 }],
            });
        }
    }
    results
}

fn level(value: &str, because: &str) -> CallResult {
    CallResult {
        name: INTENT_LEVEL.to_owned(),
        value: value.to_owned(),
        description: Some(because.to_owned()),
        rule: Some("BY_ANALYZE_USER_LEVEL".to_owned()),
        evidence: Vec::new(),
    }
}

/// A value drawn by its weight in a thousand.
fn weighted<T: Copy>(values: &[(u64, T)], call: u64, salt: u64) -> T {
    let mut left = chance(call, salt) % 1000;
    for (weight, value) in values {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    values[0].1
}
