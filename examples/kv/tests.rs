//! Tests of conversations without a socket, and of the parts.

use super::commands::{Client, Server};
use super::glob;
use super::resp::{Args, Limits, Parser, parse_integer};
use super::session::{Next, Session};
use super::store::{Expiry, Store};

/// A server with one client. The test sets the time.
struct Talk {
    server: Server,
    session: Session,
    now: u64,
}

impl Talk {
    fn new() -> Talk {
        Talk::with_max_bulk(1024 * 1024)
    }

    fn with_max_bulk(max_bulk: usize) -> Talk {
        let limits = Limits::with_max_bulk(max_bulk);
        Talk {
            server: Server::new(limits, 10),
            session: Session::new(limits, Client::default()),
            now: 1_000_000,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> (Vec<u8>, Next) {
        let mut out = Vec::new();
        let mut next = self
            .session
            .feed(bytes, &mut self.server, self.now, &mut out);
        while next == Next::Resume {
            let mut more = Vec::new();
            next = self
                .session
                .feed(&[], &mut self.server, self.now, &mut more);
            out.extend(more);
        }
        (out, next)
    }

    /// Sends a line and returns the reply as text.
    fn type_in(&mut self, line: &str) -> String {
        let (out, next) = self.send(format!("{line}\r\n").as_bytes());
        assert_eq!(next, Next::Read, "after {line}");
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn expect(&mut self, line: &str, reply: &str) {
        assert_eq!(self.type_in(line), reply, "the reply to {line}");
    }
}

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut frame = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        frame.extend(format!("${}\r\n", word.len()).as_bytes());
        frame.extend(*word);
        frame.extend(b"\r\n");
    }
    frame
}

/// Returns the replies to `bytes` sent in pieces that end at `ends`, and whether the connection
/// continues.
fn replies(bytes: &[u8], ends: impl IntoIterator<Item = usize>) -> (Vec<u8>, Next) {
    let mut talk = Talk::new();
    let mut out = Vec::new();
    let mut from = 0;
    for end in ends.into_iter().chain([bytes.len()]) {
        let (more, next) = talk.send(&bytes[from..end]);
        out.extend(more);
        if next == Next::Close {
            return (out, next);
        }
        from = end;
    }
    (out, Next::Read)
}

#[track_caller]
fn same_in_all_pieces(bytes: &[u8]) -> (Vec<u8>, Next) {
    let whole = replies(bytes, []);
    assert_eq!(replies(bytes, 1..bytes.len()), whole, "byte by byte");
    for cut in 1..bytes.len() {
        assert_eq!(replies(bytes, [cut]), whole, "cut at {cut}");
    }
    whole
}

#[test]
fn replies_do_not_depend_on_how_requests_are_cut() {
    let mut bytes = request(&[b"SET", b"key", b"a\r\nb\0\xff"]);
    bytes.extend(b"\r\nGET key\r\n  SET other \"x\\x41\\n\" \n*0\r\n*-1\r\n");
    bytes.extend(request(&[b"mget", b"key", b"other", b"none"]));
    bytes.extend(request(&[b"set", b"", b""]));
    bytes.extend(request(&[b"EXISTS", b"", b"key", b"key"]));
    bytes.extend(b"NOPE 'a b'\r\nQUIT\r\nPING\r\n");
    let (out, next) = same_in_all_pieces(&bytes);
    let wanted = b"+OK\r\n$6\r\na\r\nb\0\xff\r\n+OK\r\n\
        *3\r\n$6\r\na\r\nb\0\xff\r\n$3\r\nxA\n\r\n$-1\r\n+OK\r\n:3\r\n\
        -ERR unknown command 'NOPE', with args beginning with: 'a b' \r\n+OK\r\n";
    assert_eq!(
        out.escape_ascii().to_string(),
        wanted.escape_ascii().to_string()
    );
    assert_eq!(next, Next::Close);
}

#[test]
fn a_malformed_frame_gets_an_error_and_ends_the_connection() {
    let cases: [(&[u8], &str); 12] = [
        (b"*x\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*1\n", "invalid multibulk length"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n\r\n", "expected '$', got '?'"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*2\r\n$3\r\nGET\r\n$1048577\r\n", "invalid bulk length"),
        (
            b"*1\r\n$4\r\nPINGxx",
            "expected a line end after the argument",
        ),
        (
            b"*00000000000000000000000000000000000",
            "too big mbulk count string",
        ),
        (b"GET \"a\r\n", "unbalanced quotes in request"),
    ];
    for (bytes, reason) in cases {
        let mut bytes_after_a_good_one = request(&[b"ECHO", b"ok"]);
        bytes_after_a_good_one.extend(bytes);
        let (out, next) = same_in_all_pieces(&bytes_after_a_good_one);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(
            out,
            format!("$2\r\nok\r\n-ERR Protocol error: {reason}\r\n")
        );
        assert_eq!(next, Next::Close);
    }
}

#[test]
fn a_line_over_the_limit_is_refused() {
    let line = vec![b'x'; 64 * 1024 + 1];
    for ends in [vec![], vec![1], vec![64 * 1024]] {
        let (out, next) = replies(&line, ends);
        assert_eq!(out, b"-ERR Protocol error: too big inline request\r\n");
        assert_eq!(next, Next::Close);
    }
}

#[test]
fn a_request_of_many_large_arguments_is_refused() {
    let mut limits = Limits::with_max_bulk(100);
    limits.max_request = 250;
    let mut parser = Parser::new(limits);
    let frame = request(&[&[b'x'; 100][..]; 3]);
    let refusal = parser.advance(&frame).unwrap_err();
    assert_eq!(refusal.0, "too big request");
}

#[test]
fn memory_depends_on_the_received_bytes_not_on_the_announced_ones() {
    let mut talk = Talk::with_max_bulk(512 * 1024 * 1024);
    talk.send(b"*1000000\r\n$3\r\nSET\r\n$500000000\r\n0123456789");
    assert!(talk.session.room() < 200, "{} bytes", talk.session.room());
}

#[test]
fn the_memory_of_a_large_request_is_freed() {
    let mut talk = Talk::new();
    let frame = request(&[b"SET", b"k", &[b'x'; 1024 * 1024]]);
    for piece in frame.chunks(65_536) {
        talk.send(piece);
    }
    talk.expect("STRLEN k", ":1048576\r\n");
    assert_eq!(talk.session.room(), 0);
}

#[test]
fn a_full_output_is_flushed_before_more_replies_are_made() {
    let mut talk = Talk::new();
    talk.send(&request(&[b"SET", b"k", &[b'x'; 1024 * 1024]]));
    let gets = b"GET k\r\n".repeat(100);
    let mut out = Vec::new();
    let mut next = talk
        .session
        .feed(&gets, &mut talk.server, talk.now, &mut out);
    let mut rounds = 1;
    while next == Next::Resume {
        assert!(out.len() < 3 * 1024 * 1024, "{} bytes at a time", out.len());
        out.clear();
        next = talk.session.feed(&[], &mut talk.server, talk.now, &mut out);
        rounds += 1;
    }
    // The last call finds no request.
    assert_eq!((rounds, next), (101, Next::Read));
}

#[test]
fn commands_on_values_reply_as_redis() {
    let mut talk = Talk::new();
    talk.expect("PING", "+PONG\r\n");
    talk.expect("ping hello", "$5\r\nhello\r\n");
    talk.expect("GET k", "$-1\r\n");
    talk.expect("SET k v", "+OK\r\n");
    talk.expect("gEt k", "$1\r\nv\r\n");
    talk.expect("SET k w NX", "$-1\r\n");
    talk.expect("SET k w XX GET", "$1\r\nv\r\n");
    talk.expect("SET new w XX", "$-1\r\n");
    talk.expect("SET new w NX GET", "$-1\r\n");
    talk.expect("GETSET new x", "$1\r\nw\r\n");
    talk.expect("APPEND new yz", ":3\r\n");
    talk.expect("APPEND other 12", ":2\r\n");
    talk.expect("STRLEN new", ":3\r\n");
    talk.expect("STRLEN none", ":0\r\n");
    talk.expect("SETNX new 1", ":0\r\n");
    talk.expect("SETNX newer 1", ":1\r\n");
    talk.expect("MSET a 1 b 2", "+OK\r\n");
    talk.expect("MGET a none b", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
    talk.expect("DEL a b b none", ":2\r\n");
    talk.expect("EXISTS a k k", ":2\r\n");
    talk.expect("TYPE k", "+string\r\n");
    talk.expect("TYPE a", "+none\r\n");
    talk.expect("DBSIZE", ":4\r\n");
    talk.expect("FLUSHALL", "+OK\r\n");
    talk.expect("DBSIZE", ":0\r\n");
}

#[test]
fn counters_reply_as_redis() {
    let mut talk = Talk::new();
    talk.expect("INCR n", ":1\r\n");
    talk.expect("INCRBY n 41", ":42\r\n");
    talk.expect("DECR n", ":41\r\n");
    talk.expect("DECRBY n 100", ":-59\r\n");
    talk.expect("GET n", "$3\r\n-59\r\n");
    talk.expect("SET n 9223372036854775807", "+OK\r\n");
    talk.expect("INCR n", "-ERR increment or decrement would overflow\r\n");
    talk.expect(
        "DECRBY n -9223372036854775808",
        "-ERR decrement would overflow\r\n",
    );
    let refused = "-ERR value is not an integer or out of range\r\n";
    talk.expect("INCRBY n 1.5", refused);
    for bad in [
        "abc",
        "007",
        "+1",
        "\" 1\"",
        "9223372036854775808",
        "-0",
        "\"\"",
    ] {
        talk.expect(&format!("SET n {bad}"), "+OK\r\n");
        talk.expect("INCR n", refused);
    }
}

#[test]
fn keys_expire_at_their_deadline() {
    let mut talk = Talk::new();
    talk.expect("SET k v EX 10", "+OK\r\n");
    talk.expect("TTL k", ":10\r\n");
    talk.now += 9_999;
    talk.expect("PTTL k", ":1\r\n");
    talk.expect("GET k", "$1\r\nv\r\n");
    talk.now += 1;
    talk.expect("GET k", "$-1\r\n");
    talk.expect("TTL k", ":-2\r\n");
    talk.expect("KEYS *", "*0\r\n");
    talk.expect("SET k v XX", "$-1\r\n");
    talk.expect("SET k v KEEPTTL", "+OK\r\n");
    talk.expect("TTL k", ":-1\r\n");
    talk.expect("PEXPIRE k 500", ":1\r\n");
    talk.expect("SET k w KEEPTTL", "+OK\r\n");
    talk.expect("APPEND k x", ":2\r\n");
    talk.expect("PTTL k", ":500\r\n");
    talk.expect("PERSIST k", ":1\r\n");
    talk.expect("PERSIST k", ":0\r\n");
    talk.expect("EXPIRE k 5", ":1\r\n");
    talk.expect("SET k plain", "+OK\r\n");
    talk.expect("TTL k", ":-1\r\n");
    talk.expect("EXPIRE none 5", ":0\r\n");
    talk.expect("EXPIRE k -1", ":1\r\n");
    talk.expect("EXISTS k", ":0\r\n");
    let refused = "-ERR invalid expire time in 'set' command\r\n";
    talk.expect("SET k v EX 0", refused);
    talk.expect("SET k v EX 9223372036854775807", refused);
    talk.expect("SET k v PX 9223372036854775807", refused);
    talk.expect(
        "EXPIRE k 9223372036854775807",
        "-ERR invalid expire time in 'expire' command\r\n",
    );
}

#[test]
fn errors_have_the_texts_of_redis() {
    let mut talk = Talk::new();
    let arity = |name: &str| format!("-ERR wrong number of arguments for '{name}' command\r\n");
    talk.expect("GET", &arity("get"));
    talk.expect("GET a b", &arity("get"));
    talk.expect("PING a b", &arity("ping"));
    talk.expect("MSET a 1 b", &arity("mset"));
    talk.expect("CONFIG GET", &arity("config|get"));
    talk.expect("CLIENT SETNAME", &arity("client|setname"));
    for line in [
        "SET k v BAD",
        "SET k v NX XX",
        "SET k v EX 1 PX 1",
        "SET k v EX",
        "FLUSHALL NOW",
    ] {
        talk.expect(line, "-ERR syntax error\r\n");
    }
    talk.expect(
        "SET k v EX x",
        "-ERR value is not an integer or out of range\r\n",
    );
    talk.expect(
        "foo",
        "-ERR unknown command 'foo', with args beginning with: \r\n",
    );
    talk.expect(
        "CONFIG SET save x",
        "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n",
    );
    // Line ends in a name do not get into the reply.
    let (out, _) = talk.send(&request(&[b"a\r\nb", &[b'x'; 1000]]));
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("-ERR unknown command 'a  b'"), "{text}");
    assert!(text.ends_with("\r\n") && text.len() < 300, "{text}");
}

#[test]
fn queries_of_tools_at_their_connection_are_answered() {
    let mut talk = Talk::new();
    talk.expect("CONFIG GET save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
    talk.expect(
        "CONFIG GET append*",
        "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n",
    );
    talk.expect("CONFIG GET none", "*0\r\n");
    talk.expect("COMMAND DOCS", "*0\r\n");
    talk.expect("HELLO 3", "-NOPROTO unsupported protocol version\r\n");
    assert!(
        talk.type_in("HELLO 2")
            .starts_with("*10\r\n$6\r\nserver\r\n")
    );
    talk.expect("SELECT 0", "+OK\r\n");
    talk.expect("SELECT 1", "-ERR DB index is out of range\r\n");
    talk.expect("CLIENT GETNAME", "$-1\r\n");
    talk.expect("CLIENT SETNAME me", "+OK\r\n");
    talk.expect("CLIENT GETNAME", "$2\r\nme\r\n");
    talk.expect("CLIENT SETINFO lib-name x", "+OK\r\n");
    assert!(talk.type_in("INFO").contains("\r\nmaxclients:10\r\n"));
    talk.expect("SET k v", "+OK\r\n");
    assert!(
        talk.type_in("INFO keyspace")
            .contains("\r\ndb0:keys=1,expires=0\r\n")
    );
    talk.expect(
        "SCAN 0 MATCH k* COUNT 10",
        "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n",
    );
    talk.expect("SCAN 0 TYPE list", "*2\r\n$1\r\n0\r\n*0\r\n");
    talk.expect("SCAN x", "-ERR invalid cursor\r\n");
}

#[test]
fn a_sweep_frees_expired_keys_only() {
    let mut store = Store::default();
    for key in 0..10_u8 {
        store.set(&[key], b"v", Expiry::At(u64::from(key)), 0);
    }
    store.set(b"stays", b"v", Expiry::Never, 0);
    store.set(&[3], b"v", Expiry::Never, 0); // no longer expires
    store.set_deadline(&[4], Some(100)); // expires later
    assert_eq!(store.sweep(7, 2), 2);
    assert_eq!(store.sweep(7, 100), 4);
    assert_eq!((store.len(), store.expiring()), (5, 3));
    assert!(store.contains(&[3], 7) && store.contains(&[4], 7) && !store.contains(&[7], 7));
    assert!(store.remove(&[4], 7));
    assert_eq!(store.expiring(), 2);
    assert_eq!(store.sweep(1000, 100), 2);
    assert_eq!((store.len(), store.expiring()), (2, 0));
}

#[test]
fn patterns_match_as_in_redis() {
    let yes = [
        ("*", ""),
        ("h?llo", "hello"),
        ("h*llo", "heeeello"),
        ("h[ae]llo", "hallo"),
        ("h[^e]llo", "hbllo"),
        ("h[a-c]llo", "hbllo"),
        ("h[c-a]llo", "hbllo"),
        ("\\*a", "*a"),
        ("*a*b*", "xxaxxbxx"),
        ("[\\]]", "]"),
        ("[ab", "a"),
    ];
    let no = [
        ("", "a"),
        ("h?llo", "hllo"),
        ("h[^e]llo", "hello"),
        ("\\*a", "xa"),
        ("*ab", "abc"),
        ("[", "["),
        ("[]", "]"),
    ];
    for (pattern, key) in yes {
        assert!(
            glob::matches(pattern.as_bytes(), key.as_bytes()),
            "{pattern} {key}"
        );
    }
    for (pattern, key) in no {
        assert!(
            !glob::matches(pattern.as_bytes(), key.as_bytes()),
            "{pattern} {key}"
        );
    }
    // A matcher that tries every split of the key would take practically forever.
    let pattern = format!("{}b", "a*".repeat(40));
    assert!(!glob::matches(
        pattern.as_bytes(),
        "a".repeat(2000).as_bytes()
    ));
}

#[test]
fn a_typed_line_is_split_into_words() {
    let mut parser = Parser::new(Limits::with_max_bulk(100));
    let line = b"set \"a b\" 'it\\'s' \"\\x00\\xfg\\t\\q\" plain\"x\r\nrest";
    assert_eq!(parser.advance(line), Ok(Some(line.len() - 4)));
    let args: Args<'_> = parser.args(line);
    let words: Vec<_> = args.skip(0).collect();
    assert_eq!(
        words,
        [&b"set"[..], b"a b", b"it's", b"\0xfg\tq", b"plain\"x"]
    );
}

#[test]
fn integers_are_parsed_as_in_redis() {
    for (text, value) in [
        ("0", 0),
        ("-1", -1),
        ("10", 10),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(parse_integer(text.as_bytes()), Some(value));
    }
    for text in [
        "",
        "-",
        "-0",
        "00",
        "01",
        "+1",
        " 1",
        "1 ",
        "9223372036854775808",
    ] {
        assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
    }
}
