//! Writes that a file took over: their waiters and their errors.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Waker;

use futures_util::future::join4;
use futures_util::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use wakeful::fs::{self, File, OpenOptions};
use wakeful::task::yield_now;

use crate::common::{TempDir, both};
use crate::support::{Counting, poll_once, spin_until};

both! {
    all_waiters_of_one_file_are_woken_though_the_newest_is_not_polled
    a_dropped_waiter_leaves_the_list
    a_flush_reports_a_failed_write_that_a_write_has_reported
    syncs_at_the_same_time_all_report_a_failed_write
    into_std_reports_a_failed_write_that_another_operation_has_reported
    the_error_of_a_dropped_read_is_not_that_of_a_write
    a_vectored_write_takes_all_buffers
    a_vectored_read_fills_all_buffers
}

/// Returns a full pipe, and its other end as a file with a write under way.
async fn full_pipe() -> (io::PipeReader, File) {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(&[1; 65_536]).unwrap();
    let mut file = File::from_std(std::fs::File::from(OwnedFd::from(writer)));
    file.write_all(b"more").await.unwrap();
    (reader, file)
}

async fn all_waiters_of_one_file_are_woken_though_the_newest_is_not_polled(
    _: TempDir,
) -> io::Result<()> {
    let (mut reader, file) = full_pipe().await;
    let file = Rc::new(file);
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let file = file.clone();
            wakeful::spawn(async move { file.metadata().await })
        })
        .collect();
    yield_now().await;
    let (counting, waker) = Counting::new();
    let mut kept = Box::pin(file.metadata());
    assert!(poll_once(&mut kept, &waker).is_pending());
    reader.read_exact(&mut [0; 65_536])?;
    for waiter in waiters {
        waiter.await??;
    }
    // A thread of the pool may still be waking the waiters, one by one.
    spin_until(|| counting.wakes() > 0);
    assert_eq!(counting.wakes(), 1);
    kept.await?;
    Ok(())
}

async fn a_dropped_waiter_leaves_the_list(_: TempDir) -> io::Result<()> {
    let (mut reader, file) = full_pipe().await;
    let (counting, waker) = Counting::new();
    for _ in 0..10 {
        let mut dropped = Box::pin(file.metadata());
        assert!(poll_once(&mut dropped, &waker).is_pending());
    }
    drop(waker);
    assert_eq!(std::sync::Arc::strong_count(&counting), 1, "wakers kept");
    reader.read_exact(&mut [0; 65_536])?;
    file.metadata().await?;
    assert_eq!(counting.wakes(), 0);
    Ok(())
}

/// Returns a file to which each write fails, or `None` if this system has none.
async fn full_device() -> Option<File> {
    let file = OpenOptions::new().write(true).open("/dev/full").await;
    file.inspect_err(|_| eprintln!("skipped: no /dev/full"))
        .ok()
}

#[track_caller]
fn is_full<T>(result: io::Result<T>) {
    assert_eq!(
        result.err().map(|error| error.kind()),
        Some(io::ErrorKind::StorageFull)
    );
}

async fn a_flush_reports_a_failed_write_that_a_write_has_reported(_: TempDir) -> io::Result<()> {
    let Some(mut file) = full_device().await else {
        return Ok(());
    };
    file.write_all(b"lost").await?;
    is_full(file.write(b"refused").await);
    is_full(file.flush().await);
    file.flush().await?;

    file.write_all(b"lost").await?;
    is_full(file.seek(io::SeekFrom::Start(0)).await);
    is_full(file.sync_all().await);
    file.flush().await?;

    file.write_all(b"lost").await?;
    is_full(file.metadata().await);
    file.metadata().await?;
    is_full(file.close().await);
    file.close().await
}

async fn syncs_at_the_same_time_all_report_a_failed_write(_: TempDir) -> io::Result<()> {
    let (reader, mut file) = full_pipe().await;
    // Makes the write fail, but only after the other three have begun to wait for it. If the write
    // failed earlier, the first sync would report it at its first poll, before the second begins.
    let fail = async { drop(reader) };
    let (one, two, three, ()) =
        join4(file.sync_all(), file.sync_data(), file.metadata(), fail).await;
    assert_eq!(one.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(two.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(three.is_ok(), "a sync has reported it");
    file.flush().await
}

async fn into_std_reports_a_failed_write_that_another_operation_has_reported(
    _: TempDir,
) -> io::Result<()> {
    let Some(mut file) = full_device().await else {
        return Ok(());
    };
    file.write_all(b"lost").await?;
    is_full(file.write(b"refused").await);
    is_full(file.into_std().await);
    Ok(())
}

async fn the_error_of_a_dropped_read_is_not_that_of_a_write(dir: TempDir) -> io::Result<()> {
    let mut file = File::open(dir.path()).await?;
    for _ in 0..2 {
        let mut byte = [0];
        let mut read = file.read(&mut byte);
        // Reading fails in any case: it is a directory.
        let _ = poll_once(&mut read, Waker::noop());
        file.flush().await?;
        file.metadata().await?;
    }
    let error = file.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    Ok(())
}

async fn a_vectored_write_takes_all_buffers(dir: TempDir) -> io::Result<()> {
    let mut file = File::create(dir.join("f")).await?;
    let bufs = [&b""[..], b"one ", b"", b"two ", b"three"].map(IoSlice::new);
    assert_eq!(file.write_vectored(&bufs).await?, 13);
    assert_eq!(file.write_vectored(&[]).await?, 0);
    assert_eq!(file.write_vectored(&[IoSlice::new(b"")]).await?, 0);
    file.flush().await?;
    assert_eq!(fs::read(dir.join("f")).await?, b"one two three");

    // At most what one write accepts; the rest is left for the next write.
    let (a, b) = (vec![b'a'; 200_000], vec![b'b'; 200_000]);
    let bufs = [&a, &b].map(|buf| IoSlice::new(buf));
    assert_eq!(file.write_vectored(&bufs).await?, 256 * 1024);
    file.flush().await?;
    let written = fs::read(dir.join("f")).await?;
    assert_eq!(written.len(), 13 + 256 * 1024);
    assert!(written[13..][..200_000] == a && written[200_013..] == b[..62_144]);
    Ok(())
}

async fn a_vectored_read_fills_all_buffers(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "0123456789").await?;
    let mut file = File::open(dir.join("f")).await?;
    let (mut a, mut b, mut c) = ([0; 3], [0; 0], [0; 5]);
    let mut bufs = [&mut a[..], &mut b, &mut c].map(IoSliceMut::new);
    assert_eq!(file.read_vectored(&mut bufs).await?, 8);
    assert_eq!((&a, &c), (b"012", b"34567"));
    assert_eq!(file.read_vectored(&mut []).await?, 0);
    let mut bufs = [&mut a[..], &mut c].map(IoSliceMut::new);
    assert_eq!(file.read_vectored(&mut bufs).await?, 2);
    assert_eq!(&a[..2], b"89");
    assert_eq!(file.read_vectored(&mut [IoSliceMut::new(&mut a)]).await?, 0);
    Ok(())
}
