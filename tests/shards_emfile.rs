//! A process without descriptors, and one shard that accepts for two: it waits without spinning,
//! and then accepts and distributes the queued connections. It changes a limit of the whole
//! process, so it is the only test of its program.

use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use wakeful::net::shard::{Acceptor, Balance};
use wakeful::time::sleep;
use wakeful::{Metrics, Shards};

/// Opens files until there is no descriptor left.
fn fill_up() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()));
                return files;
            }
        }
    }
}

#[test]
fn an_acceptor_without_descriptors_backs_off_and_recovers() {
    let limit = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(64),
        ..limit
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let acceptor = Acceptor::bind("127.0.0.1:0", 2, Balance::RoundRobin).unwrap();
    let addr = acceptor.local_addr();
    let shards = Shards::builder().shards(2).build().unwrap();
    let mine = acceptor.clone();
    shards.try_on_each(move |shard| {
        let incoming = mine.join(&shard);
        async move {
            let (mut incoming, mut open) = (incoming?, Vec::new());
            while let Some(accepted) = incoming.accept().await {
                let (connection, _) = accepted?;
                let number = u8::try_from(shard.id().index()).unwrap();
                connection.write(&[number]).await?;
                open.push(connection);
            }
            io::Result::Ok(())
        }
    });
    let mut clients = [(); 4].map(|()| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
    let hear = |client: &mut Socket| {
        let mut shard = [0];
        client.read_exact(&mut shard).unwrap();
        shard[0]
    };
    // Both shards run.
    for client in &mut clients[..2] {
        client.connect(&addr.into()).unwrap();
        hear(client);
    }

    let files = fill_up();
    for client in &clients[2..] {
        client.connect(&addr.into()).unwrap();
    }
    // A window of 200 ms: a task that spins would be polled many times in it.
    let (tell, told) = channel();
    let _looks = shards.spawn_on(0, move || async move {
        let before = Metrics::current();
        sleep(Duration::from_millis(200)).await;
        let after = Metrics::current();
        let looked = (after.polls - before.polls, after.waits - before.waits);
        tell.send(looked).unwrap();
    });
    let (polls, waits) = told.recv().unwrap();
    assert!(polls < 100, "{polls} polls: it spins");
    assert!(waits < 200, "{waits} waits: it spins");
    assert_eq!(acceptor.connections(0) + acceptor.connections(1), 2);

    drop(files);
    let heard = [2, 3].map(|n: usize| hear(&mut clients[n]));
    assert_eq!(heard, [0, 1]);
    shards.shutdown(Duration::from_secs(600)).unwrap();
}
