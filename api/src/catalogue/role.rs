//! Which roles mean something to the rules.

use aiod_schema::resource_types;

use super::permission::{Grant, RULES};
use crate::config::Roles;
use crate::identity::CONNECTOR_PREFIX;

/// The forms of all roles: names, and patterns such as `platform_NAME`.
pub fn forms(roles: &Roles) -> Vec<String> {
    let mut forms: Vec<String> = roles.names().map(str::to_owned).into();
    forms.push(format!("{CONNECTOR_PREFIX}NAME"));
    for grant in grants() {
        let form = match grant {
            Grant::Role(role) => role.to_owned(),
            Grant::TypeRole(prefix) => format!("{prefix}_TYPE"),
            _ => continue,
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Whether some rule could look for this role.
pub fn exists(role: &str, roles: &Roles) -> bool {
    roles.names().contains(&role)
        || role.strip_prefix(CONNECTOR_PREFIX).is_some_and(|platform| !platform.trim().is_empty())
        || grants().any(|grant| match grant {
            Grant::Role(name) => name == role,
            Grant::TypeRole(prefix) => is_type_role(role, prefix),
            _ => false,
        })
}

fn grants() -> impl Iterator<Item = Grant> {
    RULES.iter().flat_map(|(_, grants)| grants.iter().copied())
}

fn is_type_role(role: &str, prefix: &str) -> bool {
    let name = role.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    name.is_some_and(|name| resource_types().iter().any(|resource| name == resource.name || name == resource.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_those_that_rules_look_for() {
        let roles = Roles::default();
        for role in ["admin_aiod_resources", "platform_openml", "update_dataset", "read_datasets", "create_platforms"] {
            assert!(exists(role, &roles), "{role}");
        }
        for role in ["", "admin", "platform_", "update_cake", "write_dataset", "Admin_aiod_resources"] {
            assert!(!exists(role, &roles), "{role}");
        }
        assert_eq!(forms(&roles).iter().filter(|form| form.ends_with("_TYPE")).count(), 3);
    }
}
