//! The commands that list keys, and that set and read their deadlines.

use super::commands::{Call, Done, NOT_AN_INTEGER, Refusal, SYNTAX};
use super::glob;
use super::reply;
use super::resp::parse_integer;

pub(crate) fn del(call: &mut Call<'_>) -> Done {
    let store = &mut call.server.store;
    let removed = call.args.skip(1).filter(|key| store.remove(key, call.now));
    reply::count(call.out, removed.count());
    Ok(())
}

/// A key that is named twice is counted twice.
pub(crate) fn exists(call: &mut Call<'_>) -> Done {
    let store = &call.server.store;
    let found = call
        .args
        .skip(1)
        .filter(|key| store.contains(key, call.now));
    reply::count(call.out, found.count());
    Ok(())
}

pub(crate) fn type_of(call: &mut Call<'_>) -> Done {
    let found = call.server.store.contains(&call.args[1], call.now);
    reply::status(call.out, if found { "string" } else { "none" });
    Ok(())
}

pub(crate) fn expire(call: &mut Call<'_>) -> Done {
    expire_after(call, 1000)
}

pub(crate) fn pexpire(call: &mut Call<'_>) -> Done {
    expire_after(call, 1)
}

fn expire_after(call: &mut Call<'_>, unit: i64) -> Done {
    let key = &call.args[1];
    let time = parse_integer(&call.args[2]).ok_or(NOT_AN_INTEGER)?;
    let ttl = time.checked_mul(unit);
    let Some(deadline) = ttl.and_then(|ttl| ttl.checked_add(call.now as i64)) else {
        let name = String::from_utf8_lossy(&call.args[0]).to_lowercase();
        return Err(format!("ERR invalid expire time in '{name}' command").into());
    };
    let store = &mut call.server.store;
    let found = store.contains(key, call.now);
    if found && deadline <= call.now as i64 {
        store.remove(key, call.now);
    } else if found {
        store.set_deadline(key, Some(deadline as u64));
    }
    reply::integer(call.out, found.into());
    Ok(())
}

pub(crate) fn persist(call: &mut Call<'_>) -> Done {
    let key = &call.args[1];
    let store = &mut call.server.store;
    let had_deadline = matches!(store.deadline(key, call.now), Some(Some(_)));
    if had_deadline {
        store.set_deadline(key, None);
    }
    reply::integer(call.out, had_deadline.into());
    Ok(())
}

/// In seconds, rounded to the nearest.
pub(crate) fn ttl(call: &mut Call<'_>) -> Done {
    let ttl = time_to_live(call);
    reply::integer(call.out, if ttl < 0 { ttl } else { (ttl + 500) / 1000 });
    Ok(())
}

pub(crate) fn pttl(call: &mut Call<'_>) -> Done {
    let ttl = time_to_live(call);
    reply::integer(call.out, ttl);
    Ok(())
}

/// In milliseconds; -1 for a key without a deadline, -2 if the key does not exist.
fn time_to_live(call: &Call<'_>) -> i64 {
    match call.server.store.deadline(&call.args[1], call.now) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => (deadline - call.now) as i64,
    }
}

/// Matches every key against a pattern. The server serves no other client meanwhile, so, as in
/// Redis, this is not for large stores.
pub(crate) fn keys(call: &mut Call<'_>) -> Done {
    let pattern = &call.args[1];
    let keys = call.server.store.keys(call.now);
    let found: Vec<_> = keys.filter(|key| glob::matches(pattern, key)).collect();
    list(call.out, &found);
    Ok(())
}

/// Returns all matching keys in one step, and cursor 0, which means that there are no more.
pub(crate) fn scan(call: &mut Call<'_>) -> Done {
    let cursor = parse_integer(&call.args[1]).filter(|cursor| *cursor >= 0);
    cursor.ok_or(Refusal::Borrowed("ERR invalid cursor"))?;
    let mut pattern: &[u8] = b"*";
    let mut strings = true;
    let mut options = call.args.skip(2);
    while let Some(option) = options.next() {
        let value = options.next().ok_or(SYNTAX)?;
        if option.eq_ignore_ascii_case(b"MATCH") {
            pattern = value;
        } else if option.eq_ignore_ascii_case(b"COUNT") {
            match parse_integer(value).ok_or(NOT_AN_INTEGER)? {
                1.. => {}
                _ => return Err(SYNTAX),
            }
        } else if option.eq_ignore_ascii_case(b"TYPE") {
            strings = value.eq_ignore_ascii_case(b"string");
        } else {
            return Err(SYNTAX);
        }
    }
    let keys = call.server.store.keys(call.now);
    let found: Vec<_> = keys
        .filter(|key| strings && glob::matches(pattern, key))
        .collect();
    reply::array(call.out, 2);
    reply::bulk(call.out, b"0");
    list(call.out, &found);
    Ok(())
}

fn list(out: &mut Vec<u8>, keys: &[&[u8]]) {
    reply::array(out, keys.len());
    for key in keys {
        reply::bulk(out, key);
    }
}

/// Includes expired keys that have not been freed yet, as in Redis.
pub(crate) fn dbsize(call: &mut Call<'_>) -> Done {
    reply::count(call.out, call.server.store.len());
    Ok(())
}

pub(crate) fn flush(call: &mut Call<'_>) -> Done {
    match call.args.get(1) {
        None => {}
        Some(how) if call.args.len() == 2 && is_flush_mode(how) => {}
        Some(_) => return Err(SYNTAX),
    }
    call.server.store.clear();
    reply::status(call.out, "OK");
    Ok(())
}

fn is_flush_mode(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"SYNC") || word.eq_ignore_ascii_case(b"ASYNC")
}
