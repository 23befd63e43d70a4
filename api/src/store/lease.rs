//! Leases: what must happen once, whichever process does it.

use super::sql::Sql;
use super::{Db, Result};

impl Db {
    /// Takes or keeps the lease of this name until `expires` (microseconds since 1970); whether `holder` has it now.
    pub async fn take_lease(&self, name: &str, holder: &str, expires: i64) -> Result<bool> {
        let insert = format!("{} lease (name, holder, date_expires) VALUES (?, ?, 0)", self.dialect().insert_ignore());
        self.execute(Sql::new(insert).bind(name).bind(holder)).await?;
        // Both of two that try at once see a free lease, but the second's UPDATE no longer finds it.
        let take = Sql::new("UPDATE lease SET holder = ?, date_expires = ? WHERE name = ? AND (holder = ? OR date_expires < ?)");
        Ok(self.execute(take.bind(holder).bind(expires).bind(name).bind(holder).bind(super::now())).await? > 0)
    }
}
