//! Makes the sources of the web book from the guide and the course, and checks the built book.
//!
//! - `book write` writes `target/book`, the directory that `mdbook build` reads: the pages of
//!   `docs/src`, and one chapter for each lesson of `examples/lab`. The chapters have what the
//!   lessons print, their figures and their recorded pages, so run `scripts/lab` first.
//! - `book check` checks that the built book has a chapter for each lesson, and that each link
//!   inside the book leads to a file and an anchor that exist.
//!
//! `scripts/book` runs all steps.

mod chapter;
mod lessons;
mod links;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use lessons::{Course, Lesson};

/// The line of `docs/src/SUMMARY.md` after which the chapters of the course are inserted.
const COURSE_LINE: &str = "- [The course on wakers](course.md)";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the repository");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write"] => write(root),
        ["check"] => check(root),
        _ => Err(format!(
            "expected `write` or `check`, got `{}`",
            arguments.join(" ")
        )),
    };
    match result {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(complaint) => {
            eprintln!("{complaint}");
            ExitCode::FAILURE
        }
    }
}

/// Adds the path to an error of the file system.
fn at(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| format!("{}: {error}", path.display())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(at(path))
}

fn save(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(at(path))
}

fn copy_files(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let file = entry.map_err(at(from))?.path();
        let name = file.file_name().expect("an entry of a directory has one");
        fs::copy(&file, to.join(name)).map_err(at(&file))?;
    }
    Ok(())
}

fn write(root: &Path) -> Result<String, String> {
    let (docs, book) = (root.join("docs"), root.join("target/book"));
    let course = Course::read(root)?;
    // Files of lessons that have been renamed since the last run must not remain.
    if book.exists() {
        fs::remove_dir_all(&book).map_err(at(&book))?;
    }
    copy_files(&docs.join("src"), &book.join("src"))?;
    copy_files(&docs.join("theme"), &book.join("theme"))?;
    save(&book.join("book.toml"), &read(&docs.join("book.toml"))?)?;

    let folder = book.join("src/course");
    let pages = folder.join("pages");
    fs::create_dir_all(&pages).map_err(at(&pages))?;
    for lesson in course.lessons() {
        let chapter = folder.join(format!("{}.md", lesson.name));
        save(&chapter, &chapter::lesson(lesson))?;
        if let Some(page) = &lesson.page {
            let copy = pages.join(format!("{}.html", lesson.name));
            fs::copy(page, &copy).map_err(at(page))?;
        }
    }
    for (number, part) in (1..).zip(&course.parts) {
        save(
            &folder.join(format!("part-{number}.md")),
            &chapter::part(part),
        )?;
    }
    save(&folder.join("reading.md"), &chapter::reading(&course))?;

    let summary = book.join("src/SUMMARY.md");
    save(&summary, &with_chapters(&read(&summary)?, &course)?)?;
    Ok(format!(
        "{} lessons written to {}",
        course.lessons().count(),
        book.display()
    ))
}

/// Inserts the chapters into the table of contents.
fn with_chapters(summary: &str, course: &Course) -> Result<String, String> {
    let entry = |lesson: &Lesson| {
        let Lesson { name, .. } = lesson;
        format!("    - [{}](course/{name}.md)\n", lesson.title())
    };
    let mut chapters = String::from("  - [How to read a story and a page](course/reading.md)\n");
    for (number, part) in (1..).zip(&course.parts) {
        chapters += &format!("  - [{}](course/part-{number}.md)\n", part.title);
        chapters.extend(part.lessons.iter().map(entry));
    }
    let line = format!("{COURSE_LINE}\n");
    if !summary.contains(&line) {
        return Err(format!(
            "docs/src/SUMMARY.md has no line `{COURSE_LINE}`, after which the chapters belong"
        ));
    }
    Ok(summary.replace(&line, &(line.clone() + &chapters)))
}

fn check(root: &Path) -> Result<String, String> {
    let html = root.join("target/book/html");
    let course = Course::read(root)?;
    let mut complaints = links::broken(&html)?;
    let contents = read(&html.join("toc.html"))?;
    for lesson in course.lessons() {
        let file = format!("course/{}.html", lesson.name);
        if !html.join(&file).exists() || !contents.contains(&file) {
            complaints.push(format!(
                "lesson {} has no chapter {file} in the book",
                lesson.name
            ));
        }
    }
    complaints.extend(old_pictures(root)?);
    if complaints.is_empty() {
        Ok(format!(
            "{} chapters of lessons; no broken links",
            course.lessons().count()
        ))
    } else {
        Err(complaints.join("\n"))
    }
}

/// Complains about figures of the READMEs that differ from those that the lessons draw.
fn old_pictures(root: &Path) -> Result<Vec<String>, String> {
    let (pictures, drawn) = (root.join("examples/lab/pictures"), root.join("target/lab"));
    let mut complaints = Vec::new();
    for entry in fs::read_dir(&pictures).map_err(at(&pictures))? {
        let picture = entry.map_err(at(&pictures))?.path();
        let name = picture
            .file_name()
            .expect("an entry of a directory has one");
        let is_figure = picture.extension().is_some_and(|end| end == "svg");
        if is_figure && read(&picture)? != read(&drawn.join(name))? {
            complaints.push(format!(
                "examples/lab/pictures/{} is not what the lesson draws: run `scripts/book pictures`",
                name.display()
            ));
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lessons_become_chapters_below_the_course() {
        let course = lessons::tests::course();
        let summary = format!("{COURSE_LINE}\n- [Next](next.md)\n");
        let lines = [
            COURSE_LINE,
            "  - [How to read a story and a page](course/reading.md)",
            "  - [First part](course/part-1.md)",
            "    - [01 What is one?](course/01_one.md)",
            "  - [Second part](course/part-2.md)",
            "    - [02 And two?](course/02_two.md)",
            "- [Next](next.md)",
            "",
        ];
        assert_eq!(with_chapters(&summary, &course), Ok(lines.join("\n")));
        assert!(with_chapters("- [Other](other.md)\n", &course).is_err());
    }
}
