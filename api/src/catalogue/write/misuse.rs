//! References and terms that a body must not have.

use std::fmt;

use aiod_schema::validate::{LinkUse, Step, TermUse};
use aiod_schema::{Fault, Field, Kind, Role};

use super::Actor;
use super::links::single_inverse;
use super::resolve::{Body, FoundResource, Resolved};
use crate::catalogue::{Error, Result};

/// What one field refers to or uses wrongly.
pub(in crate::catalogue) struct Misuse {
    field: &'static str,
    /// The way to a field of a nested object; empty for a field of the body itself.
    nested: Vec<Step>,
    kind: MisuseKind,
    message: String,
}

/// Why it is wrong; decides the status of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MisuseKind {
    /// What is referred to does not exist for the writer, or is of another type.
    Unknown,
    /// The resource refers to itself.
    Itself,
    /// What is referred to would get another value, and the writer may not change it.
    Taken,
    /// The taxonomy does not have the term officially.
    Unofficial,
}

impl Misuse {
    fn new(field: &'static str, kind: MisuseKind, message: String) -> Self {
        Self { field, nested: Vec::new(), kind, message }
    }

    /// As a fault of the field below a location.
    pub(in crate::catalogue) fn fault(&self, below: &str) -> Fault {
        let field = if self.nested.is_empty() { vec![self.field.into()] } else { self.nested.clone() };
        Fault::value([below.into()].into_iter().chain(field), self.message.as_str())
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // This message alone does not name its field: in a fault, the location stands beside it.
            MisuseKind::Itself => write!(f, "Field '{}': {}.", self.field, self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Resolved {
    /// Refuses a body with misuses, see [`Self::misuses`], and names all of them. The first one decides the status.
    pub(super) fn check(&self, body: Body<'_>, actor: Actor<'_>) -> Result<()> {
        let misuses = self.misuses(body, actor);
        let Some(first) = misuses.first() else { return Ok(()) };
        let named = || misuses.iter().map(Misuse::to_string).collect::<Vec<_>>().join(" ");
        Err(match first.kind {
            MisuseKind::Unknown => Error::NotFound(named()),
            MisuseKind::Itself => Error::Invalid(misuses.iter().map(|m| m.fault("body")).collect()),
            MisuseKind::Taken => Error::Forbidden(named()),
            MisuseKind::Unofficial => Error::BadRequest(named()),
        })
    }

    /// What a body refers to or uses wrongly: links first, in the order of its fields, then terms.
    ///
    /// * What it refers to must exist, be seen by the writer, and be of a type that the field takes.
    /// * A resource must not refer to itself: the two ends of a link would be one.
    /// * A field of another resource that holds one value is set only by a writer who may change that resource.
    /// * Taxonomies take official terms only, unless the writer brings terms, or the term stays as it is stored.
    pub(in crate::catalogue) fn misuses(&self, body: Body<'_>, actor: Actor<'_>) -> Vec<Misuse> {
        let links = body.input.links.iter().flat_map(|used| self.misused_links(body, used)).chain(self.misused_editors(body));
        let taxonomies = body.input.terms.iter().filter(|t| t.vocabulary.is_taxonomy() && !t.kept && !actor.brings_terms);
        links.chain(taxonomies.filter_map(|used| self.misused_terms(used))).collect()
    }

    fn misused_links(&self, body: Body<'_>, used: &LinkUse) -> Vec<Misuse> {
        let LinkUse { field, identifiers } = used;
        let targets: Vec<Option<&FoundResource>> = identifiers.iter().map(|identifier| self.target(body, used, identifier)).collect();
        let found = || targets.iter().flatten();
        let mut misuses = Vec::new();
        let missing: Vec<&str> = identifiers.iter().zip(&targets).filter(|(_, t)| t.is_none()).map(|(i, _)| i.as_str()).collect();
        if !missing.is_empty() {
            misuses.push(unknown(field, &missing));
        }
        if found().any(|target| body.id == Some(target.id)) {
            misuses.push(Misuse::new(field.name, MisuseKind::Itself, "a resource cannot refer to itself".to_owned()));
        }
        if found().any(|target| self.is_taken(body, field.name, target)) {
            misuses.push(taken(field.name));
        }
        misuses
    }

    /// The editors that a body names and that are no persons.
    fn misused_editors(&self, body: Body<'_>) -> Option<Misuse> {
        let (entry, field) = (body.input.resource.field_with(Role::Entry)?, body.input.resource.editors()?);
        let unknown_editors = self.unknown_editors(body);
        let nested = vec![entry.name.into(), field.name.into()];
        (!unknown_editors.is_empty()).then(|| Misuse { nested, ..unknown(field, &unknown_editors) })
    }

    /// What an identifier in a link field stands for, if the body may refer to it there.
    fn target(&self, body: Body<'_>, used: &LinkUse, identifier: &str) -> Option<&FoundResource> {
        self.resource(identifier).filter(|found| used.field.refers_to(found.resource) && self.may_refer(body, found))
    }

    /// Whether a link to this resource would set a field of it that holds one value, and that the writer may not change.
    fn is_taken(&self, body: Body<'_>, field: &str, target: &FoundResource) -> bool {
        single_inverse(body.input.resource, field, target.resource).is_some() && self.is_protected(body, field, target)
    }

    fn misused_terms(&self, used: &TermUse) -> Option<Misuse> {
        let TermUse { vocabulary, terms, field, nested, .. } = used;
        let is_official = |term: &String| self.term(vocabulary, term).is_some_and(|t| t.official);
        let unofficial: Vec<String> = terms.iter().filter(|t| !is_official(t)).map(|t| format!("'{t}'")).collect();
        let are = match unofficial.len() {
            0 => return None,
            1 => "is not an official term",
            _ => "are not official terms",
        };
        let message = format!(
            "Field '{}': {} {are} of the taxonomy '{}'. The terms are listed at /{}.",
            field.name,
            unofficial.join(", "),
            vocabulary.name,
            vocabulary.path.unwrap_or(vocabulary.name)
        );
        Some(Misuse { nested: nested.clone(), ..Misuse::new(field.name, MisuseKind::Unofficial, message) })
    }
}

fn unknown(field: &'static Field, missing: &[&str]) -> Misuse {
    let targets = if let Kind::Link(targets) = field.kind { targets } else { &[] };
    let message = format!(
        "Field '{}' refers to {} with identifier {}, which cannot be found in the database.",
        field.name,
        targets.join(" or "),
        missing.join(", ")
    );
    Misuse::new(field.name, MisuseKind::Unknown, message)
}

fn taken(field: &'static str) -> Misuse {
    let message = "what it refers to would refer back, and you do not have permission to change that, or it waits for a review.";
    Misuse::new(field, MisuseKind::Taken, format!("Field '{field}': {message}"))
}
