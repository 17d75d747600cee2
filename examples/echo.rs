//! A server that sends back what it gets: `cargo run --example echo`, then `nc 127.0.0.1 7000`.

use std::io;

use futures_util::AsyncWriteExt;
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

/// One task for each client. Tasks are cheap, and each reads like a program with one client.
pub(crate) async fn serve(listener: TcpListener) {
    loop {
        let (stream, peer) = accept(&listener).await;
        wakeful::spawn(async move {
            // An error ends this client's task; the others never hear of it.
            if let Err(error) = echo(&stream).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()), // the client has sent all it had; all of it is back
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}
