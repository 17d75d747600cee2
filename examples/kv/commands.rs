//! The table of commands, and the commands that do not concern keys. Replies and the texts of
//! errors are those of Redis, as clients compare them.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::glob;
use super::keys;
use super::reply;
use super::resp::{Args, Limits};
use super::store::{Millis, Store};
use super::strings;

/// The state that all clients share.
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) max_clients: usize,
    pub(crate) port: u16,
    pub(crate) clients: usize,
    pub(crate) connections: u64,
    pub(crate) commands: u64,
}

impl Server {
    pub(crate) fn new(limits: Limits, max_clients: usize) -> Server {
        Server {
            store: Store::default(),
            limits,
            max_clients,
            port: 0,
            clients: 0,
            connections: 0,
            commands: 0,
        }
    }
}

/// The state of one client.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) name: Vec<u8>,
}

/// One command that is being executed.
pub(crate) struct Call<'a> {
    pub(crate) args: Args<'a>,
    pub(crate) now: Millis,
    pub(crate) client: &'a mut Client,
    pub(crate) server: &'a mut Server,
    pub(crate) out: &'a mut Vec<u8>,
}

/// The text of an error reply. A handler that fails has not written to `out`.
pub(crate) type Refusal = Cow<'static, str>;
pub(crate) type Done = Result<(), Refusal>;
type Handler = fn(&mut Call<'_>) -> Done;

pub(crate) const SYNTAX: Refusal = Cow::Borrowed("ERR syntax error");
pub(crate) const NOT_AN_INTEGER: Refusal =
    Cow::Borrowed("ERR value is not an integer or out of range");

/// Returns the handler of a command and the number of its arguments, including its name; `-2`
/// means two or more.
fn find(name: &[u8]) -> Option<(i32, Handler)> {
    Some(match name {
        b"append" => (3, strings::append),
        b"client" => (-2, client),
        b"command" => (-1, command),
        b"config" => (-2, config),
        b"dbsize" => (1, keys::dbsize),
        b"decr" => (2, strings::decr),
        b"decrby" => (3, strings::decrby),
        b"del" => (-2, keys::del),
        b"echo" => (2, echo),
        b"exists" => (-2, keys::exists),
        b"expire" => (3, keys::expire),
        b"flushall" | b"flushdb" => (-1, keys::flush),
        b"get" => (2, strings::get),
        b"getset" => (3, strings::getset),
        b"hello" => (-1, hello),
        b"incr" => (2, strings::incr),
        b"incrby" => (3, strings::incrby),
        b"info" => (-1, info),
        b"keys" => (2, keys::keys),
        b"mget" => (-2, strings::mget),
        b"mset" => (-3, strings::mset),
        b"persist" => (2, keys::persist),
        b"pexpire" => (3, keys::pexpire),
        b"ping" => (-1, ping),
        b"pttl" => (2, keys::pttl),
        b"quit" => (-1, quit),
        b"scan" => (-2, keys::scan),
        b"select" => (2, select),
        b"set" => (-3, strings::set),
        b"setnx" => (3, strings::setnx),
        b"strlen" => (2, strings::strlen),
        b"ttl" => (2, keys::ttl),
        b"type" => (2, keys::type_of),
        _ => return None,
    })
}

/// Longer than the longest name in the table.
const MAX_NAME: usize = 16;

/// Executes one request. Returns `Break` if the connection is to be closed after its reply.
pub(crate) fn execute(
    args: Args<'_>,
    client: &mut Client,
    server: &mut Server,
    now: Millis,
    out: &mut Vec<u8>,
) -> ControlFlow<()> {
    let Some(name) = args.get(0) else {
        return ControlFlow::Continue(()); // an empty line, `*0`
    };
    server.commands += 1;
    let mut lower = [0; MAX_NAME];
    let lower = lowercase(name, &mut lower);
    let Some((arity, handler)) = find(lower) else {
        reply::error(out, &unknown_command(args));
        return ControlFlow::Continue(());
    };
    let count = args.len();
    let wanted = arity.unsigned_abs() as usize;
    if count < wanted || (arity > 0 && count > wanted) {
        reply::error(out, &wrong_number(lower));
        return ControlFlow::Continue(());
    }
    let mut call = Call {
        args,
        now,
        client,
        server,
        out,
    };
    if let Err(refusal) = handler(&mut call) {
        reply::error(out, &refusal);
    }
    match lower {
        b"quit" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}

/// Returns a name in lower case; empty if it is too long for any command.
fn lowercase<'a>(name: &[u8], lower: &'a mut [u8; MAX_NAME]) -> &'a [u8] {
    let Some(lower) = lower.get_mut(..name.len()) else {
        return b"";
    };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    lower
}

fn unknown_command(args: Args<'_>) -> String {
    const SHOWN: usize = 128;
    let shown = |bytes: &[u8], room: usize| {
        String::from_utf8_lossy(&bytes[..bytes.len().min(room)]).into_owned()
    };
    let mut rest = String::new();
    for arg in args.skip(1) {
        if rest.len() >= SHOWN {
            break;
        }
        rest += &format!("'{}' ", shown(arg, SHOWN - rest.len()));
    }
    let name = shown(&args[0], SHOWN);
    format!("ERR unknown command '{name}', with args beginning with: {rest}")
}

pub(crate) fn wrong_number(name: &[u8]) -> Refusal {
    let name = String::from_utf8_lossy(name);
    format!("ERR wrong number of arguments for '{name}' command").into()
}

