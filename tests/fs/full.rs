//! More requests than the ring holds, and short transfers.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt};
use wakeful::fs::{self, Backend, File};
use wakeful::task::yield_now;
use wakeful::time::timeout;

use crate::common::{TempDir, both, on, runtime};

both! {
    a_short_read_does_not_reset_a_cursor_that_another_handle_moved
    an_offset_that_is_too_large_is_refused
}

/// A little more than twice the number of requests that the ring holds.
const MANY: usize = 1_100;

/// Returns `count` files of the read end of one pipe, and its write end.
fn pipes(count: usize) -> (Vec<File>, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let reader = std::fs::File::from(OwnedFd::from(reader));
    let files = (0..count).map(|_| File::from_std(reader.try_clone().unwrap()));
    (files.collect(), writer)
}

/// Reads that never complete fill the ring. When they are dropped, it has space again.
#[test]
fn a_ring_full_of_waiting_reads_can_be_emptied() {
    on(Backend::Ring, async |dir| {
        std::fs::write(dir.join("f"), "text")?;
        let (files, _writer) = pipes(MANY);
        let reads = files
            .into_iter()
            .map(|mut file| wakeful::spawn(async move { file.read(&mut [0; 8]).await }));
        let reads: Vec<_> = reads.collect();
        yield_now().await;
        assert!(fs::read(dir.join("f")).now_or_never().is_none());
        reads.iter().for_each(|read| read.abort());
        for read in reads {
            assert!(read.await.unwrap_err().is_cancelled());
        }
        let limit = Duration::from_secs(60);
        assert_eq!(timeout(limit, fs::read(dir.join("f"))).await??, b"text");
        Ok(())
    });
}

/// Requests that do not fit into the ring do not keep the loop from sleeping.
#[test]
fn a_full_ring_lets_the_loop_sleep() {
    let Some(runtime) = runtime(Backend::Ring) else {
        return;
    };
    let (files, mut writer) = pipes(MANY);
    let reads = files
        .into_iter()
        .map(|mut file| runtime.spawn(async move { file.read(&mut [0; 1]).await.unwrap() }));
    let reads: Vec<_> = reads.collect();
    while runtime.next_timeout().is_some() {
        runtime.turn().unwrap();
    }
    writer.write_all(&[7; MANY]).unwrap();
    runtime.block_on(async {
        for read in reads {
            assert_eq!(read.await.unwrap(), 1);
        }
    });
}

/// Returns a pipe that holds `bytes` bytes of value 1, and its write end as a file.
pub fn filled(bytes: usize) -> (std::io::PipeReader, File) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![1; bytes]).unwrap();
    let file = File::from_std(std::fs::File::from(OwnedFd::from(writer)));
    (reader, file)
}

/// Reads all bytes until the end.
pub fn reads_all(mut reader: std::io::PipeReader) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        all
    })
}

/// A write that was taken over continues without the loop, and is completed even if its file is
/// dropped.
#[test]
fn a_short_write_is_completed() {
    for backend in [Backend::Ring, Backend::Pool] {
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        let (reader, mut file) = filled(40_000);
        runtime.block_on(async move { file.write_all(&[2; 60_000]).await.unwrap() });
        let reading = reads_all(reader);
        drop(runtime);
        let all = reading.join().unwrap();
        assert_eq!(all.len(), 100_000, "{backend:?}");
        assert!(all[..40_000].iter().all(|byte| *byte == 1));
        assert!(all[40_000..].iter().all(|byte| *byte == 2));
    }
}

/// Reads a page at a time, and only when the pipe is full, so that each write to it is short.
fn reads_slowly(mut reader: std::io::PipeReader, total: usize) -> JoinHandle<usize> {
    thread::spawn(move || {
        let (mut page, mut read) = ([0; 4096], 0);
        loop {
            let full = (total - read).min(65_536) as u64;
            while rustix::io::ioctl_fionread(&reader).unwrap() < full {
                thread::yield_now();
            }
            match reader.read(&mut page).unwrap() {
                0 => return read,
                n => read += n,
            }
        }
    })
}

