//! Words for people, in both languages of the product.

/// Words for people, in both languages of the product; [`say!`](crate::say) makes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// English: the command line and the log.
    pub en: String,
    /// Chinese: the console, unless it is switched to English.
    pub zh: String,
}

/// Words in both languages, which capture what stands around them as `format!` does:
/// `say!("unknown node `{name}`", "没有节点“{name}”")`. What is no name gets one after them: `name = node.name`.
#[macro_export]
macro_rules! say {
    ($en:literal, $zh:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        $(let $name = &$value;)*
        $crate::message::Message { en: format!($en), zh: format!($zh) }
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_languages_say_the_same_of_what_stands_around_them() {
        let limit = 3;
        let message = say!("at most {limit} of `{name}`", "“{name}”最多 {limit} 个", name = ["a", "b"].concat());
        assert_eq!((message.en.as_str(), message.zh.as_str()), ("at most 3 of `ab`", "“ab”最多 3 个"));
    }
}
