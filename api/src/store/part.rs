//! Parts of lists that could grow without end.

use super::sql::{Row, Sql};
use super::{Db, Result};

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// How many to pass over.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartOf<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Whether more comes behind it.
    pub has_more: bool,
}

impl Part {
    /// How many rows tell the part, and whether there are more: one more than it holds.
    pub(super) fn rows(self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// How many rows there are up to the end of the part, and one more.
    pub(super) fn rows_to_end(self) -> i64 {
        self.offset.saturating_add(self.rows())
    }
}

impl<T> PartOf<T> {
    /// The part that these rows tell: as many as the part holds, and one more if there are more.
    pub(super) fn of_rows(mut items: Vec<T>, part: Part) -> Self {
        let limit = usize::try_from(part.limit).unwrap_or_default();
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }

    /// The same part of something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> PartOf<U> {
        PartOf { items: self.items.into_iter().map(change).collect(), has_more: self.has_more }
    }
}

impl Db {
    /// A part of what a statement finds, which has no limit of its own.
    pub(super) async fn fetch_part<T: Row>(&self, sql: Sql, part: Part) -> Result<PartOf<T>> {
        let sql = sql.push(" LIMIT ? OFFSET ?").bind(part.rows()).bind(part.offset);
        Ok(PartOf::of_rows(self.fetch_all(sql).await?, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_more_tells_that_there_are_more() {
        let part = Part { offset: 4, limit: 2 };
        assert_eq!((part.rows(), part.rows_to_end()), (3, 7));
        assert_eq!(PartOf::of_rows(vec![1, 2, 3], part), PartOf { items: vec![1, 2], has_more: true });
        assert_eq!(PartOf::of_rows(vec![1, 2], part), PartOf { items: vec![1, 2], has_more: false });
        assert_eq!(Part { offset: i64::MAX, limit: 1 }.rows_to_end(), i64::MAX);
    }
}
