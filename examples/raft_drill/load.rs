//! Clients that write and read all the time, and a record of the acknowledged writes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use wakeful::task::JoinSet;
use wakeful::time::sleep;

use super::client::{Client, Reply};
use super::cluster::until;

/// The acknowledged writes: the value of each key, `None` for a key that was removed.
pub(crate) type Book = BTreeMap<String, Option<String>>;

#[derive(Default)]
struct Shared {
    book: RefCell<Book>,
    acknowledged: Cell<usize>,
    reads: Cell<usize>,
    retries: Cell<usize>,
    stop: Cell<bool>,
    /// A read that missed an acknowledged write, or a malformed answer.
    stale: RefCell<Option<String>>,
}

pub(crate) struct Load {
    shared: Rc<Shared>,
    clients: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(writers: usize, addresses: &[String]) -> Load {
        let shared = Rc::new(Shared::default());
        let mut clients = JoinSet::new();
        for writer in 0..writers {
            clients.spawn(write(writer, Leader::new(addresses), shared.clone()));
        }
        clients.spawn(read(Leader::new(addresses), shared.clone()));
        Load { shared, clients }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.get()
    }

    /// Waits until `count` more writes are acknowledged.
    pub(crate) async fn more(&self, count: usize) -> Result<(), String> {
        let goal = self.acknowledged() + count;
        let what = format!("{count} more writes");
        let more = until(&what, async || {
            self.acknowledged() >= goal || self.shared.stale.borrow().is_some()
        });
        let more = more.await;
        self.shared.stale.take().map_or(more, Err)
    }

    /// Waits until every client has finished its request, and returns the acknowledged writes.
    pub(crate) async fn finish(mut self) -> Result<(Book, String), String> {
        self.shared.stop.set(true);
        while let Some(ended) = self.clients.join_next().await {
            ended.map_err(|error| error.to_string())?;
        }
        if let Some(stale) = self.shared.stale.take() {
            return Err(stale);
        }
        let (writes, reads) = (self.shared.acknowledged.get(), self.shared.reads.get());
        let retries = self.shared.retries.get();
        let figures = format!("{writes} writes and {reads} reads, {retries} retries");
        Ok((self.shared.book.take(), figures))
    }
}

/// Writes keys that no other writer uses, each once, and removes every eighth again.
async fn write(writer: usize, mut leader: Leader, shared: Rc<Shared>) {
    for number in 0_u64.. {
        if shared.stop.get() {
            return;
        }
        let (key, value) = (format!("w{writer}-{number}"), format!("value {number}"));
        let (reply, tries) = leader.ask(&["SET", &key, &value], &shared).await;
        if reply != Reply::Status("OK".into()) {
            let sentence = format!("SET {key} gave {reply:?}");
            shared.stale.replace(Some(sentence));
            return;
        }
        shared.acknowledge(&key, Some(value));
        // If an earlier attempt is still under way, it could undo this one.
        if number % 8 == 7 && tries == 1 {
            leader.ask(&["DEL", &key], &shared).await;
            shared.acknowledge(&key, None);
        }
    }
}

/// Reads an acknowledged key: a linearizable read must return its value.
async fn read(mut leader: Leader, shared: Rc<Shared>) {
    for number in 0_usize.. {
        if shared.stop.get() {
            return;
        }
        let known = {
            let book = shared.book.borrow();
            let key = number.wrapping_mul(7919) % book.len().max(1);
            // A removed key stays removed; another key may be removed during this read.
            let place = book.iter().nth(key);
            place.map(|(key, value)| (key.clone(), value.clone()))
        };
        let Some((key, value)) = known else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (reply, _) = leader.ask(&["GET", &key], &shared).await;
        let now = shared.book.borrow().get(&key).cloned().flatten();
        let may_be_gone = now.is_none() || shared.removes(&key);
        let fits =
            reply == Reply::Value(value.clone()) || reply == Reply::Value(None) && may_be_gone;
        if !fits {
            let mut copies = String::new();
            for address in &leader.addresses {
                let mut client = Client::new(address);
                let (copy, info) = (
                    client.ask(&["LOCAL", &key]).await,
                    client.ask(&["INFO"]).await,
                );
                copies.push_str(&format!("\n{address}: {copy:?}, {info:?}"));
            }
            let sentence =
                format!("GET {key} gave {reply:?}, and {value:?} was acknowledged{copies}");
            shared.stale.replace(Some(sentence));
            return;
        }
        shared.reads.set(shared.reads.get() + 1);
    }
}

impl Shared {
    fn acknowledge(&self, key: &str, value: Option<String>) {
        self.book.borrow_mut().insert(key.into(), value);
        self.acknowledged.set(self.acknowledged.get() + 1);
    }

    /// Whether the key with this number is removed again.
    fn removes(&self, key: &str) -> bool {
        let number = key
            .rsplit_once('-')
            .and_then(|(_, number)| number.parse().ok());
        number.is_some_and(|number: u64| number % 8 == 7)
    }
}

/// Finds the leader, and repeats a request until it answers.
struct Leader {
    addresses: Vec<String>,
    client: Client,
}

impl Leader {
    fn new(addresses: &[String]) -> Leader {
        let client = Client::new(&addresses[0]);
        Leader {
            addresses: addresses.to_vec(),
            client,
        }
    }

    /// Returns the answer, and how many attempts may have been executed.
    async fn ask(&mut self, words: &[&str], shared: &Shared) -> (Reply, usize) {
        let mut tries = 1;
        loop {
            match self.client.ask(words).await {
                Ok(Reply::Error(error)) => match error.strip_prefix("MOVED 0 ") {
                    Some(address) => self.client = Client::new(address),
                    None => self.next(&mut tries).await,
                },
                Ok(reply) => return (reply, tries),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.next(&mut tries).await;
                }
                Err(_) => self.next(&mut tries).await,
            }
            shared.retries.set(shared.retries.get() + 1);
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn next(&mut self, tries: &mut usize) {
        *tries += 1;
        let here = self
            .addresses
            .iter()
            .position(|at| at == self.client.address());
        let next = here.map_or(0, |at| (at + 1) % self.addresses.len());
        self.client = Client::new(&self.addresses[next]);
    }
}
