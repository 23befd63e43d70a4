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
            Self::MySql { .. } => Dialect::MySql,
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

    /// The same for those of the rows that nobody has locked; the `SELECT` finds no others.
    pub(crate) fn for_share_of_free(self) -> &'static str {
        match self {
            // MySQL takes SKIP LOCKED with FOR SHARE only. The first of the two comments is for MySQL, the second one for MariaDB.
            Self::MySql => " /*!80001 FOR SHARE */ /*M!100600 LOCK IN SHARE MODE */ SKIP LOCKED",
            Self::Sqlite => "",
        }
    }

    /// Locks those of the rows that a `SELECT` finds that nobody has locked; the `SELECT` finds no others.
    pub(crate) fn for_update_of_free(self) -> &'static str {
        match self {
            Self::MySql => " FOR UPDATE SKIP LOCKED",
            Self::Sqlite => "",
        }
    }

    /// The text of a field of a JSON document; NULL where there is none. MariaDB has no `->>`.
    pub(crate) fn json_text(self, document: &str, field: &str) -> String {
        match self {
            Self::MySql => format!("JSON_UNQUOTE(JSON_EXTRACT({document}, '$.{field}'))"),
            Self::Sqlite => format!("JSON_EXTRACT({document}, '$.{field}')"),
        }
    }

    /// How many bytes the text of a column has.
    pub(crate) fn bytes_of(self, column: &str) -> String {
        match self {
            Self::MySql => format!("LENGTH({column})"),
            Self::Sqlite => format!("LENGTH(CAST({column} AS BLOB))"),
        }
    }

    /// The beginning of an `INSERT` that passes over rows whose unique key exists.
    pub(crate) fn insert_ignore(self) -> &'static str {
        match self {
            Self::MySql => "INSERT IGNORE INTO",
            Self::Sqlite => "INSERT OR IGNORE INTO",
        }
    }

    /// Behind a table's name: reads it by this index. MySQL weighs all of them for each run of a statement, which takes longer than
    /// reading ten rows, and may take one by which it has to sort.
    pub(crate) fn by_index(self, index: &str) -> String {
        match self {
            Self::MySql => format!(" FORCE INDEX ({index})"),
            Self::Sqlite => String::new(),
        }
    }

    /// Behind an `INSERT`: where a row with this key exists, it keeps the smaller `position` of both.
    pub(crate) fn keeping_least_position(self, key: &str) -> String {
        match self {
            Self::MySql => " ON DUPLICATE KEY UPDATE position = LEAST(position, VALUES(position))".to_owned(),
            Self::Sqlite => format!(" ON CONFLICT ({key}) DO UPDATE SET position = MIN(position, excluded.position)"),
        }
    }

    /// Behind an `INSERT`: where a row with this key exists, adds the new `total` to its own.
    pub(crate) fn adding_to_total(self, key: &str) -> String {
        match self {
            Self::MySql => " ON DUPLICATE KEY UPDATE total = total + VALUES(total)".to_owned(),
            Self::Sqlite => format!(" ON CONFLICT ({key}) DO UPDATE SET total = total + excluded.total"),
        }
    }
}
