//! Identifiers: those that the catalogue gives, and the rules that platforms have for theirs.

use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::platform;

/// How many random letters or digits follow the prefix: 24 of 62 are 143 bits, so that two never meet.
const RANDOM_LENGTH: usize = 24;

/// The longest identifier that a platform may use, in characters.
pub const MAX_PLATFORM_IDENTIFIER: usize = 256;

/// A new identifier: the prefix, `_` and 24 letters or digits from a cryptographic random source.
pub fn new_identifier(prefix: &str) -> String {
    let random = rand::rng().sample_iter(Alphanumeric).take(RANDOM_LENGTH).map(char::from);
    let mut identifier = String::with_capacity(prefix.len() + 1 + RANDOM_LENGTH);
    identifier.push_str(prefix);
    identifier.push('_');
    identifier.extend(random);
    identifier
}

/// What is wrong with a platform's identifier of a resource, if anything.
///
/// The rules of single platforms stand with their declarations, see [`platform`]. Any platform: no control characters, and no white
/// space at either end, because databases differ in whether they see it.
pub fn platform_identifier_fault(platform: &str, identifier: &str) -> Option<String> {
    if identifier.is_empty() {
        return Some("a platform_resource_identifier must not be empty".to_owned());
    }
    if identifier.chars().any(char::is_control) || identifier.trim() != identifier {
        return Some("a platform_resource_identifier must not have control characters or white space at its ends".to_owned());
    }
    let rule = platform::find(platform)?.identifiers.filter(|rule| !(rule.holds)(identifier))?;
    Some(format!("the platform_resource_identifier of a resource on {platform} must be {}, not '{identifier}'", rule.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_prefix_and_never_repeat() {
        let all: std::collections::HashSet<String> = (0..1000).map(|_| new_identifier("data")).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|i| i.len() == 29 && i.starts_with("data_") && i[5..].bytes().all(|b| b.is_ascii_alphanumeric())));
    }

    #[test]
    fn platforms_have_rules() {
        let fine = [
            ("huggingface", "user/data.set-1_x"),
            ("huggingface", "imdb"),
            ("openml", "61"),
            ("zenodo", "zenodo.org:7199024"),
            ("zenodo", "01234567-89ab-cdef-0123-456789abcdef"),
            ("example", "anything: /at/ all"),
        ];
        for (platform, identifier) in fine {
            assert_eq!(platform_identifier_fault(platform, identifier), None, "{platform} {identifier}");
        }
        let wrong = [
            ("huggingface", "a/b/c"),
            ("huggingface", "a--b"),
            ("huggingface", "a..b"),
            ("huggingface", "/a"),
            ("huggingface", "späße"),
            ("openml", "-1"),
            ("openml", "1.5"),
            ("zenodo", "7199024"),
            ("zenodo", "zenodo.org:"),
            ("example", ""),
            ("example", " 1"),
            ("example", "a\u{0}b"),
        ];
        for (platform, identifier) in wrong {
            assert!(platform_identifier_fault(platform, identifier).is_some(), "{platform} {identifier}");
        }
    }
}
