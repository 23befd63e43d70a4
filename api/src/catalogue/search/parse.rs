//! What a query says: words, words side by side, and what must not occur.

use std::collections::{BTreeSet, HashMap};

use crate::search::analysis::{joined, words};
use crate::search::{Word, Words};

/// The most words of a query that count: those beyond are left out.
const MAX_WORDS: usize = 64;
/// The most words side by side: those beyond are left out.
const MAX_PHRASE: usize = 16;

/// Any of the words of a text, without meaning of quotes and other signs.
pub fn any_of(text: &str) -> Words {
    let mut words = words(text);
    words.truncate(MAX_WORDS);
    Words { any: alternatives(&words, MAX_WORDS), ..Words::default() }
}

/// The words of a text side by side.
pub fn exactly(text: &str) -> Words {
    let phrase = phrase(text, MAX_WORDS);
    Words { phrases: if phrase.is_empty() { Vec::new() } else { vec![phrase] }, ..Words::default() }
}

/// What a query says: `words`, `"words side by side"`, `-without`. One that says nothing asks for everything.
pub fn parsed(text: &str) -> Words {
    let mut parsed = Words::default();
    let mut plain = Vec::new();
    let mut left = MAX_WORDS;
    for piece in pieces(text) {
        let found = match piece.kind {
            Kind::Words => words(piece.text),
            Kind::Phrase | Kind::Without => phrase(piece.text, left),
        };
        let found: Vec<String> = found.into_iter().take(left).collect();
        left -= found.len();
        match piece.kind {
            Kind::Words => plain.extend(found),
            _ if found.is_empty() => {}
            Kind::Phrase => parsed.phrases.push(found),
            Kind::Without => parsed.without.push(found),
        }
    }
    let typed = plain.len();
    parsed.any = alternatives(&plain, typed + left);
    parsed.or_all = parsed.any.is_empty() && parsed.phrases.is_empty() && (text.trim().is_empty() || !parsed.without.is_empty());
    parsed
}

/// The query with the best other word for each that nothing has; `None` where there is nothing to mend. Words in quotes, and those that must
/// not occur, stay as they were typed.
pub(super) fn did_you_mean(text: &str, corrected: &[(String, Vec<String>)]) -> Option<String> {
    let best = corrected.iter().filter_map(|(word, better)| Some((word.as_str(), better.first()?.as_str())));
    let better: HashMap<&str, &str> = best.collect();
    let mut is_mended = false;
    let mut mended = |piece: Piece<'_>| {
        let words = if piece.kind == Kind::Words { words(piece.text) } else { Vec::new() };
        if !words.iter().any(|word| better.contains_key(word.as_str())) {
            return piece.typed.to_owned();
        }
        is_mended = true;
        words.iter().map(|word| better.get(word.as_str()).copied().unwrap_or(word)).collect::<Vec<_>>().join(" ")
    };
    let text = pieces(text).map(&mut mended).collect::<Vec<_>>().join(" ");
    is_mended.then_some(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Words,
    Phrase,
    Without,
}

/// A piece of a query.
#[derive(Clone, Copy, Debug)]
struct Piece<'t> {
    kind: Kind,
    /// As it was typed, with its signs.
    typed: &'t str,
    /// Without them.
    text: &'t str,
}

/// The pieces of a query, between blanks and quotes.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // A dash that stands by itself, or before another one, has no meaning.
        let unwanted = rest.strip_prefix('-').filter(|piece| piece.starts_with(|c: char| !c.is_whitespace() && c != '-'));
        let piece = unwanted.unwrap_or(rest);
        let phrase = piece.strip_prefix('"').and_then(|quoted| quoted.split_once('"'));
        // A quote that is never closed has no meaning.
        let (text, tail) = phrase.unwrap_or_else(|| {
            let end = piece.char_indices().skip(1).find(|(_, c)| c.is_whitespace() || *c == '"').map_or(piece.len(), |(end, _)| end);
            piece.split_at(end)
        });
        let kind = match (unwanted, phrase) {
            (Some(_), _) => Kind::Without,
            (None, Some(_)) => Kind::Phrase,
            (None, None) => Kind::Words,
        };
        let typed = rest.strip_suffix(tail).unwrap_or(rest);
        rest = tail.trim_start();
        Some(Piece { kind, typed, text })
    })
}

/// The words of a text that stand side by side.
fn phrase(text: &str, most: usize) -> Vec<String> {
    let mut words = words(text);
    words.truncate(most.min(MAX_PHRASE));
    words
}

/// Words as alternatives, and neighbours among them written as one, as far as there is room.
pub(super) fn alternatives(words: &[String], most: usize) -> Vec<Word> {
    let typed = words.iter().map(|text| (text.clone(), false));
    let mut seen = BTreeSet::new();
    let all = typed.chain(joined(words).map(|text| (text, true))).filter(|(text, _)| seen.insert(text.clone()));
    all.take(most).map(|(text, is_joined)| Word { text, is_joined, corrections: Vec::new() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any(words: &Words) -> Vec<&str> {
        words.any.iter().filter(|word| !word.is_joined).map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn only_a_dash_directly_before_something_excludes() {
        for (text, expected, without) in [
            ("YOLO - real-time detection", vec!["yolo", "real", "time", "detection"], vec![]),
            ("a -- b", vec!["a", "b"], vec![]),
            ("a --b", vec!["a", "b"], vec![]),
            ("a -b", vec!["a"], vec!["b"]),
            ("a -\"b c\"", vec!["a"], vec!["b c"]),
            ("a -", vec!["a"], vec![]),
            ("-", vec![], vec![]),
            ("a -\u{a0}b", vec!["a", "b"], vec![]),
        ] {
            let parsed = parsed(text);
            let found: Vec<String> = parsed.without.iter().map(|words| words.join(" ")).collect();
            assert_eq!((any(&parsed), found), (expected, without.into_iter().map(str::to_owned).collect()), "{text}");
            assert!(!parsed.or_all, "{text}");
        }
        assert!(parsed("-b").or_all && parsed(" ").or_all);
    }

    #[test]
    fn a_query_has_so_many_words_in_all() {
        let numbers = |from: usize, to: usize| (from..to).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let long = parsed(&format!("\"{}\" -\"{}\" {}", numbers(0, 40), numbers(100, 140), numbers(200, 400)));
        assert_eq!((long.phrases[0].len(), long.without[0].len(), long.any.len()), (16, 16, 32));
        assert_eq!((any_of(&numbers(0, 300)).any.len(), exactly(&numbers(0, 300)).phrases[0].len()), (64, 16));
        assert_eq!(parsed(&"\"a b\" ".repeat(300)).phrases.len(), 32);
    }

    #[test]
    fn what_is_in_quotes_or_unwanted_stays_as_it_was_typed() {
        let corrected = [("nnist".to_owned(), vec!["mnist".to_owned()]), ("zzz".to_owned(), Vec::new())];
        for (text, expected) in [
            ("nnist  \"Nnist  digits\" -nnist", Some("mnist \"Nnist  digits\" -nnist")),
            ("Big NNIST-data", Some("Big mnist data")),
            ("\"nnist\"", None),
            ("zzz", None),
        ] {
            assert_eq!(did_you_mean(text, &corrected).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read(text in "[a-c\" \\-\u{a0}ä]{0,60}") {
            let words = parsed(&text);
            let phrases = words.phrases.iter().chain(&words.without).map(Vec::len).sum::<usize>();
            prop_assert!(words.any.len() + phrases <= MAX_WORDS);
            did_you_mean(&text, &[("a".to_owned(), vec!["b".to_owned()])]);
        }
    }
}
