//! Names of tokio's `fs` beside reading and writing.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::fs::{self, DirBuilder, File, FileTimes, OpenOptions};

use crate::common::{TempDir, both};
use crate::support::poll_once;

both! {
    a_directory_is_built_with_its_mode_and_parents
    the_buffer_size_limits_a_transfer
    times_are_set_after_buffered_writes
    try_into_std_gives_a_busy_file_back
    try_into_std_gives_a_file_with_a_failed_write_back
    try_into_std_keeps_the_cursor_of_the_reader
    descriptors_become_files
    entries_are_polled
}

async fn a_directory_is_built_with_its_mode_and_parents(dir: TempDir) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    let error = builder.create(dir.join("a/b")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("a/b"), "{error}");
    builder.recursive(true).mode(0o700);
    builder.create(dir.join("a/b")).await?;
    builder.create(dir.join("a/b")).await?;
    for name in ["a", "a/b"] {
        let mode = fs::metadata(dir.join(name)).await?.permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    assert!(DirBuilder::default().create(dir.join("a")).await.is_err());
    Ok(())
}

async fn the_buffer_size_limits_a_transfer(dir: TempDir) -> io::Result<()> {
    let mut options = OpenOptions::default();
    let options = options.read(true).write(true).create(true);
    let mut file = options.open(dir.join("f")).await?;
    assert_eq!(file.max_buf_size(), 256 * 1024);
    assert_eq!(file.write(&vec![1; 1 << 20]).await?, 256 * 1024);
    file.set_max_buf_size(10);
    assert_eq!(file.max_buf_size(), 10);
    assert_eq!(file.write(&[2; 100]).await?, 10);
    file.flush().await?;
    assert_eq!(file.try_clone().await?.max_buf_size(), 10);
    let mut again = File::open(dir.join("f")).await?;
    again.set_max_buf_size(7);
    assert_eq!(again.read(&mut [0; 100]).await?, 7);
    again.set_max_buf_size(1 << 20);
    assert_eq!(again.read(&mut vec![0; 1 << 20]).await?, 256 * 1024 + 3);
    Ok(())
}

async fn times_are_set_after_buffered_writes(dir: TempDir) -> io::Result<()> {
    let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let mut file = File::create(dir.join("f")).await?;
    file.write_all(&[0; 100_000]).await?;
    let times = FileTimes::new().set_accessed(time(1)).set_modified(time(2));
    file.set_times(times).await?;
    let metadata = file.metadata().await?;
    assert_eq!(
        (metadata.accessed()?, metadata.modified()?),
        (time(1), time(2))
    );
    file.set_modified(time(3)).await?;
    let metadata = file.metadata().await?;
    assert_eq!(
        (metadata.accessed()?, metadata.modified()?),
        (time(1), time(3))
    );
    Ok(())
}

async fn try_into_std_gives_a_busy_file_back(_: TempDir) -> io::Result<()> {
    let (read, mut write) = io::pipe()?;
    let mut file = File::from(OwnedFd::from(read));
    let mut buf = [0; 8];
    assert!(poll_once(&mut file.read(&mut buf), Waker::noop()).is_pending());
    let mut file = file.try_into_std().expect_err("a read is in flight");
    write.write_all(b"x")?;
    assert_eq!(file.read(&mut [0; 8]).await?, 1);
    file.try_into_std().expect("nothing is in flight");
    Ok(())
}

async fn try_into_std_gives_a_file_with_a_failed_write_back(_: TempDir) -> io::Result<()> {
    let Ok(mut file) = OpenOptions::new().write(true).open("/dev/full").await else {
        eprintln!("skipped: no /dev/full");
        return Ok(());
    };
    file.write_all(b"lost").await?;
    assert!(file.metadata().await.is_err(), "the write has failed");
    let mut file = file.try_into_std().expect_err("a write has failed");
    assert!(file.flush().await.is_err());
    file.try_into_std().expect("the flush has reported it");
    Ok(())
}

async fn try_into_std_keeps_the_cursor_of_the_reader(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "abcdef").await?;
    let mut file = File::open(dir.join("f")).await?;
    file.read_exact(&mut [0; 2]).await?;
    let mut rest = String::new();
    let mut file = file.try_into_std().expect("nothing is in flight");
    file.read_to_string(&mut rest)?;
    assert_eq!(rest, "cdef");
    Ok(())
}

async fn descriptors_become_files(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "abc").await?;
    let fd = OwnedFd::from(std::fs::File::open(dir.join("f"))?);
    let file = File::from(fd);
    let copy = file.as_fd().try_clone_to_owned()?;
    assert_ne!(copy.as_raw_fd(), file.as_raw_fd());
    // SAFETY: `into_raw_fd` has given the descriptor up.
    let mut file = unsafe { File::from_raw_fd(copy.into_raw_fd()) };
    let mut text = String::new();
    file.read_to_string(&mut text).await?;
    assert_eq!(text, "abc");
    Ok(())
}

async fn entries_are_polled(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "").await?;
    let mut entries = fs::read_dir(dir.path()).await?;
    let entry = poll_fn(|cx| entries.poll_next_entry(cx)).await?.unwrap();
    assert_eq!(entry.file_name(), "f");
    assert!(poll_fn(|cx| entries.poll_next_entry(cx)).await?.is_none());
    Ok(())
}
