//! Tests of the journal after all kinds of crashes, openraft's tests of a store, and malformed
//! input.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use futures_util::future::select_all;
use futures_util::{AsyncReadExt, AsyncWriteExt};
use openraft::entry::RaftEntry;
use openraft::raft::AppendEntriesResponse;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::{BasicNode, EntryPayload, Raft, ServerState, StorageError};
use wakeful::net::{TcpListener, TcpStream};

use super::client::Shared;
use super::frame;
use super::journal::{self, Journal, Lines};
use super::log::Log;
use super::machine::Machine;
use super::network::{Network, Question};
use super::types::{Command, Entry, LogId, Membership, SnapshotMeta, Types};
use super::{config, join, members, serve};

/// A directory that is removed when it is dropped.
struct Folder(PathBuf);

thread_local! {
    static FOLDERS: Cell<u32> = const { Cell::new(0) };
}

impl Folder {
    fn new() -> Folder {
        let number = FOLDERS.replace(FOLDERS.get() + 1);
        let thread = std::thread::current().id();
        let name = format!("wakeful-raft-{}-{thread:?}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Numbers, in the order in which they were written.
#[derive(Debug, Default, PartialEq)]
struct Numbers(Vec<u32>);

impl Lines for Numbers {
    type Line = u32;

    fn apply(&mut self, line: u32) {
        self.0.push(line);
    }

    fn lines(&self) -> Vec<u32> {
        self.0.clone()
    }
}

async fn open(path: &Path) -> io::Result<(Journal, Numbers)> {
    Journal::open(path.into()).await
}

/// Writes three records, and returns where each of them ends.
async fn three_records(path: &Path) -> Vec<usize> {
    let (mut journal, _) = open(path).await.unwrap();
    let mut ends = Vec::new();
    for lines in [&[1, 2][..], &[3], &[4, 5, 6]] {
        journal.append(lines).await.unwrap();
        ends.push(fs::metadata(path).unwrap().len() as usize);
    }
    ends
}

#[wakeful::test]
async fn a_torn_record_is_cut_off_and_the_others_stay() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    let ends = three_records(&path).await;
    let whole = fs::read(&path).unwrap();
    for cut in ends[1]..ends[2] {
        for torn in [whole[..cut].to_vec(), zeroed(&whole, cut)] {
            fs::write(&path, &torn).unwrap();
            let (mut journal, numbers) = open(&path).await.unwrap();
            assert_eq!(numbers.0, [1, 2, 3], "cut at {cut}");
            let left = fs::metadata(&path).unwrap().len() as usize;
            assert_eq!(left, ends[1], "no bytes of the torn record stay");
            journal.append(&[7]).await.unwrap();
            let (_, numbers) = open(&path).await.unwrap();
            assert_eq!(numbers.0, [1, 2, 3, 7], "written after a cut at {cut}");
        }
    }
}

/// The bytes of a file after a crash that wrote its length, but not its end.
fn zeroed(whole: &[u8], from: usize) -> Vec<u8> {
    let mut torn = whole.to_vec();
    torn[from..].fill(0);
    torn
}

#[wakeful::test]
async fn a_damaged_record_before_the_last_one_is_an_error() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    let ends = three_records(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[1] - 1] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(&path).await.map(|_| ()).unwrap_err().to_string();
    let place = format!("the record at byte {} is damaged", ends[0]);
    assert!(error.contains(&place), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "the file was not changed");
}

#[wakeful::test]
async fn a_journal_is_rewritten_in_one_step() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    let (mut journal, _) = open(&path).await.unwrap();
    let many: Vec<u32> = (0..200_000).collect();
    journal.append(&many).await.unwrap();
    assert!(journal.is_mostly_old());
    drop(journal);
    let (mut journal, _) = open(&path).await.unwrap();
    assert!(
        !journal.is_mostly_old(),
        "a rewritten journal has as many lines"
    );
    journal.rewrite(&[8, 9]).await.unwrap();
    assert!(!journal.is_mostly_old());
    journal.append(&[10]).await.unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 100);
    assert_eq!(open(&path).await.unwrap().1.0, [8, 9, 10]);
}

#[wakeful::test]
async fn a_damaged_snapshot_is_an_error() {
    let folder = Folder::new();
    let path = folder.0.join("snapshot");
    assert_eq!(journal::read_one::<u32>(&path).await.unwrap(), None);
    journal::write_one(&path, 7).await.unwrap();
    assert_eq!(journal::read_one(&path).await.unwrap(), Some(7));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(journal::read_one::<u32>(&path).await.is_err());
}

struct Builder;

impl StoreBuilder<Types, Log, Machine, Folder> for Builder {
    async fn build(&self) -> Result<(Folder, Log, Machine), StorageError<Types>> {
        let folder = Folder::new();
        let log = Log::open(&folder.0).await.unwrap();
        let machine = Machine::open(&folder.0).await.unwrap();
        Ok((folder, log, machine))
    }
}

#[wakeful::test]
async fn the_store_passes_the_tests_of_openraft() {
    Suite::test_all(Builder).await.unwrap();
}

