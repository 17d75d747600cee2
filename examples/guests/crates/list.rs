//! The examples, in the order of the page.

use crate::{Result, Way};

/// What an example needs.
#[derive(Clone, Copy)]
pub enum Server {
    None,
    /// The name of a variable of the environment.
    At(&'static str),
}

impl Server {
    pub fn address(self) -> Result<String> {
        match self {
            Server::None => Ok(String::new()),
            Server::At(name) => std::env::var(name).map_err(|error| {
                format!("{name}: {error}; `scripts/crates` starts the servers and sets it").into()
            }),
        }
    }
}

/// A row of the page.
pub struct Row {
    /// The name of the module.
    pub module: &'static str,
    /// What is shown: a crate, or a part of one.
    pub title: &'static str,
    pub server: Server,
    /// What the example returns, wherever it works.
    pub expected: &'static str,
    /// How to do the same without a runtime of tokio, in Markdown.
    pub natively: &'static str,
    pub run: fn(Way, String) -> Result<String>,
    pub source: &'static str,
}

impl Row {
    pub fn find(module: &str) -> Result<&'static Row> {
        let mut rows = SECTIONS.iter().flat_map(|section| section.rows);
        rows.find(|row| row.module == module)
            .ok_or_else(|| format!("no example `{module}`").into())
    }
}

/// A group of rows.
pub struct Section {
    pub title: &'static str,
    pub rows: &'static [Row],
}

macro_rules! sections {
    ($($section:literal: { $($module:ident, $title:literal, $server:expr, $expected:literal,
        $natively:literal;)* })*) => {
        &[$(Section {
            title: $section,
            rows: &[$(Row {
                module: stringify!($module),
                title: $title,
                server: $server,
                expected: $expected,
                natively: $natively,
                run: |way, server| way.run(crate::$module::example(server)),
                source: include_str!(concat!(stringify!($module), ".rs")),
            },)*],
        },)*]
    };
}

use Server::{At, None};

const HTTP: Server = At("CRATES_HTTP");
const TLS: Server = At("CRATES_TLS");
const WEBSOCKET: Server = At("CRATES_WEBSOCKET");
const POSTGRES: Server = At("CRATES_POSTGRES");
const REDIS: Server = At("CRATES_REDIS");
const MQTT: Server = At("CRATES_MQTT");
const NATS: Server = At("CRATES_NATS");
const DNS: Server = At("CRATES_DNS");
const SMTP: Server = At("CRATES_SMTP");
const FTP: Server = At("CRATES_FTP");
const SSH: Server = At("CRATES_SSH");
const CERTIFICATE: Server = At("CRATES_CERTIFICATE");
const FILE: Server = At("CRATES_FILE");

