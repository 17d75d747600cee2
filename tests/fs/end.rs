//! Runtimes that end with operations in flight.

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use futures_util::AsyncWriteExt;
use wakeful::fs::{self, Backend, File};
use wakeful::reactor;
use wakeful::task::yield_now;

use crate::common::{TempDir, runtime};
use crate::fifo::make_fifo;
use crate::full::{filled, reads_all};
use crate::support::{Counting, my_waker, poll_once};

const BACKENDS: [Backend; 2] = [Backend::Ring, Backend::Pool];

/// Returns the path of a named pipe and its open write end, so that a read waits.
async fn silent_pipe(dir: &TempDir) -> io::Result<File> {
    let path = dir.join("pipe");
    if !path.exists() {
        make_fifo(&path)?;
    }
    File::options().read(true).write(true).open(path).await
}

/// Data that a file took over is written, although no task waits and the runtime ends at once.
#[test]
fn data_that_was_taken_over_is_written_at_shutdown() {
    for backend in BACKENDS {
        let dir = TempDir::new();
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        runtime.block_on(async {
            for n in 0..50 {
                let mut file = File::create(dir.join(&n.to_string())).await.unwrap();
                file.write_all(&[n; 3_000]).await.unwrap();
            }
        });
        drop(runtime);
        for n in 0..50 {
            assert_eq!(
                std::fs::read(dir.join(&n.to_string())).unwrap(),
                [n; 3_000],
                "{backend:?}"
            );
        }
    }
}

/// Tasks, futures outside of them and the file itself are dropped in any order.
#[test]
fn operations_in_flight_end_with_the_runtime() {
    for backend in BACKENDS {
        let dir = TempDir::new();
        std::fs::write(dir.join("f"), vec![5; 1 << 20]).unwrap();
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        let task = runtime.block_on(async {
            let file = File::open(dir.join("f")).await.unwrap();
            let task = wakeful::spawn(async move {
                let mut buf = vec![0; 1 << 20];
                loop {
                    file.read_exact_at(&mut buf, 0).await.unwrap();
                }
            });
            yield_now().await;
            yield_now().await;
            task
        });
        drop(runtime);
        assert!(wakeful::block_on(task).unwrap_err().is_cancelled());
    }
}

/// A read that never completes does not delay the shutdown: the ring cancels it, a thread is left.
#[test]
fn a_read_that_hangs_does_not_delay_the_shutdown() {
    for backend in BACKENDS {
        let dir = TempDir::new();
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        runtime.block_on(async {
            let pipe = silent_pipe(&dir).await.unwrap();
            wakeful::spawn(async move { fs_read(pipe).await });
            // Until the thread or the ring has opened the pipe.
            for _ in 0..3 {
                yield_now().await;
                silent_pipe(&dir).await.unwrap();
            }
        });
        let left = runtime.shutdown_timeout(Duration::from_millis(20));
        assert_eq!(left, usize::from(backend == Backend::Pool), "{backend:?}");
        // Lets the thread end.
        let open = std::fs::File::options()
            .read(true)
            .write(true)
            .open(dir.join("pipe"));
        open.unwrap().write_all(b"x").unwrap();
    }
}

async fn fs_read(mut pipe: File) {
    use futures_util::AsyncReadExt;
    let _ = pipe.read(&mut [0; 8]).await;
    panic!("the read has ended without a writer");
}

/// The future of an operation outlives the runtime in which it began, and so does the file.
#[test]
fn a_future_outlives_its_runtime() {
    for backend in BACKENDS {
        let dir = TempDir::new();
        std::fs::write(dir.join("f"), "text").unwrap();
        let Some(first) = runtime(backend) else {
            continue;
        };
        let file = first.block_on(File::open(dir.join("f"))).unwrap();
        let mut buf = [0; 4];
        let mut read = Box::pin(file.read_at(&mut buf, 0));
        let ready = first.block_on(async {
            let waker = my_waker().await;
            poll_once(&mut read, &waker).is_ready()
        });
        if ready {
            // A thread of the pool may complete it at once.
            continue;
        }
        drop(first);
        let second = runtime(backend).unwrap();
        // The first runtime completed it at its shutdown, or cancelled it.
        if let Ok(count) = second.block_on(read) {
            assert_eq!((count, &buf), (4, b"text"));
        }
        second.block_on(async {
            assert_eq!(file.read_at(&mut buf, 0).await.unwrap(), 4);
        });
    }
}

#[test]
fn a_requested_ring_that_is_unavailable_is_an_error() {
    // With the feature and kernel support the ring exists; otherwise the error says what to do.
    if let Err(error) = wakeful::Builder::new().fs_backend(Backend::Ring).build() {
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("fs::Backend::Auto"), "{error}");
    }
    let auto = wakeful::Builder::new().build().unwrap();
    auto.block_on(async {
        assert_ne!(fs::backend(), Backend::Auto);
        assert!(fs::read("Cargo.toml").await.is_ok());
    });
}

