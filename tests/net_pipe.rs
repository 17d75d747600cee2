//! Pipes and named pipes: bytes, the end of the stream, and files that are not pipes.

#[path = "support/fifo.rs"]
mod fifo;
#[path = "support/net.rs"]
mod net;

use std::fs::{File, OpenOptions as StdOptions};
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join;
use wakeful::net::unix::pipe::{OpenOptions, Receiver, Sender, pipe};

/// A named pipe, which is removed when it is dropped.
struct Fifo(PathBuf);

impl Fifo {
    fn new() -> Fifo {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("wakeful-pipe-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fifo::make_fifo(&path).unwrap();
        Fifo(path)
    }

    fn receiver(&self) -> Receiver {
        OpenOptions::new().open_receiver(&self.0).unwrap()
    }

    fn sender(&self) -> Sender {
        OpenOptions::new().open_sender(&self.0).unwrap()
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn sends_all(sender: Sender, receiver: Receiver) {
    let sent = net::pattern(1 << 20);
    let expected = sent.clone();
    let writer = wakeful::spawn(async move { sender.write_all(&sent).await.unwrap() });
    assert!(
        net::all_of(receiver).await == expected,
        "other bytes arrive"
    );
    writer.await.unwrap();
}

/// With packets each read returns one packet, so a short read does not mean that the pipe is empty.
// Linux only: other systems have no pipes of packets.
#[cfg(target_os = "linux")]
#[test]
fn packets_are_read_one_after_the_other() {
    net::run(async || {
        let (reader, _writer) = net::two_packets();
        let receiver = Receiver::from_owned_fd(reader).unwrap();
        let mut buf = [0; 8];
        for packet in [b"one", b"two"] {
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf[..3], packet);
        }
    });
}

#[test]
fn a_pipe_carries_a_mebibyte() {
    net::run(async || {
        let (sender, receiver) = pipe().unwrap();
        sends_all(sender, receiver).await;
    });
}

#[test]
fn a_named_pipe_carries_a_mebibyte() {
    net::run(async || {
        let fifo = Fifo::new();
        let receiver = fifo.receiver();
        sends_all(fifo.sender(), receiver).await;
    });
}

#[test]
fn a_full_pipe_and_a_pipe_without_receiver() {
    net::run(async || {
        let (sender, receiver) = pipe().unwrap();
        let chunk = [7; 1000];
        let mut sent = 0;
        let full = loop {
            match sender.try_write(&chunk) {
                Ok(n) => sent += n,
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let mut write = pin!(sender.write(&chunk));
        assert!(net::is_pending(write.as_mut()).await);
        let mut received = 0;
        let mut buf = [0; 4096];
        while received < sent {
            received += receiver.read(&mut buf).await.unwrap();
        }
        assert_eq!(write.await.unwrap(), 1000);
        assert_eq!(receiver.read(&mut buf).await.unwrap(), 1000);
        let nothing = receiver.try_read(&mut buf).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
        drop(receiver);
        assert_eq!(
            sender.write(&chunk).await.unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn write_all_and_read_exact_move_more_than_a_pipe_holds() {
    net::run(async || {
        let (sender, receiver) = pipe().unwrap();
        let sent = net::pattern(1 << 20);
        let mut received = vec![0; sent.len()];
        let (written, read) = join(
            Sender::write_all(&sender, &sent),
            Receiver::read_exact(&receiver, &mut received),
        )
        .await;
        written.unwrap();
        read.unwrap();
        assert!(received == sent, "other bytes arrive");
        sender.write_all(b"end").await.unwrap();
        drop(sender);
        let error = receiver.read_exact(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let (sender, receiver) = pipe().unwrap();
        drop(receiver);
        let error = sender.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_sender_that_waits_is_woken_by_the_end() {
    net::run(async || {
        let (sender, receiver) = pipe().unwrap();
        while sender.try_write(&[0; 4096]).is_ok() {}
        let mut write = pin!(sender.write(&[0; 4096]));
        assert!(net::is_pending(write.as_mut()).await);
        drop(receiver);
        assert_eq!(write.await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn senders_may_come_and_go() {
    net::run(async || {
        let fifo = Fifo::new();
        let receiver = fifo.receiver();
        let mut buf = [0; 16];
        {
            // No writer has opened the FIFO yet: that is not its end.
            let mut read = pin!(receiver.read(&mut buf));
            assert!(net::is_pending(read.as_mut()).await);
            net::turn().await;
            assert!(net::is_pending(read.as_mut()).await);
        }
        for round in 0..5_u8 {
            let sender = fifo.sender();
            assert_eq!(sender.write(&[round; 3]).await.unwrap(), 3);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 3);
            assert_eq!(buf[..3], [round; 3]);
            {
                let read = pin!(receiver.read(&mut buf[3..]));
                assert!(net::is_pending(read).await);
            }
            drop(sender);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 0);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 0);
        }
    });
}

#[test]
fn a_receiver_that_can_write_sees_no_end() {
    net::run(async || {
        let fifo = Fifo::new();
        let receiver = OpenOptions::new()
            .read_write(true)
            .open_receiver(&fifo.0)
            .unwrap();
        let mut buf = [0; 16];
        for _ in 0..3 {
            let sender = fifo.sender();
            sender.write(b"x").await.unwrap();
            drop(sender);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 1);
            net::turn().await;
            let read = pin!(receiver.read(&mut buf));
            assert!(net::is_pending(read).await);
        }
        // A sender that can read needs no receiver.
        let alone = Fifo::new();
        let sender = OpenOptions::new()
            .read_write(true)
            .open_sender(&alone.0)
            .unwrap();
        sender.write(b"x").await.unwrap();
    });
}

#[test]
fn a_receiver_may_be_opened_again() {
    net::run(async || {
        let fifo = Fifo::new();
        let mut buf = [0; 16];
        for _ in 0..3 {
            let receiver = fifo.receiver();
            let sender = fifo.sender();
            sender.write(b"again").await.unwrap();
            drop(sender);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 5);
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 0);
        }
    });
}

#[test]
fn errors_name_the_path_and_the_reason() {
    net::run(async || {
        let fifo = Fifo::new();
        let path = fifo.0.display().to_string();
        let error = OpenOptions::new().open_sender(&fifo.0).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no process has opened this pipe for reading") && text.contains(&path),
            "{text}"
        );

        let missing = format!("{path}-missing");
        let error = OpenOptions::new().open_receiver(&missing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&missing), "{error}");

        let me = std::env::current_exe().unwrap();
        let error = OpenOptions::new().open_receiver(&me).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(
            text.contains("not a pipe") && text.contains(me.to_str().unwrap()),
            "{text}"
        );
        let error = OpenOptions::new()
            .unchecked(true)
            .open_receiver(&me)
            .unwrap_err();
        assert!(error.to_string().contains("regular file"), "{error}");
        let error = Receiver::from_file(File::open(&me).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);

        let (read, write) = std::io::pipe().unwrap();
        let error = Receiver::from_owned_fd(write.into()).unwrap_err();
        assert!(
            error.to_string().contains("not open for reading"),
            "{error}"
        );
        let error = Sender::from_owned_fd(read.into()).unwrap_err();
        assert!(
            error.to_string().contains("not open for writing"),
            "{error}"
        );
    });
}

#[test]
fn pipes_are_converted_from_and_to_descriptors() {
    net::run(async || {
        let (read, write) = std::io::pipe().unwrap();
        let receiver = Receiver::from_owned_fd(read.into()).unwrap();
        let sender = Sender::from_owned_fd(write.into()).unwrap();
        sender.write(b"x").await.unwrap();
        let mut file = File::from(receiver.into_blocking_fd().unwrap());
        let write = sender.into_nonblocking_fd().unwrap();
        let mut buf = [0; 16];
        assert_eq!(file.read(&mut buf).unwrap(), 1);
        let flags = |fd: &dyn std::os::fd::AsFd| rustix::fs::fcntl_getfl(fd.as_fd()).unwrap();
        assert!(!flags(&file).contains(rustix::fs::OFlags::NONBLOCK));
        assert!(flags(&write).contains(rustix::fs::OFlags::NONBLOCK));

        let fifo = Fifo::new();
        let both = StdOptions::new()
            .read(true)
            .write(true)
            .open(&fifo.0)
            .unwrap();
        let sender = Sender::from_file(both.try_clone().unwrap()).unwrap();
        let receiver = Receiver::from_file(both).unwrap();
        sender.write(b"round").await.unwrap();
        assert_eq!(receiver.read(&mut buf).await.unwrap(), 5);
    });
}
