//! Checks the exercises of the course.
//!
//! `cargo run --example lab -- check 09` builds `checks/09.rs`, which includes the student's
//! program `exercises/09.rs`, runs it in a process of its own, and says whether the program and the
//! answer to the question are right, and why not.

mod cargo;
mod lessons;

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use std::{env, fs};

use lessons::{Lesson, lessons};
use wakeful_lab::exercise::Report;

const USAGE: &str = "\
usage: cargo run --example lab -- COMMAND
  list           lists the lessons and their exercises
  check 09       checks exercise 09; `check all` checks every exercise
  solution 09    prints the solution of exercise 09
  reset 09       restores exercise 09 as it was at the last commit
  verify         for authors: as shipped each exercise fails, and each solution passes";

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command. Returns whether everything that was checked is right.
fn run(arguments: &[String]) -> Result<bool, String> {
    let lessons = lessons()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(true)
        }
        ["list"] => list(&lessons),
        ["check", "all"] => check_all(&lessons),
        ["check", number] => check(lessons::find(&lessons, number)?),
        ["solution", number] => solution(lessons::find(&lessons, number)?),
        ["reset", number] => reset(lessons::find(&lessons, number)?),
        ["verify"] => verify(&lessons),
        ["check" | "solution" | "reset"] => {
            let example = format!("{} 09", words[0]);
            Err(format!(
                "the number of a lesson is missing, as in `{example}`\n{USAGE}"
            ))
        }
        [] => Err(format!("a command is missing\n{USAGE}")),
        _ => Err(format!("`{}` is not a command\n{USAGE}", words.join(" "))),
    }
}

fn list(lessons: &[Lesson]) -> Result<bool, String> {
    for lesson in lessons {
        let exercise = if lesson.has_exercise() {
            ""
        } else {
            " (no exercise)"
        };
        println!("{}  {}{exercise}", lesson.number, lesson.title);
    }
    println!("\nThe exercise of lesson 09 is exercises/09.rs. Repair the program, answer the");
    println!("question, and run `cargo run --example lab -- check 09`.");
    Ok(true)
}

fn check(lesson: &Lesson) -> Result<bool, String> {
    lesson.needs_exercise()?;
    let number = &lesson.number;
    println!("{}", lesson.exercise_title()?);
    let built = cargo::build(&[number], &[])?;
    let Some(program) = built.get(number) else {
        println!("\nexercises/{number}.rs does not compile. The compiler's errors are above.");
        return Ok(false);
    };
    let output = lesson.output();
    let report = cargo::run(program, &output)?;
    let program_right = match &report {
        Ok(report) if report.right => {
            println!("\nThe program is right.");
            true
        }
        Ok(Report { reason, .. }) | Err(reason) => {
            println!("\nThe program is not right yet:");
            print_indented(reason);
            print_last_lines(&output);
            false
        }
    };
    let Ok(report) = report else {
        return Ok(false);
    };
    let (answer, set) = (
        &report.answer,
        format!("set `ANSWER` in exercises/{number}.rs to"),
    );
    let letters: Vec<_> = report
        .letters
        .chars()
        .map(|letter| format!("'{letter}'"))
        .collect();
    let letters = letters.join(", ");
    match report.question.as_str() {
        "right" => println!("The answer '{answer}' is right:"),
        "wrong" => println!("The answer '{answer}' is not right:"),
        "open" => println!("The question is not answered yet: {set} one of {letters}."),
        _ => println!(
            "'{}' is not an answer: {set} one of {letters}.",
            answer.escape_debug()
        ),
    }
    print_indented(&report.reply);
    Ok(program_right && report.question == "right")
}

fn print_indented(text: &str) {
    for line in text.lines() {
        for line in wrapped(line, 90) {
            println!("  {line}");
        }
    }
}

/// Prints the end of what a program has printed.
fn print_last_lines(output: &Path) {
    const LINES: usize = 10;
    let bytes = fs::read(output).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return;
    }
    let first = lines.len().saturating_sub(LINES);
    match first {
        0 => println!("\nDuring the check it printed:"),
        _ => println!(
            "\nDuring the check it printed {} lines, the last of which are:",
            lines.len()
        ),
    }
    for line in &lines[first..] {
        println!("  | {line}");
    }
    println!();
}

/// Splits a line into lines of at most `columns` characters, if its words allow it.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().expect("there is one");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > columns {
            lines.push(word.to_owned());
            continue;
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
    }
    lines
}

fn check_all(lessons: &[Lesson]) -> Result<bool, String> {
    let lessons = with_exercise(lessons);
    let numbers = numbers(&lessons);
    let built = cargo::build(&numbers, &[])?;
    let mut right = 0;
    for lesson in lessons {
        let number = &lesson.number;

        let state = match built.get(number) {
            None => "does not compile".to_owned(),
            Some(program) => match cargo::run(program, &lesson.output())? {
                Ok(report) if report.right && report.question == "right" => {
                    right += 1;
                    "right".to_owned()
                }
                Ok(report) => {
                    let program = if report.right {
                        "right"
                    } else {
                        "not right yet"
                    };
                    let question = match report.question.as_str() {
                        "right" => "answer right",
                        "open" => "question not answered yet",
                        _ => "answer not right",
                    };
                    format!("program {program}, {question}")
                }
                Err(_) => "program not right yet".to_owned(),
            },
        };
        println!("{number}  {state}");
    }
    println!("\n{right} of {} exercises are done.", numbers.len());
    Ok(right == numbers.len())
}

