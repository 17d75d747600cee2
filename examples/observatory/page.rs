//! The page: one file without external parts. It uses those parts of the page of
//! `Snapshot::write_html` that read events and describe them in words.

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
/// One script, in the order in which its parts depend on each other.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../runtime/core/src/trace/page/model.js"),
    include_str!("../../runtime/core/src/trace/page/words.js"),
    include_str!("../../runtime/core/src/trace/page/facts.js"),
    include_str!("../../runtime/core/src/trace/page/draw.js"),
    include_str!("page/window.js"),
    include_str!("page/tables.js"),
    include_str!("page/live.js"),
);

pub(crate) fn html() -> String {
    PAGE.replacen("__STYLE__", STYLE, 1)
        .replacen("__SCRIPT__", SCRIPT, 1)
}
