//! The database's structure, as numbered migrations compiled into the program.

use sqlx::migrate::{Migrate, Migrator};

use super::{Db, Result};

static MYSQL: Migrator = sqlx_macros::migrate!("../migrations/mysql");
static SQLITE: Migrator = sqlx_macros::migrate!("../migrations/sqlite");

/// One migration and whether it is applied.
#[derive(Clone, Debug)]
pub struct MigrationState {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
}

fn steps(migrator: &'static Migrator) -> impl DoubleEndedIterator<Item = (i64, &'static str)> {
    migrator.iter().filter(|m| !m.migration_type.is_down_migration()).map(|m| (m.version, &*m.description))
}

impl Db {
    fn migrator(&self) -> &'static Migrator {
        match self {
            Self::MySql { .. } => &MYSQL,
            Self::Sqlite { .. } => &SQLITE,
        }
    }

    /// Applies what is missing.
    ///
    /// # Errors
    /// When a migration fails, or the database has one that this program does not know.
    pub async fn migrate_up(&self) -> Result<()> {
        match self {
            Self::MySql { write, .. } => MYSQL.run(write).await?,
            Self::Sqlite { write, .. } => SQLITE.run(write).await?,
        }
        Ok(())
    }

    /// Takes the newest applied migration back; its number, or `None` when there is none.
    pub async fn migrate_down(&self) -> Result<Option<i64>> {
        let Some(newest) = self.newest_migration().await? else { return Ok(None) };
        let target = steps(self.migrator()).map(|(version, _)| version).take_while(|v| *v < newest).last().unwrap_or(0);
        match self {
            Self::MySql { write, .. } => MYSQL.undo(write, target).await?,
            Self::Sqlite { write, .. } => SQLITE.undo(write, target).await?,
        }
        Ok(Some(newest))
    }

    /// The number of the newest applied migration.
    pub async fn newest_migration(&self) -> Result<Option<i64>> {
        Ok(self.migration_states().await?.iter().rev().find(|m| m.applied).map(|m| m.version))
    }

    /// Every migration, in order.
    pub async fn migration_states(&self) -> Result<Vec<MigrationState>> {
        let applied: Vec<i64> = match self {
            Self::MySql { write, .. } => applied(&mut *write.acquire().await?).await?,
            Self::Sqlite { write, .. } => applied(&mut *write.acquire().await?).await?,
        };
        let state = |(version, description): (i64, &'static str)| MigrationState {
            version,
            description: description.to_owned(),
            applied: applied.contains(&version),
        };
        Ok(steps(self.migrator()).map(state).collect())
    }
}

async fn applied<C: Migrate>(connection: &mut C) -> Result<Vec<i64>> {
    let table = &MYSQL.table_name;
    connection.ensure_migrations_table(table).await?;
    Ok(connection.list_applied_migrations(table).await?.into_iter().map(|m| m.version).collect())
}
