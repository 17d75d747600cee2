//! Runs all examples and prints the generated part of the page, so the page says what was seen.

use std::collections::BTreeMap;
use std::fmt::Write;

use wakeful::process::Command;
use wakeful::time::{Duration, timeout};

use crate::list::{Row, SECTIONS};
use crate::{Result, Way};

/// An example that takes longer is never ready: the servers are on the same machine.
const LIMIT: Duration = Duration::from_secs(20);

const MAX_LINES: usize = 30;

const EXAMPLES: &str = "\
## The examples

These are the files of `examples/guests/crates`. The argument is the address of a server, and the
paths of files if the example needs some. `crate::Result` is a `Result` with the error
`Box<dyn Error + Send + Sync>`.

";

/// The beginning of the name of the thread that `Compat` starts.
const COMPAT: &str = "async-compat";

/// The thread of a blocking client of reqwest: in some runs it ends between two polls, so the texts
/// of these examples name it.
const SHORT_LIVED: &str = "reqwest-interna";

/// Names of threads, as the kernel keeps them (15 bytes), and how the page calls them.
const THREADS: &[(&str, &str)] = &[
    ("tokio-rt-worker", "tokio's blocking pool"),
    ("wakeful-blockin", "Wakeful's blocking pool"),
    ("notify-rs inoti", "a thread of `notify`"),
    // rayon gives its threads no name, so they have that of the process.
    ("crates", "rayon's pool"),
];

/// What an example did in one of the ways.
enum Seen {
    Works,
    Panics(String),
    Fails(String),
    NeverReady,
}

struct Run {
    seen: Seen,
    threads: Vec<String>,
}

impl Run {
    /// The cell of the table.
    fn cell(&self) -> String {
        match &self.seen {
            Seen::Works if self.threads.is_empty() => "works".to_owned(),
            Seen::Works => format!("works, with {}", self.threads.join(" and ")),
            Seen::Panics(_) => "panics".to_owned(),
            Seen::Fails(_) => "fails".to_owned(),
            Seen::NeverReady => "is never ready".to_owned(),
        }
    }

    fn in_words(&self) -> String {
        match &self.seen {
            Seen::Panics(text) => format!("panics: {text}"),
            Seen::Fails(text) => format!("returns the error: {text}"),
            Seen::Works | Seen::NeverReady => self.cell(),
        }
    }
}

type Runs = Vec<(&'static Row, Vec<Run>)>;

/// Prints the part of the page that is generated.
///
/// # Errors
///
/// If an example printed another text than the expected one, or is too long.
pub fn print() -> Result<()> {
    let mut page = String::new();
    let mut all = Runs::new();
    for section in SECTIONS {
        let runs = wakeful::block_on(run(section.rows))?;
        table(&mut page, section.title, &runs)?;
        all.extend(runs);
    }
    texts(&mut page, &all)?;
    page.push_str(EXAMPLES);
    for (row, runs) in &all {
        example(&mut page, row, runs)?;
    }
    println!("{}", page.trim_end());
    Ok(())
}

async fn run(rows: &'static [Row]) -> Result<Runs> {
    let mut all = Runs::new();
    for row in rows {
        let mut runs = Vec::new();
        for (way, _) in Way::ALL {
            let run = child(row, way).await;
            runs.push(run.map_err(|error| format!("{} {way}: {error}", row.module))?);
        }
        all.push((row, runs));
    }
    Ok(all)
}

/// Runs an example in a process of its own, and compares what it returned.
async fn child(row: &Row, way: &str) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args([row.module, way]).kill_on_drop(true).output();
    let Ok(output) = timeout(LIMIT, output).await else {
        let (seen, threads) = (Seen::NeverReady, Vec::new());
        return Ok(Run { seen, threads });
    };
    let output = output?;
    let printed = String::from_utf8(output.stdout)?;
    eprintln!(
        "{} {way}: {}",
        row.module,
        printed.trim_end().replace('\n', "; ")
    );
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut threads = Vec::new();
    let mut seen: Result<Seen> = Err("it printed no result".into());
    for line in printed.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match key {
            "threads" if !value.is_empty() => {
                threads = value.split(", ").map(str::to_owned).collect();
            }
            "works" if value == row.expected.trim_end() => seen = Ok(Seen::Works),
            "works" => seen = Err(format!("expected `{}`, got `{value}`", row.expected).into()),
            "panics" => seen = Ok(Seen::Panics(value)),
            "fails" => seen = Ok(Seen::Fails(value)),
            _ => {}
        }
    }
    let (seen, count) = (seen?, threads.len());
    threads.retain(|name| !name.starts_with(COMPAT));
    let in_compat = threads.len() < count;
    if matches!(seen, Seen::Works) && in_compat != (way == "compat") {
        return Err("only inside `Compat` does its thread run".into());
    }
    threads.retain(|name| name != SHORT_LIVED);
    let threads = threads.iter().map(|name| thread(name)).collect();
    Ok(Run { seen, threads })
}

