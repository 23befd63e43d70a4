//! Images of organisations and projects.

use super::revise::Revision;
use super::sql::Sql;
use super::{Db, Result, Tx};

/// An image.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct ImageRow {
    /// Its number, which tells the order in which images were added.
    pub id: i64,
    /// Row id of the resource that it belongs to.
    pub asset_id: i64,
    /// Its name, unique within the resource.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

const IMAGE: &str = "SELECT id, asset_id, name, media_type, bytes FROM image";

/// An image that is to be kept.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// Row id of the resource that it belongs to.
    pub asset_id: i64,
    /// Its name, unique within the resource.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// An image without its file.
#[derive(Clone, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct ListedImage {
    /// Row id of the resource that it belongs to.
    pub asset_id: i64,
    /// Its name.
    pub name: String,
    /// Such as `image/png`.
    pub media_type: String,
}

/// The images of these resources, without their files, in the order in which they were added.
fn listed(assets: &[i64]) -> Sql {
    Sql::new("SELECT asset_id, name, media_type FROM image WHERE asset_id IN ").push_list(assets).push(" ORDER BY id")
}

impl Db {
    /// All images of these resources, in the order in which they were added.
    pub async fn images(&self, assets: &[i64]) -> Result<Vec<ImageRow>> {
        if assets.is_empty() {
            return Ok(Vec::new());
        }
        self.fetch_all(Sql::new(IMAGE).push(" WHERE asset_id IN ").push_list(assets).push(" ORDER BY id")).await
    }

    /// The same without the files.
    pub async fn listed_images(&self, assets: &[i64]) -> Result<Vec<ListedImage>> {
        if assets.is_empty() { Ok(Vec::new()) } else { self.fetch_all(listed(assets)).await }
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
    /// The images of these resources, without their files, in the order in which they were added.
    pub(crate) async fn listed_images(&mut self, assets: &[i64]) -> Result<Vec<ListedImage>> {
        if assets.is_empty() { Ok(Vec::new()) } else { self.fetch_all(listed(assets)).await }
    }

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
    pub(crate) async fn insert_image(&mut self, image: NewImage) -> Result<()> {
        self.add_touched([image.asset_id].into()).await?;
        let sql = Sql::new("INSERT INTO image (asset_id, name, media_type, bytes) VALUES (?, ?, ?, ?)");
        self.tx().execute(sql.bind(image.asset_id).bind(image.name).bind(image.media_type).bind(image.bytes)).await.map(drop)
    }

    /// Replaces the image of this name, which keeps its number and so its place among the others.
    pub(crate) async fn replace_image(&mut self, image: NewImage) -> Result<()> {
        self.add_touched([image.asset_id].into()).await?;
        let sql = Sql::new("UPDATE image SET media_type = ?, bytes = ? WHERE asset_id = ? AND name = ?");
        self.tx().execute(sql.bind(image.media_type).bind(image.bytes).bind(image.asset_id).bind(image.name)).await.map(drop)
    }

    /// Removes an image; whether there was one.
    pub(crate) async fn delete_image(&mut self, asset: i64, name: &str) -> Result<bool> {
        self.add_touched([asset].into()).await?;
        let sql = Sql::new("DELETE FROM image WHERE asset_id = ? AND name = ?").bind(asset).bind(name);
        Ok(self.tx().execute(sql).await? > 0)
    }
}
