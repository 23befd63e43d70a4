//! Texts within the model's limits: what a platform allows and the catalogue does not is cut or left out, not refused.

use aiod_schema::{Field, Kind, Object};

/// The limits of one record's texts.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    object: &'static Object,
    identifier: &'a str,
}

impl<'a> Limits<'a> {
    /// The limits of a type, from its table in the model; the record's identifier is for the log.
    pub fn new(object: &'static Object, identifier: &'a str) -> Self {
        Self { object, identifier }
    }

    /// The text without white space at its ends and without NUL characters, cut to the most characters that the field takes;
    /// `None` when nothing is left. A field of a nested object is named with a dot: `distribution.name`.
    pub fn cut(&self, field: &str, text: &str) -> Option<String> {
        let text = clean(text)?;
        let Some(max) = self.max(field) else { return Some(text) };
        match text.char_indices().nth(max) {
            None => Some(text),
            Some((end, _)) => {
                tracing::debug!(record = self.identifier, field, max, "record {}: {field} is cut to {max} characters", self.identifier);
                // A cut within a word's end may leave a space, which would count as a change once the catalogue trims it.
                clean(&text[..end])
            }
        }
    }

    /// As [`Limits::cut`], for texts that are worth nothing when they are cut (URLs, identifiers): too long, they are left out.
    pub fn whole(&self, field: &str, text: &str) -> Option<String> {
        let text = clean(text)?;
        let max = self.max(field).unwrap_or(usize::MAX);
        if text.chars().count() <= max {
            return Some(text);
        }
        tracing::debug!(record = self.identifier, field, max, "record {}: {field} is left out: over {max} characters", self.identifier);
        None
    }

    fn max(&self, field: &str) -> Option<usize> {
        max_length(self.object, field)
    }
}

/// The most characters of a field, from the model's table: its own limit, or that of its vocabulary's terms. `None` when the
/// field has no limit, or when there is no such field.
pub fn max_length(object: &'static Object, field: &str) -> Option<usize> {
    match field.split_once('.') {
        None => {
            let field = object.field(field)?;
            field.max_length.or_else(|| Field::vocabulary(field).map(|v| v.max_length))
        }
        Some((outer, inner)) => match object.field(outer)?.kind {
            Kind::Object(nested) => max_length(nested(), inner),
            _ => None,
        },
    }
}

/// A text without white space at its ends and without NUL characters, which no field takes; `None` when nothing is left.
pub fn clean(text: &str) -> Option<String> {
    let text = text.replace('\0', "");
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn dataset() -> &'static Object {
        aiod_schema::by_name("dataset").unwrap().object
    }

    #[test]
    fn limits_come_from_the_model() {
        assert_eq!(max_length(dataset(), "name"), Some(256));
        assert_eq!(max_length(dataset(), "description.plain"), Some(65_535));
        assert_eq!(max_length(dataset(), "distribution.content_url"), Some(1800));
        assert_eq!(max_length(dataset(), "keyword"), Some(256), "the limit of the vocabulary");
        assert_eq!(max_length(dataset(), "no_such_field"), None);
    }

    #[test]
    fn texts_are_cut_at_characters_and_urls_left_out() {
        let limits = Limits::new(dataset(), "1");
        assert_eq!(limits.cut("name", &"é".repeat(300)), Some("é".repeat(256)));
        assert_eq!(limits.cut("name", &format!("{} b", "a".repeat(255))), Some("a".repeat(255)), "no space stays at the end");
        assert_eq!(limits.cut("name", " a\0b "), Some("ab".to_owned()));
        assert_eq!(limits.cut("name", " \0 "), None);
        assert_eq!(limits.whole("same_as", &"u".repeat(256)), Some("u".repeat(256)));
        assert_eq!(limits.whole("same_as", &"u".repeat(257)), None);
    }
}
