//! References between resources. A reference has a row in `link`. What a resource says itself also stands in a text in its own row, and
//! reading takes the text. References that others made stand at `APPENDED` and not in the text, so that whoever makes one writes no row
//! of the other end. Reading looks for them in one more statement for all that is read, where `asset.is_linked` says that there may be some.

use std::collections::{BTreeMap, BTreeSet};

use super::asset::Status;
use super::readers::Weighed;
use super::revise::Revision;
use super::sql::{Arg, MAX_LISTED, Sql};
use super::{Db, Result, Tx};

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

/// The position of links that were made from the other end: after all those that a body put in an order. Migrations name it, too.
pub(crate) const APPENDED: i64 = 1_000_000;

/// A link that another resource made, as whoever reads this one sees it.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub(super) struct OtherLink {
    /// Row id of the resource that is read.
    pub(super) from_id: i64,
    field: String,
    identifier: String,
    status: String,
}

impl Weighed for OtherLink {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.field.len() + self.identifier.len() + self.status.len()
    }
}

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

/// The text of links of a resource with those that others made.
pub(super) fn with_others(own: &str, others: &[OtherLink]) -> String {
    let mut fields: BTreeMap<&str, String> = lines(own).map(|(field, line)| (field, format!("{field} {line}"))).collect();
    for link in others {
        let line = fields.entry(&link.field).or_insert_with(|| link.field.clone());
        line.push_str(&Entry::of(Status::parse(&link.status)).spelled(&link.identifier));
    }
    fields.into_values().collect::<Vec<_>>().join("\n")
}

/// How the texts of links name a resource from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Published,
    Unpublished,
    Absent,
}

impl Entry {
    /// The entry of a resource of this status.
    pub(super) fn of(status: Status) -> Self {
        if status == Status::Published { Self::Published } else { Self::Unpublished }
    }

    /// The entry with the blank before it.
    fn spelled(self, identifier: &str) -> String {
        match self {
            Self::Published => format!(" {identifier}"),
            Self::Unpublished => format!(" {UNPUBLISHED}{identifier}"),
            Self::Absent => String::new(),
        }
    }
}

impl Revision<'_> {
    /// Removes and adds links, each at the end that its row stands for. The resources at these ends show other links from now on.
    pub(crate) async fn change_links(&mut self, removed: &[Link], added: &[Link]) -> Result<()> {
        // Who said a link, and did not remove it, says it no longer all the same.
        let said = self.tx().own_links_among(removed).await?;
        let sayers: BTreeSet<i64> = said.into_iter().map(|link| link.from_id).collect();
        self.tx().lock_rows(&sayers).await?;
        self.refresh_links_of(sayers);
        self.add_shown(removed.iter().chain(added).map(|l| l.from_id));
        self.tx().delete_links(removed).await?;
        self.tx().insert_links(added).await?;
        let linked: BTreeSet<i64> = added.iter().filter(|l| l.position == APPENDED).map(|l| l.from_id).collect();
        self.tx().mark_linked(linked).await
    }

    /// Has those that refer to these resources name them by another entry. They may be very many: their texts take a statement for each of
    /// these resources, and not one for each of theirs.
    pub(super) async fn rename_in_links(&mut self, resources: &[(i64, String)], entry: Entry) -> Result<()> {
        let ids: Vec<i64> = resources.iter().map(|(id, _)| *id).collect();
        let links = self.tx().links_to(&ids).await?;
        self.add_shown(links.iter().map(|link| link.from_id));
        let mut sayers: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for link in links.iter().filter(|link| link.position < APPENDED) {
            sayers.entry(link.to_id).or_default().insert(link.from_id);
        }
        self.tx().lock_rows(&sayers.values().flatten().copied().collect()).await?;
        for (id, identifier) in resources {
            let owners: Vec<i64> = sayers.remove(id).unwrap_or_default().into_iter().collect();
            self.tx().replace_in_link_texts(&owners, identifier, entry).await?;
        }
        Ok(())
    }
}

impl Db {
    /// The links of these resources, which one statement found, that others made, in order; together they may have this many bytes.
    pub(super) async fn links_of_others(&self, ids: &[i64], most: usize) -> Result<Vec<OtherLink>> {
        let sql = Sql::new(
            "SELECT l.from_id, l.field, t.identifier, t.status FROM link l JOIN asset t ON t.id = l.to_id AND t.date_deleted IS NULL \
             WHERE l.position = ? AND l.from_id IN ",
        );
        self.fetch_within(sql.bind(APPENDED).push_list(ids).push(" ORDER BY l.from_id, l.field, l.to_id"), most).await
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
                .push(" AND l.position < ? AND t.date_deleted IS NULL ORDER BY l.from_id, l.field, l.position, l.to_id")
                .bind(APPENDED);
        let links: Vec<(i64, String, String, String)> = self.fetch_all(sql).await?;
        let texts = links.chunk_by(|a, b| a.0 == b.0).filter_map(|of_one| {
            let (from_id, ..) = of_one.first()?;
            let named = of_one.iter().map(|(_, field, identifier, status)| (field.as_str(), identifier.as_str(), Status::parse(status)));
            Some((*from_id, text(named)))
        });
        Ok(texts.collect())
    }

    /// Replaces the entry of a resource in the texts of links of those that refer to it.
    async fn replace_in_link_texts(&mut self, owners: &[i64], identifier: &str, entry: Entry) -> Result<()> {
        let (published, unpublished) = (Entry::Published.spelled(identifier), Entry::Unpublished.spelled(identifier));
        for owners in owners.chunks(MAX_LISTED) {
            let sql = Sql::new("UPDATE asset SET links = REPLACE(REPLACE(links, ?, ?), ?, ?) WHERE id IN ");
            let sql = sql.bind(&unpublished).bind(&published).bind(&published).bind(entry.spelled(identifier));
            self.execute(sql.push_list(owners)).await?;
        }
        Ok(())
    }

