//! A conversation between two tasks of a runtime.

use wakeful::net::{TcpListener, TcpStream};

/// Sends bytes over a connection to a task that returns them, this often.
pub async fn talk(rounds: u32) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = TcpStream::connect(listener.local_addr().unwrap());
    let there = there.await.unwrap();
    let (here, _) = listener.accept().await.unwrap();
    let echo = wakeful::spawn(async move {
        let mut buf = [0; 4];
        for _ in 0..rounds {
            here.read_exact(&mut buf).await.unwrap();
            here.write_all(&buf).await.unwrap();
        }
    });
    for _ in 0..rounds {
        there.write_all(b"ping").await.unwrap();
        let mut buf = [0; 4];
        there.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ping");
    }
    echo.await.unwrap();
}