pub const SECTIONS: &[Section] = sections! {
    "HTTP, gRPC and WebSocket": {
        reqwest, "`reqwest`", HTTP, "hello from nginx", "[`wakeful_hyper::Client`](#wakeful_hyperclient)";
        hyper_util, "`hyper-util`, `client::legacy`", HTTP, "hello from nginx", "[`wakeful_hyper::Client`](#wakeful_hyperclient)";
        hyper_client, "`wakeful_hyper::Client`", HTTP, "hello from nginx", "";
        ureq, "`ureq`", HTTP, "hello from nginx", "";
        reqwest_blocking, "`reqwest::blocking`", HTTP, "hello from nginx", "in `spawn_blocking`";
        reqwest_in_pool, "`reqwest::blocking` in `spawn_blocking`", HTTP, "hello from nginx", "";
        axum, "`axum::serve`", None, "hello from axum", "[`wakeful_hyper::serve`](#axum-with-wakeful_hyperserve)";
        axum_native, "`axum` with `wakeful_hyper::serve`", None, "hello from axum", "";
        tonic, "`tonic`, feature `transport`", None, "Serving", "[`wakeful-hyper`](#tonic-with-wakeful-hyper)";
        tonic_native, "`tonic` with `wakeful-hyper`", None, "Serving", "";
        tokio_tungstenite, "`tokio-tungstenite`", WEBSOCKET, "hello", "[`async-tungstenite`](ecosystem.md#tls-and-websocket)";
        tower_timeout, "`tower::timeout`", None, "request timed out", "[`wakeful-tower`](#tower-with-wakeful-tower)";
        tower_buffer, "`tower::buffer`", None, "42", "[`wakeful-tower`](#tower-with-wakeful-tower)";
        tower_native, "`tower` with `wakeful-tower`", None, "42", "";
    }
    "TLS and QUIC": {
        tokio_rustls, "`tokio-rustls`", TLS, "hello from nginx", "";
        quinn, "`quinn`", CERTIFICATE, "hello", "[`wakeful-quinn`](#quinn-with-wakeful-quinn)";
        quinn_native, "`quinn` with `wakeful-quinn`", CERTIFICATE, "hello", "";
    }
    "Databases": {
        sqlx, "`sqlx`", POSTGRES, "55", "[feature `runtime-smol`](ecosystem.md#databases)";
        tokio_postgres, "`tokio-postgres`", POSTGRES, "42", "[`connect_raw`](#tokio-postgres-with-connect_raw)";
        postgres_native, "`tokio-postgres` with `connect_raw`", POSTGRES, "42", "";
        redis, "`redis`", REDIS, "hello", "[`MultiplexedConnection::new_with_config`](ecosystem.md#databases)";
        deadpool_redis, "`deadpool-redis`", REDIS, "PONG", "";
        bb8, "`bb8`", REDIS, "PONG", "";
        object_store, "`object_store`", FILE, "hello from a file", "";
        moka, "`moka`", None, "hello, hello", "";
    }
    "Messages, mail and names": {
        rumqttc, "`rumqttc`", MQTT, "hello", "";
        async_nats, "`async-nats`", NATS, "hello", "";
        hickory_resolver, "`hickory-resolver`", DNS, "192.0.2.7", "[`wakeful-hickory`](#hickory-resolver-with-wakeful-hickory)";
        hickory_native, "`hickory-resolver` with `wakeful-hickory`", DNS, "192.0.2.7", "";
        lettre, "`lettre`", SMTP, "250", "";
        suppaftp, "`suppaftp`", FTP, "hello from a file", "";
        openssh, "`openssh`", SSH, "hello", "";
    }
    "tokio itself": {
        tokio_sync, "`tokio::sync`", None, "hello", "`wakeful::sync`";
        tokio_time, "`tokio::time`", None, "deadline has elapsed", "`wakeful::time`";
        tokio_net, "`tokio::net`", REDIS, "+PONG +OK ", "`wakeful::net`";
        tokio_fs, "`tokio::fs`", FILE, "hello from a file", "`wakeful::fs`";
        tokio_spawn, "`tokio::spawn`", None, "done", "`wakeful::spawn`";
        spawn_local, "`tokio::task::spawn_local`", None, "done", "`wakeful::spawn`";
        block_in_place, "`tokio::task::block_in_place`", None, "done", "`wakeful::task::spawn_blocking`";
        handle_block_on, "`Handle::block_on`", None, "done", "`.await`";
        codec, "`tokio-util`, `codec`", REDIS, "+PONG", "";
        track_future, "`tokio-util`, `TaskTracker::track_future`", None, "done", "";
        task_tracker, "`tokio-util`, `TaskTracker::spawn`", None, "done", "`track_future`, or `wakeful::task::TaskGroup`";
        delay_queue, "`tokio-util`, `DelayQueue`", None, "early", "";
        stream_wrappers, "`tokio-stream`, wrappers and adapters", None, "[2, 4, 6, 8]", "";
        stream_timeout, "`tokio-stream`, `timeout`", None, "deadline has elapsed", "`wakeful::time::timeout` around `next`";
    }
    "Crates without a runtime": {
        futures_util, "`futures-util`", None, "[1, 2, 3]", "";
        async_channel, "`async-channel`", None, "hello", "";
        flume, "`flume`", None, "hello", "";
        async_compression, "`async-compression`", FILE, "hello from a file", "";
        backon, "`backon`", None, "done after 3 tries", "";
        rayon, "`rayon`", None, "333833500", "";
        notify, "`notify`", FILE, "created: new", "";
        governor, "`governor`", None, "2 waits of 5 ms: true", "";
        futures_timer, "`futures-timer`", None, "done", "`wakeful::time::sleep`";
        async_net, "`async-net`, `async-io`", REDIS, "+PONG +OK ", "`wakeful::net`";
    }
};
