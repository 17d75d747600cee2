//! The page: one file without external parts. It uses those parts of the page of
//! `Snapshot::write_html` that read events and describe them in words.

use wakeful::trace::page_script;

const PAGE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/style.css");
/// The parts of the script of this page, in the order in which they depend on each other.
const SCRIPTS: [&str; 6] = [
    include_str!("../page/window.js"),
    include_str!("../page/alerts.js"),
    include_str!("../page/figures.js"),
    include_str!("../page/tables.js"),
    include_str!("../page/lanes.js"),
    include_str!("../page/live.js"),
];

/// Returns the page, with buttons for these targets.
pub(crate) fn html(targets: &[String]) -> String {
    let mut list = String::new();
    for target in targets {
        // A string literal of Rust without `<` and control characters is one of JavaScript.
        let safe: String = target.chars().filter(|c| !c.is_control()).collect();
        list.push_str(&format!("{:?}, ", safe.replace('<', "%3C")));
    }
    let script = format!(
        "\"use strict\";\nconst REQUESTS = [{list}];\n{}\n{{\n{}\n}}\n",
        page_script(),
        SCRIPTS.concat()
    );
    let (head, tail) = PAGE
        .split_once("__SCRIPT__")
        .expect("the page has a place for its script");
    [&head.replacen("__STYLE__", STYLE, 1), &*script, tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_cannot_end_the_script() {
        let page = html(&["/a?b=</script>\"".to_owned()]);
        assert!(page.contains(r#"const REQUESTS = ["/a?b=%3C/script>\"", ];"#));
        assert_eq!(page.matches("</script>").count(), 1);
    }
}
