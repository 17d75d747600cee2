//! The trace without a line of code, in programs of which the environment is set. A program is this
//! test, started again.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, Output};

use wakeful::task::yield_now;
use wakeful::time::sleep;

use super::devtools::Folder;

/// Set in the programs.
const PART: &str = "WAKEFUL_TEST_PART";

fn program(part: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::a_program", "--nocapture"]);
    command.env(PART, part);
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_program() {
    // Without the variable this is a test that runs nothing.
    let part = std::env::var(PART).unwrap_or_default();
    let work = async { super::named("worker", yield_now()).await.unwrap() };
    match &*part {
        "once" => wakeful::block_on(work),
        "twice" => {
            wakeful::block_on(work);
            wakeful::block_on(yield_now());
        }
        "build" => {
            let error = wakeful::Runtime::new().unwrap_err();
            eprintln!("{:?}: {error}", error.kind());
        }
        "signal" => wakeful::block_on(async {
            work.await;
            let file = PathBuf::from(std::env::var("WAKEFUL_TRACE").unwrap());
            let file = file.with_file_name("run-signal-1.html");
            let pid = process::id().to_string();
            let sent = Command::new("kill").args(["-USR2", &pid]).status();
            assert!(sent.unwrap().success());
            while !file.exists() {
                sleep(std::time::Duration::from_millis(1)).await;
            }
            // The end of the program writes nothing.
            process::exit(0);
        }),
        _ => {}
    }
}

#[test]
fn a_program_writes_its_trace_when_its_runtime_ends() {
    let folder = Folder::new("environment");
    for (name, part) in [
        ("run.html", "<!DOCTYPE html>"),
        ("run.json", "traceEvents"),
        ("run.txt", "worker is done: ready"),
    ] {
        let file = folder.0.join(name);
        let output = program("once", &[("WAKEFUL_TRACE", file.to_str().unwrap())]);
        assert!(output.status.success(), "{output:?}");
        let words = format!("the trace is in {}", file.display());
        assert!(errors(&output).contains(&words), "{output:?}");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(part) && text.contains("worker"), "{name}");
    }
}

#[test]
fn each_runtime_of_a_program_writes_a_file() {
    let folder = Folder::new("environment-two");
    let file = folder.0.join("run.txt");
    program("twice", &[("WAKEFUL_TRACE", file.to_str().unwrap())]);
    assert!(fs::read_to_string(file).unwrap().contains("worker"));
    let second = fs::read_to_string(folder.0.join("run-2.txt")).unwrap();
    assert!(second.contains("main") && !second.contains("worker"));
}

#[test]
fn a_bad_value_is_an_error_of_the_builder() {
    let output = program("build", &[("WAKEFUL_TRACE", "run")]);
    let errors = errors(&output);
    assert!(errors.contains("InvalidInput: WAKEFUL_TRACE is \"run\": give a file that ends"));
    let file = [("WAKEFUL_TRACE", "/nowhere/run.html")];
    let output = program("once", &file);
    assert!(output.status.success(), "{output:?}");
    let errors = super::environment::errors(&output);
    assert!(
        errors.contains("cannot write the trace to /nowhere/run.html"),
        "{errors}"
    );
}

#[test]
fn a_program_writes_its_trace_at_a_signal() {
    let folder = Folder::new("environment-signal");
    let file = folder.0.join("run.html");
    let output = program(
        "signal",
        &[
            ("WAKEFUL_TRACE", file.to_str().unwrap()),
            ("WAKEFUL_TRACE_SIGNAL", "SIGUSR2"),
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(folder.0.join("run-signal-1.html")).unwrap();
    assert!(text.starts_with("<!DOCTYPE html>"));
    assert!(!file.exists());
}
