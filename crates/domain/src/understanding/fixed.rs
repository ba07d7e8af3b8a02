//! Fixed words and forms of both languages: words in which others hide, questions, contractions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::words::{PARTICLE, PAUSE, Unit, units};

/// Words in which others hide: nobody who says 方便面 finds anything convenient, and nobody denies
/// anything with 差不多. Also words with the sounds of 不, 没 and 别 in them.
const FIXED: &[&str] = &[
    // 方便, 有事, 好, 行, 对, 可以, 有的, 需要, 考虑
    "方便面",
    "方便袋",
    "优势",
    "什么时候",
    "优质",
    "有时候",
    "有时",
    "好像",
    "好多",
    "好几",
    "好久",
    "好看",
    "好吃",
    "好听",
    "好玩",
    "好用",
    "好处",
    "好坏",
    "好歹",
    "好不好",
    "爱好",
    "刚好",
    "正好",
    "最好",
    "只好",
    "幸好",
    "行业",
    "银行",
    "行情",
    "行李",
    "自行车",
    "执行",
    "旅行",
    "对面",
    "对方",
    "对门",
    "对比",
    "对象",
    "对账",
    "对了",
    "应对",
    "面对",
    "针对",
    "绝对",
    "反对",
    "有的人",
    "有的话",
    "有的时候",
    "有的是",
    "需要的话",
    "方便的时候",
    "方便的话",
    "可以的话",
    "忙碌",
    "帮忙",
    "急忙",
    "要是",
    "要么",
    "是不是",
    "还是",
    "但是",
    "可是",
    "于是",
    // sounds like 有事
    "又是",
    "就是说",
    "主要",
    "重要",
    "快要",
    // 不
    "不好意思",
    "对不起",
    "不客气",
    "说不定",
    "差不多",
    "不错",
    "不过",
    "不但",
    "不管",
    "不然",
    "要不",
    "不如",
    "不仅",
    "不断",
    "不久",
    "了不起",
    "不得不",
    "来不及",
    "巴不得",
    "不见不散",
    // 没, 别
    "没关系",
    "没错",
    "没事",
    "没问题",
    "没准",
    "特别",
    "区别",
    "别的",
    "别人",
    "别墅",
    "告别",
    "分别",
    "级别",
    "性别",
    "类别",
    "个别",
    "别说",
    // 部, 步, 布, 梅, 煤
    "全部",
    "部分",
    "一部",
    "部门",
    "内部",
    "外部",
    "总部",
    "干部",
    "部长",
    "部队",
    "工信部",
    "俱乐部",
    "东部",
    "西部",
    "南部",
    "北部",
    "中部",
    "下一步",
    "第一步",
    "第二步",
    "一步",
    "步骤",
    "步行",
    "散步",
    "跑步",
    "进步",
    "同步",
    "初步",
    "逐步",
    "让步",
    "地步",
    "公布",
    "宣布",
    "发布",
    "分布",
    "布置",
    "布局",
    "瀑布",
    "梅花",
    "梅雨",
    "杨梅",
    "煤气",
    "煤炭",
    "一枚",
    "补贴",
    "补助",
    "补充",
    "弥补",
    "补偿",
    "补交",
    "补办",
    "补课",
    "补习",
    "补上",
    "逮捕",
    "候补",
    "没事找事",
    "憋屈",
    "憋着",
    // 天天打
    "天天打麻将",
    "天天打游戏",
    "天天打球",
    "天天打工",
    // English: what says no without denying, and what only sounds like an answer
    "no problem",
    "no worries",
    "not bad",
    "why not",
    "not only",
    "no doubt",
    "if not",
    "whether or not",
    "no matter",
];

static FIXED_WORDS: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(FIXED));

/// The places of the fixed words of an utterance.
pub(super) fn places(said: &[Unit]) -> Vec<(usize, usize)> {
    let found = |start| FIXED_WORDS.at(said, start).map(move |length| (start, start + length));
    // 好，多少钱 has no 好多 in it.
    let in_one_breath =
        |&(start, end): &(usize, usize)| !said.iter().take(end - 1).skip(start).any(|unit| unit.is(PAUSE));
    (0..said.len()).flat_map(found).filter(in_one_breath).collect()
}

/// Phrases that are looked for at every place of an utterance.
struct Phrases {
    /// The keys after the first, by the first.
    rests: BTreeMap<u64, Vec<Vec<u64>>>,
}