/// Short again and again, with the file dropped before the runtime ends, or after it. In pages, as
/// a pipe has space for 16 of them.
#[test]
fn a_short_write_is_completed_also_when_its_file_is_dropped() {
    for backend in [Backend::Ring, Backend::Pool] {
        for keeps_the_file in [false, true] {
            let Some(runtime) = runtime(backend) else {
                continue;
            };
            let (reader, mut file) = filled(14 * 4096);
            let file = runtime.block_on(async move {
                file.write_all(&[2; 5 * 4096]).await.unwrap();
                // The loop receives the completion.
                wakeful::time::sleep(Duration::from_millis(1)).await;
                keeps_the_file.then_some(file)
            });
            let reading = reads_slowly(reader, 19 * 4096);
            assert_eq!(runtime.shutdown_timeout(Duration::MAX), 0, "{backend:?}");
            drop(file);
            assert_eq!(reading.join().unwrap(), 19 * 4096, "{backend:?}");
        }
    }
}

#[test]
fn the_last_operation_continues_after_block_on() {
    for backend in [Backend::Ring, Backend::Pool] {
        let dir = TempDir::new();
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        runtime.block_on(async {
            let mut file = File::create(dir.join("f")).await.unwrap();
            file.write_all(b"hello").await.unwrap();
        });
        // The loop does not run any more.
        while std::fs::read(dir.join("f")).unwrap() != b"hello" {
            thread::yield_now();
        }
        drop(runtime);
    }
}

/// A read near the end is short. It must not overwrite a cursor that another handle moved
/// meanwhile.
async fn a_short_read_does_not_reset_a_cursor_that_another_handle_moved(
    dir: TempDir,
) -> io::Result<()> {
    std::fs::write(dir.join("f"), "0123456789")?;
    let mut other = std::fs::File::options()
        .read(true)
        .write(true)
        .open(dir.join("f"))?;
    let mut buf = [0; 100];
    let mut file = loop {
        std::io::Seek::rewind(&mut other)?;
        let mut file = File::from_std(other.try_clone()?);
        // A thread of the pool may have read before the poll returns.
        if file.read(&mut buf).now_or_never().is_none() {
            break file;
        }
    };
    // The read has moved the cursor, and its completion has not been received yet.
    while std::io::Seek::stream_position(&mut other)? != 10 {
        yield_now().await;
    }
    other.write_all(b"ABCDE")?;
    assert_eq!(file.read(&mut buf).await?, 10);
    other.write_all(b"FGHIJ")?;
    assert_eq!(std::fs::read(dir.join("f"))?, b"0123456789ABCDEFGHIJ");
    Ok(())
}

async fn an_offset_that_is_too_large_is_refused(dir: TempDir) -> io::Result<()> {
    std::fs::write(dir.join("f"), "0123456789")?;
    let file = File::options()
        .read(true)
        .write(true)
        .open(dir.join("f"))
        .await?;
    for offset in [u64::MAX, 1 << 63] {
        let read = file.read_at(&mut [0; 4], offset).await.unwrap_err();
        let write = file.write_at(b"XX", offset).await.unwrap_err();
        for error in [read, write] {
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&offset.to_string()));
        }
    }
    assert_eq!(std::fs::read(dir.join("f"))?, b"0123456789");
    Ok(())
}

/// With the longest timeout, shutdown waits for operations that end.
#[test]
fn shutdown_with_the_longest_timeout_returns() {
    for backend in [Backend::Ring, Backend::Pool] {
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        let (reader, mut file) = filled(65_536);
        runtime.block_on(async move {
            file.write_all(&[2; 5]).await.unwrap();
            yield_now().await;
        });
        let reading = reads_all(reader);
        assert_eq!(runtime.shutdown_timeout(Duration::MAX), 0, "{backend:?}");
        assert_eq!(reading.join().unwrap().len(), 65_541);
    }
}
