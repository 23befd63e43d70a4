//! Images of organisations and projects.

use super::revise::Revision;
use super::sql::Sql;
use super::{Db, Result, Tx};

/// An image.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct ImageRow {
    /// Row id of the resource that it belongs to.
    pub asset_id: i64,
    /// Its name, unique within the resource.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

const IMAGE: &str = "SELECT asset_id, name, media_type, bytes FROM image";

impl Db {
    /// All images of these resources.
    pub async fn images(&self, assets: &[i64]) -> Result<Vec<ImageRow>> {
        if assets.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch_all(Sql::new(IMAGE).push(" WHERE asset_id IN ").push_list(assets).push(" ORDER BY asset_id, name")).await
    }

    /// How many bytes all images of these resources have.
    pub async fn images_size(&self, assets: &[i64]) -> Result<i64> {
        // A sum is a DECIMAL in MySQL.
        let sql = Sql::new("SELECT CAST(COALESCE(SUM(LENGTH(bytes)), 0) AS SIGNED) FROM image WHERE asset_id IN ").push_list(assets);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.map_or(0, |(size,)| size))
    }

    /// One image.
    pub async fn image(&self, asset: i64, name: &str) -> Result<Option<ImageRow>> {
        self.fetch_optional(Sql::new(IMAGE).push(" WHERE asset_id = ? AND name = ?").bind(asset).bind(name)).await
    }
}

impl Tx {
    /// Whether a resource has an image of this name.
    pub(crate) async fn has_image(&mut self, asset: i64, name: &str) -> Result<bool> {
        let sql = Sql::new("SELECT asset_id FROM image WHERE asset_id = ? AND name = ?").bind(asset).bind(name);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.is_some())
    }

    /// How many images a resource has.
    pub(crate) async fn count_images(&mut self, asset: i64) -> Result<i64> {
        let sql = Sql::new("SELECT COUNT(*) FROM image WHERE asset_id = ?").bind(asset);
        Ok(self.fetch_optional::<(i64,)>(sql).await?.map_or(0, |(count,)| count))
    }
}

impl Revision<'_> {
    /// Adds an image, which shows on its resource.
    pub(crate) async fn insert_image(&mut self, image: ImageRow) -> Result<()> {
        self.add_touched([image.asset_id].into()).await?;
        let sql = Sql::new("INSERT INTO image (asset_id, name, media_type, bytes) VALUES (?, ?, ?, ?)");
        self.tx().execute(sql.bind(image.asset_id).bind(image.name).bind(image.media_type).bind(image.bytes)).await.map(drop)
    }

    /// Replaces the image of this name.
    pub(crate) async fn replace_image(&mut self, image: ImageRow) -> Result<()> {
        self.delete_image(image.asset_id, &image.name).await?;
        self.insert_image(image).await
    }

    /// Removes an image; whether there was one.
    pub(crate) async fn delete_image(&mut self, asset: i64, name: &str) -> Result<bool> {
        self.add_touched([asset].into()).await?;
        let sql = Sql::new("DELETE FROM image WHERE asset_id = ? AND name = ?").bind(asset).bind(name);
        Ok(self.tx().execute(sql).await? > 0)
    }
}
