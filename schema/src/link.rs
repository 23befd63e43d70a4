//! References between resources, and their inverses.
//!
//! A pair of inverse fields is one fact with two ends: setting one side shows on the other.

use crate::model::ResourceType;

/// The two fields of each pair, by the type that the first one stands on (`None`: any).
const PAIRS: &[(Option<&str>, &str, &str)] = &[
    (None, "has_part", "is_part_of"),
    (None, "relevant_resource", "relevant_to"),
    (Some("person"), "contact_details", "person"),
    (Some("organisation"), "contact_details", "organisation"),
];

/// The field of `to` that says the same as `field` of `from`, when there is one.
pub fn inverse(from: &ResourceType, field: &str, to: &ResourceType) -> Option<&'static str> {
    let holder_is = |holder: &Option<&str>, ty: &ResourceType| match holder {
        Some(name) => *name == ty.name,
        // The general pairs stand on every AI resource; on a contact, `person` is not one of them.
        None => true,
    };
    PAIRS.iter().find_map(|(holder, here, there)| {
        if field == *here && holder_is(holder, from) && (holder.is_none() || to.name == "contact") {
            Some(*there)
        } else if field == *there && holder_is(holder, to) && (holder.is_none() || from.name == "contact") {
            Some(*here)
        } else {
            None
        }
    })
}

/// Whether a field of this name may have an inverse, whatever stands at its other end.
pub fn has_inverse(from: &ResourceType, field: &str) -> bool {
    PAIRS.iter().any(|(holder, here, there)| match holder {
        None => field == *here || field == *there,
        Some(name) => (*name == from.name && field == *here) || (from.name == "contact" && field == *there),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{by_name, resource_types};

    #[test]
    fn inverses_point_back() {
        for from in resource_types() {
            for field in from.links() {
                for to in resource_types() {
                    if let Some(there) = inverse(from, field.name, to)
                        && to.object.field(there).is_some()
                    {
                        assert_eq!(inverse(to, there, from), Some(field.name), "{from:?} {} {to:?}", field.name);
                        assert!(has_inverse(from, field.name));
                    }
                }
            }
        }
    }

    #[test]
    fn teams_and_contacts_do_not_mix_up_organisation() {
        let (team, contact, organisation) = (by_name("team").unwrap(), by_name("contact").unwrap(), by_name("organisation").unwrap());
        assert_eq!(inverse(team, "organisation", organisation), None);
        assert_eq!(inverse(contact, "organisation", organisation), Some("contact_details"));
        assert_eq!(inverse(organisation, "contact_details", contact), Some("organisation"));
    }
}