fn thread(name: &str) -> String {
    match THREADS.iter().find(|(known, _)| *known == name) {
        Some((_, shown)) => (*shown).to_owned(),
        None => format!("the thread `{name}`"),
    }
}

fn table(page: &mut String, title: &str, runs: &Runs) -> Result<()> {
    writeln!(page, "## {title}\n")?;
    writeln!(
        page,
        "| crate | as it is | as a guest | inside `Compat` | natively |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- |")?;
    for (row, runs) in runs {
        let cells: Vec<_> = runs.iter().map(Run::cell).collect();
        let natively = match row.natively {
            "" if matches!(runs[0].seen, Seen::Works) => "not needed",
            "" => "no",
            natively => natively,
        };
        let (title, anchor) = (row.title, anchor(row.title));
        writeln!(
            page,
            "| [{title}](#{anchor}) | {} | {natively} |",
            cells.join(" | ")
        )?;
    }
    writeln!(page)?;
    Ok(())
}

/// A table of the panics and errors of the examples that are run as they are.
fn texts(page: &mut String, all: &Runs) -> Result<()> {
    let mut crates = BTreeMap::<(&str, &str), Vec<&str>>::new();
    for (row, runs) in all {
        match &runs[0].seen {
            Seen::Panics(text) => crates.entry(("panic", text)).or_default().push(row.title),
            Seen::Fails(text) => crates.entry(("error", text)).or_default().push(row.title),
            Seen::Works | Seen::NeverReady => {}
        }
    }
    writeln!(page, "## Without a tokio runtime\n")?;
    writeln!(page, "| text | | example |\n| --- | --- | --- |")?;
    for ((kind, text), titles) in crates {
        writeln!(page, "| {text} | {kind} | {} |", titles.join("; "))?;
    }
    writeln!(page)?;
    Ok(())
}

fn example(page: &mut String, row: &Row, runs: &[Run]) -> Result<()> {
    let is_comment = |line: &&str| line.starts_with("//!");
    let text = row.source.lines().take_while(is_comment);
    let text = text.map(|line| line.trim_start_matches("//!").trim_start());
    let code: Vec<_> = row.source.lines().skip_while(is_comment).collect();
    let code = code.join("\n");
    let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
    if lines > MAX_LINES {
        return Err(format!("{}: {lines} lines, more than {MAX_LINES}", row.module).into());
    }
    writeln!(page, "### {}\n", row.title)?;
    writeln!(page, "{}\n", text.collect::<Vec<_>>().join("\n"))?;
    writeln!(page, "| way | result |\n| --- | --- |")?;
    for (run, way) in runs
        .iter()
        .zip(["as it is", "as a guest", "inside `Compat`"])
    {
        writeln!(page, "| {way} | {} |", run.in_words())?;
    }
    writeln!(page)?;
    writeln!(page, "```rust,ignore\n{}\n```\n", code.trim())?;
    Ok(())
}

/// The anchor of a heading, as mdBook and code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}
