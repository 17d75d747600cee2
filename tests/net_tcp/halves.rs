//! Halves of a stream, borrowed and owned.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;

use futures_util::future::join;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use wakeful::net::TcpStream;

use super::support::{all_of, is_pending, pattern, run, tcp_pair, turn};

#[test]
fn one_direction_ends_and_the_other_continues() {
    run(async || {
        let (client, server) = tcp_pair().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(all_of(&server).await, b"question");
        server.write_all(b"answer").await.unwrap();
        (&server).close().await.unwrap();
        assert_eq!(all_of(&client).await, b"answer");
        let error = client.write(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // The peer has closed the connection: that a direction can't be shut down any more is no
        // error.
        drop(server);
        client.shutdown(Shutdown::Both).unwrap();
        client.shutdown(Shutdown::Both).unwrap();
    });
}

#[test]
fn halves_work_in_two_tasks_and_a_dropped_write_half_ends_the_stream() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let sent = pattern(1 << 20);
        let (read, mut write) = client.into_split();
        let writer = wakeful::spawn({
            let sent = sent.clone();
            async move { write.write_all(&sent).await.unwrap() }
        });
        let reader = wakeful::spawn(all_of(read));
        let echo = wakeful::spawn(async move {
            futures_util::io::copy(&server, &mut &server).await.unwrap();
        });
        writer.await.unwrap();
        echo.await.unwrap();
        assert!(
            reader.await.unwrap() == sent,
            "what came back is what was sent"
        );
    });
}

#[test]
fn halves_are_reunited() {
    run(async || {
        let (client, server) = tcp_pair().await;
        let (other, _) = tcp_pair().await;
        let (read, write) = client.into_split();
        let (other_read, other_write) = other.into_split();
        let error = read.reunite(other_write).unwrap_err();
        assert!(error.to_string().contains("different streams"), "{error}");
        // The halves are returned.
        let (read, other_write) = (error.0, error.1);
        let error = write.reunite(other_read).unwrap_err();
        let (other_read, write) = (error.0, error.1);
        other_read.reunite(other_write).unwrap();
        let client = write.reunite(read).unwrap();
        client.write(b"whole").await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(server.read(&mut buf).await.unwrap(), 5);

        // A forgotten write half leaves its direction open.
        let (read, write) = client.into_split();
        write.forget();
        let mut end = pin!(server.read(&mut buf));
        turn().await;
        assert!(is_pending(end.as_mut()).await);
        drop(read);
        assert_eq!(end.await.unwrap(), 0);
    });
}

#[test]
fn borrowed_halves_leave_the_stream_usable() {
    run(async || {
        let (mut client, server) = tcp_pair().await;
        let (mut read, mut write) = TcpStream::split(&mut client);
        let (mut buf, echo) = ([0; 4], async {
            let mut buf = [0; 4];
            server.read_exact(&mut buf).await.unwrap();
            server.write_all(&buf).await.unwrap();
        });
        let talk = async {
            write.write_all(b"ping").await.unwrap();
            read.read_exact(&mut buf).await.unwrap();
        };
        join(talk, echo).await;
        assert_eq!(&buf, b"ping");
        client.write(b"more").await.unwrap();
        assert_eq!(server.read(&mut buf).await.unwrap(), 4);
    });
}

#[test]
fn halves_write_all_and_read_exact_without_a_trait() {
    /// No extension trait is in scope here.
    mod without_traits {
        use wakeful::net::TcpStream;

        pub(super) async fn exchange(mut client: TcpStream, server: TcpStream) {
            let mut buf = [0; 4];
            {
                let (read, write) = client.split();
                write.write_all(b"ping").await.unwrap();
                let (owned_read, owned_write) = server.into_split();
                owned_read.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"ping");
                owned_write.write_all(b"pong").await.unwrap();
                read.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"pong");
            }
            assert_eq!(client.read(&mut buf).await.unwrap(), 0);
        }
    }

    run(async || {
        let (client, server) = tcp_pair().await;
        without_traits::exchange(client, server).await;
    });
}
