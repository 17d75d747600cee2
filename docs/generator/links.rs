//! Checks the links inside the built book.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{at, read};

/// Returns a complaint for each link that leads to no file of the book, or to no anchor in it.
pub(crate) fn broken(book: &Path) -> Result<Vec<String>, String> {
    let mut pages = BTreeMap::new();
    walk(book, &mut pages)?;
    if pages.is_empty() {
        return Err(format!("{} has no pages", book.display()));
    }
    let anchors: BTreeMap<&Path, BTreeSet<&str>> = pages
        .iter()
        .map(|(path, text)| (&**path, attributes(text, "id").collect()))
        .collect();
    let mut complaints = Vec::new();
    for (path, text) in &pages {
        let name = path.strip_prefix(book).unwrap_or(path);
        // The recorded pages make their links by themselves.
        if name.parent().is_some_and(|it| it.ends_with("pages")) {
            continue;
        }
        for link in attributes(text, "href").chain(attributes(text, "src")) {
            if let Some(why) = complaint(path, link, &anchors) {
                complaints.push(format!("{}: {why}", name.display()));
            }
        }
    }
    Ok(complaints)
}

fn walk(folder: &Path, pages: &mut BTreeMap<PathBuf, String>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            walk(&path, pages)?;
        } else if path.extension().is_some_and(|end| end == "html") {
            pages.insert(path.clone(), read(&path)?);
        }
    }
    Ok(())
}

/// The values of an attribute in all tags.
fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let start = format!(" {name}=\"");
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&start)?;
        let (value, after) = after.split_once('"')?;
        rest = after;
        Some(value)
    })
}

fn complaint(page: &Path, link: &str, anchors: &BTreeMap<&Path, BTreeSet<&str>>) -> Option<String> {
    // Links to other sites and to data are not followed.
    if link.contains("://") || link.starts_with("data:") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = match path {
        "" => page.to_owned(),
        path => plain(&page.parent()?.join(path)),
    };
    if !file.is_file() {
        return Some(format!("no file `{link}`"));
    }
    let known = anchors
        .get(&*file)
        .is_none_or(|known| known.contains(anchor));
    (!anchor.is_empty() && !known).then(|| format!("no anchor `{link}`"))
}

/// Removes `..` and `.`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_missing_file_or_anchor_is_reported() {
        let book = std::env::temp_dir().join(format!("wakeful-links-{}", std::process::id()));
        fs::create_dir_all(book.join("course")).unwrap();
        let index = "<h1 id=\"top\">x</h1><a href=\"course/one.html#here\">1</a>\
            <a class=\"x\" href=\"#top\">2</a><a href=\"https://example.com/a\">3</a>";
        fs::write(book.join("index.html"), index).unwrap();
        let one = "<p id=\"here\"></p><a href=\"../index.html\">1</a>\
            <a href=\"../index.html#gone\">2</a><iframe src=\"lost.html\"></iframe>";
        fs::write(book.join("course/one.html"), one).unwrap();
        let found = broken(&book);
        fs::remove_dir_all(&book).unwrap();
        let expected = [
            "course/one.html: no anchor `../index.html#gone`",
            "course/one.html: no file `lost.html`",
        ];
        assert_eq!(found.unwrap(), expected);
    }
}