#[wakeful::test]
async fn the_log_is_the_same_after_a_restart() {
    use openraft::RaftLogReader;
    use openraft::storage::{IOFlushed, RaftLogStorage};

    let folder = Folder::new();
    let entry = |index| {
        let (key, value) = ("key".to_string(), format!("value {index}"));
        let command = Command::Set { key, value };
        Entry::new(id_of(index), EntryPayload::Normal(command))
    };
    let vote = openraft::Vote::new(2, 3);
    let mut log = Log::open(&folder.0).await.unwrap();
    let entries: Vec<Entry> = (0..10).map(entry).collect();
    log.append(entries, IOFlushed::noop()).await.unwrap();
    log.truncate_after(Some(id_of(7))).await.unwrap();
    log.purge(id_of(2)).await.unwrap();
    // The changes are written in order, so all are on the disk when this one is.
    log.save_vote(&vote).await.unwrap();

    let mut again = Log::open(&folder.0).await.unwrap();
    assert_eq!(again.read_vote().await.unwrap(), Some(vote));
    assert_eq!(
        again.get_log_state().await.unwrap(),
        log.get_log_state().await.unwrap()
    );
    let found = again.try_get_log_entries(..).await.unwrap();
    let found: Vec<u64> = found.iter().map(|entry| entry.log_id.index).collect();
    assert_eq!(found, [3, 4, 5, 6, 7]);
}

/// Starts a node with the data in its directory, behind a listener.
async fn start(id: u64, folder: &Folder, listener: TcpListener) -> Rc<Shared> {
    let log = Log::open(&folder.0).await.unwrap();
    let machine = Machine::open(&folder.0).await.unwrap();
    let config = config(100).unwrap();
    let node = Raft::new(id, config, Network, log.clone(), machine.clone());
    let node = node.await.unwrap();
    let shared = Rc::new(Shared { node, machine, log });
    let serving = shared.clone();
    wakeful::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = serving.clone();
            wakeful::spawn(async move { serve(&stream, &shared).await });
        }
    });
    shared
}

/// Starts a cluster of one node, behind a listener.
async fn alone(folder: &Folder) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let shared = start(1, folder, listener).await;
    join(&shared.node, members(&address).unwrap()).await;
    let leads = shared.node.wait(None);
    leads.current_leader(1, "alone").await.unwrap();
    address
}

/// Returns the addresses of three listeners.
async fn listen() -> (Vec<TcpListener>, Vec<String>) {
    let (mut listeners, mut addresses) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap().to_string());
        listeners.push(listener);
    }
    (listeners, addresses)
}

/// Returns the id of an entry of node 1 as the leader of term 1.
fn id_of(index: u64) -> LogId {
    use openraft::vote::RaftLeaderId;

    let leader = openraft::impls::leader_id_adv::LeaderId {
        term: 1,
        node_id: 1,
    };
    LogId::new(leader.to_committed(), index)
}

/// Returns the entry with the members, the first one of node 1 in term 1.
fn configuration(members: &BTreeMap<u64, BasicNode>) -> openraft::Membership<u64, BasicNode> {
    let ids: BTreeSet<u64> = members.keys().copied().collect();
    openraft::Membership::new(vec![ids], members.clone()).unwrap()
}

/// Writes the log of node 1 as the leader, up to an entry: the members, then a key for each entry.
async fn remember(folder: &Folder, members: &BTreeMap<u64, BasicNode>, last: u64) {
    use openraft::storage::{IOFlushed, RaftLogStorage};

    let mut payloads = vec![EntryPayload::Membership(configuration(members))];
    payloads.extend((1..=last).map(|index| {
        let (key, value) = (format!("key-{index}"), String::new());
        EntryPayload::Normal(Command::Set { key, value })
    }));
    let entries = (0..).zip(payloads);
    let entries = entries.map(|(index, payload)| Entry::new(id_of(index), payload));
    let entries: Vec<Entry> = entries.collect();
    let mut log = Log::open(&folder.0).await.unwrap();
    log.append(entries, IOFlushed::noop()).await.unwrap();
    let vote = openraft::Vote::new_committed(1, 1);
    log.save_vote(&vote).await.unwrap();
}

#[wakeful::test]
async fn a_leader_that_starts_again_without_its_last_entry_replaces_it_on_no_other_node() {
    let (listeners, addresses) = listen().await;
    let members = members(&addresses.join(",")).unwrap();
    // A majority has the last entry, so it must not be lost. Its leader was killed before it had
    // the entry on its own disk.
    let (mut folders, mut nodes) = (Vec::new(), Vec::new());
    for ((id, listener), last) in (1..).zip(listeners).zip([2, 3, 3]) {
        let folder = Folder::new();
        remember(&folder, &members, last).await;
        nodes.push(start(id, &folder, listener).await);
        folders.push(folder);
    }
    let index = loop {
        let leads = nodes.iter().map(|shared| {
            let wait = shared.node.wait(None);
            Box::pin(async move { wait.state(ServerState::Leader, "leads").await })
        });
        let (_, leader, _) = select_all(leads).await;
        let (key, value) = ("new".to_string(), String::new());
        let written = nodes[leader].node.client_write(Command::Set { key, value });
        if let Ok(written) = written.await {
            break written.log_id.index;
        }
    };
    for (number, shared) in (1..).zip(&nodes) {
        let wait = shared.node.wait(None);
        let applied = wait.applied_index_at_least(Some(index), "all").await;
        applied.unwrap();
        for key in ["key-1", "key-2", "key-3", "new"] {
            let value = shared.machine.get(key);
            assert!(value.is_some(), "node {number} has lost '{key}'");
        }
    }
}

