//! A client of FTP. The server is Python's `pyftpdlib`.

use suppaftp::tokio::AsyncFtpStream;
use tokio::io::AsyncReadExt;

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let mut ftp = AsyncFtpStream::connect(server).await?;
    ftp.login("anonymous", "").await?;
    let mut stream = ftp.retr_as_stream("hello.txt").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    stream.finish().await?;
    ftp.quit().await?;
    Ok(text)
}
