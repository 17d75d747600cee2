//! Two runs beside each other, as a table in Markdown.

use super::markdown::figure;
use crate::case::Peer;
use crate::machine::Machine;
use crate::stats::{Group, short};

pub(super) fn table(machines: [&Machine; 2], [first, second]: [&[Group<'_>]; 2]) -> String {
    let mut table = String::new();
    for (name, machine) in ["first", "second"].iter().zip(machines) {
        let Machine {
            date, commit, cpu, ..
        } = machine;
        table += &format!("- {name}: {date}, commit {commit}, {cpu}\n");
    }
    table += "\n| case | figure | first | second | ratio | of tokio, first | of tokio, second |\n\
              | --- | --- | --- | --- | --- | --- | --- |\n";
    for before in first {
        let mut groups = second.iter();
        let same =
            |after: &&Group<'_>| after.case.name == before.case.name && after.size == before.size;
        if let Some(after) = groups.find(same) {
            table += &rows(before, after);
        }
    }
    table
}

/// Returns a line for each metric that both runs have.
fn rows(before: &Group<'_>, after: &Group<'_>) -> String {
    let ours = before.case.ours;
    let name = match before.size {
        Some(size) => format!("`{}`, {size} {}", before.case.name, before.case.axis),
        None => format!("`{}`", before.case.name),
    };
    let rows = before.metrics().into_iter().filter_map(|metric| {
        let [was, is] = [before, after].map(|group| group.median(ours, &metric.name));
        let (was, is) = (was?, is?);
        let of_tokio = [before, after].map(|group| {
            let ratio = group.compared(ours, Peer::Tokio, &metric.name);
            ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.text())
        });
        Some(format!(
            "| {name} | {} | {} | {} | {} | {} | {} |\n",
            metric.name,
            figure(was, &metric.unit),
            figure(is, &metric.unit),
            short(is / was),
            of_tokio[0],
            of_tokio[1]
        ))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Metric, Outcome, Run};
    use crate::series::Series;
    use crate::stats::groups;

    static CASE: Case = Case::new("a/case", "A", "", |_: &Run| Outcome::no_runtime());

    fn run(ours: f64, tokio: f64) -> [Series; 2] {
        [(Peer::Wakeful, ours), (Peer::Tokio, tokio)].map(|(peer, value)| Series {
            case: &CASE,
            size: None,
            peer,
            n: 1,
            samples: vec![Outcome::Measured(vec![Metric::new("cpu", "ns", value)])],
        })
    }

    #[test]
    fn a_row_has_both_figures_and_both_ratios_to_tokio() {
        let (first, second) = (run(10.0, 20.0), run(15.0, 20.0));
        let row = rows(&groups(&first)[0], &groups(&second)[0]);
        assert_eq!(
            row,
            "| `a/case` | cpu | 10.0 ns | 15.0 ns | 1.50 | 0.50 | 0.75 |\n"
        );
    }
}