/// Answers as a node without entries that votes for no candidate and follows the leader.
async fn follow(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        wakeful::spawn(async move {
            while let Ok(Some(question)) = frame::read(&stream).await {
                let Question::Append(append) = question else {
                    continue;
                };
                if append.entries.is_empty() && append.prev_log_id.is_none() {
                    let success = AppendEntriesResponse::<Types>::Success;
                    let answer: Result<_, String> = Ok(success);
                    frame::write(&stream, &answer).await.unwrap();
                }
            }
        });
    }
}

#[wakeful::test]
async fn a_leader_that_starts_again_from_its_snapshot_does_not_read_from_that() {
    use openraft::storage::RaftStateMachine;

    let (mut listeners, addresses) = listen().await;
    let members = members(&addresses.join(",")).unwrap();
    let folder = Folder::new();
    remember(&folder, &members, 3).await;
    let mut machine = Machine::open(&folder.0).await.unwrap();
    let meta = SnapshotMeta {
        last_log_id: Some(id_of(2)),
        last_membership: Membership::new(Some(id_of(0)), configuration(&members)),
    };
    let map = ["key-1", "key-2"].map(|key| (key.to_string(), String::new()));
    machine.install_snapshot(&meta, map.into()).await.unwrap();
    for listener in listeners.drain(1..) {
        wakeful::spawn(follow(listener));
    }
    start(1, &folder, listeners.remove(0)).await;
    // The third entry is on its disk and may have been acknowledged.
    let reply = String::from_utf8(talk(&addresses[0], b"GET key-3\r\n").await).unwrap();
    assert!(reply.starts_with("-CLUSTERDOWN "), "{reply:?}");
}

/// Sends bytes and the end of the stream, and returns all received bytes.
async fn talk(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.close().await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    reply
}

#[wakeful::test]
async fn a_client_reads_its_writes_and_gets_an_error_for_a_malformed_request() {
    let folder = Folder::new();
    let address = alone(&folder).await;
    for (request, reply) in [
        ("SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n"),
        (
            "LOCAL a\r\nDBSIZE\r\nPING\r\n",
            "$1\r\n1\r\n:1\r\n+PONG\r\n",
        ),
        ("DEL a b\r\nGET a\r\n", ":1\r\n$-1\r\n"),
        ("SET a\r\n", "-ERR wrong number of arguments for 'SET'\r\n"),
        ("SET \"\\xff\" 1\r\n", "-ERR argument 1 is not UTF-8"),
        ("FLUSHALL\r\n", "-ERR unknown command 'FLUSHALL'; try SET, "),
        (
            "*1\r\n$x\r\nPING\r\n",
            "-ERR Protocol error: invalid bulk length\r\n",
        ),
        ("*2\r\n$3\r\nGET\r\n$99999999\r\n", "-ERR Protocol error: "),
        ("", ""),
    ] {
        let got = String::from_utf8(talk(&address, request.as_bytes()).await).unwrap();
        assert!(got.starts_with(reply), "{request:?}: {got:?}");
    }
}

#[wakeful::test]
async fn a_peer_that_sends_a_malformed_frame_gets_an_error_and_the_end() {
    let folder = Folder::new();
    let address = alone(&folder).await;
    let nonsense = [&[0, 0, 0, 4][..], b"{\"a}"].concat();
    let too_long = [0x07, 0xff, 0xff, 0xff, b'x'];
    for (bytes, sentence) in [
        (&nonsense[..], Some("is not a message")),
        // Announced, but not sent: no memory is allocated for it, and no reply is sent.
        (&too_long, None),
        (&[0, 0], None),
    ] {
        let reply = talk(&address, bytes).await;
        let reply: Option<Result<(), String>> = frame::read(&reply[..]).await.unwrap();
        match (reply, sentence) {
            (Some(Err(said)), Some(sentence)) => assert!(said.contains(sentence), "{said}"),
            (None, None) => {}
            (reply, _) => panic!("{bytes:?}: {reply:?}"),
        }
    }
    // The node still works.
    assert_eq!(talk(&address, b"SET a 1\r\n").await, b"+OK\r\n");
}

#[wakeful::test]
async fn frames_have_a_limit() {
    let mut frame = (frame::MAX as u32 + 1).to_be_bytes().to_vec();
    frame.extend_from_slice(b"1");
    let error = frame::read::<_, u8>(&frame[..]).await.unwrap_err();
    assert!(error.to_string().contains("exceeds the limit"), "{error}");
    assert!(frame::is_peer(0) && frame::is_peer(7));
    for client in [b'*', b'P', b'\r', b'\n', b' '] {
        assert!(!frame::is_peer(client));
    }
}
