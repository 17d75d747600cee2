//! Names, directories_are_created_listed_and_removed, and the atomic replacement of a file.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;

use wakeful::fs;

use crate::common::{TempDir, both};

both! {
    directories_are_created_listed_and_removed
    links_and_renames_work
    a_file_is_replaced_in_one_step
    a_failed_replacement_leaves_no_file
}

async fn directories_are_created_listed_and_removed(dir: TempDir) -> io::Result<()> {
    fs::create_dir_all(dir.join("a/b")).await?;
    fs::create_dir_all(dir.join("a/b")).await?;
    let names: BTreeSet<String> = (0..300).map(|n| format!("file {n}")).collect();
    for name in &names {
        fs::write(dir.join("a/b").join(name), "").await?;
    }
    let mut entries = fs::read_dir(dir.join("a/b")).await?;
    let mut found = BTreeSet::new();
    while let Some(entry) = entries.next_entry().await? {
        assert!(entry.file_type().await?.is_file());
        assert_eq!(entry.metadata().await?.len(), 0);
        assert!(entry.ino() > 0 && entry.path().starts_with(dir.path()));
        found.insert(entry.file_name().into_string().unwrap());
    }
    assert!(entries.next_entry().await?.is_none());
    assert_eq!(found, names);
    let error = fs::remove_dir(dir.join("a/b")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
    fs::remove_dir_all(dir.join("a")).await?;
    assert!(!fs::try_exists(dir.join("a")).await?);
    Ok(())
}

async fn links_and_renames_work(dir: TempDir) -> io::Result<()> {
    let [a, b, c] = ["a", "b", "c"].map(|name| dir.join(name));
    fs::write(&a, "text").await?;
    fs::hard_link(&a, &b).await?;
    fs::symlink(&a, &c).await?;
    assert_eq!(fs::read_link(&c).await?, a);
    assert!(fs::symlink_metadata(&c).await?.is_symlink());
    assert!(fs::metadata(&c).await?.is_file());
    assert_eq!(fs::canonicalize(&c).await?, fs::canonicalize(&a).await?);
    fs::rename(&b, dir.join("d")).await?;
    assert!(!fs::try_exists(&b).await?);
    assert_eq!(fs::copy(dir.join("d"), &b).await?, 4);
    fs::remove_file(&a).await?;
    assert!(!fs::try_exists(&c).await?, "the link is dangling now");
    fs::set_permissions(&b, PermissionsExt::from_mode(0o600)).await?;
    assert_eq!(fs::metadata(&b).await?.permissions().mode() & 0o777, 0o600);
    let file = fs::File::open(&b).await?;
    file.set_permissions(PermissionsExt::from_mode(0o640))
        .await?;
    assert_eq!(file.metadata().await?.permissions().mode() & 0o777, 0o640);
    Ok(())
}

async fn a_file_is_replaced_in_one_step(dir: TempDir) -> io::Result<()> {
    let path = dir.join("settings");
    fs::write_atomic(&path, "one").await?;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o604)).await?;
    let old = fs::File::open(&path).await?;
    let link = dir.join("link");
    fs::symlink(&path, &link).await?;
    fs::write_atomic(&link, "two").await?;
    assert!(fs::symlink_metadata(&link).await?.is_symlink());
    assert_eq!(fs::read_to_string(&path).await?, "two");
    assert_eq!(
        fs::metadata(&path).await?.permissions().mode() & 0o777,
        0o604
    );
    // A descriptor of the old file still reads all of the old contents.
    let mut buf = [0; 8];
    assert_eq!(old.read_at(&mut buf, 0).await?, 3);
    assert_eq!(&buf[..3], b"one");
    assert_eq!(
        std::fs::read_dir(dir.path())?.count(),
        2,
        "no temporary file is left"
    );
    Ok(())
}

async fn a_failed_replacement_leaves_no_file(dir: TempDir) -> io::Result<()> {
    fs::create_dir(dir.join("d")).await?;
    let error = fs::write_atomic(dir.join("d"), "text").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    assert!(error.to_string().starts_with("replace `"), "{error}");
    let error = fs::write_atomic(dir.join("missing/file"), "text")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(
        std::fs::read_dir(dir.path())?.count(),
        1,
        "no temporary file is left"
    );
    Ok(())
}
