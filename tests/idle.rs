//! Ten thousand idle connections: the memory of each, and that they cause no other costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wakeful::net::TcpListener;

#[path = "support/alone.rs"]
mod alone;

/// Counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes every call to the system's allocator, and counts the bytes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 10_000;
const ROLE: &str = "WAKEFUL_IDLE_CLIENTS";

/// Not a test: the clients, in a process of their own, as the number of descriptors of a process is
/// limited. They follow commands on standard input, and answer each with a line.
#[test]
fn clients() {
    let Ok(port) = env::var(ROLE) else { return };
    let port: u16 = port.parse().unwrap();
    let mut clients: Vec<TcpStream> = Vec::new();
    for line in io::stdin().lines() {
        match line.unwrap().split_once(' ').unwrap() {
            ("open", n) => {
                let n: usize = n.parse().unwrap();
                clients.extend((0..n).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()));
            }
            ("ping", n) => {
                let client = &mut clients[n.parse::<usize>().unwrap()];
                let mut buf = [0; 4];
                client.write_all(b"ping").unwrap();
                client.read_exact(&mut buf).unwrap();
                assert_eq!(&buf, b"ping");
            }
            (other, _) => panic!("{other}"),
        }
        println!("done");
    }
}

struct Clients(Child);

impl Clients {
    fn start(port: u16) -> Clients {
        let child = alone::this_program()
            .args(["clients", "--exact", "--nocapture", "--test-threads=1"])
            .env(ROLE, port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Clients(child.unwrap())
    }

    /// Sends a command.
    fn tell(&mut self, what: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{what}").unwrap();
    }

    /// Waits, without blocking the loop, until the clients have followed it.
    async fn done(&mut self) {
        let mut stdout = self.0.stdout.take().unwrap();
        let wait = move || {
            let mut text = Vec::new();
            while !text.ends_with(b"done\n") {
                let mut byte = [0];
                stdout.read_exact(&mut byte).unwrap();
                text.extend(byte);
            }
            stdout
        };
        self.0.stdout = Some(wakeful::spawn_blocking(wait).await.unwrap());
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

async fn serve(stream: wakeful::net::TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        // On the heap only while it contains bytes: an idle connection has no buffer.
        let mut buf = vec![0; 4096];
        match stream.try_read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => drop(stream.write(&buf[..n]).await?),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Runs until the system reports no more events.
async fn settle(runtime: &wakeful::Runtime) {
    loop {
        let before = runtime.metrics().events;
        wakeful::time::sleep(Duration::from_millis(2)).await;
        if runtime.metrics().events == before {
            return;
        }
    }
}

/// Returns the number of events of one request.
async fn request(runtime: &wakeful::Runtime, clients: &mut Clients, which: usize) -> u64 {
    settle(runtime).await;
    let before = runtime.metrics().events;
    clients.tell(&format!("ping {which}"));
    clients.done().await;
    runtime.metrics().events - before
}

#[test]
fn idle_connections_take_little_memory_and_no_events() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if most < CONNECTIONS as u64 + 100 {
        eprintln!("skipped: a process may open only {most} descriptors here (see `ulimit -Hn`)");
        return;
    }
    // The clients inherit the limit.
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();

    let runtime = wakeful::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut clients = Clients::start(listener.local_addr().unwrap().port());
        let take_in = async |count: usize| {
            for _ in 0..count {
                let (stream, _) = listener.accept().await.unwrap();
                wakeful::spawn(serve(stream));
            }
        };
        clients.tell("open 10");
        take_in(10).await;
        clients.done().await;
        let with_ten = request(&runtime, &mut clients, 3).await;

        let before = IN_USE.load(Ordering::Relaxed);
        clients.tell(&format!("open {}", CONNECTIONS - 10));
        take_in(CONNECTIONS - 10).await;
        clients.done().await;
        settle(&runtime).await;
        let each = (IN_USE.load(Ordering::Relaxed) - before) / (CONNECTIONS - 10);
        eprintln!("{CONNECTIONS} idle connections: {each} bytes each, task and future included");
        assert!(each < 1024, "{each} bytes for an idle connection");
        assert_eq!(runtime.metrics().sources, CONNECTIONS + 1);

        let with_all = request(&runtime, &mut clients, CONNECTIONS / 2).await;
        assert_eq!(with_ten, 1, "a request is one event");
        assert_eq!(
            with_all, 1,
            "a request is one event, however many others wait"
        );
    });
}
