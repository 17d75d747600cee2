//! What the examples of this workspace share.

use std::io;

use wakeful::net::{TcpListener, TcpStream};

/// Answers each HTTP request with the line `hello`, until the task is dropped.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        drop(wakeful::spawn(async move { answer(&stream).await }));
    }
}

async fn answer(stream: &TcpStream) -> io::Result<()> {
    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello\n";
    let mut received = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            n => received.extend_from_slice(&buf[..n]),
        }
        while let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            received.drain(..end + 4);
            stream.write_all(REPLY).await?;
        }
    }
}

/// Returns the number of threads of this process.
///
/// # Errors
///
/// If `/proc` can't be read.
pub fn threads() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}
