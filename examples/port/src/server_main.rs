//! The server, until ctrl-c: `small-redis-server [ADDRESS [FILE]]`.

use small_redis::server::{self, Options};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::signal;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.as_deref().unwrap_or("127.0.0.1:6379");
    let listener = TcpListener::bind(addr).await?;
    let ready = format!("listening on {}\n", listener.local_addr()?);
    let mut stdout = tokio::io::stdout();
    stdout.write_all(ready.as_bytes()).await?;
    stdout.flush().await?;
    let options = Options {
        limit: 1000,
        file: std::env::args().nth(2).map(Into::into),
    };
    let shutdown = async {
        if let Err(error) = signal::ctrl_c().await {
            eprintln!("small-redis-server: can't wait for ctrl-c: {error}");
        }
    };
    let served = server::run(listener, options, shutdown).await?;
    stdout
        .write_all(format!("served {served}\n").as_bytes())
        .await?;
    stdout.flush().await
}
