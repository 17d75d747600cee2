//! Accepting on several shards: the distribution of connections.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures_util::future::{Either, select};
use socket2::SockRef;
use wakeful::Shards;
use wakeful::net::shard::{Acceptor, Balance, Incoming, TcpListeners};
use wakeful::shard::Shard;

use crate::support::spin_until;

const SHARDS: usize = 2;
const CONNECTIONS: usize = 10_000;
const LONG: Duration = Duration::from_secs(600);

/// A client that knows its shard. When it is dropped, it resets the connection to free its port.
struct Client {
    stream: StdStream,
    shard: usize,
}

impl Client {
    fn connect(addr: SocketAddr) -> Client {
        let mut stream = StdStream::connect(addr).unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        let mut shard = [0];
        stream.read_exact(&mut shard).unwrap();
        Client {
            stream,
            shard: shard[0].into(),
        }
    }

    /// Closes, and waits until the server has noticed.
    fn leave(mut self, left: &Receiver<usize>) {
        self.stream.write_all(b"!").unwrap();
        assert_eq!(left.recv().unwrap(), self.shard);
    }
}

fn number(shard: &Shard) -> [u8; 1] {
    [u8::try_from(shard.id().index()).unwrap()]
}

#[test]
fn with_a_listener_for_each_shard_the_system_distributes_connections_evenly() {
    let listeners = TcpListeners::bind("127.0.0.1:0", SHARDS).unwrap();
    let addr = listeners.local_addr();
    let shards = Shards::builder().shards(SHARDS).build().unwrap();
    shards.try_on_each(move |shard| {
        let listener = listeners.take(shard.id());
        async move {
            let listener = listener?;
            let mut stopping = shard.stopping();
            loop {
                match select(Box::pin(listener.accept()), &mut stopping).await {
                    Either::Left((accepted, _)) => accepted?.0.write(&number(&shard)).await?,
                    Either::Right(_) => return io::Result::Ok(()),
                };
            }
        }
    });
    let mut counts = [0; SHARDS];
    for _ in 0..CONNECTIONS {
        counts[Client::connect(addr).shard] += 1;
    }
    shards.shutdown(LONG).unwrap();
    // Each is a coin toss: the standard deviation is 50. Eight of them come once in 10^15 runs.
    let [one, other] = counts;
    assert_eq!(one + other, CONNECTIONS);
    assert!(one.abs_diff(CONNECTIONS / 2) < 400, "{counts:?}");
}

#[test]
fn each_listener_of_a_port_is_taken_once() {
    let listeners = TcpListeners::bind("localhost:0", 2).unwrap();
    assert_ne!(listeners.local_addr().port(), 0);
    wakeful::block_on(async {
        let [one, other] = [0, 1].map(|shard| listeners.take(shard).unwrap());
        assert_eq!(one.local_addr().unwrap(), listeners.local_addr());
        assert_eq!(other.local_addr().unwrap(), listeners.local_addr());
        let again = listeners.take(1).unwrap_err();
        assert_eq!(
            again.to_string(),
            "the listener of shard 1 was taken before"
        );
        let unknown = listeners.take(2).unwrap_err();
        assert!(unknown.to_string().contains("made for 2 shards"));
    });
    assert!(TcpListeners::bind("127.0.0.1:0", 0).is_err());
    let error = TcpListeners::bind("192.0.2.1:0", 2).unwrap_err();
    assert!(error.to_string().starts_with("listen on 192.0.2.1:0"));
}

/// Serves until the stop: sends each client its shard, and keeps the connection until it sends a
/// byte.
async fn serve(shard: Shard, mut incoming: Incoming, left: Sender<usize>) -> io::Result<()> {
    while let Some(accepted) = incoming.accept().await {
        let (connection, _) = accepted?;
        connection.write(&number(&shard)).await?;
        let (index, left) = (shard.id().index(), left.clone());
        wakeful::spawn(async move {
            let _ = connection.read(&mut [0]).await;
            drop(connection);
            let _ = left.send(index);
        });
    }
    Ok(())
}

/// The shards, the acceptor, and a channel that reports closed connections.
fn start(balance: Balance) -> (Shards, Acceptor, Receiver<usize>) {
    let acceptor = Acceptor::bind("127.0.0.1:0", SHARDS, balance).unwrap();
    let (tell, left) = channel();
    let shards = Shards::builder().shards(SHARDS).build().unwrap();
    let mine = acceptor.clone();
    shards.try_on_each(move |shard| {
        let incoming = mine.join(&shard);
        let tell = tell.clone();
        async move { serve(shard, incoming?, tell).await }
    });
    (shards, acceptor, left)
}

