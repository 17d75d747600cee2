//! A web server for the files of a folder.
//!
//! ```text
//! cargo run --release --example http -- 127.0.0.1:8080 target/doc
//! curl -i http://127.0.0.1:8080/
//! wrk -t2 -c100 -d5s http://127.0.0.1:8080/
//! ```
//!
//! HTTP/1.0 and HTTP/1.1 with persistent connections and pipelining. Only GET and HEAD, without
//! ranges, compression and TLS, which a proxy in front can provide.
//!
//! `head` parses requests, `target` converts addresses to paths, `files` opens files on the
//! blocking pool, `cache` keeps small ones for a second, `reply` writes heads, and `connection`
//! uses all of these.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::process;
use std::rc::Rc;

use wakeful::net::{TcpListener, TcpStream};
use wakeful_examples::{Args, accept, close_gently, listen, raise_descriptor_limit};

mod cache;
mod connection;
mod files;
mod head;
#[cfg(test)]
mod limits;
mod reply;
mod site;
mod status;
mod target;
#[cfg(test)]
mod tests;

use connection::Connection;
use reply::Framing;
use site::Site;
use status::Status;

const USAGE: &str = "\
usage: http [ADDRESS] [FOLDER] [--max-clients N]

Serves the files of FOLDER (the current one) at ADDRESS (127.0.0.1:8080).
  --max-clients N    the most connections at a time (10000)";

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let max_clients = args.option("--max-clients", 10_000);
    let address = args.address("ADDRESS", "127.0.0.1:8080");
    let folder = args.next("FOLDER", ".".to_string());
    args.finish();
    let root = canonical(&folder).unwrap_or_else(|error| {
        eprintln!("cannot serve '{folder}': {error}; give a folder that can be read");
        process::exit(1)
    });
    raise_descriptor_limit();
    serve(listen(&address).await, root, max_clients).await;
}

fn canonical(folder: &str) -> io::Result<PathBuf> {
    let root = std::fs::canonicalize(folder)?;
    std::fs::read_dir(&root)?; // fails if it is not a folder, or not readable
    Ok(root)
}

/// Serves the folder `root`, a canonical path, until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, root: PathBuf, max_clients: usize) {
    let site = Rc::new(Site::new(root));
    let open = Rc::new(Cell::new(0));
    loop {
        let (stream, _) = accept(&listener).await;
        let (site, open) = (site.clone(), open.clone());
        wakeful::spawn(async move {
            open.set(open.get() + 1);
            // An error of one connection does not affect the others.
            let _ = if open.get() > max_clients {
                turn_away(&stream).await
            } else {
                Connection::new(&stream, &site).run().await
            };
            open.set(open.get() - 1);
        });
    }
}

async fn turn_away(stream: &TcpStream) -> io::Result<()> {
    let mut refusal = Vec::new();
    reply::words(&mut refusal, Status::Unavailable, None, Framing::LAST);
    // The socket is new, so its send buffer has space for these bytes.
    stream.write(&refusal).await?;
    close_gently(stream).await
}
