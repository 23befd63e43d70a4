//! Statements: one text and its arguments, for whichever database is configured.

use sqlx::mysql::{MySql, MySqlArguments, MySqlRow};
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow};

use super::dialect::Dialect;

/// The most values of a list in one statement; longer lists take several statements.
pub(crate) const MAX_LISTED: usize = 4_000;

/// A row type that either database can fill.
pub(crate) trait Row: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

/// An argument of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

impl Arg {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Int(_) | Self::Text(None) => 8,
            Self::Text(Some(text)) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}
impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}
impl From<Option<String>> for Arg {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}
impl From<Vec<u8>> for Arg {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

/// A statement: its text, with `?` for each argument, and the arguments.
///
/// The text is made of literals of this crate alone; whatever comes from outside is an argument.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    text: String,
    args: Vec<Arg>,
}

impl Sql {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), args: Vec::new() }
    }

    pub(crate) fn bind(mut self, arg: impl Into<Arg>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds text.
    pub(crate) fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds another statement's text and arguments.
    pub(crate) fn append(mut self, other: Self) -> Self {
        self.text.push_str(&other.text);
        self.args.extend(other.args);
        self
    }

    /// Adds `(?, ?, …)` for a list. The list is filled up to a power of two with its last value, so that a few prepared
    /// statements serve lists of all lengths; an empty list becomes `(NULL)`, which nothing is in.
    pub(crate) fn push_list<T: Into<Arg> + Clone>(mut self, values: &[T]) -> Self {
        let Some(last) = values.last() else { return self.push("(NULL)") };
        let length = values.len().next_power_of_two();
        self.push_placeholders(length);
        self.args.extend(values.iter().cloned().map(Into::into));
        self.args.extend(std::iter::repeat_n(last.clone().into(), length - values.len()));
        self
    }

    /// Adds `((?, ?), …)` for a list of rows, filled up as [`Self::push_list`] does; there must be one.
    pub(crate) fn push_rows<const WIDTH: usize>(mut self, rows: &[[Arg; WIDTH]]) -> Self {
        let Some(last) = rows.last() else { return self };
        let length = rows.len().next_power_of_two();
        self.text.push('(');
        for i in 0..length {
            self.text.push_str(if i == 0 { "" } else { ", " });
            self.push_placeholders(WIDTH);
        }
        self.text.push(')');
        self.args.extend(rows.iter().chain(std::iter::repeat_n(last, length - rows.len())).flatten().cloned());
        self
    }

    fn push_placeholders(&mut self, count: usize) {
        self.text.push('(');
        for i in 0..count {
            self.text.push_str(if i == 0 { "?" } else { ", ?" });
        }
        self.text.push(')');
    }

    /// `INSERT` statements for all rows; `head` is `INSERT INTO t (a, b) VALUES`.
    ///
    /// They have 1, 2, 4, … rows, so that a few prepared statements serve any number of rows. A text of its own for each number
    /// would be prepared, run and closed each time, and MySQL answers a close with nothing: without TCP_NODELAY, which sqlx does
    /// not set, what comes after it waits 40 ms for the acknowledgement. Nor do rows of more than a few megabytes stand in one: MariaDB
    /// takes 16 MiB unless it is told otherwise.
    pub(crate) fn insert(head: &str, rows: Vec<Vec<Arg>>) -> Vec<Self> {
        /// So that a prepared statement takes some 100 kB of the server's memory, and not some megabytes.
        const MAX_ARGS: usize = 2_048;
        const MAX_BYTES: usize = 4 << 20;
        let Some(width) = rows.first().map(Vec::len) else { return Vec::new() };
        let most = 1 << (MAX_ARGS / width).max(1).ilog2();
        let mut statements = Vec::new();
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let mut count = most.min(1 << rows.len().ilog2());
            while count > 1 && rows.as_slice().iter().take(count).flatten().map(Arg::size).sum::<usize>() > MAX_BYTES {
                count /= 2;
            }
            let mut sql = Self::new(format!("{head} "));
            for index in 0..count {
                sql.text.push_str(if index == 0 { "" } else { ", " });
                sql.push_placeholders(width);
            }
            sql.args.extend(rows.by_ref().take(count).flatten());
            statements.push(sql);
        }
        statements
    }

    /// The same for rows that may come twice. The last row is repeated up to a power of two, so that there is one statement unless there
    /// are many rows.
    pub(crate) fn insert_repeating(head: &str, mut rows: Vec<Vec<Arg>>) -> Vec<Self> {
        if let Some(last) = rows.last().cloned() {
            rows.resize(rows.len().next_power_of_two(), last);
        }
        Self::insert(head, rows)
    }

    /// The same, passing over rows whose unique key exists.
    pub(crate) fn insert_ignoring(dialect: Dialect, into: &str, rows: Vec<Vec<Arg>>) -> Vec<Self> {
        Self::insert_repeating(&format!("{} {into} VALUES", dialect.insert_ignore()), rows)
    }
}

