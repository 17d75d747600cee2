//! The event loop of lesson 25, and its visitors. The loop knows callbacks only.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::thread;

use polling::{Event, Events, Poller};

type Callback = Box<dyn FnOnce(&Loop)>;

/// A loop that calls a function once when a socket is readable.
///
/// # Examples
/// ```
/// use wakeful_lab::callback_loop::Loop;
///
/// // A server that answers each piece with a line, and never asks for a town.
/// fn answer(server: &Loop, stream: wakeful_lab::callback_loop::Stream) {
///     stream.write("say something\n");
///     server.when_readable(stream.key, move |server| {
///         stream.read();
///         answer(server, stream);
///     });
/// }
/// # let _ = answer;
/// ```
pub struct Loop {
    poller: Poller,
    /// All sockets, until the end of the loop.
    sockets: RefCell<Vec<Rc<TcpStream>>>,
    waiting: RefCell<HashMap<usize, Callback>>,
    /// The size of the largest callback, in bytes.
    callback: Cell<usize>,
    boxed: Cell<usize>,
}

/// The connection of a visitor.
pub struct Stream {
    socket: Rc<TcpStream>,
    /// The number by which the loop knows the connection.
    pub key: usize,
}

impl Stream {
    /// Sends a few bytes, without waiting.
    ///
    /// # Panics
    /// If they do not fit into the socket's buffer.
    pub fn write(&self, text: &str) {
        let written = (&*self.socket).write_all(text.as_bytes());
        written.expect("a few bytes fit into the socket's buffer");
    }

    /// Returns what has arrived. Call it once after the loop has called back.
    ///
    /// # Panics
    /// If nothing has arrived, or if the visitor has left.
    pub fn read(&self) -> String {
        let mut piece = [0; 64];
        let length = (&*self.socket).read(&mut piece).expect("it is readable");
        assert!(length > 0, "visitor {} left too early", self.key);
        String::from_utf8_lossy(&piece[..length]).into_owned()
    }
}

impl Loop {
    /// Calls `callback` once, when the connection `key` is readable.
    ///
    /// # Panics
    /// If the loop has no such connection.
    pub fn when_readable(&self, key: usize, callback: impl FnOnce(&Loop) + 'static) {
        let largest = self.callback.get().max(size_of_val(&callback));
        self.callback.set(largest);
        let socket = &self.sockets.borrow()[key];
        let armed = self.poller.modify(&**socket, Event::readable(key));
        armed.expect("the socket was added");
        self.waiting.borrow_mut().insert(key, Box::new(callback));
    }

    /// Records that a conversation has `bytes` in a box, besides its callback.
    pub fn boxes(&self, bytes: usize) {
        self.boxed.set(bytes);
    }

    /// Serves two visitors, Ada and Bob. Returns the bytes that a conversation stores while it
    /// waits, and what the visitors received at last.
    ///
    /// - Ada sends her name in two pieces, and then her town.
    /// - Meanwhile Bob sends an empty name, his name, and his town.
    ///
    /// # Errors
    /// If a socket can't be created or used.
    ///
    /// # Panics
    /// If `greet` does not send the lines for which the visitors wait.
    pub fn run(greet: fn(&Loop, Stream)) -> io::Result<(usize, [String; 2])> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let visitors = thread::spawn(move || visitors(address));
        let server = Loop {
            poller: Poller::new()?,
            sockets: RefCell::default(),
            waiting: RefCell::default(),
            callback: Cell::new(0),
            boxed: Cell::new(0),
        };
        for key in 0..2 {
            let socket = Rc::new(listener.accept()?.0);
            socket.set_nonblocking(true)?;
            // SAFETY: `sockets` is a field after the poller, so it is dropped after it.
            unsafe { server.poller.add(&*socket, Event::none(key))? };
            server.sockets.borrow_mut().push(socket.clone());
            greet(&server, Stream { socket, key });
        }
        let mut events = Events::new();
        while !server.waiting.borrow().is_empty() {
            events.clear();
            server.poller.wait(&mut events, None)?;
            for event in events.iter() {
                let callback = server.waiting.borrow_mut().remove(&event.key);
                callback.expect("only waiting sockets are armed")(&server);
            }
        }
        let received = visitors.join().expect("the visitors do not panic")?;
        Ok((server.callback.get() + server.boxed.get(), received))
    }
}

fn visitors(server: SocketAddr) -> io::Result<[String; 2]> {
    let visit = || io::Result::Ok(BufReader::new(TcpStream::connect(server)?));
    let (mut ada, mut bob) = (visit()?, visit()?);
    let receive = |from: &mut BufReader<TcpStream>| from.lines().next().expect("a line comes");
    receive(&mut ada)?;
    ada.get_mut().write_all(b"ad")?;
    for answer in ["\n", "bob\n", "bath\n"] {
        receive(&mut bob)?;
        bob.get_mut().write_all(answer.as_bytes())?;
    }
    let bob_received = receive(&mut bob)?;
    ada.get_mut().write_all(b"a\n")?;
    receive(&mut ada)?;
    ada.get_mut().write_all(b"london\n")?;
    Ok([receive(&mut ada)?, bob_received])
}
