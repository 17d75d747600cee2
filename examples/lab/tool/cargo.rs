//! Builds checks with Cargo, and runs them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use wakeful_lab::exercise::{REPORT, Report};

use crate::lessons::root;

/// The time after which a check that has not stopped its program itself is killed.
const LIMIT: Duration = Duration::from_secs(30);

/// Builds the checks of some exercises. Returns the executables of those that compile, by number;
/// the compiler prints its errors.
pub fn build(numbers: &[&str], options: &[&str]) -> Result<BTreeMap<String, PathBuf>, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(["build", "--quiet", "--locked", "--keep-going"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(options)
        .stderr(Stdio::inherit());
    for number in numbers {
        command.arg("--example").arg(format!("exercise_{number}"));
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output();
    let output = output.map_err(|error| format!("cannot run cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut built = BTreeMap::new();
    for number in numbers {
        let target = format!("\"name\":\"exercise_{number}\"");
        let mut lines = messages.lines();
        let executable = lines.find_map(|line| {
            let (_, rest) = line.split_once("\"executable\":\"")?;
            let (path, _) = rest.split_once('"')?;
            line.contains(&target).then(|| PathBuf::from(path))
        });
        if let Some(executable) = executable {
            built.insert((*number).to_owned(), executable);
        }
    }
    // The compiler speaks of the errors in the sources; all other failures are Cargo's.
    if built.is_empty() && !messages.contains("\"compiler-artifact\"") {
        return Err("cargo failed; its message is above".to_owned());
    }
    Ok(built)
}

/// Runs a check. `Err` has the reason for which it has not come to its end. What the program prints
/// is written to the file `output`.
pub fn run(program: &Path, output: &Path) -> Result<Result<Report, String>, String> {
    let file = program.with_extension("report");
    let _ = fs::remove_file(&file); // it exists only if an earlier check was killed
    let create = || {
        let folder = output.parent().unwrap_or(output);
        let created = fs::create_dir_all(folder).and_then(|()| fs::File::create(output));
        let printed = created.and_then(|printed| Ok((printed.try_clone()?, printed)));
        printed.map_err(|error| format!("cannot create {}: {error}", output.display()))
    };
    let (stdout, stderr) = create()?;
    let mut child = Command::new(program)
        .arg("check")
        .env(REPORT, &file)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let begin = Instant::now();
    let status = loop {
        let status = child.try_wait();
        match status.map_err(|error| format!("cannot wait for the check: {error}"))? {
            Some(status) => break status,
            None if begin.elapsed() > LIMIT => {
                // The process may end by itself just now, so an error means nothing.
                let _ = child.kill();
                let _ = child.wait();
                let reason = format!("It did not end within {} s.", LIMIT.as_secs());
                return Ok(Err(reason));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let text = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(&file); // it does not exist if the check has not come to its end
    Ok(Report::parse(&text).ok_or_else(|| {
        format!(
            "The process ended before the check was complete ({status}). A call of `exit` or \
             `abort` does so, and so do an overflow of the stack and an access to freed memory."
        )
    }))
}
