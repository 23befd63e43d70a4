//! Nobody but the server's own user reads the files of a database, whatever the process's umask says.

use std::io;
use std::path::{Path, PathBuf};

/// What stands behind the name of an SQLite database in the names of its other files.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Makes the file of a database and its folder, for their owner alone. What exists already and others may read is taken from them. The folder
/// stays as it is when it holds anything else: it may be everybody's.
#[cfg(unix)]
pub(super) fn prepare(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        prepare_folder(folder, file)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    files(file).iter().filter(|file| file.exists()).try_for_each(|file| restrict(file, 0o600))
}

#[cfg(not(unix))]
pub(super) fn prepare(file: &Path) -> io::Result<()> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), std::fs::create_dir_all)
}

/// The files of a database.
fn files(file: &Path) -> Vec<PathBuf> {
    let companion = |end: &&str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    std::iter::once(file.to_owned()).chain(COMPANIONS.iter().map(companion)).collect()
}

#[cfg(unix)]
fn prepare_folder(folder: &Path, file: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if !folder.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        return std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700));
    }
    let own = files(file);
    let entries: Vec<_> = std::fs::read_dir(folder)?.collect();
    // An empty folder may be anybody's, such as /tmp.
    let is_its_own = !entries.is_empty()
        && entries.into_iter().all(|entry| entry.is_ok_and(|entry| own.iter().any(|own| own.file_name() == Some(&entry.file_name()))));
    if is_its_own { restrict(folder, 0o700) } else { Ok(()) }
}

/// Takes from others what they may do with a file or a folder of ours.
#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let before = std::fs::metadata(path)?.permissions().mode() & 0o777;
    if before == mode {
        return Ok(());
    }
    match std::fs::set_permissions(path, PermissionsExt::from_mode(mode)) {
        Ok(()) if before & 0o077 != 0 => {
            tracing::warn!("{} was open to others ({before:03o}); it is closed now ({mode:03o})", path.display())
        }
        Ok(()) => {}
        // It belongs to another user, who let us use it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && before & 0o077 != 0 => {
            tracing::warn!("{} is open to others ({before:03o}), and belongs to another user", path.display());
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_database_is_for_its_owner_alone() {
        let home = std::env::temp_dir().join(format!("aiod-private-{}", std::process::id()));
        let (folder, file) = (home.join("data"), home.join("data/catalogue.db"));
        prepare(&file).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        // What an earlier version made is mended.
        let log = home.join("data/catalogue.db-wal");
        std::fs::write(&log, "x").unwrap();
        [(&folder, 0o755), (&file, 0o644), (&log, 0o644)].iter().for_each(|(path, mode)| set(path, *mode));
        prepare(&file).unwrap();
        assert_eq!((mode(&folder), mode(&file), mode(&log)), (0o700, 0o600, 0o600));
        // A folder that holds other things is not ours to close.
        std::fs::write(home.join("data/other"), "x").unwrap();
        set(&folder, 0o755);
        prepare(&file).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o755, 0o600));
        std::fs::remove_dir_all(home).unwrap();
    }
}
