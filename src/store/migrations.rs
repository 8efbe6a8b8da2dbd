//! The one list of changes to the layout of the database. Append only: a step that was released never changes.

use redb::{Database, ReadTransaction, ReadableDatabase as _, TableError, WriteTransaction};

use super::{error::StoreError, tables};

type Step = fn(&WriteTransaction) -> Result<(), StoreError>;

/// Name (for the log) and step. The schema version of a database is how many of them it has gone through.
const MIGRATIONS: &[(&str, Step)] = &[
    ("create the tables", tables::create_all),
    ("add the outbox", tables::create_outbox),
    ("add the items of keyed loops", tables::add_loop_items),
];

const SCHEMA: &str = "schema";

/// Brings the database up to what this program knows, each step in a transaction of its own that also counts it.
pub(super) fn migrate(database: &Database) -> Result<(), StoreError> {
    run(database, MIGRATIONS)
}

fn run(database: &Database, migrations: &[(&str, Step)]) -> Result<(), StoreError> {
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let found = schema(database)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, (name, step)) in (1u32..).zip(migrations).skip(found as usize) {
        tracing::info!(version, name, "migrating the database");
        let transaction = database.begin_write()?;
        step(&transaction)?;
        transaction.open_table(tables::META)?.insert(SCHEMA, version.to_le_bytes().as_slice())?;
        transaction.commit()?;
    }
    Ok(())
}

/// 0 for a new file.
fn schema(database: &Database) -> Result<u32, StoreError> {
    schema_of(&database.begin_read()?)
}

pub(super) fn schema_of(transaction: &ReadTransaction) -> Result<u32, StoreError> {
    let meta = match transaction.open_table(tables::META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let Some(version) = meta.get(SCHEMA)? else { return Ok(0) };
    let bytes = version.value().try_into().map_err(|_| StoreError::Unreadable {
        what: "schema version",
        detail: format!("it has {} bytes, not 4", version.value().len()),
    })?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the type of a step")]
    fn nothing(_: &WriteTransaction) -> Result<(), StoreError> {
        Ok(())
    }

    fn fails(_: &WriteTransaction) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    #[test]
    fn each_step_runs_once_and_a_failed_one_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("d")).unwrap();
        run(&database, &[("a", tables::create_all)]).unwrap();
        assert_eq!(schema(&database).unwrap(), 1);
        run(&database, &[("a", fails), ("b", nothing), ("c", fails)]).unwrap_err();
        assert_eq!(schema(&database).unwrap(), 2);
    }

    #[test]
    fn a_newer_file_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("d")).unwrap();
        run(&database, &[("a", nothing), ("b", nothing)]).unwrap();
        let refused = run(&database, &[("a", nothing)]).unwrap_err();
        assert!(matches!(refused, StoreError::Newer { found: 2, known: 1 }));
        assert!(refused.to_string().contains("start that version"), "{refused}");
    }
}
