//! The platforms that resources come from.

use aiod_schema::platform::{MAX_NAME, PLATFORMS};

use super::permission::{Action, Subject, is_allowed, require_user};
use super::shapes::{PlatformCreate, PlatformRead};
use super::transaction::transaction;
use super::{Catalogue, Error, Result};
use crate::identity::Caller;

/// The name that a body asks for, in lower case. Names stand in paths and in roles, so they have no characters that mean something there.
fn name_of(wanted: &PlatformCreate) -> Result<String> {
    let name = wanted.name.to_lowercase();
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-.".contains(&c);
    // A path loses segments of dots alone.
    let is_dots = name.bytes().all(|c| c == b'.');
    if is_dots || name.len() > MAX_NAME || !name.bytes().all(fits) {
        return Err(Error::body(
            "name",
            format!("a platform's name has 1 to {MAX_NAME} letters, digits, '_', '-' or '.', and not dots alone"),
        ));
    }
    Ok(name)
}

fn not_found(identifier: &str) -> Error {
    Error::NotFound(format!("Platform '{identifier}' not found in the database."))
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("There already exists a platform with the name '{name}'."))
}

impl From<(i64, String)> for PlatformRead {
    fn from((id, name): (i64, String)) -> Self {
        Self { name, identifier: id.to_string() }
    }
}

impl Catalogue {
    /// Platforms in the order of their registration.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn platforms(&self, offset: i64, limit: i64) -> Result<Vec<PlatformRead>> {
        Ok(self.db.platforms(offset, limit).await?.into_iter().map(PlatformRead::from).collect())
    }

    /// The platform with this number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn platform(&self, identifier: &str) -> Result<PlatformRead> {
        let id: i64 = identifier.parse().map_err(|_| not_found(identifier))?;
        self.db.platform(id).await?.map(PlatformRead::from).ok_or_else(|| not_found(identifier))
    }

    /// How many platforms there are.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_platforms(&self) -> Result<i64> {
        Ok(self.db.count_platforms().await?)
    }

    /// Registers the platforms that the model declares and the catalogue lacks.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn add_declared_platforms(&self) -> Result<()> {
        Ok(self.db.add_platforms(PLATFORMS.iter().map(|platform| platform.name)).await?)
    }

    fn may(&self, caller: &Caller, action: Action, what: &str) -> Result<()> {
        if is_allowed(&self.roles, caller, action, Subject::default()) {
            return Ok(());
        }
        Err(Error::Forbidden(format!("You do not have permission to {what} platforms.")))
    }

    /// Registers a platform; its number.
    ///
    /// # Errors
    /// When the caller may not, or the name is faulty or taken.
    pub async fn create_platform(&self, caller: &Caller, wanted: &PlatformCreate) -> Result<i64> {
        require_user(caller)?;
        let name = name_of(wanted)?;
        self.may(caller, Action::CreatePlatform, "create")?;
        match self.db.insert_platform(&name).await {
            Err(error) if error.is_duplicate() => return Err(taken(&name)),
            other => other?,
        }
        self.db.platform_by_name(&name).await?.map(|(id, _)| id).ok_or_else(|| not_found(&name))
    }

    /// Renames a platform that no resource is of.
    ///
    /// # Errors
    /// When there is none, the caller may not, the name is faulty or taken, or resources bear the old one.
    pub async fn rename_platform(&self, caller: &Caller, id: i64, wanted: &PlatformCreate) -> Result<()> {
        require_user(caller)?;
        let name = name_of(wanted)?;
        self.may(caller, Action::ChangePlatform, "edit")?;
        let outcome = transaction!(self.db, tx => {
            let old = tx.lock_platform(id).await?.ok_or_else(|| not_found(&id.to_string()))?;
            if old != name {
                if tx.platform_is_used(&old).await? {
                    return Err(Error::Conflict(format!("The platform '{old}' cannot be renamed: resources belong to it.")));
                }
                tx.rename_platform(id, &name).await?;
            }
            Ok(())
        });
        match outcome {
            Err(Error::Store(error)) if error.is_duplicate() => Err(taken(&name)),
            other => other,
        }
    }

    /// Removes a platform that no resource is of.
    ///
    /// # Errors
    /// When there is none, the caller may not, or resources belong to it.
    pub async fn delete_platform(&self, caller: &Caller, identifier: &str) -> Result<()> {
        require_user(caller)?;
        self.may(caller, Action::ChangePlatform, "delete")?;
        let id: i64 = identifier.parse().map_err(|_| not_found(identifier))?;
        transaction!(self.db, tx => {
            let name = tx.lock_platform(id).await?.ok_or_else(|| not_found(identifier))?;
            if tx.platform_is_used(&name).await? {
                return Err(Error::Conflict(format!("The platform '{name}' cannot be deleted: resources belong to it.")));
            }
            Ok(tx.delete_platform(id).await?)
        })
    }
}
