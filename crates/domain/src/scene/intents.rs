//! What customers mean in every scene.

use super::trigger::Trigger;

/// An intent that every scene understands.
struct BuiltInIntent {
    name: &'static str,
    keywords: &'static [&'static str],
    patterns: &'static [&'static str],
    samples: &'static [&'static str],
}

/// Every built-in intent with its words.
pub(crate) fn built_in() -> impl Iterator<Item = (&'static str, Trigger)> {
    BUILT_IN.iter().map(|intent| {
        let mut trigger = Trigger::new(true);
        for keyword in intent.keywords {
            trigger.add_keyword(keyword);
        }
        for pattern in intent.patterns {
            trigger.add_pattern(pattern);
        }
        for sample in intent.samples {
            trigger.add_sample(sample);
        }
        (intent.name, trigger)
    })
}

const BUILT_IN: &[BuiltInIntent] = &[
    BuiltInIntent {
        name: "肯定",
        keywords: &[
            "可以",
            "好的",
            "行的",
            "没问题",
            "方便",
            "有兴趣",
            "感兴趣",
            "愿意",
            "需要",
            "想了解",
            "想看看",
            "考虑",
            "你说",
            "您说",
            "请讲",
            "请说",
            "是的",
            "对的",
            "没错",
            "当然",
            "有空",
            "有时间",
            "有的",
            "知道了",
            "听着呢",
            "说说看",
            "说来听听",
        ],
        patterns: &[
            "嗯",
            "嗯嗯",
            "是",
            "是啊",
            "是呀",
            "对",
            "对对",
            "对对对",
            "对啊",
            "好",
            "好好",
            "好好好",
            "好啊",
            "好呀",
            "好吧",
            "行",
            "行啊",
            "行吧",
            "行行",
            "有",
            "有啊",
            "要",
            "要的",
            "要啊",
            "哦好",
            "嗯好",
            "嗯对",
            "嗯是",
            "嗯行",
            "你讲",
            "讲吧",
            "说吧",
            "中",
            "成",
            "ok",
            "就是我",
            "我就是",
            "是我",
            "*好的好的*",
            "有这个*",
            "有*打算",
            "有*想法",
            "有*计划",
            "有*考虑",
        ],
        samples: &["可以啊你说吧", "好的你讲一下", "嗯可以的", "行你简单说一下"],
    },
    BuiltInIntent {
        name: "否定",
        keywords: &[
            "不需要",
            "不用",
            "没兴趣",
            "没有兴趣",
            "不感兴趣",
            "不考虑",
            "不想",
            "不要",
            "没需求",
            "没有需求",
            "没这个需求",
            "不买",
            "算了",
            "不行",
            "不可以",
            "没必要",
            "用不着",
            "用不上",
            "没打算",
            "没这个打算",
            "不愿意",
            "不看",
            "不去",
            "不了解",
            "不做",
            "没钱",
        ],
        patterns: &[
            "不",
            "不不",
            "不不不",
            "不了",
            "不是",
            "不对",
            "没",
            "没有",
            "没有啊",
            "不好",
            "不好意思",
            "别了",
            "免了",
            "不是我",
            "*不是我",
            "不是的",
            "*不感兴趣",
            "*不*感兴趣",
            "*没*兴趣",
            "*不行",
            "*不去",
            "*去不了",
            "*不考虑",
        ],
        samples: &["我没有这个需要", "我现在不考虑这个", "谢谢我不需要", "暂时没有这方面的打算"],
    },
    BuiltInIntent {
        name: "忙碌",
        keywords: &[
            "在忙",
            "很忙",
            "有点忙",
            "正忙",
            "忙着",
            "开会",
            "开车",
            "没空",
            "没有空",
            "没时间",
            "没有时间",
            "不方便",
            "不太方便",
            "晚点",
            "晚一点",
            "等会儿",
            "等一会",
            "等下再",
            "待会",
            "回头再",
            "改天",
            "下次再",
            "在上班",
            "在外面",
            "有事",
            "过会儿",
        ],
        patterns: &[
            "忙",
            "我忙*",
            "回头说",
            "回头聊",
            "等一下",
            "等下",
            "*没空",
            "*没时间",
            "*没有时间",
            "*不方便",
            "*不太方便",
        ],
        samples: &["我现在有点忙", "我在开会你晚点打过来", "现在不方便接电话", "等会儿再打给我吧"],
    },
    BuiltInIntent {
        name: "询问身份",
        keywords: &[
            "你是谁",
            "你谁啊",
            "你哪位",
            "您哪位",
            "你是哪",
            "您是哪",
            "你们是哪",
            "哪里的",
            "哪儿的",
            "哪家公司",
            "哪个公司",
            "什么公司",
            "哪个单位",
            "什么单位",
            "干什么的",
            "干嘛的",
            "做什么的",
            "什么事",
            "怎么称呼",
        ],
        patterns: &[
            "谁",
            "谁啊",
            "谁呀",
            "哪位",
            "哪位啊",
            "哪里",
            "哪里啊",
            "喂哪位",
            "喂谁啊",
            "你好哪位",
            "你是*谁",
        ],
        samples: &["请问你是哪里", "你们是什么公司的", "你打电话有什么事", "你是做什么的"],
    },
    BuiltInIntent {
        name: "询问机器人",
        keywords: &["机器人", "真人", "人工智能", "智能语音", "自动语音", "语音机器"],
        patterns: &["你是人吗", "是人吗"],
        samples: &["你是机器人吗", "你是不是机器人", "你是真人还是机器人"],
    },
    BuiltInIntent {
        name: "询问号码来源",
        keywords: &[
            "哪来的号码",
            "哪里来的号码",
            "怎么有我",
            "怎么知道我",
            "哪来我的",
            "我的号码",
            "我的电话",
            "我的信息",
        ],
        patterns: &["*哪*我*号码*", "*哪*我*电话*", "*谁给你*号码*", "*谁给你*电话*"],
        samples: &["你怎么有我的电话号码", "你从哪里知道我的手机号", "你们怎么知道我的电话"],
    },
    BuiltInIntent {
        name: "打错",
        keywords: &["打错", "不是本人", "不认识", "找错人", "没这个人", "没有这个人"],
        patterns: &["*你*错*人*"],
        samples: &["你打错电话了", "这里没有这个人", "我不是你要找的人"],
    },
    BuiltInIntent {
        name: "没听清",
        keywords: &[
            "没听清",
            "没听懂",
            "听不清",
            "听不到",
            "听不见",
            "再说一遍",
            "再说一次",
            "再讲一遍",
            "信号不好",
            "大声点",
            "什么意思",
        ],
        patterns: &["什么", "什么呀", "啥", "啊", "你说什么", "你说啥", "*你说什么"],
        samples: &["你刚才说什么我没听清", "不好意思麻烦再说一遍", "你声音太小了听不见"],
    },
    BuiltInIntent {
        name: "拒绝再打",
        keywords: &[
            "别再打",
            "不要再打",
            "不要打了",
            "别打了",
            "别给我打",
            "不要给我打",
            "别打电话",
            "骚扰",
            "投诉",
            "举报",
            "拉黑",
            "报警",
            "删掉我的",
            "天天打",
            "老是打",
            "烦不烦",
            "烦死",
            "工信部",
            "12321",
        ],
        patterns: &["滚", "滚蛋", "*别*再*打*", "*不要*再*打*", "*以后*别*打*", "*以后*不要*打*"],
        samples: &["以后不要再给我打电话了", "你再打我就投诉你", "能不能别天天打电话骚扰我"],
    },
];

