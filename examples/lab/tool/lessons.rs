//! The lessons, and the files of their exercises.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Lesson {
    /// Two digits.
    pub number: String,
    /// The first line of the lesson's documentation.
    pub title: String,
}

/// The files of an exercise, by their folders.
const FOLDERS: [&str; 3] = ["exercises", "solutions", "checks"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the lessons, in order: the files `NN_NAME.rs`.
pub fn lessons() -> Result<Vec<Lesson>, String> {
    let unreadable = |error| format!("cannot read {}: {error}", root().display());
    let mut lessons = Vec::new();
    for entry in fs::read_dir(root()).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some((number, _)) = name.split_once('_') else {
            continue;
        };
        let digits = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !name.ends_with(".rs") {
            continue;
        }
        lessons.push(Lesson {
            number: number.to_owned(),
            title: title(&path)?,
        });
    }
    lessons.sort_by(|a, b| a.number.cmp(&b.number));
    if lessons.is_empty() {
        return Err(format!("there are no lessons in {}", root().display()));
    }
    Ok(lessons)
}

/// Returns the first line of a file's documentation.
fn title(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let first = text.lines().next().unwrap_or_default();
    Ok(first.trim_start_matches("//!").trim().to_owned())
}

/// Finds the lesson with a number that a student has typed.
pub fn find<'a>(lessons: &'a [Lesson], number: &str) -> Result<&'a Lesson, String> {
    let (first, last) = (&lessons[0].number, &lessons[lessons.len() - 1].number);
    let range = format!("lessons are {first} to {last}");
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(format!("`{number}` is not the number of a lesson; {range}"));
    }
    let padded = format!("{number:0>2}");
    let found = lessons.iter().find(|lesson| lesson.number == padded);
    found.ok_or_else(|| format!("there is no lesson {number}; {range}"))
}

impl Lesson {
    /// Returns the path of the lesson's file in one of the folders.
    pub fn file(&self, folder: &str) -> PathBuf {
        root().join(folder).join(format!("{}.rs", self.number))
    }

    /// Returns the title of its exercise, with the number.
    pub fn exercise_title(&self) -> Result<String, String> {
        title(&self.file("exercises"))
    }

    /// Returns the path of a file about its exercise, beside the pages of the lessons.
    pub fn kept(&self, name: &str) -> PathBuf {
        let file = format!("exercise_{}_{name}", self.number);
        root().join("../../target/lab").join(file)
    }

    /// Returns the path of the file to which its program prints during a check.
    pub fn output(&self) -> PathBuf {
        self.kept("output.txt")
    }

    pub fn has_exercise(&self) -> bool {
        self.file("checks").exists()
    }

    pub fn needs_exercise(&self) -> Result<(), String> {
        let number = &self.number;
        match self.has_exercise() {
            true => Ok(()),
            false => Err(format!("lesson {number} has no exercise")),
        }
    }

    /// Names the files that its exercise lacks. A lesson may have no exercise at all.
    pub fn incomplete(&self) -> Option<String> {
        let missing = FOLDERS.iter().filter(|folder| !self.file(folder).exists());
        let missing: Vec<_> = missing
            .map(|folder| format!("{folder}/{}.rs", self.number))
            .collect();
        let some = !missing.is_empty() && missing.len() < FOLDERS.len();
        some.then(|| format!("lesson {} lacks {}", self.number, missing.join(", ")))
    }
}
