//! The causes of an error on one line, for logs and messages: the server and the connectors say them alike.

use std::error::Error;
use std::iter::successors;

/// An error and the errors behind it, separated by colons.
pub fn chain(error: &dyn Error) -> String {
    let causes: Vec<String> = successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}
