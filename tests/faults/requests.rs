//! The server of the example `kv`, with clients that send several requests at once.

use futures_util::AsyncWriteExt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::task::JoinSet;

use crate::campaign::Dice;
use crate::kv;

pub fn run(mut dice: Dice) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let policy = kv::Policy {
            max_bulk: 1 << 20,
            max_clients: 100,
            idle: Duration::from_secs(3600),
        };
        let server = wakeful::spawn(kv::serve(listener, policy));
        let mut set = JoinSet::new();
        for name in 0..1 + dice.below(3) {
            set.spawn(client(addr, name, dice.fork()));
        }
        set.join_all().await;
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
    })
}

/// Sets and gets keys that no other client uses, so that each reply is known.
async fn client(addr: SocketAddr, name: usize, mut dice: Dice) {
    let stream = Rc::new(TcpStream::connect(addr).await.unwrap());
    for _ in 0..1 + dice.below(4) {
        let mut requests = Vec::new();
        let mut expected = Vec::new();
        for number in 0..1 + dice.below(12) {
            let key = format!("{name}:{number}").into_bytes();
            let len = match dice.below(10) {
                0 => dice.below(100_000),
                _ => dice.below(200),
            };
            let value = dice.bytes(len);
            command(&mut requests, &[b"SET", &key, &value]);
            expected.extend_from_slice(b"+OK\r\n");
            command(&mut requests, &[b"GET", &key]);
            bulk(&mut expected, &value);
        }
        let writer = stream.clone();
        let sent = wakeful::spawn(async move { writer.write_all(&requests).await });
        let mut got = vec![0; expected.len()];
        stream.read_exact(&mut got).await.unwrap();
        sent.await.unwrap().unwrap();
        assert!(got == expected, "the replies are not those expected");
    }
    AsyncWriteExt::close(&mut &*stream).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    parts.iter().for_each(|part| bulk(out, part));
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}
