//! The operations on files, the same for each backend.

use std::io::{self, SeekFrom};
use std::rc::Rc;
use std::task::Waker;

use futures_util::future::try_join_all;
use futures_util::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use wakeful::fs::{self, File, OpenOptions};

use crate::common::{TempDir, both};
use crate::support::poll_once;

both! {
    whole_files_are_read_and_written
    streams_have_one_cursor
    operations_at_offsets_do_not_move_the_cursor
    appends_go_to_the_end
    more_requests_than_the_ring_holds_all_complete
    a_dropped_read_loses_nothing
    several_tasks_wait_for_one_write
    a_file_is_converted_from_and_to_std
    handles_share_a_cursor
}

async fn whole_files_are_read_and_written(dir: TempDir) -> io::Result<()> {
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
    // Linux only: files that the kernel generates have no known length.
    #[cfg(target_os = "linux")]
    assert!(
        fs::read_to_string("/proc/self/status")
            .await?
            .contains("Threads:")
    );
    Ok(())
}

async fn streams_have_one_cursor(dir: TempDir) -> io::Result<()> {
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

async fn operations_at_offsets_do_not_move_the_cursor(dir: TempDir) -> io::Result<()> {
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
        "the file ends at byte 10, 1 bytes before the end of the read"
    );
    assert_eq!(file.write_at(b"ab", 20).await?, 2);
    let mut all = Vec::new();
    file.read_to_end(&mut all).await?;
    assert_eq!(all, b"0123456789\0\0\0\0\0\0\0\0\0\0ab");
    Ok(())
}

async fn appends_go_to_the_end(dir: TempDir) -> io::Result<()> {
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

async fn more_requests_than_the_ring_holds_all_complete(dir: TempDir) -> io::Result<()> {
    let file = File::create_new(dir.join("many")).await?;
    let numbers = || (0..2_000_u64).map(|n| (n * 8, n.to_ne_bytes()));
    let writes = numbers().map(|(at, bytes)| {
        let file = &file;
        async move { file.write_all_at(&bytes, at).await }
    });
    try_join_all(writes).await?;
    let reads = numbers().map(|(at, bytes)| {
        let file = &file;
        async move {
            let mut buf = [0; 8];
            file.read_exact_at(&mut buf, at).await?;
            assert_eq!(buf, bytes);
            io::Result::Ok(())
        }
    });
    try_join_all(reads).await?;
    Ok(())
}

/// Begins to read from the start, and drops the future before it is ready.
async fn begin_and_drop_a_read(file: &mut File, size: usize) -> io::Result<()> {
    let mut buf = vec![0; size];
    // A thread of the pool may complete it at once.
    while poll_once(&mut file.read(&mut buf), Waker::noop()).is_ready() {
        file.seek(SeekFrom::Start(0)).await?;
    }
    Ok(())
}

async fn a_dropped_read_loses_nothing(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("d"), "0123456789").await?;
    let mut file = File::open(dir.join("d")).await?;
    begin_and_drop_a_read(&mut file, 6).await?;
    let mut small = [0; 2];
    file.read_exact(&mut small).await?;
    assert_eq!(&small, b"01");
    // Bytes that were read ahead do not move the cursor.
    assert_eq!(file.seek(SeekFrom::Current(1)).await?, 3);
    file.read_exact(&mut small).await?;
    assert_eq!(&small, b"34");
    Ok(())
}

async fn several_tasks_wait_for_one_write(dir: TempDir) -> io::Result<()> {
    let mut file = File::create_new(dir.join("w")).await?;
    file.write_all(&[1; 100_000]).await?;
    let file = Rc::new(file);
    let syncs: Vec<_> = (0..5)
        .map(|_| {
            let file = file.clone();
            wakeful::spawn(async move { file.sync_data().await })
        })
        .collect();
    // A dropped waiter must not consume the wake of the others.
    let quitter = file.clone();
    let quitter = wakeful::spawn(async move { quitter.sync_all().await });
    wakeful::task::yield_now().await;
    quitter.abort();
    for sync in syncs {
        sync.await??;
    }
    assert_eq!(file.metadata().await?.len(), 100_000);
    Ok(())
}

async fn a_file_is_converted_from_and_to_std(dir: TempDir) -> io::Result<()> {
    use std::io::{Read, Write};
    let mut file = std::fs::File::create_new(dir.join("std"))?;
    file.write_all(b"std")?;
    let mut file = File::from(file);
    file.write_all(b" and back").await?;
    // The conversion waits for the write.
    drop(file.into_std().await?);
    let mut file = File::open(dir.join("std")).await?;
    begin_and_drop_a_read(&mut file, 5).await?;
    file.read_exact(&mut [0; 2]).await?;
    let mut rest = String::new();
    file.into_std().await?.read_to_string(&mut rest)?;
    assert_eq!(rest, "d and back", "the cursor stands where the reader was");
    Ok(())
}

async fn handles_share_a_cursor(dir: TempDir) -> io::Result<()> {
    let mut one = File::create_new(dir.join("c")).await?;
    one.write_all(b"ab").await?;
    let mut other = one.try_clone().await?;
    other.write_all(b"cd").await?;
    other.flush().await?;
    assert_eq!(fs::read(dir.join("c")).await?, b"abcd");
    Ok(())
}
