//! Streams, whole, split and vectored, compared with std's: the same bytes in the same steps.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::unix::net::UnixStream as Std;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use proptest::collection::vec;
use proptest::prelude::*;
use wakeful::net::{TcpListener, TcpStream, UnixStream};

fn layout() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![Just(0_usize), 1..300_usize], 1..40)
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

/// Returns buffers of these lengths after a read, and its result.
fn read_into(
    lens: &[usize],
    read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
) -> Result<(usize, Vec<Vec<u8>>), io::ErrorKind> {
    let mut bufs: Vec<Vec<u8>> = lens.iter().map(|len| vec![0; *len]).collect();
    let mut slices: Vec<_> = bufs.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
    let n = read(&mut slices).map_err(|error| error.kind())?;
    Ok((n, bufs))
}

/// Returns the pieces that one side wrote, as slices of the content.
fn pieces<'a>(content: &'a [u8], lens: &[usize]) -> Vec<IoSlice<'a>> {
    let mut at = 0;
    let piece = |len: &usize| {
        let from = at;
        at += len;
        IoSlice::new(&content[from..at])
    };
    lens.iter().map(piece).collect()
}

fn sum(lens: &[usize]) -> usize {
    lens.iter().sum()
}

async fn same_steps(writes: Vec<Vec<usize>>, reads: Vec<Vec<usize>>) -> Result<(), TestCaseError> {
    let (std_here, std_there) = Std::pair().unwrap();
    let (here, there) = UnixStream::pair().unwrap();
    std_there.set_nonblocking(true).unwrap();
    for lens in &writes {
        let bytes = content(sum(lens));
        let theirs = (&std_here).write_vectored(&pieces(&bytes, lens)).unwrap();
        let ours = here.write_vectored(&pieces(&bytes, lens)).await.unwrap();
        prop_assert_eq!(ours, theirs);
    }
    drop((std_here, here));
    // One more read than there are bytes, to reach the end.
    for lens in reads.iter().cycle().take(200) {
        let theirs = read_into(lens, |bufs| (&std_there).read_vectored(bufs));
        // The first try may be the one that finds the socket readable.
        there.readable().await.unwrap();
        let ours = read_into(lens, |bufs| there.try_read_vectored(bufs));
        prop_assert_eq!(&ours, &theirs);
        if sum(lens) > 0 && theirs.is_ok_and(|(n, _)| n == 0) {
            break;
        }
    }
    Ok(())
}

/// Split halves with a stream of std at the other end: all bytes arrive, both ways.
async fn both_ways(there: Vec<Vec<usize>>, back: Vec<usize>) -> Result<(), TestCaseError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let total: usize = there.iter().map(|lens| sum(lens)).sum();
    let answer = content(sum(&back));
    let lens = back.clone();
    // Threads of std, with no code of this crate between them and the socket.
    let peer = wakeful::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(addr)?;
        let mut got = vec![0; total];
        stream.read_exact(&mut got)?;
        let bytes = content(sum(&lens));
        let mut at = 0;
        for len in lens {
            stream.write_all(&bytes[at..at + len])?;
            at += len;
        }
        Ok::<_, io::Error>(got)
    });
    let (stream, _) = listener.accept().await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let writing = wakeful::spawn(async move {
        let mut expected = Vec::new();
        for lens in there {
            let bytes = content(sum(&lens));
            let mut slices = pieces(&bytes, &lens);
            let mut left = &mut slices[..];
            IoSlice::advance_slices(&mut left, 0);
            while !left.is_empty() {
                let n = writer.write_vectored(left).await?;
                assert!(n > 0, "the output is not empty, and the socket is writable");
                IoSlice::advance_slices(&mut left, n);
            }
            expected.extend(bytes);
        }
        Ok::<_, io::Error>((writer, expected))
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).await.unwrap();
    let (writer, expected) = writing.await.unwrap().unwrap();
    prop_assert!(peer.await.unwrap().unwrap() == expected, "what std read");
    prop_assert!(got == answer, "what std wrote");
    let whole: TcpStream = reader.reunite(writer).unwrap();
    prop_assert!(whole.peer_addr().is_ok());
    Ok(())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn vectored_steps_equal_those_of_std(
        writes in vec(layout(), 0..6),
        reads in vec(layout(), 1..8),
    ) {
        prop_assume!(reads.iter().any(|lens| sum(lens) > 0));
        wakeful::block_on(same_steps(writes, reads))?;
    }

    #[test]
    fn split_halves_exchange_bytes_with_std(
        there in vec(layout(), 1..8),
        back in layout(),
    ) {
        wakeful::block_on(both_ways(there, back))?;
    }
}
