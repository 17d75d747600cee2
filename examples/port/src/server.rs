//! The server.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::{self, Duration};

use crate::connection::Connection;
use crate::db::Db;
use crate::frame::Frame;

/// Options of [`run`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The largest number of connections at a time.
    pub limit: usize,
    /// The file that `SAVE` writes.
    pub file: Option<PathBuf>,
}

/// Serves connections until `shutdown` is ready. Then the connections finish the request that they
/// are at. Returns how many connections were served.
pub async fn run(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> io::Result<usize> {
    let db = Db::new();
    let permits = Arc::new(Semaphore::new(options.limit));
    let (stop, _) = broadcast::channel(1);
    let (done, mut all_done) = mpsc::channel::<()>(1);
    let mut served = 0;
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await.expect("never closed");
            accept(&listener).await.map(|stream| (stream, permit))
        };
        let (stream, permit) = tokio::select! {
            accepted = accepted => accepted?,
            () = &mut shutdown => break,
        };
        served += 1;
        let mut handler = Handler {
            db: db.clone(),
            file: options.file.clone(),
            connection: Connection::new(stream),
            stop: stop.subscribe(),
            subscriptions: JoinSet::new(),
            _done: done.clone(),
        };
        tokio::spawn(async move {
            // An error concerns this connection alone.
            if let Err(error) = handler.run().await {
                let reply = Frame::Error(format!("ERR {error}"));
                let _ = handler.connection.write(&reply).await;
            }
            let _ = handler.connection.shutdown().await;
            drop(permit);
        });
    }
    drop(stop);
    drop(done);
    // Ready when all handlers have dropped their senders.
    let none = all_done.recv().await;
    assert!(none.is_none(), "no handler sends");
    Ok(served)
}

/// Accepts a connection. Tries again, after a longer and longer pause, if that fails.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) if pause > Duration::from_secs(5) => return Err(error),
            Err(_) => time::sleep(pause).await,
        }
        pause *= 2;
    }
}

struct Handler {
    db: Db,
    file: Option<PathBuf>,
    connection: Connection,
    stop: broadcast::Receiver<()>,
    /// A task for each channel that the client has subscribed to.
    subscriptions: JoinSet<()>,
    _done: mpsc::Sender<()>,
}

impl Handler {
    async fn run(&mut self) -> io::Result<()> {
        let (sender, mut messages) = mpsc::channel(64);
        loop {
            let frame = tokio::select! {
                frame = self.connection.read() => frame?,
                Some(message) = messages.recv() => {
                    self.connection.write(&message).await?;
                    self.connection.flush().await?;
                    continue;
                }
                _ = self.stop.recv() => return Ok(()),
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            match self.answer(frame, &sender).await {
                Ok(reply) => self.connection.write(&reply).await?,
                Err(text) => {
                    self.connection
                        .write(&Frame::Error(format!("ERR {text}")))
                        .await?
                }
            }
            if !self.connection.has_more() {
                self.connection.flush().await?;
            }
        }
    }

    /// Carries out a request. The error is the text for the client.
    async fn answer(
        &mut self,
        frame: Frame,
        messages: &mpsc::Sender<Frame>,
    ) -> Result<Frame, String> {
        let mut request = Request::new(frame)?;
        let name = request.text()?.to_ascii_uppercase();
        let reply = match name.as_str() {
            "PING" => match request.parts.next() {
                Some(part) => Frame::Bulk(part),
                None => Frame::Simple("PONG".into()),
            },
            "ECHO" => Frame::Bulk(request.bytes()?),
            "GET" => match self.db.get(&request.text()?) {
                Some(value) => Frame::Bulk(value),
                None => Frame::Null,
            },
            "SET" => {
                let (key, value) = (request.text()?, request.bytes()?);
                let lifetime = request.lifetime()?;
                self.db.set(key, value, lifetime);
                Frame::Simple("OK".into())
            }
            "DEL" => {
                let mut count = 0;
                while request.parts.len() > 0 {
                    count += i64::from(self.db.remove(&request.text()?));
                }
                Frame::Integer(count)
            }
            "DBSIZE" => Frame::Integer(self.db.len() as i64),
            "PUBLISH" => {
                let (channel, message) = (request.text()?, request.bytes()?);
                Frame::Integer(self.db.publish(&channel, message) as i64)
            }
            "SUBSCRIBE" => {
                let channel = request.text()?;
                self.subscribe(&channel, messages.clone());
                let count = Frame::Integer(self.subscriptions.len() as i64);
                let name = Frame::Bulk(channel.into());
                Frame::Array(vec![Frame::Bulk("subscribe".into()), name, count])
            }
            "SAVE" => {
                let file = self
                    .file
                    .clone()
                    .ok_or("the server was started without a file")?;
                let saved = self.db.save(file).await;
                Frame::Integer(saved.map_err(|error| error.to_string())? as i64)
            }
            // `redis-benchmark` asks for it, and goes on without.
            "CONFIG" | "COMMAND" => return Ok(Frame::Array(Vec::new())),
            _ => return Err(format!("unknown command '{name}'")),
        };
        request.end()?;
        Ok(reply)
    }

    fn subscribe(&mut self, channel: &str, messages: mpsc::Sender<Frame>) {
        let mut receiver = self.db.subscribe(channel);
        let channel = Bytes::copy_from_slice(channel.as_bytes());
        self.subscriptions.spawn(async move {
            loop {
                let message = match receiver.recv().await {
                    Ok(message) => message,
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                let name = Bytes::from_static(b"message");
                let frame = Frame::request([name, channel.clone(), message]);
                if messages.send(frame).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// The parts of a request that are not read yet.
struct Request {
    parts: std::vec::IntoIter<Bytes>,
}

impl Request {
    fn new(frame: Frame) -> Result<Request, String> {
        let Frame::Array(frames) = frame else {
            return Err("a request is an array of bulk strings".into());
        };
        let parts = frames.into_iter().map(|frame| match frame {
            Frame::Bulk(bytes) => Ok(bytes),
            other => Err(format!(
                "a request is an array of bulk strings, not of {other:?}"
            )),
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?.into_iter();
        Ok(Request { parts })
    }

    fn bytes(&mut self) -> Result<Bytes, String> {
        self.parts
            .next()
            .ok_or_else(|| "wrong number of arguments".into())
    }

    fn text(&mut self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| "a name is not UTF-8".into())
    }

    /// Reads `EX seconds` or `PX milliseconds`, if it is there.
    fn lifetime(&mut self) -> Result<Option<Duration>, String> {
        if self.parts.len() == 0 {
            return Ok(None);
        }
        let unit = self.text()?.to_ascii_uppercase();
        let number = self.text()?;
        let number: u64 = number
            .parse()
            .map_err(|_| format!("'{number}' is no number"))?;
        match unit.as_str() {
            "EX" => Ok(Some(Duration::from_secs(number))),
            "PX" => Ok(Some(Duration::from_millis(number))),
            _ => Err(format!("unknown option '{unit}'")),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        match self.parts.next() {
            None => Ok(()),
            Some(_) => Err("wrong number of arguments".into()),
        }
    }
}
