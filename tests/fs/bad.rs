//! Invalid arguments and errors of the system: each is reported, and no data is lost.

use std::io;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::fs::{self, File, OpenOptions};

use crate::common::{TempDir, both};

both! {
    missing_files_and_directories_are_errors_with_the_path
    a_directory_is_not_a_file
    contradictory_options_are_refused
    a_write_to_a_read_only_descriptor_is_an_error
    a_full_device_is_reported_once
}

async fn missing_files_and_directories_are_errors_with_the_path(dir: TempDir) -> io::Result<()> {
    let path = dir.join("missing");
    let name = path.display();
    let text = |what: &str| format!("{what} `{name}`: No such file or directory (os error 2)");
    let error = File::open(&path).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (io::ErrorKind::NotFound, text("open"))
    );
    let source = std::error::Error::source(error.get_ref().unwrap()).unwrap();
    let system: &io::Error = source.downcast_ref().unwrap();
    assert_eq!(
        system.raw_os_error(),
        Some(2),
        "the system's own error is the source"
    );
    assert_eq!(fs::read(&path).await.unwrap_err().to_string(), text("read"));
    assert_eq!(
        fs::metadata(&path).await.unwrap_err().to_string(),
        text("look at")
    );
    assert_eq!(
        fs::read_dir(&path).await.unwrap_err().to_string(),
        text("list")
    );
    assert_eq!(
        fs::remove_file(&path).await.unwrap_err().to_string(),
        text("remove")
    );
    let error = fs::write(dir.join("missing/file"), "").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    File::create_new(&path).await?;
    let error = File::create_new(&path).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    Ok(())
}

async fn a_directory_is_not_a_file(dir: TempDir) -> io::Result<()> {
    let error = fs::read(dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let name = dir.path().display();
    assert_eq!(
        error.to_string(),
        format!("read `{name}`: Is a directory (os error 21)")
    );
    let mut file = File::open(dir.path()).await?;
    let error = file.read_at(&mut [0; 8], 0).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = file.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = fs::write(dir.path(), "").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = fs::read_dir("/dev/null").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    Ok(())
}

async fn contradictory_options_are_refused(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "kept").await?;
    let mut none = OpenOptions::new();
    let mut read_only = OpenOptions::new();
    read_only.read(true).create(true);
    let mut cut_and_append = OpenOptions::new();
    cut_and_append.append(true).truncate(true);
    for (options, word) in [
        (&mut none, "none of"),
        (&mut read_only, "`create`"),
        (&mut cut_and_append, "`truncate`"),
    ] {
        let error = options.open(dir.join("f")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = File::open("a\0b").await.unwrap_err();
    assert!(error.to_string().contains("zero byte"), "{error}");
    assert_eq!(fs::read(dir.join("f")).await?, b"kept");
    Ok(())
}

async fn a_write_to_a_read_only_descriptor_is_an_error(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "kept").await?;
    let mut file = File::open(dir.join("f")).await?;
    let bad = Some(rustix::io::Errno::BADF.raw_os_error());
    assert_eq!(
        file.write_at(b"x", 0).await.unwrap_err().raw_os_error(),
        bad
    );
    // The error of a write that was taken over is returned once, by the next call.
    file.write_all(b"x").await?;
    assert_eq!(file.flush().await.unwrap_err().raw_os_error(), bad);
    file.flush().await?;
    let mut text = String::new();
    file.read_to_string(&mut text).await?;
    assert_eq!(text, "kept");
    Ok(())
}

async fn a_full_device_is_reported_once(_: TempDir) -> io::Result<()> {
    if !std::fs::exists("/dev/full")? {
        println!("skipped: no /dev/full");
        return Ok(());
    }
    let error = fs::write("/dev/full", "text").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        error.to_string(),
        "write `/dev/full`: No space left on device (os error 28)"
    );
    let mut file = OpenOptions::new().write(true).open("/dev/full").await?;
    let error = file.write_all_at(b"text", 0).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    file.write_all(b"text").await?;
    assert_eq!(
        file.sync_all().await.unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    file.write_all(b"text").await?;
    let next = file.write(b"text").await;
    assert_eq!(
        next.unwrap_err().kind(),
        io::ErrorKind::StorageFull,
        "the next write tells it"
    );
    Ok(())
}
