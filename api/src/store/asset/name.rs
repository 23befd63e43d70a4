//! The names of resources that others are linked to.

use crate::store::sql::Sql;
use crate::store::{Db, Result};

/// The most names that one answer tells. Only a large page of resources with hundreds of links each has more.
const MAX_NAMES: i64 = 20_000;

/// What a published resource is called that another one is linked to.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct NameRow {
    /// Its identifier.
    pub identifier: String,
    /// Its platform.
    pub platform: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its name in law.
    pub legal_name: Option<String>,
    /// The linked resource that leads to it; nothing where it is linked itself.
    pub reached_by: Option<String>,
}

/// Which names are wanted.
#[derive(Clone, Copy, Debug)]
pub struct NameQuery<'q> {
    /// Row ids of the resources that are linked to others.
    pub ids: &'q [i64],
    /// The fields in which they are.
    pub fields: &'q [&'static str],
    /// The fields in which those others are linked to whom they stand for.
    pub owners: &'q [&'static str],
    /// The field of a document that holds a name in law.
    pub legal_name: &'static str,
}

impl Db {
    /// The names of published resources, in one statement for all of a page.
    pub async fn names_of_linked(&self, query: NameQuery<'_>) -> Result<Vec<NameRow>> {
        let select = |of: &str, reached_by: &str| {
            let legal_name = self.dialect().json_text(&format!("{of}.document"), query.legal_name);
            format!("SELECT {of}.identifier, {of}.platform, {of}.name, {legal_name} AS legal_name, {reached_by} AS reached_by FROM link l ")
        };
        const LINKED: &str = "JOIN asset t ON t.id = l.to_id AND t.status = 'published' AND t.alive = 1";
        const OWNER: &str = " JOIN link m ON m.from_id = t.id JOIN asset o ON o.id = m.to_id AND o.status = 'published' AND o.alive = 1";
        let of = |sql: Sql| sql.push(" WHERE l.from_id IN ").push_list(query.ids).push(" AND l.field IN ").push_list(query.fields);
        let owners = of(Sql::new(select("o", "t.identifier")).push(LINKED).push(OWNER)).push(" AND m.field IN ").push_list(query.owners);
        let linked = of(Sql::new(select("t", "NULL")).push(LINKED));
        self.fetch_all(owners.push(" UNION ").append(linked).push(" LIMIT ?").bind(MAX_NAMES)).await
    }
}
