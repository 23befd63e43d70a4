//! Where MySQL and SQLite differ.

use super::{Db, Tx};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    MySql,
    Sqlite,
}

impl Db {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite { .. } => Dialect::Sqlite,
        }
    }
}

impl Tx {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }
}

impl Dialect {
    /// Locks the rows that a `SELECT` finds until the transaction ends. SQLite's one writer has them already.
    pub(crate) fn for_update(self) -> &'static str {
        match self {
            Self::MySql => " FOR UPDATE",
            Self::Sqlite => "",
        }
    }

    /// Keeps others from changing the rows that a `SELECT` finds until the transaction ends.
    pub(crate) fn for_share(self) -> &'static str {
        match self {
            // MariaDB has no FOR SHARE.
            Self::MySql => " LOCK IN SHARE MODE",
            Self::Sqlite => "",
        }
    }

    /// The beginning of an `INSERT` that passes over rows whose unique key exists.
    pub(crate) fn insert_ignore(self) -> &'static str {
        match self {
            Self::MySql => "INSERT IGNORE INTO",
            Self::Sqlite => "INSERT OR IGNORE INTO",
        }
    }

    /// Behind a table's name: reads it in the order of its primary key. Otherwise MySQL may take an index that suits it better for
    /// one statement, and sort, which is dear when a table is read piece by piece.
    pub(crate) fn by_primary_key(self) -> &'static str {
        match self {
            Self::MySql => " FORCE INDEX (PRIMARY)",
            Self::Sqlite => "",
        }
    }
}
