//! A WebSocket server that sends messages back: `cargo run --example websocket --features
//! websocket`, then `python3 -m websockets ws://127.0.0.1:7000/`.

use std::time::Duration;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use async_tungstenite::tungstenite::{Bytes, Error, Message};
use async_tungstenite::{WebSocketStream, accept_async_with_config};
use futures_util::StreamExt;
use wakeful::net::TcpStream;
use wakeful::time::timeout;
use wakeful_examples::{Args, accept, listen, raise_descriptor_limit};

const USAGE: &str = "\
usage: websocket [ADDRESS] [--ping MS]

Listens at ADDRESS (127.0.0.1:7000) and sends every message back, up to 16 MiB. The text
`close CODE` has it close the connection with that code. A client that is silent for MS (20000)
milliseconds is sent a ping, and let go if it is silent for as long again.";

/// The longest time for a handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest message.
const MAX_MESSAGE: usize = 16 << 20;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let silence = Duration::from_millis(args.option("--ping", 20_000));
    let address = args.address("ADDRESS", "127.0.0.1:7000");
    args.finish();
    raise_descriptor_limit();
    let listener = listen(&address).await;
    loop {
        let (stream, peer) = accept(&listener).await;
        wakeful::spawn(async move {
            match serve(stream, silence).await {
                Ok(end) => println!("{peer}: {end}"),
                Err(error) => eprintln!("{peer}: {error}"),
            }
        });
    }
}

/// Serves one client, and returns why it ended.
async fn serve(stream: TcpStream, silence: Duration) -> Result<String, Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let accepted = accept_async_with_config(stream, Some(config));
    let Ok(accepted) = timeout(PATIENCE, accepted).await else {
        return Ok(format!("no handshake within {PATIENCE:?}"));
    };
    let mut socket = accepted?;
    let result = echo(&mut socket, silence).await;
    if let Some(code) = result.as_ref().err().and_then(code_of) {
        // Sent to a client that broke the protocol; whether it arrives does not matter.
        let reason = "see RFC 6455".into();
        let _ = timeout(PATIENCE, socket.close(Some(CloseFrame { code, reason }))).await;
    }
    result
}

/// Returns the close code for an error of the client.
fn code_of(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        _ => None,
    }
}

async fn echo(socket: &mut WebSocketStream<TcpStream>, silence: Duration) -> Result<String, Error> {
    let mut pinged = false;
    loop {
        let message = match timeout(silence, socket.next()).await {
            Ok(Some(message)) => message?,
            Ok(None) => return Ok("gone".to_string()),
            Err(_) if pinged => return Ok("no answer to a ping".to_string()),
            Err(_) => {
                pinged = true;
                socket
                    .send(Message::Ping(Bytes::from_static(b"there?")))
                    .await?;
                continue;
            }
        };
        pinged = false;
        match message {
            Message::Text(text) => match text.strip_prefix("close ").map(str::parse::<u16>) {
                Some(Ok(code)) => {
                    let reason = "as you asked".into();
                    let code = code.into();
                    socket.close(Some(CloseFrame { code, reason })).await?;
                }
                _ => socket.send(Message::Text(text)).await?,
            },
            Message::Binary(bytes) => socket.send(Message::Binary(bytes)).await?,
            // The answers to pings and to the close are sent during further reads.
            Message::Close(frame) => {
                let code = frame.map_or("no code".to_string(), |frame| frame.code.to_string());
                let end = async { while socket.next().await.is_some() {} };
                let _ = timeout(PATIENCE, end).await;
                return Ok(format!("closed with {code}"));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
