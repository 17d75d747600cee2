//! Children whose streams are looked at through `/proc`, or are pipes of packets.

use std::fs;
use std::process::Stdio;

use wakeful::block_on;
use wakeful::process::{ChildStdout, Command};

use super::alone::{again, role};
use super::net;

/// With packets each read returns one packet, so a short read does not mean that the pipe is empty.
#[test]
fn packets_of_a_child_are_read_one_after_the_other() {
    net::run(async || {
        let (reader, _writer) = net::two_packets();
        let stdout = ChildStdout::from_std(std::process::ChildStdout::from(reader)).unwrap();
        let mut buf = [0; 8];
        for packet in [b"one", b"two"] {
            assert_eq!(stdout.read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf[..3], packet);
        }
    });
}

/// Makes a child of the command write to its first argument the targets of its streams.
fn streams(command: &mut Command) -> &mut Command {
    let script = "for n in 0 1 2; do x=\"$x $(readlink /proc/$$/fd/$n)\"; done; echo $x > $0";
    command.args(["-c", script])
}

#[test]
fn output_uses_pipes_as_in_std_and_keeps_set_streams() {
    let this = "output_uses_pipes_as_in_std_and_keeps_set_streams";
    if role().is_none() {
        let input = fs::File::open("/dev/zero").unwrap();
        let done = again(this, "child").stdin(input).output().unwrap();
        let printed = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{printed}");
        return;
    }
    let path = std::env::temp_dir().join(format!("wakeful-output-{}", std::process::id()));
    let seen = || -> Vec<String> {
        let lines = fs::read_to_string(&path).unwrap();
        let lines = lines
            .split_whitespace()
            .map(|line| match line.split_once(':') {
                Some((kind, _)) => kind.to_owned(),
                None => line.to_owned(),
            });
        lines.collect()
    };
    block_on(async {
        let mut command = Command::new("sh");
        streams(&mut command).arg(&path);
        // Twice the same, and later calls inherit.
        for _ in 0..2 {
            command.output().await.unwrap();
            assert_eq!(seen(), ["/dev/null", "pipe", "pipe"]);
        }
        command.status().await.unwrap();
        assert_eq!(seen()[0], "/dev/zero");
        command.spawn().unwrap().wait().await.unwrap();
        assert_eq!(seen()[0], "/dev/zero");

        command.stdin(Stdio::inherit());
        for _ in 0..2 {
            command.output().await.unwrap();
            assert_eq!(seen(), ["/dev/zero", "pipe", "pipe"]);
        }
        let null = Stdio::null;
        command.stdin(Stdio::piped()).stdout(null()).stderr(null());
        command.output().await.unwrap();
        assert_eq!(seen(), ["pipe", "/dev/null", "/dev/null"]);

        // The settings of a command of std can't be read, so its input is kept.
        let mut command = Command::from(std::process::Command::new("sh"));
        command
            .as_std_mut()
            .stdin(fs::File::open("/dev/full").unwrap());
        streams(&mut command).arg(&path);
        command.output().await.unwrap();
        assert_eq!(seen(), ["/dev/full", "pipe", "pipe"]);
    });
    fs::remove_file(&path).unwrap();
}
