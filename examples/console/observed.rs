//! A program to watch with tokio-console: an echo server, clients that send to it, timers, and
//! closures on other threads. Run it in this directory, whose `.cargo/config.toml` has the flags
//! for the subscriber:
//!
//! ```text
//! cargo run --bin observed      and beside it: tokio-console
//! cargo run --bin check         reads the same data as tokio-console, and prints it
//! ```
//!
//! `TOKIO_CONSOLE_BIND=127.0.0.1:7669` changes the address for both.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use std::task::Poll;
use wakeful::net::{TcpListener, TcpStream};
use wakeful::task::{Builder, yield_now};
use wakeful::time::{interval, sleep, timeout};

fn main() -> io::Result<()> {
    // Created before the runtime: tasks and resources that exist before the subscriber are not
    // shown. It receives 128 events each time it publishes, so once a second would be too rare for
    // the timers of this program.
    console_subscriber::ConsoleLayer::builder()
        .publish_interval(Duration::from_millis(50))
        .with_default_env()
        .init();
    wakeful::block_on(serve())
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    Builder::new().name("listener").spawn(accept(listener));
    for number in 1..=3 {
        Builder::new()
            .name(format!("client {number}"))
            .spawn(talk(address));
    }
    Builder::new().name("ticker").spawn(tick());
    Builder::new().name("computer").spawn(compute());
    Builder::new().name("selfish").spawn(wake_itself());
    let flag = Arc::new(Flag::default());
    set_repeatedly(flag.clone());
    Builder::new().name("wait").spawn(async move {
        loop {
            flag.wait().await;
        }
    });
    std::future::pending().await
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        Builder::new()
            .name(format!("server of {peer}"))
            .spawn(echo(stream));
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    // A client of this program sends more often than this timeout.
    while let Ok(read) = timeout(Duration::from_secs(60), stream.read(&mut buffer)).await {
        match read? {
            0 => break,
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
    Ok(())
}

async fn talk(address: std::net::SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    let mut buffer = [0; 5];
    loop {
        stream.write_all(b"hello").await?;
        stream.read_exact(&mut buffer).await?;
        sleep(Duration::from_millis(50)).await;
    }
}

async fn tick() {
    let mut ticks = interval(Duration::from_millis(20));
    loop {
        ticks.tick().await;
    }
}

async fn compute() {
    loop {
        let sum = wakeful::spawn_blocking(|| (0..1_000_000_u64).fold(0, u64::wrapping_add));
        let _ = sum.await;
        sleep(Duration::from_millis(200)).await;
    }
}

async fn wake_itself() {
    loop {
        yield_now().await;
        sleep(Duration::from_millis(100)).await;
    }
}

/// Set by another thread, and awaited by a task.
#[derive(Default)]
struct Flag {
    is_set: AtomicBool,
    waker: AtomicWaker,
}

impl Flag {
    async fn wait(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            match self.is_set.swap(false, Ordering::AcqRel) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

fn set_repeatedly(flag: Arc<Flag>) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(30));
            flag.is_set.store(true, Ordering::Release);
            flag.waker.wake();
        }
    });
}
