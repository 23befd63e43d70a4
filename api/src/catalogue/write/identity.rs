//! What identifies a resource: its identifier in the catalogue, its platform, and its key there.

use aiod_schema::identifier::platform_identifier_fault;
use aiod_schema::validate::Step;
use aiod_schema::{Fault, Input, ResourceType, new_identifier};

use super::HOME_PLATFORM;
use crate::catalogue::error::unknown_platform_with_hint;
use crate::catalogue::permission::{Action, Subject, is_allowed};
use crate::catalogue::{Catalogue, Error, Result};
use crate::identity::{Caller, User};
use crate::store::Tx;
use crate::store::asset::{Head, Status};

/// What identifies a new resource, and its first status.
pub(in crate::catalogue) struct Identity {
    /// The identifier in the catalogue.
    pub(in crate::catalogue) identifier: String,
    /// The platform.
    pub(in crate::catalogue) platform: String,
    /// The platform's identifier.
    pub(in crate::catalogue) platform_resource_identifier: Option<String>,
    /// The key that is unique on the platform.
    pub(in crate::catalogue) platform_key: String,
    /// The first status.
    pub(in crate::catalogue) status: Status,
}

/// The key of a platform's identifier: identifiers are unique whatever their case.
pub(in crate::catalogue) fn platform_key(identifier: &str) -> String {
    identifier.to_lowercase()
}

/// The key of a related resource without a platform's identifier: its name, after a character that no identifier has.
pub(in crate::catalogue) fn name_key(name: &str) -> String {
    format!("\u{1f}{}", name.trim().to_lowercase())
}

impl Catalogue {
    /// What identifies a resource that this user registers.
    pub(super) fn identity(&self, caller: &Caller, user: &User, input: &Input) -> Result<Identity> {
        let identifier = new_identifier(input.resource.prefix);
        if !user.is_connector() {
            if input.platform.is_some() || input.platform_resource_identifier.is_some() {
                return Err(Error::Forbidden(
                    "No permission to set platform or platform_resource_identifier: they are set for you. Leave them out.".to_owned(),
                ));
            }
            return Ok(Identity {
                platform: HOME_PLATFORM.to_owned(),
                platform_resource_identifier: Some(identifier.clone()),
                platform_key: platform_key(&identifier),
                identifier,
                status: Status::Draft,
            });
        }
        let (Some(platform), Some(own)) = (&input.platform, &input.platform_resource_identifier) else {
            return Err(Error::Forbidden("A connector must set both platform and platform_resource_identifier.".to_owned()));
        };
        let subject = Subject { resource: Some(input.resource), platform: Some(platform), ..Subject::default() };
        if !is_allowed(&self.roles, caller, Action::RegisterOnPlatform, subject) {
            return Err(Error::Forbidden(format!("No permission to register resources of platform '{platform}'.")));
        }
        check_platform_identifier(platform, own)?;
        Ok(Identity {
            identifier,
            platform: platform.clone(),
            platform_resource_identifier: Some(own.clone()),
            platform_key: platform_key(own),
            status: Status::Published,
        })
    }
}

/// Says that the platform's identifier is taken.
pub(super) fn already_exists(resource: &ResourceType, existing: &Head) -> Error {
    Error::Conflict(format!(
        "There already exists a {} with the same platform and platform_resource_identifier, with identifier={}.",
        resource.name, existing.identifier
    ))
}

/// Refuses platform identifiers that break their platform's rule.
pub(super) fn check_platform_identifier(platform: &str, identifier: &str) -> Result<()> {
    platform_identifier_fault(platform, identifier).map_or(Ok(()), |message| Err(Error::body("platform_resource_identifier", message)))
}

/// Refuses platforms that the catalogue does not know: the resource's own and those of its files.
pub(super) async fn check_platforms(tx: &mut Tx, input: &Input, own: Option<&str>) -> Result<()> {
    let mut named: Vec<(Vec<Step>, String)> = input.platforms.clone();
    named.extend(own.filter(|p| *p != HOME_PLATFORM).map(|p| (vec!["body".into(), "platform".into()], p.to_owned())));
    if named.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let known = tx.known_platforms(&names).await?;
    match named.into_iter().find(|(_, name)| !known.contains(name)) {
        None => Ok(()),
        Some((location, name)) => {
            let place = Fault::new(location, "", "").path();
            Err(Error::Precondition(format!("{place}: {}.", unknown_platform_with_hint(&name))))
        }
    }
}
