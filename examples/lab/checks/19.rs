//! Checks exercise 19.

#[cfg_attr(feature = "solutions", path = "../solutions/19.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/19.rs")]
mod program;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use program::{Channel, Reader};
use wakeful::time::{pause, timeout};
use wakeful_lab::ensure;
use wakeful_lab::exercise::{Exercise, Verdict, step};

const EXERCISE: Exercise = Exercise {
    answer: 'b',
    replies: &[
        (
            'a',
            "So it should be. Where are the letters of the first call after its future was \
             dropped?",
        ),
        (
            'b',
            "The first call had taken \"gut\" out of the channel and kept it in a local variable. \
             That is a part of the future, and was dropped with it.",
        ),
        ('c', "There is no space after \"gut\"."),
        (
            'd',
            "The second call begins with the first letter that is in the channel.",
        ),
    ],
    shipped: "are lost",
    check,
};

fn main() -> ExitCode {
    EXERCISE.main(program::main, program::ANSWER)
}

const SECOND: Duration = Duration::from_secs(1);

/// Sends each piece, and calls `word` after it for at most a second. Returns the words.
fn words(pieces: &[&str]) -> Vec<String> {
    step("in `word`");
    wakeful::block_on(async {
        pause(); // the clock jumps to the next timer, so a second takes no time
        let channel = Rc::new(Channel::default());
        let mut reader = Reader::new(channel.clone());
        let mut words = Vec::new();
        for piece in pieces {
            channel.send(piece);
            while let Ok(word) = timeout(SECOND, reader.word()).await {
                words.push(word);
                if words.len() > 20 {
                    return words;
                }
            }
        }
        words
    })
}

fn check() -> Verdict {
    for (pieces, expected) in [
        (&["guten ", "morgen "][..], ["guten", "morgen"]),
        (&["gut", "en morgen "], ["guten", "morgen"]),
        (&["g", "u", "t", "en", " morgen "], ["guten", "morgen"]),
        (&["guten morg", "en "], ["guten", "morgen"]),
        (&["a ", "b", " "], ["a", "b"]),
    ] {
        let words = words(pieces);
        let lost = words.concat().len() < expected.concat().len();
        ensure!(
            words == expected,
            "The pieces {pieces:?} were sent, and after each a timeout dropped the call of `word`. \
             The words should be {expected:?}, and are {words:?}.{}",
            match lost {
                true => " The other letters are lost: they were in a future that was dropped.",
                false => "",
            }
        );
    }
    Ok(())
}
