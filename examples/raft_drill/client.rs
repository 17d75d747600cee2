//! A client of one node, with the part of the Redis protocol that the drill needs.

use std::io;
use std::time::Duration;

use futures_util::io::BufReader;
use futures_util::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use wakeful::net::TcpStream;
use wakeful::time::timeout;

/// The limit for one request, as a stopped node neither answers nor closes the connection.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Value(Option<String>),
}

/// A connection to a node, which is opened when it is needed.
pub(crate) struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Client {
        let address = address.to_string();
        Client {
            address,
            stream: None,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends a request and returns the reply. After a failure the next call opens a new connection.
    pub(crate) async fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        timeout(PATIENCE, self.exchange(words)).await?
    }

    async fn exchange(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&*self.address).await?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.get_mut().write_all(request.as_bytes()).await?;
        let reply = read(&mut stream).await?;
        self.stream = Some(stream);
        Ok(reply)
    }

    /// Returns a number from INFO, or `None` if the node does not answer.
    pub(crate) async fn info(&mut self, name: &str) -> Option<u64> {
        let Ok(Reply::Value(Some(text))) = self.ask(&["INFO"]).await else {
            return None;
        };
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let (_, number) = lines.find(|(found, _)| *found == name)?;
        number.parse().ok()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let Some(text) = line.strip_suffix("\r\n") else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let bad = || io::Error::other(format!("malformed reply: '{text}'"));
    let (kind, rest) = text.split_at_checked(1).ok_or_else(bad)?;
    let number = || rest.parse::<i64>().map_err(|_| bad());
    match kind {
        "+" => Ok(Reply::Status(rest.into())),
        "-" => Ok(Reply::Error(rest.into())),
        ":" => Ok(Reply::Integer(number()?)),
        "$" if rest == "-1" => Ok(Reply::Value(None)),
        "$" => {
            let length = usize::try_from(number()?).map_err(io::Error::other)?;
            let mut value = vec![0; length + 2];
            stream.read_exact(&mut value).await?;
            value.truncate(length);
            let value = String::from_utf8(value).map_err(io::Error::other)?;
            Ok(Reply::Value(Some(value)))
        }
        _ => Err(bad()),
    }
}
