//! Enumerations of the wire and the store: each is declared once, with the names of its values and what they mean.

/// What an enumeration says about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name in OpenAPI, such as `Decision`.
    pub title: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// The names of its values, in order.
    pub names: &'static [&'static str],
}

impl Choice {
    /// The names in one text: `accepted, rejected`.
    pub fn permitted(&self) -> String {
        self.names.join(", ")
    }
}

/// Declares an enumeration: its values, their names, and what follows from these (`ALL`, `as_str`, `named`, serde, and the shape that a
/// field of this type has).
#[macro_export]
macro_rules! choice {
    (
        #[doc = $doc:literal]
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident = $title:literal { $($(#[$of_value:meta])* $value:ident = $text:literal),+ $(,)? }
    ) => {
        #[doc = $doc]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        $visibility enum $name {
            $($(#[$of_value])* #[serde(rename = $text)] $value,)+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The name on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }

            /// The value of this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == name)
            }
        }

        impl $crate::model::FieldType for $name {
            const SHAPE: $crate::model::Shape = {
                const CHOICE: &$crate::choice::Choice =
                    &$crate::choice::Choice { title: $title, doc: $doc.trim_ascii_start(), names: &[$($text),+] };
                $crate::model::Shape::one($crate::model::Kind::Choice(CHOICE))
            };
        }
    };
}

choice! {
    /// Where a resource stands between registration and publication.
    pub enum Status = "Status" {
        /// Only those with permission see it.
        Draft = "draft",
        /// It waits for a review.
        Submitted = "submitted",
        /// Everybody sees it.
        Published = "published",
        /// A reviewer refused it.
        Rejected = "rejected",
    }
}

impl Status {
    /// The status of this name in the store. An unknown one counts as a draft, which nobody sees by accident.
    pub fn parse(name: &str) -> Self {
        Self::named(name).unwrap_or(Self::Draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FieldType, Kind};

    #[test]
    fn a_choice_is_known_by_the_names_of_its_values() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!((Status::named("Draft"), Status::named("")), (None, None));
        let Kind::Choice(choice) = Status::SHAPE.kind else { panic!("a choice") };
        assert_eq!((choice.title, choice.permitted().as_str()), ("Status", "draft, submitted, published, rejected"));
        assert!(choice.doc.starts_with("Where a resource stands"));
    }
}