/// The ring's descriptor is registered with the reactor, whichever backend that has.
#[test]
fn the_ring_completes_under_each_reactor() {
    for reactor in [reactor::Backend::Auto, reactor::Backend::Portable] {
        for backend in BACKENDS {
            let builder = wakeful::Builder::new().backend(reactor).fs_backend(backend);
            let Ok(runtime) = builder.build() else {
                continue;
            };
            let dir = TempDir::new();
            runtime.block_on(async {
                // Large enough for a thread of the kernel, so that the loop has to wait.
                let bytes = vec![9; 300_000];
                let file = File::create_new(dir.join("f")).await.unwrap();
                for _ in 0..20 {
                    file.write_all_at(&bytes, 0).await.unwrap();
                    let mut back = vec![0; 300_000];
                    file.read_exact_at(&mut back, 0).await.unwrap();
                    assert!(bytes == back);
                    file.sync_data().await.unwrap();
                }
            });
        }
    }
}

/// A pipe has no offsets, and a reader that waits must not block the writer's loop.
#[test]
fn whole_files_may_be_pipes() {
    for backend in BACKENDS {
        let dir = TempDir::new();
        let Some(runtime) = runtime(backend) else {
            continue;
        };
        let path = dir.join("pipe");
        make_fifo(&path).unwrap();
        runtime.block_on(async {
            let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 253) as u8).collect();
            let reader = fs::read(&path);
            let writer = fs::write(&path, &bytes);
            let (read, written) = futures_util::future::join(reader, writer).await;
            written.unwrap();
            assert!(read.unwrap() == bytes);
        });
    }
}

/// Virtual time does not advance while an operation is in flight.
#[test]
fn a_paused_clock_waits_for_file_operations() {
    for backend in BACKENDS {
        let builder = wakeful::Builder::new().start_paused(true);
        let Ok(runtime) = builder.fs_backend(backend).build() else {
            continue;
        };
        runtime.block_on(async {
            let read = fs::read("Cargo.toml");
            let read = wakeful::time::timeout(Duration::from_secs(3600), read);
            assert!(read.await.expect("no time passes").is_ok());
        });
    }
}

/// Returns a file with a write under way to a full pipe, whose runtime has ended.
fn left_behind(backend: Backend) -> Option<(io::PipeReader, File)> {
    let runtime = runtime(backend)?;
    let (reader, mut file) = filled(65_536);
    runtime.block_on(async {
        file.write_all(&[2; 5]).await.unwrap();
        yield_now().await;
    });
    let left = runtime.shutdown_timeout(Duration::from_millis(5));
    // A thread of the pool may not have begun by then.
    assert!(left == 1 || backend == Backend::Pool, "{left}");
    Some((reader, file))
}

#[test]
fn a_flush_in_another_runtime_waits_for_a_write_of_an_ended_one() {
    for backend in BACKENDS {
        let Some((reader, mut file)) = left_behind(backend) else {
            continue;
        };
        // The wait begins before the write completes, and after.
        let (_, waker) = Counting::new();
        assert!(poll_once(&mut file.flush(), &waker).is_pending());
        let reading = reads_all(reader);
        wakeful::block_on(async {
            file.flush().await.unwrap();
            file.write_all(b"more").await.unwrap();
            file.flush().await.unwrap();
        });
        drop(file);
        assert_eq!(reading.join().unwrap().len(), 65_545, "{backend:?}");
    }
}

/// The reader sees the end of the pipe when all its writers are closed.
#[test]
fn a_file_with_a_write_of_an_ended_runtime_is_closed_when_it_completes() {
    for backend in BACKENDS {
        for drops_first in [false, true] {
            let Some((mut reader, file)) = left_behind(backend) else {
                continue;
            };
            let mut file = Some(file);
            if drops_first {
                file = None;
            }
            let mut all = vec![0; 65_541];
            reader.read_exact(&mut all).unwrap();
            drop(file);
            let end = reads_all(reader).join().unwrap();
            assert_eq!(end, b"", "{backend:?}");
        }
    }
}

/// The kernel cancels the operations of a thread when the thread ends.
#[test]
fn a_write_of_an_ended_runtime_outlives_its_thread() {
    for backend in BACKENDS {
        let left = thread::spawn(move || left_behind(backend).map(|(reader, _)| reader));
        if let Some(reader) = left.join().unwrap() {
            let all = reads_all(reader).join().unwrap();
            assert_eq!(all.len(), 65_541, "{backend:?}");
        }
    }
}