#[cfg(test)]
mod tests {
    use super::super::trigger::{Normalized, Score, is_better};
    use super::*;

    fn best(said: &str) -> Option<(&'static str, Score)> {
        let said = Normalized::new(said);
        let scores = built_in().filter_map(|(name, trigger)| Some((name, trigger.score(&said)?)));
        scores.reduce(|holder, next| if is_better(&next.1, &holder.1) { next } else { holder })
    }

    #[test]
    fn plain_answers_are_understood() {
        let table = [
            ("可以啊，你说吧", "肯定"),
            ("嗯，好的", "肯定"),
            ("对", "肯定"),
            ("有兴趣", "肯定"),
            ("不需要，谢谢", "否定"),
            ("我没兴趣", "否定"),
            ("不考虑", "否定"),
            ("不是很感兴趣", "否定"),
            ("我现在在开会", "忙碌"),
            ("现在不太方便", "忙碌"),
            ("没时间，晚点再说", "忙碌"),
            ("你是哪里的啊", "询问身份"),
            ("喂，哪位？", "询问身份"),
            ("你是机器人吧", "询问机器人"),
            ("你怎么知道我的手机号的", "询问号码来源"),
            ("你打错了吧", "打错"),
            ("你说什么？", "没听清"),
            ("不好意思，没听清，再说一遍", "没听清"),
            ("以后别再打了", "拒绝再打"),
            ("不要再给我打电话了", "拒绝再打"),
            ("再打我就投诉了", "拒绝再打"),
        ];
        let wrong: Vec<_> = table
            .iter()
            .filter_map(|&(said, expected)| {
                let got = best(said);
                (got.as_ref().map(|(name, _)| *name) != Some(expected)).then_some((said, expected, got))
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
