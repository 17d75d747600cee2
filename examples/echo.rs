//! A server that sends back what it receives: `cargo run --example echo`, then `nc 127.0.0.1 7000`.

use std::io;

use wakeful::net::{TcpListener, TcpStream};
use wakeful_examples::{Args, accept, listen};

const USAGE: &str = "\
usage: echo [ADDRESS]

Listens at ADDRESS (127.0.0.1:7000) and sends every byte back to where it came from.";

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    serve(listen(&address).await).await;
}

/// Spawns a task for each client. A task is cheap, and its code reads as if it had one client.
pub(crate) async fn serve(listener: TcpListener) {
    loop {
        let (stream, peer) = accept(&listener).await;
        wakeful::spawn(async move {
            // An error ends the task of this client only.
            if let Err(error) = echo(stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = [0; 4096];
    loop {
        let n = stream.read(&mut buf).await?;
        if n == 0 {
            return Ok(()); // the client has closed its side
        }
        stream.write_all(&buf[..n]).await?;
    }
}
