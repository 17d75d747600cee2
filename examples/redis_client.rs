//! A client of a Redis server with the crate `redis`, over a socket of Wakeful.
//!
//! ```text
//! cargo run -p wakeful-examples --features databases --example redis_client -- 127.0.0.1:6379
//! ```
//!
//! `MultiplexedConnection::new_with_config` takes a stream and returns the connection and a driver,
//! which is a task of this loop. It requires a stream that is `Send`, so the socket is in a wrapper
//! that checks the thread; the driver stays on one thread. `aio::PubSub` would move the stream to
//! another thread, so messages are received with version 3 of the protocol, on the same connection.

use std::process;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncCommands, AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo,
    RedisError,
};
use tokio_util::compat::FuturesAsyncReadCompatExt;
use wakeful::ThreadBound;
use wakeful::net::TcpStream;
use wakeful::time::timeout;
use wakeful_examples::Args;

const USAGE: &str = "\
usage: redis_client [ADDRESS] [--await-end yes]

Talks to the Redis server at ADDRESS (127.0.0.1:6379), and checks what it says.
  --await-end yes  then wait for the server's end, and say what became of a command";

type Failure = Box<dyn std::error::Error>;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let await_end = args.option("--await-end", "no".to_string()) == "yes";
    let address = args.address("ADDRESS", "127.0.0.1:6379");
    args.finish();
    if let Err(error) = tour(&address, await_end).await {
        eprintln!("{address}: {error}");
        process::exit(1);
    }
}

async fn connect(
    address: &str,
    messages: async_channel::Sender<PushInfo>,
) -> Result<MultiplexedConnection, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = ThreadBound::new(stream).compat();
    let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    // The crate's own limit is half a second, with a timer thread of `smol`; `timeout` uses the
    // loop.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_push_sender(move |message| messages.try_send(message));
    let connection = MultiplexedConnection::new_with_config(&info, stream, config);
    let (connection, driver) = connection.await?;
    wakeful::spawn(driver);
    Ok(connection)
}

async fn tour(address: &str, await_end: bool) -> Result<(), Failure> {
    let (sender, messages) = async_channel::unbounded();
    let mut redis = connect(address, sender.clone()).await?;

    let () = redis.set("greeting", "hello").await?;
    let greeting: String = redis.get("greeting").await?;
    let nothing: Option<String> = redis.get("nothing").await?;
    assert_eq!((greeting.as_str(), nothing), ("hello", None));
    println!("SET and GET");

    let mut pipe = redis::pipe();
    pipe.atomic().cmd("DEL").arg("hits").ignore();
    for _ in 0..100 {
        pipe.incr("hits", 1);
    }
    let counts: Vec<u32> = pipe.query_async(&mut redis).await?;
    assert!(counts.into_iter().eq(1..=100));
    println!("a transaction of 100 commands");

    let increments = (0..100).map(|_| {
        let mut redis = redis.clone();
        async move { redis.incr::<_, _, u32>("hits", 1).await }
    });
    let mut counts = try_join_all(increments).await?;
    counts.sort_unstable();
    assert!(counts.into_iter().eq(101..=200));
    println!("100 commands of 100 clones in one pipeline");

    let data: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    let () = redis.set("data", &data).await?;
    assert_eq!(redis.get::<_, Vec<u8>>("data").await?, data);
    println!("sent and received a value of 1 MiB");

    let error = redis.incr::<_, _, u32>("greeting", 1).await.unwrap_err();
    assert!(error.to_string().contains("not an integer"), "{error}");
    println!("an error of the server: {error}");

    redis.subscribe("news").await?;
    let mut other = connect(address, sender).await?;
    let heard: u32 = other.publish("news", "extra").await?;
    assert_eq!(heard, 1);
    let message = loop {
        let message = timeout(Duration::from_secs(10), messages.recv()).await??;
        if message.kind == PushKind::Message {
            break message;
        }
    };
    let (channel, text): (String, String) =
        redis::from_redis_value(redis::Value::Array(message.data))?;
    assert_eq!((&*channel, &*text), ("news", "extra"));
    println!("received a message of another client");

    let mut blocked = connect(address, async_channel::unbounded().0).await?;
    let forever = blocked.blpop::<_, Option<(String, String)>>("queue", 0.0);
    assert!(timeout(Duration::from_millis(50), forever).await.is_err());
    println!("a command was dropped after 50 ms");
    let () = other.rpush("queue", "late").await?;
    // The answer to the dropped command is not taken for the answer to the next one.
    assert_eq!(blocked.get::<_, String>("greeting").await?, "hello");
    println!("the connection is still usable");

    if await_end {
        println!("waiting until the server ends");
        let end = blocked
            .blpop::<_, Option<(String, String)>>("queue", 0.0)
            .await;
        let error: RedisError = end.unwrap_err();
        assert!(error.is_connection_dropped(), "{error}");
        println!("a command at the end of the server: {error}");
        let error = redis.get::<_, String>("greeting").await.unwrap_err();
        println!("a command after it: {error}");
    }
    println!("all commands returned the expected results");
    Ok(())
}
