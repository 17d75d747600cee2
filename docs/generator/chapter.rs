//! Writes the chapters of the course as Markdown.

use super::lessons::{Course, Lesson, Part};

const REPOSITORY: &str = "https://github.com/wakeful-rs/wakeful/blob/main/examples/lab";

/// The line after which a lesson prints its recorded events.
const STORY: &str = "\nThe story of the runtime:\n";
/// The line that ends the recorded events.
const STORY_END: &str = "\nThe same as a page:";

/// Returns the chapter of a lesson.
pub(crate) fn lesson(lesson: &Lesson) -> String {
    let Lesson { name, see, .. } = lesson;
    let (text, first) = doc_comment(&lesson.source);
    let mut chapter = format!("# {}\n\n{text}\n", lesson.title());
    chapter += &format!("**What you will see:** {see}.\n\n");
    chapter += &format!("```sh\ncd examples/lab\ncargo run --example lab_{name}\n```\n\n");

    let (printed, story) = split_output(&lesson.output);
    chapter += &format!("## What it prints\n\n{}", block("text", &printed));
    if let Some(figure) = &lesson.figure {
        // Markdown ends a block of HTML at the first empty line.
        let lines = figure.lines().filter(|line| !line.trim().is_empty());
        let figure: Vec<_> = lines.collect();
        let heading = match lesson.page {
            Some(_) => "What happens, step by step",
            None => "The numbers as a chart",
        };
        chapter += &format!(
            "## {heading}\n\n<div class=\"figure\">\n{}\n</div>\n\n",
            figure.join("\n")
        );
    }
    if let Some(story) = story {
        chapter += &format!(
            "<details>\n<summary>Each step in words</summary>\n\n{}</details>\n\n",
            block("text", &story)
        );
    }
    if lesson.page.is_some() {
        chapter += &format!(
            "## The recording\n\n\
             The page below is live: point at it, select a task, and step with the arrow keys. \
             [How to read it](reading.md). [Open it alone](pages/{name}.html).\n\n\
             <div class=\"recording\">\
             <iframe src=\"pages/{name}.html\" title=\"The recording of lesson {number}\" \
             loading=\"lazy\"></iframe></div>\n\n",
            number = lesson.number()
        );
    }
    chapter += &format!("## The code\n\n{}", code(&format!("{name}.rs"), first));
    let number = lesson.number();
    let (text, first) = doc_comment(&lesson.exercise);
    let (title, text) = text.split_once("\n\n").unwrap_or((&text, ""));
    let title = title.split_once(": ").map_or(title, |(_, title)| title);
    let program = code(&format!("exercises/{number}.rs"), first);
    chapter += &format!(
        "## Exercise: {}\n\n{text}\n{program}\
         `cargo run --example lab -- solution {number}` prints the solution.\n",
        title.replace('\n', " ").trim_end_matches('.')
    );
    chapter
}

/// Returns a link to a file of the course, and its lines from the first one of the code.
fn code(path: &str, first: usize) -> String {
    format!(
        "[`examples/lab/{path}`]({REPOSITORY}/{path})\n\n\
         ```rust,ignore\n{{{{#include ../../../../examples/lab/{path}:{first}:}}}}\n```\n\n"
    )
}

/// Returns the page of a part of the course: the table of its lessons.
pub(crate) fn part(part: &Part) -> String {
    let mut page = format!(
        "# {}\n\n| lesson | you will see |\n| --- | --- |\n",
        part.title
    );
    for lesson in &part.lessons {
        let Lesson { name, see, .. } = lesson;
        page += &format!("| [{}]({name}.md) | {see} |\n", lesson.title());
    }
    page
}

/// Returns the chapter that explains stories and pages, from the course's README.
pub(crate) fn reading(course: &Course) -> String {
    format!("# How to read a story and a page\n\n{}", course.reading)
}

/// Returns the text of the comment at the top, and the number of the first line of code. The text
/// is without the command that runs the lesson, which each chapter has anyway.
fn doc_comment(source: &str) -> (String, usize) {
    let comment: Vec<_> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let code = source
        .lines()
        .skip(comment.len())
        .take_while(|line| line.is_empty());
    let first = comment.len() + code.count() + 1;
    let kept = comment
        .iter()
        .filter(|line| !line.starts_with("`cargo run"));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    (format!("{}\n", text.trim_end()), first)
}

/// Divides what a lesson printed into its own lines and the story of the runtime. Several stories
/// become one.
fn split_output(output: &str) -> (String, Option<String>) {
    let (mut printed, mut stories, mut rest) = (String::new(), String::new(), output);
    while let Some((before, after)) = rest.split_once(STORY) {
        printed += before;
        let (story, after) = after.split_once(STORY_END).unwrap_or((after, ""));
        if !stories.is_empty() {
            stories.push('\n');
        }
        stories.extend(
            story
                .lines()
                .map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned() + "\n"),
        );
        rest = after.split_once('\n').map_or("", |(_, after)| after);
    }
    printed += rest;
    (printed, (!stories.is_empty()).then_some(stories))
}

fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n\n", text.trim_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_at_the_top_is_the_text_and_is_not_repeated_in_the_code() {
        let source = "//! One.\n//!\n//! Two.\n//!\n//! `cargo run --example x`\n\nuse a;\n";
        assert_eq!(doc_comment(source), ("One.\n\nTwo.\n".to_owned(), 7));
        assert_eq!(source.lines().nth(6), Some("use a;"));
    }

    #[test]
    fn the_story_is_apart_from_what_the_lesson_prints_itself() {
        let output = "one\n\nThe story of the runtime:\n  a\n  b\n\nThe same as a page: x\ntwo\n";
        let (printed, story) = split_output(output);
        assert_eq!(printed, "one\ntwo\n");
        assert_eq!(story.as_deref(), Some("a\nb\n"));
        assert_eq!(split_output("one\n"), ("one\n".to_owned(), None));
    }

    #[test]
    fn an_exercise_is_a_section_with_its_question_and_its_program() {
        let exercise = "//! Exercise 01: the bell\n//! is quiet.\n//!\n//! Why?\n\nuse b;\n";
        let lesson = Lesson {
            name: "01_one".to_owned(),
            exercise: exercise.to_owned(),
            ..Lesson::default()
        };
        let chapter = super::lesson(&lesson);
        assert!(
            chapter.contains("## Exercise: the bell is quiet\n\nWhy?\n"),
            "{chapter}"
        );
        assert!(
            chapter.contains("examples/lab/exercises/01.rs:6:}}"),
            "{chapter}"
        );
    }

    #[test]
    fn a_figure_has_no_empty_line_that_would_end_the_html() {
        let lesson = Lesson {
            name: "01_one".to_owned(),
            figure: Some("<svg>\n\n</svg>".to_owned()),
            ..Lesson::default()
        };
        let chapter = super::lesson(&lesson);
        assert!(chapter.contains("<div class=\"figure\">\n<svg>\n</svg>\n</div>\n"));
        assert!(!chapter.contains("<iframe"));
    }
}