    /// Notes that others may have made links to these resources. Most were noted before: only the others are locked and written, see
    /// [`Tx::find_living`].
    async fn mark_linked(&mut self, ids: BTreeSet<i64>) -> Result<()> {
        let ids: Vec<i64> = ids.into_iter().collect();
        for ids in ids.chunks(MAX_LISTED) {
            let unmarked = Sql::new("SELECT id FROM asset WHERE is_linked = 0 AND id IN ").push_list(ids).push(" ORDER BY id");
            let unmarked: Vec<(i64,)> = self.fetch_all(unmarked).await?;
            let unmarked: Vec<i64> = unmarked.into_iter().map(|(id,)| id).collect();
            if !unmarked.is_empty() {
                self.execute(Sql::new("UPDATE asset SET is_linked = 1 WHERE id IN ").push_list(&unmarked)).await?;
            }
        }
        Ok(())
    }

    /// Which of these links the resource that refers says itself.
    async fn own_links_among(&mut self, links: &[Link]) -> Result<Vec<Link>> {
        self.said_among(links, "").await
    }

    /// Which of these links a submitted resource says itself: they stay as they are while it waits for its review.
    pub(crate) async fn submitted_links_among(&mut self, links: &[Link]) -> Result<Vec<Link>> {
        self.said_among(links, " JOIN asset a ON a.id = l.from_id AND a.status = 'submitted'").await
    }

    async fn said_among(&mut self, links: &[Link], join: &str) -> Result<Vec<Link>> {
        let mut found = Vec::new();
        for links in links.chunks(ENDS_AT_ONCE) {
            let select = format!("SELECT l.from_id, l.field, l.to_id, l.position FROM link l{join} WHERE l.position < ? AND l.from_id IN ");
            found.extend(self.fetch_all::<Link>(push_ends(Sql::new(select).bind(APPENDED), "l.", links)).await?);
        }
        Ok(found)
    }

    /// The links to these resources from others that live.
    async fn links_to(&mut self, ids: &[i64]) -> Result<Vec<Link>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            let select = "SELECT l.from_id, l.field, l.to_id, l.position FROM link l JOIN asset a ON a.id = l.from_id AND a.alive = 1 \
                          WHERE l.to_id IN ";
            found.extend(self.fetch_all::<Link>(Sql::new(select).push_list(ids)).await?);
        }
        Ok(found)
    }

    /// All links that start at these resources.
    pub(crate) async fn links_from(&mut self, ids: &[i64]) -> Result<Vec<Link>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_LISTED) {
            let select = Sql::new("SELECT from_id, field, to_id, position FROM link WHERE from_id IN ");
            found.extend(self.fetch_all::<Link>(select.push_list(ids)).await?);
        }
        Ok(found)
    }

    /// Writes links, in the order of their keys: two writers of the same links then wait for each other. One that exists already keeps the
    /// smaller position: what a resource says itself it goes on saying, also where another end says it at the same time.
    async fn insert_links(&mut self, links: &[Link]) -> Result<()> {
        let links: BTreeSet<&Link> = links.iter().collect();
        let rows = links.iter().map(|l| vec![l.from_id.into(), l.field.as_str().into(), l.to_id.into(), l.position.into()]).collect();
        let keeping = self.dialect().keeping_least_position("from_id, field, to_id");
        for sql in Sql::insert_repeating("INSERT INTO link (from_id, field, to_id, position) VALUES", rows) {
            self.execute(sql.push(&keeping)).await?;
        }
        Ok(())
    }

    /// Removes links, whatever their position.
    async fn delete_links(&mut self, links: &[Link]) -> Result<()> {
        for links in links.chunks(ENDS_AT_ONCE) {
            self.execute(push_ends(Sql::new("DELETE FROM link WHERE from_id IN "), "", links)).await?;
        }
        Ok(())
    }
}

/// How many links a statement names: as many as an `INSERT` of links has, see [`Sql::insert`]; a power of two, as [`Sql::push_rows`] fills
/// up to one.
const ENDS_AT_ONCE: usize = 512;

/// Ends a statement that names links by their key. It names the key's first column by itself as well: for rows of values alone, SQLite
/// and MariaDB read the whole table.
fn push_ends(sql: Sql, table: &str, links: &[Link]) -> Sql {
    let ends: Vec<[Arg; 3]> = links.iter().map(|l| [l.from_id.into(), l.field.as_str().into(), l.to_id.into()]).collect();
    let from: BTreeSet<i64> = links.iter().map(|l| l.from_id).collect();
    let from: Vec<i64> = from.into_iter().collect();
    sql.push_list(&from).push(&format!(" AND ({table}from_id, {table}field, {table}to_id) IN ")).push_rows(&ends)
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

    #[test]
    fn links_that_others_made_stand_behind_a_resources_own() {
        let own = "has_part data_b !data_c\nname con_x";
        assert_eq!(with_others(own, &[]), own);
        let other = |field: &str, identifier: &str, status: Status| OtherLink {
            from_id: 1,
            field: field.to_owned(),
            identifier: identifier.to_owned(),
            status: status.as_str().to_owned(),
        };
        let others = [
            other("has_part", "data_a", Status::Published),
            other("is_part_of", "data_z", Status::Draft),
            other("is_part_of", "data_y", Status::Published),
        ];
        assert_eq!(with_others(own, &others), "has_part data_b !data_c data_a\nis_part_of !data_z data_y\nname con_x");
    }
}
