use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use wakeful::reactor::{Async, Interest};
use wakeful::spawn;
use wakeful::task::yield_now;

use super::{each, pair, read, run, write};

#[test]
fn bytes_are_sent_both_ways() {
    run(async |runtime| {
        let (here, there) = pair();
        let echo = spawn(async move {
            let mut buf = [0; 7];
            let mut total = 0;
            loop {
                let n = read(&there, &mut buf).await.unwrap();
                if n == 0 {
                    return total;
                }
                total += n;
                assert_eq!(write(&there, &buf[..n]).await.unwrap(), n);
            }
        });
        for n in 1..100 {
            let sent = vec![n; usize::from(n)];
            assert_eq!(write(&here, &sent).await.unwrap(), sent.len());
            let mut back = Vec::new();
            while back.len() < sent.len() {
                let mut buf = [0; 64];
                let got = read(&here, &mut buf).await.unwrap();
                back.extend_from_slice(&buf[..got]);
            }
            assert_eq!(back, sent);
        }
        drop(here);
        assert_eq!(echo.await.unwrap(), (1..100).sum::<usize>());
        assert_eq!(runtime.metrics().sources, 0);
    });
}

#[test]
fn pipes_report_readability_and_a_closed_reader() {
    run(async |_| {
        let (reader, writer) = io::pipe().unwrap();
        let (reader, writer) = (Async::new(reader).unwrap(), Async::new(writer).unwrap());
        let reading = spawn(async move {
            let mut buf = [0; 4];
            let n = reader.read_with(|mut io| io.read(&mut buf)).await.unwrap();
            (reader, n)
        });
        yield_now().await;
        writer.write_with(|mut io| io.write(b"abc")).await.unwrap();
        let (reader, n) = reading.await.unwrap();
        assert_eq!(n, 3);
        // Fill it, so that the writer has to wait, then drop the reader.
        while writer.try_write_with(|mut io| io.write(&[0; 4096])).is_ok() {}
        let writing = spawn(async move {
            let error = loop {
                if let Err(error) = writer.write_with(|mut io| io.write(&[0; 4096])).await {
                    break error;
                }
            };
            error.kind()
        });
        yield_now().await;
        drop(reader);
        assert_eq!(writing.await.unwrap(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_short_read_does_not_hide_the_end_that_came_with_it() {
    run(async |_| {
        for rounds in 0..3 {
            let (here, mut there) = UnixStream::pair().unwrap();
            let here = Async::new(here).unwrap();
            let mut buf = [0; 64];
            for _ in 0..rounds {
                there.write_all(b"warm").unwrap();
                assert_eq!(read(&here, &mut buf).await.unwrap(), 4);
                here.source().drained(Interest::READABLE);
            }
            // Data and end in one edge.
            there.write_all(b"last").unwrap();
            drop(there);
            assert_eq!(read(&here, &mut buf).await.unwrap(), 4);
            here.source().drained(Interest::READABLE);
            assert_eq!(read(&here, &mut buf).await.unwrap(), 0);
            here.source().drained(Interest::READABLE);
            assert_eq!(read(&here, &mut buf).await.unwrap(), 0);
        }
    });
}

#[test]
fn an_end_that_comes_after_a_short_read_is_reported() {
    run(async |_| {
        let (here, mut there) = UnixStream::pair().unwrap();
        let here = Async::new(here).unwrap();
        let mut buf = [0; 64];
        there.write_all(b"data").unwrap();
        assert_eq!(read(&here, &mut buf).await.unwrap(), 4);
        here.source().drained(Interest::READABLE);
        there.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read(&here, &mut buf).await.unwrap(), 0);
    });
}

#[test]
fn an_event_of_a_closed_descriptor_wakes_no_other_source() {
    run(async |runtime| {
        let mut buf = [0; 8];
        for _ in 0..50 {
            let (here, mut there) = UnixStream::pair().unwrap();
            // Keeps the file open when the registered descriptor is closed.
            let duplicate = here.try_clone().unwrap();
            // SAFETY: closed early on purpose: only the wait uses the descriptor, and that fails
            // then.
            let borrowed = unsafe { BorrowedFd::borrow_raw(here.as_raw_fd()) };
            let old = Async::new(borrowed).unwrap();
            // Closed, so that it can't be deregistered: the registration lives on with the
            // duplicate.
            drop(here);
            drop(old);
            // It gets the slot, and most likely the number too.
            let (new, mut other) = UnixStream::pair().unwrap();
            let new = Async::new(new).unwrap();
            there.write_all(b"old").unwrap();
            for _ in 0..3 {
                wakeful::time::sleep(std::time::Duration::from_nanos(1)).await;
            }
            let early = new.try_read_with(|_| -> io::Result<()> { panic!("an event of another") });
            assert_eq!(early.unwrap_err().kind(), io::ErrorKind::WouldBlock);
            other.write_all(b"n").unwrap();
            assert_eq!(read(&new, &mut buf).await.unwrap(), 1);
            assert_eq!(runtime.metrics().sources, 1);
            drop(duplicate);
        }
    });
}

#[test]
fn a_duplicate_can_be_registered_after_the_original_was_dropped() {
    run(async |_| {
        let (here, mut there) = UnixStream::pair().unwrap();
        let duplicate = here.try_clone().unwrap();
        let first = Async::new(here).unwrap();
        let second = Async::new(duplicate).unwrap();
        there.write_all(b"x").unwrap();
        first.readable().await.unwrap();
        second.readable().await.unwrap();
        drop(first);
        let mut buf = [0; 8];
        assert_eq!(read(&second, &mut buf).await.unwrap(), 1);
        there.write_all(b"yz").unwrap();
        assert_eq!(read(&second, &mut buf).await.unwrap(), 2);
    });
}

#[test]
fn regular_files_and_directories_are_refused_with_a_reason() {
    run(async |runtime| {
        let path = std::env::current_exe().unwrap();
        for path in [path.as_path(), path.parent().unwrap()] {
            let error = Async::new(File::open(path).unwrap()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("spawn_blocking"), "{error}");
        }
        assert_eq!(runtime.metrics().sources, 0);
    });
}

#[test]
fn into_inner_deregisters_the_descriptor() {
    run(async |runtime| {
        let (here, mut there) = UnixStream::pair().unwrap();
        let socket = Async::new(here).unwrap();
        assert_eq!(runtime.metrics().sources, 1);
        let here = socket.into_inner().unwrap();
        assert_eq!(runtime.metrics().sources, 0);
        // It stays open, and can be registered again, with this reactor or another one.
        there.write_all(b"x").unwrap();
        let events = runtime.metrics().events;
        wakeful::time::sleep(std::time::Duration::from_nanos(1)).await;
        assert_eq!(runtime.metrics().events, events);
        let here = Async::new(OwnedFd::from(here)).unwrap();
        here.readable().await.unwrap();
        assert!(here.as_fd().try_clone_to_owned().is_ok());
    });
}

#[test]
fn a_descriptor_of_an_ended_runtime_returns_an_error() {
    let mut kept = Vec::new();
    each(|_| {});
    for backend in [
        wakeful::reactor::Backend::Auto,
        wakeful::reactor::Backend::Portable,
    ] {
        let runtime = wakeful::Runtime::builder()
            .backend(backend)
            .build()
            .unwrap();
        kept.push(runtime.enter(pair));
        drop(runtime);
    }
    wakeful::block_on(async {
        for (here, there) in kept {
            let mut buf = [0; 8];
            let error = read(&here, &mut buf).await.unwrap_err();
            assert!(error.to_string().contains("runtime"), "{error}");
            assert!(here.readable().await.is_err());
            assert!(there.writable().await.is_err());
            let ready = std::future::poll_fn(|cx| here.poll_readable(cx)).await;
            assert!(ready.is_err());
            let mut back = there.into_inner().unwrap();
            back.write_all(b"alive").unwrap();
            let here = Async::new(here.into_inner().unwrap()).unwrap();
            assert_eq!(read(&here, &mut buf).await.unwrap(), 5);
        }
    });
}

#[test]
fn a_warm_socket_is_written_and_read_without_a_wait() {
    run(async |runtime| {
        let (here, there) = pair();
        let mut buf = [0; 8];
        write(&here, b"warm").await.unwrap();
        read(&there, &mut buf).await.unwrap();
        let waits = runtime.metrics().waits;
        for _ in 0..50 {
            assert_eq!(write(&here, b"x").await.unwrap(), 1);
            assert_eq!(read(&there, &mut buf).await.unwrap(), 1);
        }
        assert_eq!(runtime.metrics().waits, waits);
        // `WouldBlock` clears the readiness: the operation is not tried a second time.
        let mut tries = 0;
        for _ in 0..3 {
            let none = there.try_read_with(|mut io| {
                tries += 1;
                io.read(&mut buf)
            });
            assert_eq!(none.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        assert_eq!(tries, 1);
        there.source().assume_ready(Interest::READABLE);
        assert!(
            there
                .try_read_with(|mut io| {
                    tries += 1;
                    io.read(&mut buf)
                })
                .is_err()
        );
        assert_eq!(tries, 2);
    });
}

#[test]
fn interrupted_operations_are_repeated() {
    run(async |_| {
        let (here, _there) = pair();
        let mut times = 0;
        let done = here.write_with(|_| {
            times += 1;
            if times < 4 {
                Err(io::ErrorKind::Interrupted.into())
            } else {
                Ok(times)
            }
        });
        assert_eq!(done.await.unwrap(), 4);
    });
}

/// A task that tries and yields is the only one that is ready, and no event wakes it.
#[test]
fn a_task_that_tries_and_yields_sees_the_readiness_after_a_few_yields() {
    run(async |_| {
        let (here, there) = pair();
        let mut buf = [0; 8];
        let mut try_read = || {
            let read = || here.get_ref().read(&mut buf);
            here.source().try_io(Interest::READABLE, read)
        };
        for round in 0..100 {
            // After many yields without a result the checks are still as frequent.
            for _ in 0..round * 10 {
                let error = try_read().unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                yield_now().await;
            }
            assert_eq!(there.get_ref().write(b"x").unwrap(), 1);
            let mut yields = 0;
            while try_read().is_err() {
                yields += 1;
                // The first yield of the first round may come at any time in a batch.
                assert!(yields <= 16, "round {round}");
                yield_now().await;
            }
        }
    });
}
