//! Runs tests that change or count resources of the process in a process of their own.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::env;
use std::process::{Command, Stdio};

const ROLE: &str = "WAKEFUL_TEST_ROLE";

/// Returns the role of this process, if a test has started it.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Returns a command that starts this program. The kernel may not know the format of a program for
/// another processor; then the variable `WAKEFUL_TEST_EMULATOR` has the command that runs it.
pub fn this_program() -> Command {
    let program = env::current_exe().unwrap();
    let Ok(emulator) = env::var("WAKEFUL_TEST_EMULATOR") else {
        return Command::new(program);
    };
    let mut words = emulator.split_whitespace();
    let mut command = Command::new(words.next().expect("the variable names an emulator"));
    command.args(words).arg(program);
    command
}

/// Returns a command that runs one test of this program, with that role.
pub fn again(test: &str, role: &str) -> Command {
    let mut command = this_program();
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::null());
    command
}

/// Runs the body of that test in a process of its own.
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce()) {
    if role().is_some() {
        return body();
    }
    let output = again(test, "alone").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{}\n{printed}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns the number of descriptors of this process.
pub fn descriptors() -> usize {
    std::fs::read_dir("/dev/fd").unwrap().count()
}
