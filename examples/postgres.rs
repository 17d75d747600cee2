//! A client of a PostgreSQL server with `tokio-postgres`, which accepts any stream: `connect_raw`.
//!
//! ```text
//! cargo run -p wakeful-examples --features databases --example postgres -- \
//!     127.0.0.1:5432 --user postgres
//! ```
//!
//! The client sends queries, and the connection is a task of this loop. `compat()` of `tokio-util`
//! converts between `futures-io`, which Wakeful's sockets implement, and the traits of tokio.

use std::future::poll_fn;
use std::io::Cursor;
use std::process;
use std::time::Duration;

use async_channel::Receiver;
use futures_util::future::try_join_all;
use futures_util::{SinkExt, TryStreamExt, pin_mut};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Error, NoTls, Notification};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};
use wakeful::net::TcpStream;
use wakeful::task::JoinHandle;
use wakeful::time::timeout;
use wakeful_examples::Args;

const USAGE: &str = "\
usage: postgres [ADDRESS] [--user NAME] [--database NAME] [--await-end yes]

Talks to the PostgreSQL server at ADDRESS (127.0.0.1:5432), and checks what it says.
  --await-end yes  then wait for the server's end, and say what became of a query";

type Failure = Box<dyn std::error::Error>;

#[wakeful::main]
async fn main() {
    let mut args = Args::from_env(USAGE);
    let mut config = Config::new();
    config.user(args.option("--user", "postgres".to_string()));
    config.dbname(args.option("--database", "postgres".to_string()));
    let await_end = args.option("--await-end", "no".to_string()) == "yes";
    let address = args.address("ADDRESS", "127.0.0.1:5432");
    args.finish();
    if let Err(error) = tour(&address, &config, await_end).await {
        eprintln!("{address}: {error}");
        process::exit(1);
    }
}

async fn open(address: &str) -> std::io::Result<Compat<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream.compat())
}

/// Returns a client, its notifications, and the task that runs the connection.
async fn connect(
    address: &str,
    config: &Config,
) -> Result<
    (
        Client,
        Receiver<Notification>,
        JoinHandle<Result<(), Error>>,
    ),
    Failure,
> {
    let (client, mut connection) = config.connect_raw(open(address).await?, NoTls).await?;
    let (sender, notifications) = async_channel::unbounded();
    let task = wakeful::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(notification) = message? {
                // An error means that the receiver was dropped, so the notifications are not used.
                let _ = sender.try_send(notification);
            }
        }
        Ok(())
    });
    Ok((client, notifications, task))
}

async fn tour(address: &str, config: &Config, await_end: bool) -> Result<(), Failure> {
    let (mut client, notifications, task) = connect(address, config).await?;

    let row = client.query_one("SELECT $1::int4 + $2::int4", &[&40, &2]);
    assert_eq!(row.await?.get::<_, i32>(0), 42);
    println!("a query with parameters: 40 + 2 = 42");

    let table = "CREATE TEMPORARY TABLE item (id int4 PRIMARY KEY, name text, data bytea)";
    client.batch_execute(table).await?;
    transactions(&mut client).await?;
    copy(&client).await?;
    pipeline(&client).await?;

    let data: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    let echoed = client.query_one("SELECT $1::bytea", &[&data]).await?;
    assert_eq!(echoed.get::<_, &[u8]>(0), data);
    println!("sent and received a value of 1 MiB");

    let error = client.query_one("SELECT 1 / $1::int4", &[&0]).await;
    let error = error.map(|_| ()).unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    println!(
        "an error of the server: {}",
        error.as_db_error().ok_or("no error of the server")?
    );

    let (other, ..) = connect(address, config).await?;
    client.batch_execute("LISTEN news").await?;
    other
        .execute("SELECT pg_notify('news', 'extra')", &[])
        .await?;
    let notification = timeout(Duration::from_secs(10), notifications.recv()).await??;
    assert_eq!(
        (notification.channel(), notification.payload()),
        ("news", "extra")
    );
    println!("received a notification of another client");

    give_up(address, &client).await?;

    if await_end {
        println!("waiting until the server ends");
        let error = client.batch_execute("SELECT pg_sleep(60)").await;
        println!("a query at the end of the server: {}", error.unwrap_err());
        assert!(client.is_closed());
        println!(
            "a query after it: {}",
            client.batch_execute("").await.unwrap_err()
        );
    }
    drop(client);
    match task.await? {
        Err(error) if await_end => println!("the connection: {error}"),
        ended => ended?,
    }
    println!("all queries returned the expected results");
    Ok(())
}

/// Checks that a committed transaction has an effect, and a dropped one has none.
async fn transactions(client: &mut Client) -> Result<(), Error> {
    let insert = client.prepare("INSERT INTO item VALUES ($1, $2)").await?;
    for (first, commit) in [(0, true), (10, false)] {
        let transaction = client.transaction().await?;
        for id in first..first + 10 {
            let name = format!("item {id}");
            transaction.execute(&insert, &[&id, &name]).await?;
        }
        if commit {
            transaction.commit().await?;
        }
    }
    let count = client.query_one("SELECT count(*) FROM item", &[]).await?;
    assert_eq!(count.get::<_, i64>(0), 10);
    println!("a committed transaction, a dropped one, and a prepared statement");
    Ok(())
}

/// Copies ten thousand rows into a table and out of it.
async fn copy(client: &Client) -> Result<(), Error> {
    client.batch_execute("TRUNCATE item").await?;
    let sink = client.copy_in("COPY item (id, name) FROM STDIN").await?;
    pin_mut!(sink);
    for id in 0..10_000 {
        sink.feed(Cursor::new(format!("{id}\titem {id}\n").into_bytes()))
            .await?;
    }
    assert_eq!(sink.finish().await?, 10_000);
    let rows = client.copy_out("COPY item (id) TO STDOUT").await?;
    let rows: Vec<_> = rows.try_collect().await?;
    let lines = rows.iter().flat_map(|bytes| bytes.iter());
    assert_eq!(lines.filter(|&&byte| byte == b'\n').count(), 10_000);
    println!("COPY of 10,000 rows in and out");
    Ok(())
}

/// Sends a hundred queries before the first answer arrives.
async fn pipeline(client: &Client) -> Result<(), Error> {
    let query = client
        .prepare("SELECT name FROM item WHERE id = $1")
        .await?;
    let ids: Vec<i32> = (0..100).map(|number| number * 97).collect();
    let parameters: Vec<[&(dyn ToSql + Sync); 1]> = ids.iter().map(|id| [id as _]).collect();
    let queries = parameters.iter().map(|id| client.query_one(&query, id));
    let rows = try_join_all(queries).await?;
    for (id, row) in ids.iter().zip(rows) {
        assert_eq!(row.get::<_, &str>(0), format!("item {id}"));
    }
    println!("100 queries in one pipeline");
    Ok(())
}

/// Drops a query that takes too long and cancels it on the server; the client stays usable.
async fn give_up(address: &str, client: &Client) -> Result<(), Failure> {
    let slow = client.batch_execute("SELECT pg_sleep(60)");
    assert!(timeout(Duration::from_millis(50), slow).await.is_err());
    let token = client.cancel_token();
    token.cancel_query_raw(open(address).await?, NoTls).await?;
    let next = client.query_one("SELECT 'still here'", &[]).await?;
    println!(
        "a query was cancelled after 50 ms, and the client is {}",
        next.get::<_, &str>(0)
    );
    Ok(())
}