/// A query of sqlx with a statement's arguments.
macro_rules! bound {
    ($query:expr, $args:expr) => {{
        let mut query = $query;
        for arg in $args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

macro_rules! binding {
    ($execute:ident, $fetch:ident, $db:ty, $arguments:ty) => {
        pub(super) fn $execute(self) -> Query<'static, $db, $arguments> {
            bound!(sqlx::query::<$db>(AssertSqlSafe(self.text)), self.args)
        }

        pub(super) fn $fetch<T: Row>(self) -> QueryAs<'static, $db, T, $arguments> {
            bound!(sqlx::query_as::<$db, T>(AssertSqlSafe(self.text)), self.args)
        }
    };
}

#[allow(clippy::disallowed_methods, reason = "this is the type that the ban names")]
impl Sql {
    binding!(for_mysql, rows_for_mysql, MySql, MySqlArguments);
    binding!(for_sqlite, rows_for_sqlite, Sqlite, SqliteArguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_filled_up_to_powers_of_two() {
        let sql = Sql::new("x IN ").push_list(&[1_i64, 2, 3]);
        assert_eq!(sql.text, "x IN (?, ?, ?, ?)");
        assert_eq!(sql.args, [1_i64, 2, 3, 3].map(Arg::from));
        assert_eq!(Sql::new("x IN ").push_list::<i64>(&[]).text, "x IN (NULL)");
    }

    #[test]
    fn lists_of_rows_are_filled_up_too() {
        let rows = [[1_i64, 2], [3, 4], [5, 6]].map(|row| row.map(Arg::from));
        let sql = Sql::new("(x, y) IN ").push_rows(&rows);
        assert_eq!(sql.text, "(x, y) IN ((?, ?), (?, ?), (?, ?), (?, ?))");
        assert_eq!(sql.args, [1_i64, 2, 3, 4, 5, 6, 5, 6].map(Arg::from));
    }

    #[test]
    fn inserts_have_few_texts() {
        let rows = |count: i64| (0..count).map(|i| vec![Arg::from(i), Arg::from(i)]).collect::<Vec<_>>();
        let lengths = |statements: Vec<Sql>| statements.iter().map(|s| s.args.len() / 2).collect::<Vec<_>>();
        assert_eq!(lengths(Sql::insert("INSERT INTO t (a, b) VALUES", rows(2_055))), [1_024, 1_024, 4, 2, 1]);
        assert_eq!(lengths(Sql::insert("INSERT INTO t (a, b) VALUES", rows(0))), [0; 0]);
        let heavy = (0..4).map(|_| vec![Arg::from("x".repeat(3 << 20)), Arg::from(1)]).collect();
        assert_eq!(lengths(Sql::insert("INSERT INTO t (a, b) VALUES", heavy)), [1, 1, 1, 1]);
        let ignoring = Sql::insert_ignoring(Dialect::Sqlite, "t (a, b)", rows(3));
        assert_eq!(ignoring[0].text, "INSERT OR IGNORE INTO t (a, b) VALUES (?, ?), (?, ?), (?, ?), (?, ?)");
        assert_eq!((ignoring.len(), ignoring[0].args.last()), (1, Some(&Arg::from(2_i64))));
    }
}
