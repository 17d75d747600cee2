//! The request parser of `kv`, and a conversation, on any bytes.

#[path = "../../examples/kv/commands.rs"]
mod commands;
#[path = "../../examples/kv/glob.rs"]
mod glob;
#[path = "../../examples/kv/keys.rs"]
mod keys;
#[path = "../../examples/kv/reply.rs"]
mod reply;
#[path = "../../examples/kv/resp.rs"]
mod resp;
#[path = "../../examples/kv/session.rs"]
mod session;
#[path = "../../examples/kv/store.rs"]
mod store;
#[path = "../../examples/kv/strings.rs"]
mod strings;

use commands::{Client, Server};
use resp::{Limits, Parser};
use session::{Next, Session};

/// Words that random bytes would rarely contain.
pub const WORDS: &[&[u8]] = &[
    b"*1\r\n",
    b"*2\r\n",
    b"*3\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*7\r\n",
    b"$0\r\n\r\n",
    b"$1\r\nk\r\n",
    b"$3\r\nGET\r\n",
    b"$3\r\nSET\r\n",
    b"$4\r\nMGET\r\n",
    b"$6\r\nAPPEND\r\n",
    b"$49\r\n",
    b"$99999999999999999999\r\n",
    b"\r\n",
    b"SET k v PX 1 NX\r\n",
    b"GETSET k \"a\\x41\\n\"\r\n",
    b"INCRBY k 9223372036854775807\r\n",
    b"DECRBY k -9223372036854775808\r\n",
    b"KEYS [^a-\\]*?\r\n",
    b"EXPIRE k 9223372036854775807\r\n",
    b"PEXPIRE k -1\r\nPTTL k\r\n",
    b"QUIT\r\n",
    b"\"",
    b"'",
    b"\\x",
    b" ",
];

const MAX_BYTES: usize = 4096;
const NOW: u64 = 1_000_000;

pub fn run(data: &[u8]) {
    if data.len() > MAX_BYTES {
        return;
    }
    limits_hold(data);
    words_are_parsed(data);
    let whole = Talk::hold(data, [data.len()]);
    let cut = data.iter().map(|&byte| usize::from(byte)).sum::<usize>() % (data.len() + 1);
    whole.is_as(&Talk::hold(data, [cut, data.len()]), "in two pieces");
    whole.is_as(&Talk::hold(data, 1..=data.len()), "byte by byte");
}

const SMALL: Limits = Limits {
    max_bulk: 48,
    max_args: 6,
    max_inline: 40,
    max_request: 160,
};
/// The longest line of a number.
const LINE: usize = 64;

fn limits_hold(mut input: &[u8]) {
    let mut parser = Parser::new(SMALL);
    loop {
        match parser.advance(input) {
            Ok(Some(length)) => {
                assert!(0 < length && length <= input.len());
                assert!(length <= SMALL.max_request + LINE);
                let args = parser.args(input);
                let framed = input[0] == b'*';
                let (most, longest) = match framed {
                    true => (SMALL.max_args, SMALL.max_bulk),
                    false => (SMALL.max_inline, SMALL.max_inline),
                };
                assert!(args.len() <= most && args.skip(0).count() == args.len());
                assert!(args.skip(0).all(|arg| arg.len() <= longest));
                parser.start_over();
                input = &input[length..];
            }
            // However many bytes arrive, the stored ones are limited.
            Ok(None) => return assert!(input.len() <= SMALL.max_request + LINE),
            Err(error) => return assert!(!error.0.contains(['\r', '\n'])),
        }
    }
}

/// Checks that the words of `data`, framed and quoted, are parsed byte by byte.
fn words_are_parsed(data: &[u8]) {
    let words: Vec<&[u8]> = data.split(|&byte| byte == b' ').take(9).collect();
    let mut framed = format!("*{}\r\n", words.len()).into_bytes();
    let mut quoted = Vec::new();
    for word in &words {
        framed.extend(format!("${}\r\n", word.len()).as_bytes());
        framed.extend(*word);
        framed.extend(b"\r\n");
        let digits = word.iter().map(|byte| format!("\\x{byte:02x}"));
        quoted.extend(format!(" \"{}\"", digits.collect::<String>()).as_bytes());
    }
    quoted.extend(b"\r\n");
    for request in [framed, quoted] {
        let mut parser = Parser::new(Limits::with_max_bulk(MAX_BYTES));
        for end in 0..request.len() {
            assert_eq!(parser.advance(&request[..end]), Ok(None), "it ends later");
        }
        assert_eq!(parser.advance(&request), Ok(Some(request.len())));
        let args = parser.args(&request);
        assert_eq!(args.skip(0).collect::<Vec<_>>(), words);
    }
}

/// The result of a conversation.
struct Talk {
    replies: Vec<u8>,
    closed: bool,
    left: Vec<u8>,
}

impl Talk {
    /// Sends `data` in pieces that end at `ends`.
    fn hold(data: &[u8], ends: impl IntoIterator<Item = usize>) -> Talk {
        let limits = Limits::with_max_bulk(MAX_BYTES);
        let mut server = Server::new(limits, 10);
        let mut session = Session::new(limits, Client::default());
        let mut replies = Vec::new();
        let mut from = 0;
        let mut closed = false;
        for end in ends {
            closed = feed(&mut session, &mut server, &data[from..end], &mut replies);
            from = end;
            if closed {
                break;
            }
        }
        let mut left = Vec::new();
        let mut other = Session::new(limits, Client::default());
        feed(&mut other, &mut server, b"KEYS *\r\nDBSIZE\r\n", &mut left);
        Talk {
            replies,
            closed,
            left,
        }
    }

    #[track_caller]
    fn is_as(&self, other: &Talk, how: &str) {
        assert_eq!(self.closed, other.closed, "{how}");
        // A map returns its keys in a different order each time.
        let sorted = |bytes: &[u8]| {
            let mut lines: Vec<_> = bytes
                .split(|&byte| byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&self.replies), sorted(&other.replies), "{how}");
        assert_eq!(sorted(&self.left), sorted(&other.left), "{how}");
    }
}

/// Returns whether the connection is to be closed.
fn feed(session: &mut Session, server: &mut Server, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut next = session.feed(bytes, server, NOW, out);
    let mut rounds = 0;
    while next == Next::Resume {
        // Each round writes a mebibyte, and no script requests that much.
        rounds += 1;
        assert!(rounds < 10_000, "it never ends");
        let mut more = Vec::new();
        next = session.feed(&[], server, NOW, &mut more);
        out.append(&mut more);
    }
    next == Next::Close
}
