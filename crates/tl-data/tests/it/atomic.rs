//! Files that are there whole or not at all.

use std::io::ErrorKind;

use tempfile::TempDir;
use tl_data::write_atomically;

#[test]
fn a_failed_save_leaves_the_file_that_was_there() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs_err::write(&path, b"before").unwrap();
    let failed = write_atomically(&path, |out| {
        out.write_all(b"half of it")?;
        Err(ErrorKind::StorageFull.into())
    });
    assert!(failed.is_err());
    assert_eq!(fs_err::read(&path).unwrap(), b"before");
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
}

/// A link to a file on another disk, which is still to be made there.
#[test]
#[cfg(unix)]
fn a_link_is_followed_where_its_file_is_still_to_be_made() {
    let dir = TempDir::new().unwrap();
    let (link, target) = (dir.path().join("link"), dir.path().join("there").join("file"));
    fs_err::create_dir(dir.path().join("there")).unwrap();
    std::os::unix::fs::symlink("there/file", &link).unwrap();
    write_atomically(&link, |out| out.write_all(b"new")).unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs_err::read(target).unwrap(), b"new");
}
