//! The same cases for each backend. A backend that this system lacks is skipped, and says so.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use wakeful::fs::{self, Backend, File, OpenOptions};
use wakeful::{Builder, Runtime};

/// A directory that is gone when the test ends, however it ends.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wakeful-fs-{}-{number}", process::id()));
        std::fs::create_dir(&path).expect("the directory is new");
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A runtime with that backend; `None`: this system has no ring.
pub fn runtime(backend: Backend) -> Option<Runtime> {
    match Builder::new().fs_backend(backend).build() {
        Ok(runtime) => Some(runtime),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            eprintln!("skipped with {backend:?}: {error}");
            None
        }
        Err(error) => panic!("{backend:?}: {error}"),
    }
}

pub fn on<F: Future<Output = io::Result<()>>>(backend: Backend, case: impl FnOnce(TempDir) -> F) {
    let Some(runtime) = runtime(backend) else {
        return;
    };
    runtime.block_on(async {
        assert_eq!(fs::backend(), backend);
        case(TempDir::new()).await.unwrap();
    });
}

macro_rules! cases {
    ($($name:ident)*) => {
        mod ring {
            $(#[test] fn $name() { super::on(wakeful::fs::Backend::Ring, super::$name); })*
        }
        mod pool {
            $(#[test] fn $name() { super::on(wakeful::fs::Backend::Pool, super::$name); })*
        }
    };
}

cases! {
    whole_files
    streams_keep_one_cursor
    places_do_not_move_the_cursor
    appending
}

async fn whole_files(dir: TempDir) -> io::Result<()> {
    for size in [0, 1, 16 * 1024, 100_000, 3_000_000] {
        let path = dir.join("whole");
        let bytes: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
        fs::write(&path, &bytes).await?;
        assert!(fs::read(&path).await? == bytes, "{size} bytes");
    }
    fs::write(dir.join("text"), "größer").await?;
    assert_eq!(fs::read_to_string(dir.join("text")).await?, "größer");
    fs::write(dir.join("text"), b"\xff\xfe").await?;
    let error = fs::read_to_string(dir.join("text")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    // What the kernel makes up has no length that one could ask for.
    assert!(
        fs::read_to_string("/proc/self/status")
            .await?
            .contains("Threads:")
    );
    Ok(())
}

async fn streams_keep_one_cursor(dir: TempDir) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(dir.join("s"))
        .await?;
    let big: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 7) as u8).collect();
    file.write_all(&big).await?;
    assert_eq!(file.seek(SeekFrom::Start(10)).await?, 10);
    let mut some = [0; 5];
    file.read_exact(&mut some).await?;
    assert_eq!(some, big[10..15]);
    file.write_all(b"XYZ").await?;
    file.flush().await?;
    assert_eq!(file.seek(SeekFrom::Current(-4)).await?, 14);
    file.read_exact(&mut some).await?;
    assert_eq!(some, [big[14], b'X', b'Y', b'Z', big[18]]);
    assert_eq!(file.seek(SeekFrom::End(-2)).await?, big.len() as u64 - 2);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).await?;
    assert_eq!(rest, big[big.len() - 2..]);
    assert_eq!(file.read(&mut some).await?, 0);
    file.write_all(b"more").await?;
    assert_eq!(file.metadata().await?.len(), big.len() as u64 + 4);
    file.set_len(3).await?;
    file.sync_all().await?;
    file.sync_data().await?;
    assert_eq!(fs::read(dir.join("s")).await?, big[..3]);
    Ok(())
}

async fn places_do_not_move_the_cursor(dir: TempDir) -> io::Result<()> {
    let mut file = File::create_new(dir.join("p")).await?;
    file.write_all_at(b"0123456789", 0).await?;
    let mut buf = [0; 4];
    assert_eq!(file.read_at(&mut buf, 8).await?, 2);
    assert_eq!(&buf[..2], b"89");
    assert_eq!(file.read_at(&mut buf, 10).await?, 0);
    assert_eq!(file.read_at(&mut [], 0).await?, 0);
    file.read_exact_at(&mut buf, 3).await?;
    assert_eq!(&buf, b"3456");
    let error = file.read_exact_at(&mut buf, 7).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file ends at byte 10, 1 bytes too early"
    );
    assert_eq!(file.write_at(b"ab", 20).await?, 2);
    let mut all = Vec::new();
    file.read_to_end(&mut all).await?;
    assert_eq!(all, b"0123456789\0\0\0\0\0\0\0\0\0\0ab");
    Ok(())
}

async fn appending(dir: TempDir) -> io::Result<()> {
    let path = dir.join("log");
    fs::write(&path, "a").await?;
    let mut log = OpenOptions::new()
        .read(true)
        .append(true)
        .open(&path)
        .await?;
    log.write_all(b"b").await?;
    log.seek(SeekFrom::Start(0)).await?;
    log.write_all(b"c").await?;
    log.seek(SeekFrom::Start(0)).await?;
    let mut text = String::new();
    log.read_to_string(&mut text).await?;
    assert_eq!(text, "abc");
    Ok(())
}