impl Phrases {
    fn new(phrases: &[&str]) -> Self {
        let mut rests: BTreeMap<u64, Vec<Vec<u64>>> = BTreeMap::new();
        for phrase in phrases {
            let mut keys = units(phrase, false).into_iter().map(|unit| unit.key);
            if let Some(first) = keys.next() {
                rests.entry(first).or_default().push(keys.collect());
            }
        }
        Self { rests }
    }

    /// The lengths of the phrases that begin at a place.
    fn at<'a>(&'a self, said: &'a [Unit], start: usize) -> impl Iterator<Item = usize> + 'a {
        let rests = said.get(start).and_then(|first| self.rests.get(&first.key)).map_or(&[][..], Vec::as_slice);
        let after = said.get(start + 1..).unwrap_or_default();
        let is_said = move |rest: &&Vec<u64>| {
            after.len() >= rest.len() && after.iter().zip(rest.iter()).all(|(heard, key)| heard.key == *key)
        };
        rests.iter().filter(is_said).map(|rest| rest.len() + 1)
    }
}

/// Words that ask.
const ASKING: &[&str] = &[
    "多少", "怎么", "怎样", "什么", "哪", "几点", "几个", "几楼", "几号", "谁", "咋", "为啥", "啥", "多久", "多大",
    "多长", "吗",
];

/// Words that only look like asking.
const NOT_ASKING: &[&str] = &["没什么", "不怎么", "没怎么", "什么的", "几个人", "没多少", "好什么好", "行什么行"];

/// With these an English question begins.
const ASKING_FIRST: &[&str] = &[
    "who", "what", "where", "when", "why", "how", "which", "is", "are", "do", "does", "did", "can", "could", "will",
    "would",
];

static ASKING_WORDS: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(ASKING));
static NOT_ASKING_WORDS: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(NOT_ASKING));
static ASKING_FIRST_WORDS: LazyLock<Phrases> = LazyLock::new(|| Phrases::new(ASKING_FIRST));

/// Whether an utterance asks: an answer with 可以 in it says yes, a question does not.
pub(super) fn is_question(said: &[Unit]) -> bool {
    let places = |phrases: &'static Phrases| {
        (0..said.len()).flat_map(move |start| phrases.at(said, start).map(move |length| (start, start + length)))
    };
    let mut asking = places(&ASKING_WORDS);
    let asks = asking.any(|(start, end)| !places(&NOT_ASKING_WORDS).any(|(from, to)| from <= start && end <= to));
    asks || ASKING_FIRST_WORDS.at(said, 0).next().is_some()
}

/// Whether this asks at the end of a sentence.
pub(super) fn asks(unit: &Unit) -> bool {
    unit.key == u64::from(u32::from('吗'))
}

/// Whether what ends at `end` stands for itself: nothing follows, or a particle, or a pause.
pub(super) fn is_closed(said: &[Unit], end: usize) -> bool {
    let paused = end.checked_sub(1).and_then(|last| said.get(last)).is_some_and(|last| last.is(PAUSE));
    paused || said.get(end).is_none_or(|next| next.is(PARTICLE) && !asks(next))
}

/// The words of a contraction: `don't` is `do not`. Recognisers leave the apostrophe out as well.
pub(super) fn without_contraction(word: &str) -> Vec<String> {
    let whole = match word {
        "cant" | "can't" | "cannot" => "can not",
        "wont" | "won't" => "will not",
        "shant" | "shan't" => "shall not",
        "aint" | "ain't" => "is not",
        "dont" => "do not",
        "didnt" => "did not",
        "doesnt" => "does not",
        "isnt" => "is not",
        "arent" => "are not",
        "wasnt" => "was not",
        "havent" => "have not",
        "couldnt" => "could not",
        "wouldnt" => "would not",
        "shouldnt" => "should not",
        "im" => "i am",
        "ive" => "i have",
        "youre" => "you are",
        "whos" => "who is",
        "whats" => "what is",
        "thats" => "that is",
        "gonna" => "going to",
        "wanna" => "want to",
        "gotta" => "got to",
        "gimme" => "give me",
        "let's" | "lets" => "let us",
        "ok" => "okay",
        _ => "",
    };
    if !whole.is_empty() {
        return whole.split(' ').map(str::to_owned).collect();
    }
    let endings =
        [("n't", "not"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"), ("'d", "would"), ("'m", "am"), ("'s", "is")];
    for (ending, meaning) in endings {
        if let Some(stem) = word.replace('’', "'").strip_suffix(ending).filter(|stem| !stem.is_empty()) {
            return vec![stem.to_owned(), meaning.to_owned()];
        }
    }
    vec![word.replace('\'', "")]
}
