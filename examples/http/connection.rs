//! Serves one client: reads its requests and answers them in order.

use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use wakeful::net::TcpStream;
use wakeful::spawn_blocking;
use wakeful::time::{Instant, timeout, timeout_at};
use wakeful_examples::close_gently;

use super::cache::Document;
use super::files::{self, Description, Found};
use super::head::{self, Method, Request};
use super::reply::{self, Framing};
use super::site::Site;
use super::status::Status;
use super::target;

/// How long a connection may be without a request.
const IDLE: Duration = Duration::from_secs(15);
/// The longest time from the first byte of a request to its last.
const RECEIVE: Duration = Duration::from_secs(10);
/// The longest time that a client may take to receive one write.
const SEND: Duration = Duration::from_secs(30);
/// The largest body of a request. Bodies are read and discarded.
const MAX_BODY: u64 = 64 * 1024;
/// Responses to requests that arrived together are sent together, up to this many bytes.
const BATCH: usize = 64 * 1024;
/// Large files are read and sent in pieces of this size.
const PIECE: usize = 128 * 1024;

pub(crate) struct Connection<'a> {
    stream: &'a TcpStream,
    site: &'a Site,
    /// Received bytes that are not parsed yet: a part of a head, or further requests.
    input: Vec<u8>,
    /// Responses that are not sent yet.
    output: Vec<u8>,
    /// The deadline for the next request, or for its first byte.
    deadline: Instant,
}

