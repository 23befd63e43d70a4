//! References between resources. A reference has a row in `link`, and an entry in a text in the row of the resource that refers. Reading
//! takes the text alone.

use std::collections::{BTreeMap, BTreeSet};

use super::asset::Status;
use super::revise::Revision;
use super::sql::{Arg, MAX_LISTED, Sql};
use super::{Result, Tx};

/// One end of a reference: `from` says in `field` that it refers to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx_macros::FromRow)]
pub struct Link {
    /// Row id of the resource that refers.
    pub from_id: i64,
    /// The field that refers.
    pub field: String,
    /// Row id of the resource that is referred to.
    pub to_id: i64,
    /// Its position in the field.
    pub position: i64,
}

/// The position of links that were made from the other end: after all those that a body put in an order.
pub(crate) const APPENDED: i64 = 1_000_000;

/// What stands before the identifier of a resource that is not published.
const UNPUBLISHED: char = '!';

/// A resource at the other end of a link, as the text of links names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linked<'t> {
    /// Its identifier.
    pub identifier: &'t str,
    /// Whether anyone may see it.
    pub is_published: bool,
}

/// The lines of a text of links, sorted by field: the field, and what [`linked`] reads.
pub fn lines(links: &str) -> impl Iterator<Item = (&str, &str)> {
    links.split('\n').filter_map(|line| line.split_once(' '))
}

/// The line of a field; empty when it refers to nothing.
pub fn line<'t>(links: &'t str, field: &str) -> &'t str {
    lines(links).find(|(name, _)| *name == field).map(|(_, line)| line).unwrap_or_default()
}

/// The resources that a line names, in order.
pub fn linked(line: &str) -> impl Iterator<Item = Linked<'_>> {
    line.split_terminator(' ').map(|entry| match entry.strip_prefix(UNPUBLISHED) {
        Some(identifier) => Linked { identifier, is_published: false },
        None => Linked { identifier: entry, is_published: true },
    })
}

/// Whether the text of links names a resource that is not published.
pub fn has_unpublished(links: &str) -> bool {
    links.contains(UNPUBLISHED)
}

/// The text of links: fields, and in them identifiers, in the order in which they come; the status is that of the resource at
/// the other end.
pub(crate) fn text<'l>(links: impl Iterator<Item = (&'l str, &'l str, Status)>) -> String {
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    for (field, identifier, status) in links {
        let line = fields.entry(field).or_insert_with(|| field.to_owned());
        line.push(' ');
        if status != Status::Published {
            line.push(UNPUBLISHED);
        }
        line.push_str(identifier);
    }
    fields.into_values().collect::<Vec<_>>().join("\n")
}

impl Revision<'_> {
    /// Removes and adds links, each at the end that its row stands for. The resources at these ends show other links from now on.
    pub(crate) async fn change_links(&mut self, removed: &[Link], added: &[Link]) -> Result<()> {
        self.add_partners(removed.iter().chain(added).map(|l| l.from_id).collect()).await?;
        self.refresh_links_of_all();
        self.tx().delete_links(removed).await?;
        self.tx().insert_links(added).await
    }
}

impl Tx {
    /// Writes the texts of links of these resources, which the transaction has locked, anew.
    pub(super) async fn refresh_links(&mut self, ids: &[i64]) -> Result<()> {
        for ids in ids.chunks(MAX_LISTED) {
            let stored = Sql::new("SELECT id, links FROM asset WHERE id IN ").push_list(ids);
            let stored: Vec<(i64, String)> = self.fetch_all(stored).await?;
            let mut texts = self.link_texts(ids).await?;
            for (id, before) in stored {
                let text = texts.remove(&id).unwrap_or_default();
                if text != before {
                    self.execute(Sql::new("UPDATE asset SET links = ? WHERE id = ?").bind(text).bind(id)).await?;
                }
            }
        }
        Ok(())
    }

    /// The texts of links that the rows of links say, by the row id of the resource that refers.
    async fn link_texts(&mut self, ids: &[i64]) -> Result<BTreeMap<i64, String>> {
        let sql =
            Sql::new("SELECT l.from_id, l.field, t.identifier, t.status FROM link l JOIN asset t ON t.id = l.to_id WHERE l.from_id IN ")
                .push_list(ids)
                .push(" AND t.date_deleted IS NULL ORDER BY l.from_id, l.field, l.position, l.to_id");
        let links: Vec<(i64, String, String, String)> = self.fetch_all(sql).await?;
        let texts = links.chunk_by(|a, b| a.0 == b.0).filter_map(|of_one| {
            let (from_id, ..) = of_one.first()?;
            let named = of_one.iter().map(|(_, field, identifier, status)| (field.as_str(), identifier.as_str(), Status::parse(status)));
            Some((*from_id, text(named)))
        });
        Ok(texts.collect())
    }

