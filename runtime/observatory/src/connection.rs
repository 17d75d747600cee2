//! Serves one client: reads its requests and answers them in order.

use std::io;
use std::time::Duration;

use wakeful::net::TcpStream;
use wakeful::task;
use wakeful::time::{Instant, timeout, timeout_at};

use super::head::{self, Head, Refusal};
use super::reply::{self, SEND, close_gently};
use super::site::Site;
use super::{live, page};

/// How long a connection may be without a request.
const IDLE: Duration = Duration::from_secs(15);
/// The longest time from the first byte of a request to its last.
const RECEIVE: Duration = Duration::from_secs(10);
/// The longest name of a task, in characters.
const MAX_NAME: usize = 60;

pub(crate) struct Connection<'a> {
    stream: TcpStream,
    site: &'a Site,
    /// Received bytes that are not parsed yet.
    input: Vec<u8>,
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
            let request = match self.receive().await? {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(()),
                Err((status, why)) => return self.refuse(status, why).await,
            };
            if let Err(why) = self.site.guard.admits(&request.asker, request.path()) {
                return self.refuse("403 Forbidden", &why).await;
            }
            if let Some((status, why)) = request.refusal {
                return self.refuse(status, why).await;
            }
            if request.path() == "/events" {
                let Some(place) = self.site.watchers.enter() else {
                    let why = "too many pages are open; close one";
                    return self.refuse("503 Service Unavailable", why).await;
                };
                return live::stream(self.stream, place).await;
            }
            self.answer(&request).await?;
            if !request.keep_alive {
                return close_gently(&self.stream).await;
            }
        }
    }

    /// Returns the next request, or `None` at the end of the stream.
    async fn receive(&mut self) -> io::Result<Result<Option<Head>, Refusal>> {
        let mut deadline = Instant::now() + IDLE;
        loop {
            match head::parse(&self.input) {
                Ok(Some((request, length))) => {
                    self.input.drain(..length);
                    return Ok(Ok(Some(request)));
                }
                Ok(None) => {}
                Err(refusal) => return Ok(Err(refusal)),
            }
            let idle = self.input.is_empty();
            let mut piece = [0; 2048];
            match timeout_at(deadline, self.stream.read(&mut piece)).await {
                Ok(length) => match length? {
                    0 => return Ok(Ok(None)),
                    length => self.input.extend_from_slice(&piece[..length]),
                },
                Err(_) if idle => return Ok(Ok(None)),
                Err(_) => {
                    let why = "the request did not arrive in time";
                    return Ok(Err(("408 Request Timeout", why)));
                }
            }
            if idle {
                deadline = Instant::now() + RECEIVE;
            }
        }
    }

    async fn answer(&mut self, request: &Head) -> io::Result<()> {
        let mut out = Vec::new();
        let actions = &self.site.actions;
        if request.path() == "/" {
            let page = page::html(&actions.targets);
            reply::page(&mut out, &page, request.keep_alive);
            return self.send(&out).await;
        }
        let mut answer = Ok(None);
        if actions.exists(request.path()) {
            let name = format!("GET {}", request.target);
            let name: String = name.chars().take(MAX_NAME).collect();
            let called = actions.call(request.target.clone());
            answer = task::Builder::new().name(name).spawn(called).await;
        }
        let (status, words) = match answer {
            Ok(Some(words)) => ("200 OK", words),
            Ok(None) => {
                let known = actions.targets.join("\n");
                let words = format!("404 Not Found: the page is at /\n{known}\n");
                ("404 Not Found", words)
            }
            Err(_) => {
                let words = "500 Internal Server Error: the task of this request panicked\n";
                ("500 Internal Server Error", words.to_owned())
            }
        };
        reply::text(&mut out, status, &words, request.keep_alive);
        self.send(&out).await
    }

    async fn refuse(&self, status: &str, why: &str) -> io::Result<()> {
        let mut out = Vec::new();
        reply::text(&mut out, status, &format!("{status}: {why}\n"), false);
        self.send(&out).await?;
        close_gently(&self.stream).await
    }

    async fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = timeout(SEND, self.stream.write_all(bytes)).await;
        sent.map_err(|_| io::ErrorKind::TimedOut)?
    }
}
