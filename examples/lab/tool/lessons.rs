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
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let first = text.lines().next().unwrap_or_default();
        lessons.push(Lesson {
            number: number.to_owned(),
            title: first.trim_start_matches("//!").trim().to_owned(),
        });
    }
    lessons.sort_by(|a, b| a.number.cmp(&b.number));
    if lessons.is_empty() {
        return Err(format!("there are no lessons in {}", root().display()));
    }
    Ok(lessons)
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