#[test]
fn round_robin_uses_the_shards_in_turn() {
    let (shards, acceptor, left) = start(Balance::RoundRobin);
    for turn in 0..CONNECTIONS {
        let client = Client::connect(acceptor.local_addr());
        assert_eq!(client.shard, turn % SHARDS);
        client.leave(&left);
    }
    shards.shutdown(LONG).unwrap();
    assert_eq!(acceptor.connections(0) + acceptor.connections(1), 0);
}

/// Connections are opened and closed, those of one shard far sooner; at each accept the numbers of
/// open ones differ by at most one.
#[test]
fn the_shard_with_the_fewest_connections_gets_the_next() {
    let (shards, acceptor, left) = start(Balance::LeastLoaded);
    let mut open: [Vec<Client>; SHARDS] = Default::default();
    let mut total = [0; SHARDS];
    for n in 0..CONNECTIONS {
        let before = [open[0].len(), open[1].len()];
        let client = Client::connect(acceptor.local_addr());
        assert!(
            before[client.shard] <= before[1 - client.shard],
            "{before:?}"
        );
        total[client.shard] += 1;
        open[client.shard].push(client);
        let now = [0, 1].map(|shard| acceptor.connections(shard));
        assert_eq!(now, [open[0].len(), open[1].len()]);
        // The connections of shard 1 are closed soon, so it gets most of the new ones.
        if n % 4 != 0
            && let Some(client) = open[1].pop()
        {
            client.leave(&left);
        }
        if open[0].len() > 100 {
            for client in open.iter_mut().flat_map(|open| open.drain(..)) {
                client.leave(&left);
            }
        }
    }
    assert!(total[1] > total[0], "{total:?}");
    drop(open);
    shards.shutdown(LONG).unwrap();
}

#[test]
fn equally_loaded_shards_get_connections_in_turn() {
    let (shards, acceptor, left) = start(Balance::LeastLoaded);
    for turn in 0..100 {
        let client = Client::connect(acceptor.local_addr());
        assert_eq!(client.shard, turn % SHARDS);
        client.leave(&left);
    }
    shards.shutdown(LONG).unwrap();
}

/// A shard that receives nothing fills its queue, then accepting waits; no connection is lost.
#[test]
fn a_full_shard_makes_accepting_wait_and_no_connection_is_lost() {
    const ROOM: usize = 4;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let acceptor = Acceptor::new(listener, 2, Balance::RoundRobin, ROOM).unwrap();
    let addr = acceptor.local_addr();
    let (go, may_go) = async_gate();
    let mine = acceptor.clone();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(move |shard| {
        let incoming = mine.join(&shard);
        let may_go = may_go.clone();
        async move {
            if shard.id().index() == 1 {
                may_go.wait().await;
            }
            serve(shard, incoming?, channel().0).await
        }
    });
    // Shard 1 has space for four, a fifth waits for space; so shard 0 gets five.
    let mut clients: Vec<StdStream> = (0..4 * ROOM)
        .map(|_| StdStream::connect(addr).unwrap())
        .collect();
    for client in clients.iter_mut().step_by(2).take(ROOM + 1) {
        let mut shard = [9];
        client.read_exact(&mut shard).unwrap();
        assert_eq!(shard, [0]);
    }
    // The fifth is being sent to shard 1 when shard 0 answers its own.
    spin_until(|| acceptor.connections(1) > ROOM);
    clients[2 * (ROOM + 1)].set_nonblocking(true).unwrap();
    let stuck = clients[2 * (ROOM + 1)].read(&mut [0]).unwrap_err();
    assert_eq!(stuck.kind(), io::ErrorKind::WouldBlock);
    clients[2 * (ROOM + 1)].set_nonblocking(false).unwrap();
    assert_eq!(acceptor.connections(1), ROOM + 1);
    go.open();
    for (turn, client) in clients.iter_mut().enumerate().skip(1) {
        if turn % 2 == 0 && turn < 2 * (ROOM + 1) {
            continue;
        }
        let mut shard = [9];
        client.read_exact(&mut shard).unwrap();
        assert_eq!(usize::from(shard[0]), turn % 2);
    }
    drop(clients);
    shards.shutdown(LONG).unwrap();
}

