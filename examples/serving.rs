//! How the servers among the examples listen, accept and close.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::process;
use std::time::Duration;

use wakeful::net::{TcpListener, TcpStream};
use wakeful::time::{sleep, timeout};

/// Listens at an address, for example `127.0.0.1:7000` or `localhost:0`, and says so in one line
/// on standard output. If that fails, ends the process with a sentence that says what to do.
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
            "the port is taken; end the program that has it, or give another address"
        }
        io::ErrorKind::PermissionDenied => "give a port above 1023",
        io::ErrorKind::AddrNotAvailable => "give an address of this machine, such as 127.0.0.1",
        _ => "give an address of this machine, such as 127.0.0.1:0",
    };
    format!("cannot listen on {address}: {error}: {advice}")
}

/// The next client. The listener itself waits while this process has no descriptors left. If there
/// is no memory to watch a client, that is reported, and the next one is waited for after a pause.
/// Any other failure stays, so it ends the process, with a sentence that says what to do.
///
/// Cancel-safe: a client is either returned or still waits.
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

/// Closes a connection whose peer may still be sending. Dropped at once, the socket would answer
/// those bytes with a reset, and a reset takes the last reply away from the peer. So this sends
/// the end of the stream, then reads and forgets what comes for at most two seconds.
///
/// # Errors
/// Those of the socket; the connection is of no more use in any case.
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
            // Not kept across an `.await`, so that it is no part of every connection's task.
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

/// Asks the system for as many descriptors as it lets this process have; the limit that a shell
/// sets is often 1,024, fewer than the clients that a server is to hold.
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
        // If it is refused, the old limit stays, and `accept` says when that is not enough.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
