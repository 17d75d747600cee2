//! The server of the README, on smol.

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::TcpListener;

fn main() -> std::io::Result<()> {
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind("127.0.0.1:7000").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            let connection = executor.spawn(async move {
                let mut buf = [0; 4096];
                loop {
                    let n = stream.read(&mut buf).await?;
                    if n == 0 {
                        return std::io::Result::Ok(());
                    }
                    stream.write_all(&buf[..n]).await?;
                }
            });
            connection.detach();
        }
    }))
}
