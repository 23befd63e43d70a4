//! From a text to the words by which it is found. Both engines get the words, so that what is tested is what runs, and so that
//! Elasticsearch needs none of its analysis.
//!
//! A word is a run of letters and digits without case and accents: `bert-base_uncased` has three. Chinese, Japanese and Korean, which
//! have no blanks, are cut into pairs of characters.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use pulldown_cmark::{Event, Parser, TagEnd};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most characters of a word; what is longer is cut, since nobody types it.
const MAX_WORD: usize = 64;

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return ascii_words(text);
    }
    let mut words = Words::default();
    for character in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        words.take(character);
    }
    words.end_word();
    words.end_run();
    words.found
}

/// The same of a text without accents and other scripts: it takes a fifth of the time.
fn ascii_words(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    runs.map(|word| word.get(..MAX_WORD).unwrap_or(word).to_ascii_lowercase()).collect()
}

/// What is read of a text so far.
#[derive(Default)]
struct Words {
    found: Vec<String>,
    word: String,
    length: usize,
    /// Characters that stand beside each other, of a script without blanks.
    run: Vec<char>,
}

impl Words {
    fn take(&mut self, character: char) {
        if is_unspaced(character) {
            self.end_word();
            self.run.push(character);
            return;
        }
        self.end_run();
        if !character.is_alphanumeric() {
            self.end_word();
        } else if self.length < MAX_WORD {
            self.length += 1;
            self.word.extend(character.to_lowercase());
        }
    }

    fn end_word(&mut self) {
        self.length = 0;
        if !self.word.is_empty() {
            self.found.push(std::mem::take(&mut self.word));
        }
    }

    fn end_run(&mut self) {
        if let [single] = self.run.as_slice() {
            self.found.push(single.to_string());
        }
        self.found.extend(self.run.windows(2).map(|pair| pair.iter().collect::<String>()));
        self.run.clear();
    }
}

/// Whether a character is of a script that puts no blanks between words.
fn is_unspaced(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{1100}'..='\u{11ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The stem of a word: `dataset` of `datasets`. Words of other languages than English mostly keep their form.
pub(crate) fn stem(word: &str) -> String {
    static ENGLISH: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::new(Algorithm::English));
    if word.is_ascii() { ENGLISH.stem(word).into_owned() } else { word.to_owned() }
}

/// The stems of words, in order, with blanks between them. Texts repeat their words, so that stems are remembered.
pub(crate) fn stems(words: &[String]) -> String {
    /// How many stems a thread remembers.
    const REMEMBERED: usize = 50_000;
    thread_local! {
        static STEMS: RefCell<HashMap<String, String>> = RefCell::default();
    }
    STEMS.with_borrow_mut(|known| {
        if known.len() > REMEMBERED {
            known.clear();
        }
        let mut joined = String::with_capacity(words.iter().map(|word| word.len() + 1).sum());
        for word in words {
            if !joined.is_empty() {
                joined.push(' ');
            }
            match known.get(word) {
                Some(stem) => joined.push_str(stem),
                None => joined.push_str(known.entry(word.clone()).or_insert_with(|| stem(word))),
            }
        }
        joined
    })
}

/// Words that stand beside each other, written as one: `yolov8` of `yolo v8`.
pub(crate) fn joined(words: &[String]) -> impl Iterator<Item = String> {
    words.windows(2).filter_map(|pair| match pair {
        [first, second] if first.len() + second.len() <= MAX_WORD => Some(format!("{first}{second}")),
        _ => None,
    })
}

/// A text without HTML and Markdown.
pub(crate) fn without_markup(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for event in Parser::new(text) {
        match event {
            Event::Text(part) | Event::Code(part) => plain.push_str(&part),
            Event::Html(part) | Event::InlineHtml(part) => push_html(&mut plain, &part),
            Event::SoftBreak | Event::HardBreak | Event::Rule => plain.push('\n'),
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link) => {}
            Event::End(_) => plain.push('\n'),
            _ => {}
        }
    }
    plain
}

/// A text without HTML.
pub(crate) fn without_tags(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    push_html(&mut plain, html);
    plain
}

fn push_html(plain: &mut String, html: &str) {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Texts::default(), TokenizerOpts::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    plain.push_str(&tokenizer.sink.text.take());
}

/// Takes the texts of HTML and leaves the rest: tags, comments, scripts and styles.
#[derive(Default)]
struct Texts {
    text: RefCell<String>,
    hidden: std::cell::Cell<bool>,
}

impl TokenSink for Texts {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(part) if !self.hidden.get() => self.text.borrow_mut().push_str(&part),
            Token::TagToken(tag) => {
                if matches!(tag.name.as_ref(), "script" | "style") {
                    self.hidden.set(tag.kind == TagKind::StartTag && !tag.self_closing);
                }
                // Bold and the like may stand within a word.
                if !matches!(tag.name.as_ref(), "b" | "i" | "em" | "strong" | "span" | "mark" | "u" | "sub" | "sup" | "a" | "code") {
                    self.text.borrow_mut().push(' ');
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined_words(text: &str) -> String {
        words(text).join(" ")
    }

    #[test]
    fn words_have_neither_case_nor_accents() {
        for (text, expected) in [
            ("BERT-base_uncased", "bert base uncased"),
            ("Müller’s Café: naïve", "muller s cafe naive"),
            ("ﬁne ＹＯＬＯ ½", "fine yolo 1 2"),
            ("机器学习 (ML)", "机器 器学 学习 ml"),
            ("字", "字"),
            ("  …!? ", ""),
            ("\0a\0", "a"),
            ("Straße ΣΊΣΥΦΟΣ", "straße σισυφοσ"),
        ] {
            assert_eq!(joined_words(text), expected, "{text}");
        }
    }

    #[test]
    fn the_short_way_finds_the_same_words() {
        for text in ["BERT-base_uncased, 5*3", "", " a  b ", &"x".repeat(100)] {
            let mut long = words(&format!("{text} é"));
            long.pop();
            assert_eq!(words(text), long, "{text}");
        }
        let words = ["datasets", "runs", "datasets"].map(str::to_owned);
        assert_eq!(stems(&words), "dataset run dataset");
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(words(&"x".repeat(1_000)), ["x".repeat(MAX_WORD)]);
    }

    #[test]
    fn stems_are_shared_by_the_forms_of_a_word() {
        for (one, other) in [("datasets", "dataset"), ("classification", "classifications"), ("running", "runs")] {
            assert_eq!(stem(one), stem(other));
        }
        assert_eq!(stem("müller"), "müller");
    }

    #[test]
    fn markup_is_left_out() {
        assert_eq!(
            joined_words(&without_tags("<p>Hand<b>written</b><br>digits &amp; more<script>var x</script><!-- no -->")),
            "handwritten digits more"
        );
        let markdown = "# MNIST\n\n* **hand**written [digits](https://example.org/x)\n\n<div>of `uint8`</div>\n";
        assert_eq!(joined_words(&without_markup(markdown)), "mnist handwritten digits of uint8");
        assert_eq!(joined_words(&without_markup("bert_base_uncased and 5 * 3 * 2")), "bert base uncased and 5 3 2");
    }

    proptest! {
        #[test]
        fn any_text_has_words(text in "\\PC{0,200}") {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && !word.contains(char::is_whitespace));
                prop_assert_eq!(words(&word).concat().is_empty(), false);
            }
            without_markup(&text);
            without_tags(&text);
        }

        #[test]
        fn any_markup_is_read(text in "[<>/a-c&;#*_`\\[\\]() \n\"=!-]{0,120}") {
            words(&without_markup(&text));
            words(&without_tags(&text));
        }
    }
}
