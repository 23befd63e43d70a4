//! What is wrong with a body, and where.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// One step of the way to a fault; on the wire a text or a number.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A field's name (or `body`, `query`, `path`).
    Name(String),
    /// A place in a list.
    Index(usize),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// What kind of fault it is; decides the status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The body is not as the model says.
    Invalid,
    /// A file stands in the body, which belongs to a path of its own.
    Blob,
}

/// One fault of an input: where, what, and of which type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands, such as `body`, `distribution`, 0, `name`.
    pub location: Vec<Step>,
    /// What is wrong and what would be right.
    pub message: String,
    /// A machine-readable name, such as `value_error.missing`.
    pub code: &'static str,
    /// What kind of fault it is.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault of a value.
    pub fn value<S: Into<Step>>(location: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        Self::new(location, message, "value_error")
    }

    /// A fault with its own code.
    pub fn new<S: Into<Step>>(location: impl IntoIterator<Item = S>, message: impl Into<String>, code: &'static str) -> Self {
        let location = location.into_iter().map(Into::into).collect();
        Self { location, message: message.into(), code, kind: FaultKind::Invalid }
    }

    /// The location in one text, `body.distribution[0].name`.
    pub fn path(&self) -> String {
        path(&self.location)
    }
}

/// A location in one text.
pub(crate) fn path(location: &[Step]) -> String {
    let mut path = String::new();
    for step in location {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(name),
            Step::Name(name) => {
                path.push('.');
                path.push_str(name);
            }
            // Writing to a string cannot fail.
            Step::Index(index) => drop(write!(path, "[{index}]")),
        }
    }
    path
}
