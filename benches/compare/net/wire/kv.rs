//! A key-value store with the part of RESP that the load needs: `SET key value` and `GET key`.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::{Answer, Exchange};

/// Shared by all connections. The lock is never contended, as one thread serves, and is taken once
/// for each read. It is needed by peers whose tasks must be `Send`.
#[derive(Clone, Default)]
pub struct Kv(Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>);

impl Answer for Kv {
    fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> io::Result<usize> {
        let mut store = self
            .0
            .lock()
            .expect("no task panics while it holds the lock");
        let mut used = 0;
        while let Some((words, length)) = command(&input[used..])? {
            used += length;
            match words {
                [b"SET", key, value] => {
                    match store.get_mut(key) {
                        Some(old) => {
                            old.clear();
                            old.extend_from_slice(value);
                        }
                        None => drop(store.insert(key.to_vec(), value.to_vec())),
                    }
                    out.extend_from_slice(b"+OK\r\n");
                }
                [b"GET", key, _] => match store.get(key) {
                    Some(value) => bulk(value, out),
                    None => out.extend_from_slice(b"$-1\r\n"),
                },
                _ => out.extend_from_slice(b"-ERR unknown command\r\n"),
            }
        }
        Ok(used)
    }
}

/// The words, the last of which may be absent, and the length of the command.
type Command<'a> = ([&'a [u8]; 3], usize);

/// Parses a command of up to three words. Returns `None` if it is incomplete.
fn command(input: &[u8]) -> io::Result<Option<Command<'_>>> {
    let Some((count, mut at)) = number(input, b'*')? else {
        return Ok(None);
    };
    let mut words: [&[u8]; 3] = [b""; 3];
    let Some(places) = words.get_mut(..count) else {
        return Err(io::Error::other(format!(
            "a command has {count} words, not 2 or 3"
        )));
    };
    for word in places {
        let Some((length, start)) = number(&input[at..], b'$')? else {
            return Ok(None);
        };
        at += start;
        if input.len() < at + length + 2 {
            return Ok(None);
        }
        *word = &input[at..at + length];
        at += length + 2;
    }
    Ok(Some((words, at)))
}

/// Parses the number in a line such as `$12`. Returns it with the start of the next line.
fn number(input: &[u8], mark: u8) -> io::Result<Option<(usize, usize)>> {
    let mut value = 0usize;
    for (at, &byte) in input.iter().enumerate() {
        match byte {
            _ if at == 0 && byte == mark => {}
            b'0'..=b'9' if at > 0 && at < 10 => value = value * 10 + usize::from(byte - b'0'),
            b'\r' if at > 1 => return Ok((input.len() > at + 1).then_some((value, at + 2))),
            _ => return Err(io::Error::other(format!("byte {byte} in a number"))),
        }
    }
    Ok(None)
}

fn bulk(value: &[u8], out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "${}\r\n", value.len()).expect("writing to a Vec does not fail");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Returns a pipeline of `depth` commands: sets and gets in turn, each get of the key just set.
pub fn exchange(depth: usize) -> Exchange {
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    for i in 0..depth / 2 {
        let key = format!("key:{i:04}");
        let value = format!("{i:032}");
        request.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
        bulk(key.as_bytes(), &mut request);
        bulk(value.as_bytes(), &mut request);
        reply.extend_from_slice(b"+OK\r\n");
        request.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
        bulk(key.as_bytes(), &mut request);
        bulk(value.as_bytes(), &mut reply);
    }
    Exchange {
        request,
        reply,
        count: (depth / 2 * 2) as u64,
    }
}
