//! Reads the course: the tables of its README, the lessons' sources, and what their runs left.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{at, read};

/// The lessons, by the headings of the README, and the README's other sections.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) parts: Vec<Part>,
    /// The sections that explain how to read what a lesson prints and writes.
    pub(crate) reading: String,
}

/// A section of the README with a table of lessons.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) title: String,
    pub(crate) lessons: Vec<Lesson>,
}

/// A lesson: its row of the table, its source, and what its run left in `target/lab`.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    /// The name of the source without `.rs`: "01_event_loop".
    pub(crate) name: String,
    pub(crate) question: String,
    /// What one will see, from the table.
    pub(crate) see: String,
    pub(crate) source: String,
    /// What the lesson printed.
    pub(crate) output: String,
    /// The recorded page, if the lesson writes one.
    pub(crate) page: Option<PathBuf>,
    /// The source of the exercise.
    pub(crate) exercise: String,
    /// The figures of the recording, as SVG.
    pub(crate) figure: Option<String>,
}

impl Lesson {
    pub(crate) fn number(&self) -> &str {
        &self.name[..2]
    }

    /// The number and the question.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.number(), self.question)
    }
}

impl Course {
    /// Reads the lessons in the order of the README.
    ///
    /// # Errors
    /// If a source is in no table, a row has no source, a lesson has no exercise or was not run.
    pub(crate) fn read(root: &Path) -> Result<Course, String> {
        let lab = root.join("examples/lab");
        let mut course = Course::parse(&read(&lab.join("README.md"))?);
        let mut sources = BTreeSet::new();
        for entry in fs::read_dir(&lab).map_err(at(&lab))? {
            let name = entry.map_err(at(&lab))?.file_name();
            let name = name.to_str().unwrap_or_default().strip_suffix(".rs");
            let name = name.filter(|name| name.starts_with(|c: char| c.is_ascii_digit()));
            sources.extend(name.map(str::to_owned));
        }
        for lesson in course.parts.iter_mut().flat_map(|part| &mut part.lessons) {
            if !sources.remove(&lesson.name) {
                let name = &lesson.name;
                return Err(format!(
                    "examples/lab/README.md has a row for {name}, twice or without a source"
                ));
            }
            let exercise = format!("exercises/{}.rs", lesson.number());
            lesson.exercise = read(&lab.join(exercise))?;
            let run = root.join("target/lab").join(&lesson.name);
            lesson.source = read(&lab.join(format!("{}.rs", lesson.name)))?;
            lesson.output = read(&run.with_extension("txt"))
                .map_err(|error| format!("{error}\nrun `scripts/lab` first"))?;
            lesson.page = Some(run.with_extension("html")).filter(|page| page.exists());
            lesson.figure = fs::read_to_string(run.with_extension("svg")).ok();
        }
        match sources.first() {
            Some(name) => Err(format!(
                "examples/lab/README.md has no row for {name}: add it to one of the tables"
            )),
            None => Ok(course),
        }
    }

    pub(crate) fn lessons(&self) -> impl Iterator<Item = &Lesson> {
        self.parts.iter().flat_map(|part| &part.lessons)
    }

    /// Divides the README into the tables of lessons and the text after them.
    fn parse(readme: &str) -> Course {
        let (mut parts, mut reading) = (Vec::new(), String::new());
        for section in readme.split("\n## ").skip(1) {
            let (title, text) = section.split_once('\n').unwrap_or((section, ""));
            let lessons: Vec<Lesson> = text.lines().filter_map(row).collect();
            if !lessons.is_empty() {
                let title = title.to_owned();
                parts.push(Part { title, lessons });
            } else if title.starts_with("How to read") {
                reading += &format!("## {title}\n{text}\n");
            }
        }
        Course { parts, reading }
    }
}

/// Reads a row `| 01 | question | what one sees | command |`.
fn row(line: &str) -> Option<Lesson> {
    let mut cells = line.strip_prefix("| ")?.split(" | ");
    let (number, question, see) = (cells.next()?, cells.next()?, cells.next()?);
    let (_, name) = cells.next()?.split_once("--example lab_")?;
    let name = name.trim_end_matches([' ', '|', '`']);
    name.starts_with(number).then(|| Lesson {
        name: name.to_owned(),
        question: question.to_owned(),
        see: see.to_owned(),
        ..Lesson::default()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const README: &str = "# Course\n\n## First part\n\n| | question | see | command |\n\
        | --- | --- | --- | --- |\n\
        | 01 | What is one? | a `1` | `cargo run --example lab_01_one` |\n\n\
        ## Second part\n\n| 02 | And two? | a pair | `cargo run --example lab_02_two` |\n\n\
        ## How to read it\n\nFrom the left.\n\n## Writing a lesson\n\nShort.\n";

    pub(crate) fn course() -> Course {
        Course::parse(README)
    }

    #[test]
    fn the_tables_of_the_readme_are_the_parts_of_the_course() {
        let course = course();
        let titles: Vec<_> = course.parts.iter().map(|part| &*part.title).collect();
        assert_eq!(titles, ["First part", "Second part"]);
        let first = &course.parts[0].lessons[0];
        assert_eq!((first.number(), &*first.name), ("01", "01_one"));
        assert_eq!((&*first.question, &*first.see), ("What is one?", "a `1`"));
        assert_eq!(course.lessons().count(), 2);
        assert_eq!(course.reading, "## How to read it\n\nFrom the left.\n\n");
    }

    #[test]
    fn a_row_whose_number_differs_from_its_command_is_no_lesson() {
        assert!(row("| 03 | What? | it | `cargo run --example lab_03_it` |").is_some());
        assert!(row("| 04 | What? | it | `cargo run --example lab_03_it` |").is_none());
        assert!(row("| | question | what you will see | command |").is_none());
    }
}