/// The action after a response.
#[derive(PartialEq)]
enum Next {
    Request,
    Close,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: &'a TcpStream, site: &'a Site) -> Connection<'a> {
        Connection {
            stream,
            site,
            input: Vec::new(),
            output: Vec::new(),
            deadline: Instant::now() + IDLE,
        }
    }

    /// Answers requests until one side closes the connection.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        loop {
            let next = match head::parse(&self.input) {
                Ok(Some((request, length))) => {
                    self.input.drain(..length);
                    let next = self.answer(request).await?;
                    let patience = if self.input.is_empty() { IDLE } else { RECEIVE };
                    self.deadline = Instant::now() + patience;
                    next
                }
                Ok(None) => self.wait().await?,
                Err(status) => self.refuse(status),
            };
            if next == Next::Close {
                self.flush().await?;
                return close_gently(self.stream).await;
            }
        }
    }

    /// Waits for the rest of a request, or for the next one.
    async fn wait(&mut self) -> io::Result<Next> {
        self.flush().await?;
        let idle = self.input.is_empty();
        match self.receive(self.deadline).await {
            Ok(0) => Ok(Next::Close),
            Ok(_) if idle => {
                self.deadline = Instant::now() + RECEIVE;
                Ok(Next::Request)
            }
            Ok(_) => Ok(Next::Request),
            Err(error) if error.kind() != io::ErrorKind::TimedOut => Err(error),
            Err(_) if idle => Ok(Next::Close),
            Err(_) => Ok(self.refuse(Status::RequestTimeout)),
        }
    }

    async fn answer(&mut self, request: Request) -> io::Result<Next> {
        let mut framing = Framing::of(&request);
        if request.body > MAX_BODY {
            return Ok(self.refuse(Status::BodyTooLarge));
        }
        if let Method::Other(status) = request.method {
            // A client that waits for `100 Continue` may send its body or not.
            framing.keep_alive &= !request.expects_continue;
            if framing.keep_alive && !self.skip_body(&request).await? {
                return Ok(Next::Close);
            }
            reply::words(&mut self.output, status, None, framing);
        } else {
            if !self.skip_body(&request).await? {
                return Ok(Next::Close);
            }
            self.send(&request, framing).await?;
        }
        if self.output.len() > BATCH {
            self.flush().await?;
        }
        Ok(if framing.keep_alive {
            Next::Request
        } else {
            Next::Close
        })
    }

    /// Sends the requested file, or an error status.
    async fn send(&mut self, request: &Request, framing: Framing) -> io::Result<()> {
        if let Some(document) = self.site.cached(&request.path) {
            self.send_document(request, &document, framing);
            return Ok(());
        }
        let (target, found) = match self.find(&request.path).await {
            Ok(found) => found,
            Err(status) => {
                reply::words(&mut self.output, status, None, framing);
                return Ok(());
            }
        };
        match found {
            Found::Small(description, content) => {
                let document = Rc::new(Document {
                    description,
                    content,
                });
                self.site.keep(&request.path, document.clone());
                self.send_document(request, &document, framing);
            }
            Found::Large(description, _) if has_it(request, &description) => {
                reply::not_modified(&mut self.output, &description, framing);
            }
            Found::Large(description, file) => {
                reply::file(&mut self.output, &description, framing);
                if !framing.head_only {
                    self.flush().await?;
                    self.send_pieces(file, description.length).await?;
                }
            }
            Found::Folder => {
                let location = target::with_slash(&target);
                let status = Status::MovedPermanently;
                reply::words(&mut self.output, status, Some(&location), framing);
            }
        }
        Ok(())
    }

    async fn find(&self, path: &str) -> Result<(target::Target, Found), Status> {
        let target = target::resolve(path)?;
        let root = self.site.root.clone();
        let search = move || {
            let found = files::find(&root, &target)?;
            Ok((target, found))
        };
        let done = spawn_blocking(search).await;
        done.unwrap_or(Err(Status::InternalError))
    }

    fn send_document(&mut self, request: &Request, document: &Document, framing: Framing) {
        if has_it(request, &document.description) {
            return reply::not_modified(&mut self.output, &document.description, framing);
        }
        reply::file(&mut self.output, &document.description, framing);
        if !framing.head_only {
            self.output.extend_from_slice(&document.content);
        }
    }

    /// Sends a file in pieces, so that only one piece is in memory at a time.
    async fn send_pieces(&mut self, mut file: File, mut left: u64) -> io::Result<()> {
        let mut piece = Vec::new();
        while left > 0 {
            let size = left.min(PIECE as u64) as usize;
            let read = move || {
                piece.resize(size, 0);
                let length = file.read(&mut piece)?;
                piece.truncate(length);
                Ok::<_, io::Error>((file, piece))
            };
            (file, piece) = spawn_blocking(read).await.map_err(io::Error::other)??;
            if piece.is_empty() {
                // The head has announced more bytes, so the connection must be reset.
                return Err(io::Error::other("a file became shorter while it was sent"));
            }
            self.write(&piece).await?;
            left -= piece.len() as u64;
        }
        Ok(())
    }

    /// Reads the body of a request and discards it. Returns false if the body did not arrive; then
    /// the connection has to be closed.
    async fn skip_body(&mut self, request: &Request) -> io::Result<bool> {
        let mut left = request.body as usize;
        if left > 0 && request.expects_continue && self.input.is_empty() {
            self.output
                .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let deadline = Instant::now() + RECEIVE;
        loop {
            let here = left.min(self.input.len());
            self.input.drain(..here);
            left -= here;
            if left == 0 {
                return Ok(true);
            }
            self.flush().await?;
            match self.receive(deadline).await {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    self.refuse(Status::RequestTimeout);
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the last response on this connection.
    fn refuse(&mut self, status: Status) -> Next {
        reply::words(&mut self.output, status, None, Framing::LAST);
        Next::Close
    }

    /// Receives bytes and returns their number, 0 at the end of the stream. A connection that waits
    /// without a request has no buffer.
    async fn receive(&mut self, deadline: Instant) -> io::Result<usize> {
        if self.input.is_empty() {
            self.input = Vec::new();
            self.output = Vec::new();
        }
        loop {
            timeout_at(deadline, self.stream.readable())
                .await
                .map_err(|_| io::ErrorKind::TimedOut)??;
            let mut piece = [0; 8 * 1024];
            match self.stream.try_read(&mut piece) {
                Ok(length) => {
                    self.input.extend_from_slice(&piece[..length]);
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output);
        self.write(&output).await?;
        self.output = output;
        self.output.clear();
        Ok(())
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream;
        let sent = timeout(SEND, stream.write_all(bytes)).await;
        sent.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

/// Whether the client has this version of the file.
fn has_it(request: &Request, description: &Description) -> bool {
    match (description.modified, request.if_modified_since) {
        (Some(modified), Some(since)) => modified <= since,
        _ => false,
    }
}
