//! Serves one client: reads its requests and answers them in order. Each answer is a task, named
//! after the request.

use std::io;
use std::time::Duration;

use wakeful::net::TcpStream;
use wakeful::task;
use wakeful::time::{Instant, timeout, timeout_at};

use super::guard::Asker;
use super::head::{self, Method, Request};
use super::routes::{self, Query};
use super::serving::close_gently;
use super::status::Status;
use super::{OWN, Site, live, page, reply};

/// How long a connection may be without a request.
const IDLE: Duration = Duration::from_secs(15);
/// The longest time from the first byte of a request to its last.
const RECEIVE: Duration = Duration::from_secs(10);
/// The longest time that a client may take to receive a response.
pub(crate) const SEND: Duration = Duration::from_secs(10);
/// The longest name of a task, in characters.
const MAX_NAME: usize = 60;

pub(crate) struct Connection<'a> {
    stream: TcpStream,
    site: &'a Site,
    /// Received bytes that are not parsed yet.
    input: Vec<u8>,
}

/// The parts of a request that `head` does not return.
struct Asked {
    asker: Asker,
    query: Query,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: TcpStream, site: &'a Site) -> Connection<'a> {
        Connection {
            stream,
            site,
            input: Vec::new(),
        }
    }

    /// Answers requests until one side closes the connection, or until a request for the stream of
    /// events, which then uses the connection.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        loop {
            let (request, asked) = match self.receive().await? {
                Ok(Some(received)) => received,
                Ok(None) => return Ok(()),
                Err(status) => {
                    let words = format!("{}: {}\n", status.line(), status.advice());
                    return self.refuse(status.line(), &words).await;
                }
            };
            if let Err(why) = self.site.guard.admits(&asked.asker, &request.path) {
                let words = format!("403 Forbidden: {why}\n");
                return self.refuse("403 Forbidden", &words).await;
            }
            if request.body > 0 || request.method != Method::Get {
                let words = "405 Method Not Allowed: only GET is supported\n";
                return self.refuse("405 Method Not Allowed", words).await;
            }
            if request.path == "/events" {
                return self.watch().await;
            }
            self.answer(&request, asked.query).await?;
            if !request.keep_alive {
                return close_gently(&self.stream).await;
            }
        }
    }

    /// Returns the next request, or `None` at the end of the stream.
    async fn receive(&mut self) -> io::Result<Result<Option<(Request, Asked)>, Status>> {
        let mut deadline = Instant::now() + IDLE;
        loop {
            let look = |target: &str, fields: &[httparse::Header<'_>]| Asked {
                asker: Asker::of(fields),
                query: Query::of(target),
            };
            match head::parse_with(&self.input, look) {
                Ok(Some((request, length, asked))) => {
                    self.input.drain(..length);
                    return Ok(Ok(Some((request, asked))));
                }
                Ok(None) => {}
                Err(status) => return Ok(Err(status)),
            }
            let idle = self.input.is_empty();
            let mut piece = [0; 2048];
            match timeout_at(deadline, self.stream.read(&mut piece)).await {
                Ok(length) => match length? {
                    0 => return Ok(Ok(None)),
                    length => self.input.extend_from_slice(&piece[..length]),
                },
                Err(_) if idle => return Ok(Ok(None)),
                Err(_) => return Ok(Err(Status::RequestTimeout)),
            }
            if idle {
                deadline = Instant::now() + RECEIVE;
            }
        }
    }

    async fn answer(&mut self, request: &Request, query: Query) -> io::Result<()> {
        let mut out = Vec::new();
        if request.path == "/" {
            reply::page(&mut out, &page::html(), request.keep_alive);
            return self.send(&out).await;
        }
        let path = request.path.clone();
        let own = if routes::exists(&path) { "" } else { OWN };
        let name: String = format!("{own}GET {path}{query}")
            .chars()
            .take(MAX_NAME)
            .collect();
        let handler = task::Builder::new().name(&name);
        let answer = handler.spawn(async move { routes::answer(&path, query).await });
        let (status, words) = match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                let words = "500 Internal Server Error: the task of this request panicked\n";
                ("500 Internal Server Error", words.to_owned())
            }
        };
        reply::text(&mut out, status, &words, request.keep_alive);
        self.send(&out).await
    }

    /// Passes the connection to a task that the page does not show.
    async fn watch(self) -> io::Result<()> {
        let Some(place) = self.site.watchers.enter() else {
            let words = "503 Service Unavailable: too many pages are open; close one\n";
            return self.refuse("503 Service Unavailable", words).await;
        };
        let name = format!("{OWN}events");
        let stream = self.stream;
        task::Builder::new()
            .name(&name)
            .spawn(async move { live::stream(stream, place).await });
        Ok(())
    }

    async fn refuse(&self, status: &str, words: &str) -> io::Result<()> {
        let mut out = Vec::new();
        reply::text(&mut out, status, words, false);
        self.send(&out).await?;
        close_gently(&self.stream).await
    }

    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = timeout(SEND, self.stream.write_all(bytes)).await;
        sent.map_err(|_| io::ErrorKind::TimedOut)?
    }
}