/// The first shard stops accepting while a connection waits for space on another shard. The
/// connection still arrives.
#[test]
fn an_accepted_connection_reaches_its_shard() {
    const ROOM: usize = 1;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let acceptor = Acceptor::new(listener, 2, Balance::RoundRobin, ROOM).unwrap();
    let addr = acceptor.local_addr();
    let [(leave, may_leave), (go, may_go)] = [(); 2].map(|()| async_gate());
    let (tell, left) = channel();
    let mine = acceptor.clone();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(move |shard| {
        let incoming = mine.join(&shard);
        let (may_leave, may_go, tell) = (may_leave.clone(), may_go.clone(), tell.clone());
        async move {
            let mut incoming = incoming?;
            if shard.id().index() == 0 {
                // It does not receive its own connections.
                may_leave.wait().await;
                drop(incoming);
                tell.send(()).unwrap();
                shard.stopping().await;
                return Ok(());
            }
            may_go.wait().await;
            while let Some(accepted) = incoming.accept().await {
                accepted?.0.write(&number(&shard)).await?;
            }
            io::Result::Ok(())
        }
    });
    // In turn: to 0, to 1, which is full now, and to 0 again. The third waits, as 0 is full.
    let mut clients = [(); 3].map(|()| StdStream::connect(addr).unwrap());
    spin_until(|| acceptor.connections(0) > ROOM);
    leave.open();
    left.recv().unwrap();
    go.open();
    let mut shard = [9];
    clients[1].read_exact(&mut shard).unwrap();
    assert_eq!(shard, [1]);
    // The first shard has ended, so the connection that waited for it goes to the other.
    clients[2].read_exact(&mut shard).unwrap();
    assert_eq!(shard, [1]);
    drop(clients);
    shards.shutdown(LONG).unwrap();
}

/// An event that tasks of any shard wait for.
fn async_gate() -> (Opener, Gate) {
    let gate = Gate(Arc::default());
    (Opener(gate.clone()), gate)
}

struct Opener(Gate);

#[derive(Clone)]
struct Gate(Arc<std::sync::Mutex<(bool, Vec<std::task::Waker>)>>);

impl Opener {
    fn open(self) {
        let mut gate = self.0.0.lock().unwrap();
        gate.0 = true;
        gate.1.drain(..).for_each(std::task::Waker::wake);
    }
}

impl Gate {
    async fn wait(&self) {
        std::future::poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            if gate.0 {
                return std::task::Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            std::task::Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_shard_that_has_ended_is_skipped() {
    passed_over(Balance::RoundRobin);
    // It has the fewest connections.
    passed_over(Balance::LeastLoaded);
}

fn passed_over(balance: Balance) {
    let acceptor = Acceptor::bind("127.0.0.1:0", 2, balance).unwrap();
    let addr = acceptor.local_addr();
    let (gone, told) = channel();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(move |shard| {
        let incoming = acceptor.join(&shard);
        let gone = gone.clone();
        async move {
            if shard.id().index() == 1 {
                drop(incoming);
                gone.send(()).unwrap();
                shard.stopping().await;
                return Ok(());
            }
            serve(shard, incoming?, channel().0).await
        }
    });
    told.recv().unwrap();
    let clients: Vec<_> = (0..10).map(|_| Client::connect(addr)).collect();
    assert!(clients.iter().all(|client| client.shard == 0));
    shards.shutdown(LONG).unwrap();
}

#[test]
fn when_the_first_shard_stops_accepting_the_others_see_the_end() {
    let acceptor = Acceptor::bind("127.0.0.1:0", 2, Balance::RoundRobin).unwrap();
    let shards = Shards::builder().shards(2).build().unwrap();
    shards.try_on_each(move |shard| {
        let incoming = acceptor.join(&shard);
        async move {
            let mut incoming = incoming?;
            if shard.id().index() == 0 {
                return Ok(());
            }
            assert!(incoming.accept().await.is_none());
            io::Result::Ok(())
        }
    });
    shards.join().unwrap();
}

#[test]
fn joining_an_acceptor_for_another_number_of_shards_is_an_error() {
    assert!(Acceptor::bind("127.0.0.1:0", 0, Balance::RoundRobin).is_err());
    let acceptor = Acceptor::bind("127.0.0.1:0", 3, Balance::RoundRobin).unwrap();
    let shards = Shards::builder().shards(1).build().unwrap();
    shards.try_on_each(move |shard| {
        let joined = acceptor.join(&shard).map(drop);
        async move { joined }
    });
    let error = shards.join().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("made for 3 shards, but this shard is one of 1")
    );
}