    /// Takes a resource that is being deleted out of the texts of links of those that refer to it.
    pub(super) async fn remove_from_link_texts(&mut self, id: i64, identifier: &str) -> Result<()> {
        let owners: Vec<(i64,)> = self.fetch_all(Sql::new("SELECT DISTINCT from_id FROM link WHERE to_id = ?").bind(id)).await?;
        let owners: Vec<i64> = owners.into_iter().map(|(owner,)| owner).collect();
        for chunk in owners.chunks(MAX_LISTED) {
            let sql = Sql::new("UPDATE asset SET links = REPLACE(REPLACE(links, ?, ''), ?, '') WHERE id IN ");
            self.execute(sql.bind(format!(" {identifier}")).bind(format!(" {UNPUBLISHED}{identifier}")).push_list(chunk)).await?;
        }
        Ok(())
    }

    /// The living resources that refer to any of these.
    pub(super) async fn referring_to(&mut self, ids: &[i64]) -> Result<BTreeSet<i64>> {
        let mut owners = BTreeSet::new();
        for ids in ids.chunks(MAX_LISTED) {
            let sql = Sql::new("SELECT DISTINCT l.from_id FROM link l JOIN asset a ON a.id = l.from_id AND a.alive = 1 WHERE l.to_id IN ");
            let rows: Vec<(i64,)> = self.fetch_all(sql.push_list(ids).push(" ORDER BY l.from_id")).await?;
            owners.extend(rows.into_iter().map(|(owner,)| owner));
        }
        Ok(owners)
    }

    /// All links that start at these resources.
    pub(crate) async fn links_from(&mut self, ids: &[i64]) -> Result<Vec<Link>> {
        self.links_of(ids, "").await
    }

    /// Links that start at these resources and end at one that was not deleted.
    pub(crate) async fn living_links_from(&mut self, ids: &[i64]) -> Result<Vec<Link>> {
        self.links_of(ids, " JOIN asset t ON t.id = l.to_id AND t.alive = 1").await
    }

    async fn links_of(&mut self, ids: &[i64], join: &str) -> Result<Vec<Link>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            let select = Sql::new("SELECT l.from_id, l.field, l.to_id, l.position FROM link l").push(join);
            found.extend(self.fetch_all::<Link>(select.push(" WHERE l.from_id IN ").push_list(ids)).await?);
        }
        Ok(found)
    }

    /// Writes links; those that exist already are left.
    async fn insert_links(&mut self, links: &[Link]) -> Result<()> {
        let rows = links.iter().map(|l| vec![l.from_id.into(), l.field.as_str().into(), l.to_id.into(), l.position.into()]).collect();
        self.execute_each(Sql::insert_ignoring(self.dialect(), "link (from_id, field, to_id, position)", rows)).await
    }

    /// Removes links, whatever their position.
    async fn delete_links(&mut self, links: &[Link]) -> Result<()> {
        /// As many as an `INSERT` of links has, see [`Sql::insert`]; a power of two, as [`Sql::push_rows`] fills up to one.
        const AT_ONCE: usize = 512;
        for links in links.chunks(AT_ONCE) {
            let ends: Vec<[Arg; 3]> = links.iter().map(|l| [l.from_id.into(), l.field.as_str().into(), l.to_id.into()]).collect();
            // By the key's first column as well: for rows of values alone, SQLite and MariaDB read the whole table.
            let from: BTreeSet<i64> = links.iter().map(|l| l.from_id).collect();
            let from: Vec<i64> = from.into_iter().collect();
            let sql = Sql::new("DELETE FROM link WHERE from_id IN ").push_list(&from).push(" AND (from_id, field, to_id) IN ");
            self.execute(sql.push_rows(&ends)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_links_say_what_they_were_made_of() {
        let links = [("creator", "con_b", Status::Published), ("contact", "con_a", Status::Draft), ("creator", "con_a", Status::Draft)];
        let text = text(links.into_iter());
        assert_eq!(text, "contact !con_a\ncreator con_b !con_a");
        let creators: Vec<_> = linked(line(&text, "creator")).map(|l| (l.identifier, l.is_published)).collect();
        assert_eq!(creators, [("con_b", true), ("con_a", false)]);
        assert_eq!(linked(line(&text, "creat")).count(), 0);
        assert_eq!(linked(line("", "creator")).count(), 0);
        assert!(has_unpublished(&text));
    }
}
