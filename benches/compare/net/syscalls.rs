//! Counts the system calls of a process: with `perf stat`, which does not slow it down, or with
//! `strace -c`.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The tool that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Perf,
    /// It stops the process at each system call, so that more requests arrive for one wait.
    Strace,
}

impl Tool {
    /// Returns the best tool that works here.
    pub fn find() -> Option<Tool> {
        let works = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            let command = command.args(args).stdout(Stdio::null());
            command
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        };
        if works("perf", &["stat", "-e", "raw_syscalls:sys_enter", "true"]) {
            return Some(Tool::Perf);
        }
        works("strace", &["-c", "true"]).then_some(Tool::Strace)
    }
}

/// A tool that counts the calls of a process.
pub struct Counter {
    tool: Tool,
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Counter {
    pub fn attach(tool: Tool, pid: u32) -> io::Result<Counter> {
        let pid = pid.to_string();
        let mut command = match tool {
            Tool::Perf => {
                let mut command = Command::new("perf");
                command.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &pid]);
                command
            }
            Tool::Strace => {
                let mut command = Command::new("strace");
                command.args(["-f", "-c", "-p", &pid]);
                command
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut err = BufReader::new(child.stderr.take().expect("it is piped"));
        match tool {
            // It prints nothing when it is ready.
            Tool::Perf => std::thread::sleep(Duration::from_millis(200)),
            Tool::Strace => drop(err.read_line(&mut String::new())?),
        }
        Ok(Counter { tool, child, err })
    }

    /// Ends the tool and returns the number.
    pub fn stop(mut self) -> io::Result<u64> {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT)?;
        let mut text = String::new();
        self.err.read_to_string(&mut text)?;
        let count = match self.tool {
            Tool::Perf => text
                .lines()
                .find_map(|line| line.split(',').next()?.parse().ok()),
            Tool::Strace => {
                let total = text.lines().find(|line| line.ends_with("total"));
                total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
            }
        };
        count.ok_or_else(|| {
            io::Error::other(format!(
                "no number in the output of {:?}: {text}",
                self.tool
            ))
        })
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
