//! Listening, accepting and closing, for the servers among the examples.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::process;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{sleep, timeout};

/// Listens on an address, for example `127.0.0.1:7000` or `localhost:0`, and prints it in one line
/// on standard output. If that fails, ends the process with a message that says what to do.
///
/// # Examples
/// ```no_run
/// # wakeful::block_on(async {
/// let listener = wakeful_examples::listen("127.0.0.1:7000").await;
/// # })
/// ```
pub async fn listen(address: &str) -> TcpListener {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => fail(&cannot_listen(address, &error)),
    };
    match announce(&listener) {
        Ok(()) => listener,
        Err(error) => fail(&format!("cannot print the address of the server: {error}")),
    }
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {address}")?;
    out.flush()
}

fn fail(sentence: &str) -> ! {
    eprintln!("{sentence}");
    process::exit(1)
}

fn cannot_listen(address: &str, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; end the program that uses it, or give another address"
        }
        io::ErrorKind::PermissionDenied => "give a port above 1023",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine, such as 127.0.0.1",
        _ => "give an address of this machine, such as 127.0.0.1:0",
    };
    format!("cannot listen on {address}: {error}: {advice}")
}

/// Accepts the next client. The listener waits while this process has no descriptors left. If there
/// is not enough memory to register a client, this is reported, and after a pause the next client
/// is accepted. Other failures are permanent, so they end the process with a message.
///
/// Cancel safe: a client is either returned or still waits.
///
/// # Examples
/// ```no_run
/// # wakeful::block_on(async {
/// let listener = wakeful_examples::listen("127.0.0.1:7000").await;
/// let (stream, peer) = wakeful_examples::accept(&listener).await;
/// # })
/// ```
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(client) => return client,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::OutOfMemory | io::ErrorKind::StorageFull
                ) =>
            {
                eprintln!("cannot accept a client: {error}; trying again in 100 ms");
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => fail(&format!("cannot accept clients any more: {error}")),
        }
    }
}

/// Closes a connection whose peer may still be sending. If the socket were dropped at once, the
/// system would answer further bytes with a reset, which can discard the last reply at the peer. So
/// this sends the end of the stream, then reads and discards bytes for at most two seconds.
///
/// # Errors
/// Returns the error of the socket, which is of no use in any case.
///
/// # Examples
/// ```no_run
/// # wakeful::block_on(async {
/// # let listener = wakeful_examples::listen("127.0.0.1:7000").await;
/// let (stream, _) = wakeful_examples::accept(&listener).await;
/// stream.write(b"go away\n").await.unwrap();
/// wakeful_examples::close_gently(&stream).await.unwrap();
/// # })
/// ```
pub async fn close_gently(stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let drain = async {
        loop {
            stream.readable().await?;
            // Not kept across an `.await`, so that the buffer is not a part of the future.
            let mut sink = [0; 4096];
            match stream.try_read(&mut sink) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    timeout(Duration::from_secs(2), drain)
        .await
        .unwrap_or(Ok(()))
}

/// Raises the limit of descriptors of this process as far as the system allows. The default of a
/// shell is often 1,024, which is less than the number of clients of a server.
///
/// # Examples
/// ```
/// wakeful_examples::raise_descriptor_limit();
/// ```
pub fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If the system refuses, the limit stays, and `accept` reports when it is reached.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