fn unknown_subcommand(call: &Call<'_>) -> Done {
    let command = String::from_utf8_lossy(&call.args[0]).to_uppercase();
    let word = String::from_utf8_lossy(&call.args[1]).into_owned();
    Err(format!("ERR unknown subcommand '{word:.128}'. Try {command} HELP.").into())
}

fn ping(call: &mut Call<'_>) -> Done {
    match call.args.len() {
        1 => reply::status(call.out, "PONG"),
        2 => reply::bulk(call.out, &call.args[1]),
        _ => return Err(wrong_number(b"ping")),
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Done {
    reply::bulk(call.out, &call.args[1]);
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Done {
    reply::status(call.out, "OK");
    Ok(())
}

/// There is one database, number 0.
fn select(call: &mut Call<'_>) -> Done {
    match super::resp::parse_integer(&call.args[1]) {
        Some(0) => reply::status(call.out, "OK"),
        Some(_) => return Err("ERR DB index is out of range".into()),
        None => return Err(NOT_AN_INTEGER),
    }
    Ok(())
}

/// Only version 2 of the protocol is supported; clients that request a newer one fall back to it.
fn hello(call: &mut Call<'_>) -> Done {
    if let Some(version) = call.args.get(1) {
        match super::resp::parse_integer(version) {
            Some(2) if call.args.len() == 2 => {}
            Some(2) => return Err(SYNTAX),
            Some(_) => return Err("NOPROTO unsupported protocol version".into()),
            None => {
                return Err("ERR Protocol version is not an integer or out of range".into());
            }
        }
    }
    let out = &mut *call.out;
    reply::array(out, 10);
    reply::bulk(out, b"server");
    reply::bulk(out, b"wakeful-kv");
    reply::bulk(out, b"version");
    reply::bulk(out, env!("CARGO_PKG_VERSION").as_bytes());
    reply::bulk(out, b"proto");
    reply::integer(out, 2);
    reply::bulk(out, b"id");
    reply::integer(out, call.client.id as i64);
    reply::bulk(out, b"role");
    reply::bulk(out, b"master");
    Ok(())
}

/// `redis-cli` requests the documentation of all commands when it starts, and accepts none.
fn command(call: &mut Call<'_>) -> Done {
    reply::array(call.out, 0);
    Ok(())
}

fn client(call: &mut Call<'_>) -> Done {
    let word = call.args[1].to_ascii_lowercase();
    match (&word[..], call.args.len()) {
        (b"setname", 3) => {
            let name = &call.args[2];
            if name.iter().any(|byte| !byte.is_ascii_graphic()) {
                return Err(
                    "ERR Client names cannot contain spaces, newlines or special characters."
                        .into(),
                );
            }
            call.client.name = name.to_vec();
            reply::status(call.out, "OK");
        }
        (b"getname", 2) if call.client.name.is_empty() => reply::value(call.out, None),
        (b"getname", 2) => reply::bulk(call.out, &call.client.name),
        (b"setinfo", 4) => reply::status(call.out, "OK"),
        (b"id", 2) => reply::integer(call.out, call.client.id as i64),
        (b"setname" | b"getname" | b"setinfo" | b"id", _) => {
            return Err(wrong_number(&[b"client|", &word[..]].concat()));
        }
        _ => return unknown_subcommand(call),
    }
    Ok(())
}

/// `CONFIG GET` returns the settings that tools read when they connect; no setting can be changed.
fn config(call: &mut Call<'_>) -> Done {
    let word = call.args[1].to_ascii_lowercase();
    match &word[..] {
        b"get" if call.args.len() > 2 => {}
        b"get" => return Err(wrong_number(b"config|get")),
        b"resetstat" => {
            reply::status(call.out, "OK");
            return Ok(());
        }
        _ => return unknown_subcommand(call),
    }
    let settings = [
        ("appendonly", "no".to_string()),
        ("databases", "1".to_string()),
        ("maxclients", call.server.max_clients.to_string()),
        (
            "proto-max-bulk-len",
            call.server.limits.max_bulk.to_string(),
        ),
        ("save", String::new()),
        ("timeout", "0".to_string()),
    ];
    let args = call.args;
    let wanted = |name: &str| {
        let mut patterns = args.skip(2);
        patterns.any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()))
    };
    let found: Vec<_> = settings.iter().filter(|(name, _)| wanted(name)).collect();
    reply::array(call.out, found.len() * 2);
    for (name, value) in found {
        reply::bulk(call.out, name.as_bytes());
        reply::bulk(call.out, value.as_bytes());
    }
    Ok(())
}

/// Returns all sections, whichever are requested.
fn info(call: &mut Call<'_>) -> Done {
    let server = &call.server;
    let mut text = format!(
        "# Server\r\nserver_name:wakeful-kv\r\nredis_version:{}\r\nredis_mode:standalone\r\n\
         process_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n\r\n\
         # Clients\r\nconnected_clients:{}\r\nmaxclients:{}\r\n\r\n\
         # Stats\r\ntotal_connections_received:{}\r\ntotal_commands_processed:{}\r\n\r\n\
         # Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n# Keyspace\r\n",
        env!("CARGO_PKG_VERSION"),
        std::process::id(),
        server.port,
        call.now / 1000,
        server.clients,
        server.max_clients,
        server.connections,
        server.commands,
    );
    let store = &server.store;
    if store.len() > 0 {
        text += &format!("db0:keys={},expires={}\r\n", store.len(), store.expiring());
    }
    reply::bulk(call.out, text.as_bytes());
    Ok(())
}
