//! References between resources, and their inverses.
//!
//! A pair of inverse fields is one fact with two ends: setting one side shows on the other. The fields declare it:
//! `#[field(link = "…", inverse = "…")]`.

use serde_json::{Map, Value};

use crate::model::{Field, ResourceType};
use crate::validate::Fault;

/// The field of `to` that says the same as `field` of `from`, when there is one.
pub fn inverse(from: &ResourceType, field: &str, to: &'static ResourceType) -> Option<&'static Field> {
    let inverse = from.object.field(field)?.inverse?;
    to.object.field(inverse)
}

/// Whether a field of this name may have an inverse, whatever stands at its other end.
pub fn has_inverse(from: &ResourceType, field: &str) -> bool {
    from.object.field(field).is_some_and(|f| f.inverse.is_some())
}

/// The groups of fields (`one_of`) of which a body fills more than one: a fault for each, at the first of the fields.
pub(crate) fn exclusion_faults(resource: &ResourceType, body: &Map<String, Value>) -> Vec<Fault> {
    let given = |field: &&Field| field.one_of.is_some() && body.get(field.name).is_some_and(|value| !value.is_null());
    let mut fields: Vec<&Field> = resource.object.fields.iter().filter(given).collect();
    let mut faults = Vec::new();
    while let Some(first) = fields.first().copied() {
        let group: Vec<&str> = fields.extract_if(.., |f| f.one_of == first.one_of).map(|f| f.name).collect();
        if group.len() > 1 {
            let message =
                format!("a {} has one {}: leave out all but one of {}", resource.name, first.one_of.unwrap_or_default(), group.join(", "));
            faults.push(Fault::value(["body", first.name], message));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{by_name, resource_types};

    #[test]
    fn inverses_point_back() {
        for from in resource_types() {
            for field in from.links().filter(|f| f.inverse.is_some()) {
                for to in resource_types().iter().filter(|to| field.refers_to(to)) {
                    let there = inverse(from, field.name, to).unwrap_or_else(|| panic!("{from:?} {} {to:?}", field.name));
                    assert!(there.refers_to(from), "{from:?} {} {to:?}", field.name);
                    assert_eq!(there.inverse, Some(field.name), "{from:?} {} {to:?}", field.name);
                }
            }
        }
    }

    #[test]
    fn only_link_fields_have_inverses_and_exclude_each_other() {
        for field in resource_types().iter().flat_map(|t| &t.object.fields).filter(|f| f.inverse.is_some() || f.one_of.is_some()) {
            assert!(field.is_link(), "{}", field.name);
        }
    }

    #[test]
    fn teams_and_contacts_do_not_mix_up_organisation() {
        let (team, contact, organisation) = (by_name("team").unwrap(), by_name("contact").unwrap(), by_name("organisation").unwrap());
        let inverse = |from, field, to| inverse(from, field, to).map(|f| f.name);
        assert_eq!(inverse(team, "organisation", organisation), None);
        assert_eq!(inverse(contact, "organisation", organisation), Some("contact_details"));
        assert_eq!(inverse(organisation, "contact_details", contact), Some("organisation"));
    }
}
