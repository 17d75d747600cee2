//! A process without descriptors: accepting waits without spinning, and continues when there are
//! some. It changes a limit of the whole process, so it is the only test of its program.

use std::cell::Cell;
use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream as StdStream;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join3, poll_fn};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wakeful::Runtime;
use wakeful::net::{TcpListener, TcpStream, UnixListener};
use wakeful::reactor::Backend;
use wakeful::time::sleep;

/// Opens files until there is no descriptor left.
fn fill_up() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
                return files;
            }
        }
    }
}

#[test]
fn accepting_without_descriptors_backs_off_and_recovers() {
    let limit = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(64),
        ..limit
    };
    setrlimit(Resource::Nofile, few).unwrap();
    for backend in [Backend::Auto, Backend::Portable] {
        let runtime = Runtime::builder().backend(backend).build().unwrap();
        runtime.block_on(use_all_descriptors(&runtime));
    }
}

async fn use_all_descriptors(runtime: &Runtime) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let polled = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let polled_addr = polled.local_addr().unwrap();
    let path = env::temp_dir().join(format!("wakeful-emfile-{}.sock", std::process::id()));
    let unix = UnixListener::bind(&path).unwrap();
    let talker = talk(addr, &listener).await;

    let mut clients = [addr, addr, polled_addr].map(|addr| StdStream::connect(addr).unwrap());
    let unix_client = StdUnixStream::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let files = fill_up();

    // A direct call of `try_accept` gets the error at once.
    let error = loop {
        match listener.try_accept() {
            // No event has arrived yet.
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(Duration::ZERO).await,
            result => break result.unwrap_err(),
        }
    };
    assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));

    let accepted = Rc::new(Cell::new(0));
    let count = accepted.clone();
    let server = wakeful::spawn(async move {
        let on_listener = async {
            let one = listener.accept().await.unwrap();
            count.set(count.get() + 1);
            (one, listener.accept().await.unwrap())
        };
        let on_polled = async {
            let one = poll_fn(|cx| polled.poll_accept(cx)).await.unwrap();
            count.set(count.get() + 1);
            one
        };
        let on_unix = async {
            let one = unix.accept().await.unwrap();
            count.set(count.get() + 1);
            one
        };
        join3(on_listener, on_polled, on_unix).await
    });

    // A window of 200 ms: a task that spins would be polled many times in it.
    let before = runtime.metrics();
    sleep(Duration::from_millis(200)).await;
    let after = runtime.metrics();
    let polls = after.polls - before.polls;
    assert!(polls < 100, "{polls} polls: it spins");
    let waits = after.waits - before.waits;
    assert!(waits < 200, "{waits} waits: it spins");
    assert_eq!(accepted.get(), 0);
    assert!(!server.is_finished());

    // Accepted connections are served all the time.
    let (mut ours, theirs) = talker;
    ours.write_all(b"still here").unwrap();
    let mut buf = [0; 16];
    assert_eq!(theirs.read(&mut buf).await.unwrap(), 10);

    drop(files);
    let (((one, _), (two, _)), (three, _), (four, _)) = server.await.unwrap();
    for (stream, client) in [one, two, three].iter().zip(&mut clients) {
        stream.write(b"welcome").await.unwrap();
        client.read_exact(&mut buf[..7]).unwrap();
    }
    four.write(b"welcome").await.unwrap();
    let mut unix_client = unix_client;
    unix_client.read_exact(&mut buf[..7]).unwrap();
}

/// Serves a connection that was accepted before.
async fn talk(addr: std::net::SocketAddr, listener: &TcpListener) -> (StdStream, TcpStream) {
    let ours = StdStream::connect(addr).unwrap();
    (ours, listener.accept().await.unwrap().0)
}
