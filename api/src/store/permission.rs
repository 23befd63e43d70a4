//! Who may do what with a single resource.

use super::sql::{MAX_LISTED, Sql};
use super::{Db, Result, Tx};

aiod_schema::choice! {
    /// What a permission allows; each includes those before it.
    pub enum PermissionKind = "PermissionType" {
        /// See it before it is published.
        Read = "read",
        /// Change it.
        Write = "write",
        /// Delete and submit it, and say who may do what.
        Admin = "admin",
    }
}

/// What somebody may do with a resource.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct HeldPermission {
    /// Who, by the identity provider's id.
    pub subject: String,
    /// Who, by name.
    pub name: String,
    /// The permission as stored.
    pub kind: String,
}

impl Db {
    /// What an account may do with these resources: row id and permission.
    pub async fn permissions(&self, account: i64, assets: &[i64]) -> Result<Vec<(i64, PermissionKind)>> {
        let sql = Sql::new("SELECT asset_id, kind FROM permission WHERE account_id = ? AND asset_id IN ").bind(account).push_list(assets);
        let rows: Vec<(i64, String)> = self.fetch_all(sql).await?;
        Ok(rows.into_iter().filter_map(|(id, kind)| Some((id, PermissionKind::named(&kind)?))).collect())
    }

    /// Who may do what with a resource, in alphabetical order.
    pub async fn permissions_on(&self, asset: i64) -> Result<Vec<HeldPermission>> {
        let sql =
            Sql::new("SELECT u.subject, u.name, p.kind FROM permission p JOIN account u ON u.id = p.account_id WHERE p.asset_id = ? ");
        self.fetch_all(sql.push("ORDER BY u.name, u.id").bind(asset)).await
    }
}

impl Tx {
    /// Gives an account another permission on a resource, or none.
    pub(crate) async fn set_permission(&mut self, account: i64, asset: i64, kind: Option<PermissionKind>) -> Result<()> {
        let delete = Sql::new("DELETE FROM permission WHERE account_id = ? AND asset_id = ?").bind(account).bind(asset);
        self.execute(delete).await?;
        if let Some(kind) = kind {
            self.grant(account, &[asset], kind).await?;
        }
        Ok(())
    }

    /// What an account may do with these resources: row id and permission.
    pub(crate) async fn permissions(&mut self, account: i64, assets: &[i64]) -> Result<Vec<(i64, PermissionKind)>> {
        let mut found = Vec::new();
        for assets in assets.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT asset_id, kind FROM permission WHERE account_id = ? AND asset_id IN ").bind(account);
            let rows: Vec<(i64, String)> = self.fetch_all(sql.push_list(assets)).await?;
            found.extend(rows.into_iter().filter_map(|(id, kind)| Some((id, PermissionKind::named(&kind)?))));
        }
        Ok(found)
    }

    /// What an account may do with a resource.
    pub(crate) async fn permission(&mut self, account: i64, asset: i64) -> Result<Option<PermissionKind>> {
        let sql = Sql::new("SELECT kind FROM permission WHERE account_id = ? AND asset_id = ?").bind(account).bind(asset);
        Ok(self.fetch_optional::<(String,)>(sql).await?.and_then(|(kind,)| PermissionKind::named(&kind)))
    }

    /// Gives an account one permission on each of these resources.
    pub(crate) async fn grant(&mut self, account: i64, assets: &[i64], kind: PermissionKind) -> Result<()> {
        for assets in assets.chunks(MAX_LISTED) {
            let sql =
                Sql::new("INSERT INTO permission (asset_id, account_id, kind, date_modified) SELECT id, ?, ?, date_modified FROM asset ");
            self.execute(sql.push("WHERE id IN ").bind(account).bind(kind.as_str()).push_list(assets)).await?;
        }
        Ok(())
    }

    /// Writes when these resources last changed beside the permissions on them, so that one's own resources can be read in that order.
    pub(super) async fn date_permissions(&mut self, assets: &[i64]) -> Result<()> {
        for assets in assets.chunks(MAX_LISTED) {
            let sql = Sql::new("UPDATE permission SET date_modified = (SELECT a.date_modified FROM asset a WHERE a.id = asset_id) ");
            self.execute(sql.push("WHERE asset_id IN ").push_list(assets)).await?;
        }
        Ok(())
    }
}
