//! The platforms that the catalogue knows from the start, and what is particular about each.
//!
//! A platform is one row here. A running catalogue takes its name from here when it starts; who has the right to it may register
//! more platforms, of which nothing is particular.

/// The longest name of a platform, in characters.
pub const MAX_NAME: usize = 64;

/// One platform.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// Its name, as resources give it.
    pub name: &'static str,
    /// What its identifiers of resources look like, where there is a rule.
    pub identifiers: Option<IdentifierRule>,
    /// Parameters of its API that may stand in logs: paging and selection. All others are masked, since platforms put tokens into
    /// URLs.
    pub harmless_parameters: &'static [&'static str],
    /// Whether the personal data of its resources are shown to readers with a role for them only.
    pub protects_personal_data: bool,
}

/// The rule for a platform's identifiers.
#[derive(Clone, Copy, Debug)]
pub struct IdentifierRule {
    /// Whether an identifier follows it.
    pub holds: fn(&str) -> bool,
    /// What it says, as the end of a sentence that begins with "must be".
    pub text: &'static str,
}

impl Platform {
    /// A platform of which nothing is particular.
    const fn plain(name: &'static str) -> Self {
        Self { name, identifiers: None, harmless_parameters: &[], protects_personal_data: false }
    }
}

table! {
    /// The platforms, in the order in which a new catalogue numbers them: new ones come last.
    PLATFORMS: [Platform] = {
        /// The catalogue itself: of resources that people register here.
        AIOD = Platform::plain("aiod");
        /// The content management system of the older portal.
        AI4EUROPE_CMS = Platform { protects_personal_data: true, ..Platform::plain("ai4europe_cms") };
        /// Of resources that were made up to try things out.
        EXAMPLE = Platform::plain("example");
        /// <https://www.openml.org>
        OPENML = Platform {
            identifiers: Some(IdentifierRule { holds: is_integer, text: "a non-negative integer" }),
            harmless_parameters: &["limit", "offset"],
            ..Platform::plain("openml")
        };
        /// <https://huggingface.co>
        HUGGINGFACE = Platform {
            identifiers: Some(IdentifierRule {
                holds: is_huggingface,
                text: "a repository name of 1 to 96 letters, digits, '-', '_' or '.', with at most one '/', and neither '--' nor '..'",
            }),
            harmless_parameters: &["full", "limit", "sort"],
            ..Platform::plain("huggingface")
        };
        /// <https://zenodo.org>, by OAI-PMH and REST.
        ZENODO = Platform {
            identifiers: Some(IdentifierRule {
                holds: is_zenodo,
                text: "'zenodo.org:' and an integer, or a file id of 8-4-4-4-12 hexadecimal digits",
            }),
            harmless_parameters: &["from", "metadataPrefix", "page", "size", "sort", "until", "verb"],
            ..Platform::plain("zenodo")
        };
        /// <https://www.ai4experiments.eu>
        AI4EXPERIMENTS = Platform::plain("ai4experiments");
        /// AI Builder, whose token is a parameter, too.
        AIBUILDER = Platform { harmless_parameters: &["catalogId", "fullId"], ..Platform::plain("aibuilder") };
    }
}

/// The platform of resources that are registered without one.
pub const HOME: Platform = AIOD;

/// The declared platform of this name.
pub fn find(name: &str) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.name == name)
}

/// Whether the personal data of a platform's resources are shown to readers with a role for them only.
pub fn protects_personal_data(name: &str) -> bool {
    find(name).is_some_and(|platform| platform.protects_personal_data)
}

/// Whether the value of a URL's parameter may stand in logs: it is harmless on a platform that is declared.
pub fn is_harmless(parameter: &str) -> bool {
    PLATFORMS.iter().any(|platform| platform.harmless_parameters.contains(&parameter))
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn constants_are_called_as_their_platforms() {
        let names: Vec<String> = PLATFORMS.iter().map(|platform| platform.name.to_uppercase()).collect();
        assert_eq!(names, CONSTANTS);
        assert!(PLATFORMS.iter().all(|platform| platform.name.len() <= MAX_NAME));
    }

    #[test]
    fn platforms_are_found_by_name() {
        assert!(find("openml").is_some_and(|openml| openml.identifiers.is_some()) && find("OpenML").is_none());
        assert!(protects_personal_data("ai4europe_cms"));
        assert!(!protects_personal_data("aiod") && !protects_personal_data("one that someone registered"));
    }

    #[test]
    fn parameters_are_harmless_only_where_a_platform_says_so() {
        let expected =
            ["catalogId", "from", "full", "fullId", "limit", "metadataPrefix", "offset", "page", "size", "sort", "until", "verb"];
        let declared: BTreeSet<&str> = PLATFORMS.iter().flat_map(|platform| platform.harmless_parameters).copied().collect();
        assert_eq!(declared, BTreeSet::from(expected));
        assert!(expected.into_iter().all(is_harmless));
        assert!(!is_harmless("apiToken") && !is_harmless("access_token") && !is_harmless(""));
    }
}
