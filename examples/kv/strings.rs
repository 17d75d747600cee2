//! The commands on values: SET and GET, counters, and many keys at once.

use super::commands::{Call, Done, NOT_AN_INTEGER, Refusal, SYNTAX, wrong_number};
use super::reply;
use super::resp::{Args, parse_integer};
use super::store::{Expiry, Millis};

/// The largest reply in bytes. Only MGET, which may name a large value many times, can exceed it.
const MAX_REPLY: usize = 512 * 1024 * 1024;

pub(crate) fn get(call: &mut Call<'_>) -> Done {
    let value = call.server.store.get(&call.args[1], call.now);
    reply::value(call.out, value);
    Ok(())
}

pub(crate) fn set(call: &mut Call<'_>) -> Done {
    let (key, value) = (&call.args[1], &call.args[2]);
    let options = SetOptions::parse(call.args, call.now)?;
    let store = &mut call.server.store;
    let before = if options.when == When::Always && !options.get {
        None // a plain SET needs no lookup before it
    } else {
        store.get(key, call.now)
    };
    let wanted = match options.when {
        When::Always => true,
        When::Absent => before.is_none(),
        When::Present => before.is_some(),
    };
    match (options.get, wanted) {
        (true, _) => reply::value(call.out, before),
        (false, true) => reply::status(call.out, "OK"),
        (false, false) => reply::value(call.out, None),
    }
    if wanted {
        store.set(key, value, options.expiry, call.now);
    }
    Ok(())
}

#[derive(PartialEq)]
enum When {
    Always,
    Absent,
    Present,
}

/// The options after `SET key value`.
struct SetOptions {
    when: When,
    expiry: Expiry,
    get: bool,
}

impl SetOptions {
    fn parse(args: Args<'_>, now: Millis) -> Result<SetOptions, Refusal> {
        let mut options = SetOptions {
            when: When::Always,
            expiry: Expiry::Never,
            get: false,
        };
        let mut words = args.skip(3);
        while let Some(word) = words.next() {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            let no_condition = options.when == When::Always;
            let no_expiry = options.expiry == Expiry::Never;
            if is(b"NX") && no_condition {
                options.when = When::Absent;
            } else if is(b"XX") && no_condition {
                options.when = When::Present;
            } else if is(b"GET") {
                options.get = true;
            } else if is(b"KEEPTTL") && no_expiry {
                options.expiry = Expiry::Keep;
            } else if (is(b"EX") || is(b"PX")) && no_expiry {
                let unit = if is(b"EX") { 1000 } else { 1 };
                let time = words.next().ok_or(SYNTAX)?;
                options.expiry = Expiry::At(deadline(time, unit, now)?);
            } else {
                return Err(SYNTAX);
            }
        }
        Ok(options)
    }
}

/// Returns the deadline for a time to live, in units of `unit` milliseconds.
fn deadline(time: &[u8], unit: i64, now: Millis) -> Result<Millis, Refusal> {
    let time = parse_integer(time).ok_or(NOT_AN_INTEGER)?;
    let ttl = time.checked_mul(unit).filter(|ttl| *ttl > 0);
    // It must fit into a signed number, as in the reply to TTL.
    let deadline = ttl.and_then(|ttl| ttl.checked_add(now as i64));
    let refusal = "ERR invalid expire time in 'set' command";
    deadline.map(|at| at as Millis).ok_or(refusal.into())
}

pub(crate) fn setnx(call: &mut Call<'_>) -> Done {
    let store = &mut call.server.store;
    let absent = !store.contains(&call.args[1], call.now);
    if absent {
        store.set(&call.args[1], &call.args[2], Expiry::Never, call.now);
    }
    reply::integer(call.out, absent.into());
    Ok(())
}

pub(crate) fn getset(call: &mut Call<'_>) -> Done {
    let store = &mut call.server.store;
    reply::value(call.out, store.get(&call.args[1], call.now));
    store.set(&call.args[1], &call.args[2], Expiry::Never, call.now);
    Ok(())
}

pub(crate) fn mget(call: &mut Call<'_>) -> Done {
    let store = &call.server.store;
    let value = |key| store.get(key, call.now);
    let size: usize = call.args.skip(1).filter_map(value).map(<[u8]>::len).sum();
    if size > MAX_REPLY {
        return Err(format!("ERR the reply would have more than {MAX_REPLY} bytes").into());
    }
    reply::array(call.out, call.args.len() - 1);
    for key in call.args.skip(1) {
        reply::value(call.out, value(key));
    }
    Ok(())
}

pub(crate) fn mset(call: &mut Call<'_>) -> Done {
    if call.args.len().is_multiple_of(2) {
        return Err(wrong_number(b"mset"));
    }
    for at in (1..call.args.len()).step_by(2) {
        let (key, value) = (&call.args[at], &call.args[at + 1]);
        call.server.store.set(key, value, Expiry::Never, call.now);
    }
    reply::status(call.out, "OK");
    Ok(())
}

pub(crate) fn strlen(call: &mut Call<'_>) -> Done {
    let value = call.server.store.get(&call.args[1], call.now);
    reply::count(call.out, value.map_or(0, <[u8]>::len));
    Ok(())
}

pub(crate) fn append(call: &mut Call<'_>) -> Done {
    let (key, more) = (&call.args[1], &call.args[2]);
    let max = call.server.limits.max_bulk;
    let store = &mut call.server.store;
    let length = match store.value_mut(key, call.now) {
        Some(value) if value.len() + more.len() > max => {
            return Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)".into());
        }
        Some(value) => {
            value.extend_from_slice(more);
            value.len()
        }
        None => {
            store.set(key, more, Expiry::Never, call.now);
            more.len()
        }
    };
    reply::count(call.out, length);
    Ok(())
}

pub(crate) fn incr(call: &mut Call<'_>) -> Done {
    add(call, 1)
}

pub(crate) fn decr(call: &mut Call<'_>) -> Done {
    add(call, -1)
}

pub(crate) fn incrby(call: &mut Call<'_>) -> Done {
    let amount = parse_integer(&call.args[2]).ok_or(NOT_AN_INTEGER)?;
    add(call, amount)
}

pub(crate) fn decrby(call: &mut Call<'_>) -> Done {
    let amount = parse_integer(&call.args[2]).ok_or(NOT_AN_INTEGER)?;
    let amount = amount.checked_neg();
    add(call, amount.ok_or("ERR decrement would overflow")?)
}

fn add(call: &mut Call<'_>, amount: i64) -> Done {
    let key = &call.args[1];
    let store = &mut call.server.store;
    let sum = |before: i64| {
        let sum = before.checked_add(amount);
        sum.ok_or("ERR increment or decrement would overflow")
    };
    let value = match store.value_mut(key, call.now) {
        Some(value) => {
            let after = sum(parse_integer(value).ok_or(NOT_AN_INTEGER)?)?;
            value.clear();
            reply::decimal(value, after);
            after
        }
        None => {
            store.set(key, amount.to_string().as_bytes(), Expiry::Never, call.now);
            amount
        }
    };
    reply::integer(call.out, value);
    Ok(())
}