fn with_exercise(lessons: &[Lesson]) -> Vec<&Lesson> {
    let with = lessons.iter().filter(|lesson| lesson.has_exercise());
    with.collect()
}

fn numbers<'a>(lessons: &[&'a Lesson]) -> Vec<&'a str> {
    lessons
        .iter()
        .map(|lesson| lesson.number.as_str())
        .collect()
}

fn solution(lesson: &Lesson) -> Result<bool, String> {
    lesson.needs_exercise()?;
    let path = lesson.file("solutions");
    let text = fs::read_to_string(&path);
    print!(
        "{}",
        text.map_err(|error| format!("cannot read {}: {error}", path.display()))?
    );
    Ok(true)
}

/// Restores an exercise by Git. The student's version is kept beside the pages of the lessons.
fn reset(lesson: &Lesson) -> Result<bool, String> {
    lesson.needs_exercise()?;
    let number = &lesson.number;
    let root = lessons::root();
    let shown = Command::new("git")
        .current_dir(root)
        .args(["show", &format!("HEAD:./exercises/{number}.rs")])
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if !shown.status.success() {
        let reason = String::from_utf8_lossy(&shown.stderr);
        return Err(format!(
            "git can't show exercises/{number}.rs: {}",
            reason.trim()
        ));
    }
    let path = lesson.file("exercises");
    let cannot = |error| format!("cannot restore {}: {error}", path.display());
    let student = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.map_err(cannot)?),
    };
    if student.as_ref() == Some(&shown.stdout) {
        println!("exercises/{number}.rs is as it was at the last commit. Nothing was changed.");
        return Ok(true);
    }
    let kept = student.map(|text| keep(lesson, &text)).transpose();
    let kept = kept.map_err(cannot)?;
    fs::write(&path, shown.stdout).map_err(cannot)?;
    println!("exercises/{number}.rs is restored as it was at the last commit.");
    if let Some(name) = kept {
        println!("Your version is kept: target/lab/{name}");
    }
    Ok(true)
}

/// Writes a copy of the student's version, and returns its name. Earlier copies are kept.
fn keep(lesson: &Lesson, text: &[u8]) -> io::Result<String> {
    for n in 1.. {
        let suffix = if n == 1 {
            String::new()
        } else {
            format!("_{n}")
        };
        let copy = lesson.kept(&format!("before_reset{suffix}.rs"));
        fs::create_dir_all(copy.parent().expect("it has a folder"))?;
        match fs::File::create_new(&copy) {
            Ok(mut file) => file.write_all(text)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        let name = copy.file_name().expect("it has a name");
        return Ok(name.to_string_lossy().into_owned());
    }
    unreachable!("there are endless numbers")
}

/// Checks the exercises themselves: as shipped each must fail for its reason, with its question
/// open, and each solution must pass.
fn verify(lessons: &[Lesson]) -> Result<bool, String> {
    let mut complaints: Vec<String> = lessons.iter().filter_map(Lesson::incomplete).collect();
    let lessons = with_exercise(lessons);
    let numbers = numbers(&lessons);
    for (arguments, solved) in [(&[][..], false), (&["--features", "solutions"], true)] {
        let built = cargo::build(&numbers, arguments)?;
        for lesson in &lessons {
            let number = &lesson.number;
            let folder = if solved { "solutions" } else { "exercises" };
            let complaint = match built.get(number) {
                None => Some("does not compile".to_owned()),
                Some(program) => match cargo::run(program, &lesson.output())? {
                    Ok(report) if solved => unsolved(&report),
                    Ok(report) => unlike_shipped(&report),
                    Err(reason) => Some(reason),
                },
            };
            match complaint {
                None => println!("  {folder}/{number}.rs: ok"),
                Some(reason) => complaints.push(format!("{folder}/{number}.rs: {reason}")),
            }
        }
    }
    for complaint in &complaints {
        println!("  FAILED: {complaint}");
    }
    println!(
        "{} exercises, {} complaints",
        numbers.len(),
        complaints.len()
    );
    Ok(complaints.is_empty())
}

fn unsolved(report: &Report) -> Option<String> {
    if !report.right {
        return Some(format!("the solution is not right: {}", report.reason));
    }
    let (question, answer) = (&report.question, &report.answer);
    (question != "right").then(|| format!("its answer '{answer}' is {question}"))
}

fn unlike_shipped(report: &Report) -> Option<String> {
    let (reason, shipped) = (&report.reason, &report.shipped);
    if report.right {
        return Some("it passes the check as it is shipped".to_owned());
    }
    if !reason.contains(shipped.as_str()) {
        return Some(format!("expected a reason with {shipped:?}, not: {reason}"));
    }
    (report.question != "open").then(|| "its question is answered as it is shipped".to_owned())
}
