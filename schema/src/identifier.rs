//! Identifiers: those that the catalogue gives, and the rules that platforms have for theirs.

use rand::RngExt;
use rand::distr::Alphanumeric;

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
/// HuggingFace: 1 to 96 of letters, digits, `-`, `_`, `.`, at most one `/`, neither `--` nor `..`. OpenML: a non-negative integer.
/// Zenodo: `zenodo.org:<integer>` or a file id of 8-4-4-4-12 hexadecimal digits. Any platform: no control characters, and no
/// white space at either end, because databases differ in whether they see it.
pub fn platform_identifier_fault(platform: &str, identifier: &str) -> Option<String> {
    if identifier.is_empty() {
        return Some("a platform_resource_identifier must not be empty".to_owned());
    }
    if identifier.chars().any(char::is_control) || identifier.trim() != identifier {
        return Some("a platform_resource_identifier must not have control characters or white space at its ends".to_owned());
    }
    let (valid, rule) = match platform {
        "huggingface" => (
            is_huggingface(identifier),
            "a repository name of 1 to 96 letters, digits, '-', '_' or '.', with at most one '/', and neither '--' nor '..'",
        ),
        "openml" => (is_integer(identifier), "a non-negative integer"),
        "zenodo" => (is_zenodo(identifier), "'zenodo.org:' and an integer, or a file id of 8-4-4-4-12 hexadecimal digits"),
        _ => return None,
    };
    (!valid).then(|| format!("the platform_resource_identifier of a resource on {platform} must be {rule}, not '{identifier}'"))
}

fn is_integer(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_huggingface(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let parts: Vec<&str> = text.split('/').collect();
    text.len() <= 96
        && text.bytes().all(allowed)
        && parts.len() <= 2
        && parts.iter().all(|p| !p.is_empty())
        && !text.contains("--")
        && !text.contains("..")
}

fn is_zenodo(text: &str) -> bool {
    if let Some(number) = text.strip_prefix("zenodo.org:") {
        return is_integer(number);
    }
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
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
