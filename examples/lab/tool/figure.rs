//! Draws a recording as an SVG with one column for each step. In contrast to the page, it shows the
//! order of the events and not their times, so a step of a nanosecond is as wide as an hour.

use std::fmt::Write as _;

use wakeful::trace::{Effect, End, Kind, Origin, Snapshot};

/// The widest figure. Later steps are left out; the page has them all.
const MAX_STEPS: usize = 110;
const LABEL: usize = 190;
const CELL: usize = 14;
const LANE: usize = 26;
const BAR: usize = 14;
/// The height of the row with the numbers of marks.
const TOP: usize = 18;

/// The lanes of origins that are not tasks. Each is drawn only if something comes from it.
const PLACES: [&str; 5] = [
    "reactor",
    "timers",
    "blocking pool",
    "threads",
    "outside of tasks",
];

const STYLE: &str = "\
.wakeful-steps{font:12px system-ui,sans-serif}\
svg.wakeful-steps:root{color:#222}\
@media (prefers-color-scheme:dark){svg.wakeful-steps:root{color:#ddd}}\
.wakeful-steps text{fill:currentColor}\
.wakeful-steps .lane{stroke:#8885}\
.wakeful-steps .ready{fill:#e0a92e}.wakeful-steps .running{fill:#2e9e62}\
.wakeful-steps .waiting{fill:#8886}.wakeful-steps .end{font-weight:bold;text-anchor:middle}\
.wakeful-steps .mark{font-size:10px;text-anchor:middle}\
.wakeful-steps path{fill:none;stroke-width:2}.wakeful-steps .head{stroke:none}\
.wakeful-steps .task{stroke:#4a7fe0;fill:#4a7fe0}\
.wakeful-steps .reactor{stroke:#c05bb0;fill:#c05bb0}\
.wakeful-steps .timers{stroke:#d97a1a;fill:#d97a1a}\
.wakeful-steps .pool{stroke:#8a6ad0;fill:#8a6ad0}\
.wakeful-steps .threads{stroke:#1a9aa0;fill:#1a9aa0}\
.wakeful-steps .outside{stroke:#888;fill:#888}\
.wakeful-steps .spawn{stroke:#6aa32d;fill:#6aa32d}\
.wakeful-steps path.no-effect{stroke-dasharray:2 3}";

/// What is drawn in one column.
enum Step {
    Spawn {
        task: usize,
        parent: Option<usize>,
    },
    Begin {
        task: usize,
    },
    End {
        task: usize,
        result: End,
    },
    Wake {
        task: usize,
        from: Lane,
        effect: Effect,
    },
    Received {
        task: usize,
    },
    Clone {
        task: usize,
        wakers: Option<u64>,
    },
    Drop {
        task: usize,
        wakers: Option<u64>,
    },
    Mark {
        name: &'static str,
    },
    At {
        place: usize,
        sign: char,
        text: String,
    },
    Arm {
        task: Option<usize>,
        timer: u64,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Lane {
    Place(usize),
    Task(usize),
}

impl From<Origin> for Lane {
    fn from(origin: Origin) -> Lane {
        match origin {
            Origin::Task(task) => Lane::Task(task),
            Origin::Source(_) => Lane::Place(0),
            Origin::Timer(_) => Lane::Place(1),
            Origin::Blocking(_) => Lane::Place(2),
            Origin::Thread(_) => Lane::Place(3),
            Origin::Outside => Lane::Place(4),
        }
    }
}

impl Lane {
    fn class(self) -> &'static str {
        match self {
            Lane::Task(_) => "task",
            Lane::Place(place) => ["reactor", "timers", "pool", "threads", "outside"][place],
        }
    }
}

/// Returns the figure of a recording, as the text of an SVG without empty lines.
///
/// # Examples
/// ```
/// use wakeful::trace::Level;
///
/// let snapshot = wakeful_lab::record(Level::Wakes, wakeful::task::yield_now());
/// let figure = wakeful_lab::figure::svg(&snapshot);
/// assert!(figure.starts_with("<svg") && figure.contains("main"));
/// ```
pub fn svg(snapshot: &Snapshot) -> String {
    let mut steps = steps(snapshot);
    let all = steps.len();
    steps.truncate(MAX_STEPS);
    let mut figure = Figure::new(snapshot, &steps);
    for (column, step) in steps.iter().enumerate() {
        figure.step(column, step);
    }
    figure.finish(steps.len(), all)
}

/// Divides each poll into its begin and its end, with the events during the poll between them.
fn steps(snapshot: &Snapshot) -> Vec<Step> {
    let (mut steps, mut polls) = (Vec::new(), Vec::new());
    for event in snapshot.events() {
        while let Some(&(end, task, result)) = polls.last()
            && end <= event.ts
        {
            polls.pop();
            steps.push(Step::End { task, result });
        }
        steps.extend(match event.kind {
            Kind::Spawn { task, parent } => Some(Step::Spawn { task, parent }),
            Kind::Poll {
                dur, task, result, ..
            } => {
                polls.push((event.ts + dur, task, result));
                Some(Step::Begin { task })
            }
            Kind::Wake {
                task,
                origin,
                effect,
                ..
            } => Some(Step::Wake {
                task,
                from: origin.into(),
                effect,
            }),
            Kind::Received { task, .. } => Some(Step::Received { task }),
            Kind::Clone { task, wakers, .. } => Some(Step::Clone { task, wakers }),
            Kind::Drop { task, wakers, .. } => Some(Step::Drop { task, wakers }),
            Kind::Mark { name, .. } => Some(Step::Mark { name }),
            Kind::TimerArm { timer, task, .. } => Some(Step::Arm { task, timer }),
            Kind::TimerFire { timer, .. } => Some(at(1, '●', format!("timer {timer} fires"))),
            Kind::TimerCancel { timer } => Some(at(1, '×', format!("timer {timer} is cancelled"))),
            Kind::Ready {
                source, readiness, ..
            } => {
                let letters = readiness.letters();
                Some(at(0, '●', format!("source {source} is ready ({letters})")))
            }
            _ => None,
        });
    }
    for (_, task, result) in polls.into_iter().rev() {
        steps.push(Step::End { task, result });
    }
    steps
}

fn at(place: usize, sign: char, text: String) -> Step {
    Step::At { place, sign, text }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Absent,
    Ready,
    Running,
    Waiting,
    Done,
}

struct Figure<'a> {
    snapshot: &'a Snapshot,
    /// The lanes from top to bottom.
    lanes: Vec<Lane>,
    /// For each task its state, the column where that began, and whether its poll was woken.
    tasks: Vec<(State, usize, bool)>,
    bars: String,
    signs: String,
    marks: Vec<&'static str>,
}

impl<'a> Figure<'a> {
    fn new(snapshot: &'a Snapshot, steps: &[Step]) -> Figure<'a> {
        let (mut places, mut tasks) = ([false; PLACES.len()], Vec::new());
        let mut see = |lane: Lane| match lane {
            Lane::Place(place) => places[place] = true,
            Lane::Task(task) if tasks.contains(&task) => {}
            Lane::Task(task) => tasks.push(task),
        };
        for step in steps {
            match *step {
                Step::Begin { task }
                | Step::End { task, .. }
                | Step::Received { task }
                | Step::Clone { task, .. }
                | Step::Drop { task, .. } => see(Lane::Task(task)),
                Step::Spawn { task, parent } => {
                    parent.into_iter().for_each(|it| see(Lane::Task(it)));
                    see(Lane::Task(task));
                }
                Step::Wake { task, from, .. } => {
                    see(from);
                    see(Lane::Task(task));
                }
                Step::Arm { task, .. } => {
                    task.into_iter().for_each(|it| see(Lane::Task(it)));
                    see(Lane::Place(1));
                }
                Step::At { place, .. } => see(Lane::Place(place)),
                Step::Mark { .. } => {}
            }
        }
        let used = (0..PLACES.len()).filter(|&place| places[place]);
        let lanes = used
            .map(Lane::Place)
            .chain(tasks.into_iter().map(Lane::Task));
        Figure {
            snapshot,
            lanes: lanes.collect(),
            tasks: vec![(State::Absent, 0, false); snapshot.tasks().len()],
            bars: String::new(),
            signs: String::new(),
            marks: Vec::new(),
        }
    }

    fn name(&self, lane: Lane) -> String {
        match lane {
            Lane::Place(place) => PLACES[place].to_owned(),
            Lane::Task(task) => escape(self.snapshot.tasks()[task].label()),
        }
    }

    /// The middle of a lane.
    fn y(&self, lane: Lane) -> usize {
        let row = self.lanes.iter().position(|it| *it == lane);
        TOP + row.expect("each lane was seen") * LANE + LANE / 2
    }

    fn step(&mut self, column: usize, step: &Step) {
        match step {
            Step::Spawn { task, parent } => {
                self.enter(*task, State::Ready, column);
                if let Some(parent) = parent {
                    let title = format!(
                        "{} spawns {}",
                        self.name(Lane::Task(*parent)),
                        self.name(Lane::Task(*task))
                    );
                    self.arrow(
                        column,
                        Lane::Task(*parent),
                        Lane::Task(*task),
                        "spawn",
                        &title,
                    );
                }
            }
            Step::Begin { task } => self.enter(*task, State::Running, column),
            Step::End { task, result } => self.end(column, *task, *result),
            Step::Wake { task, from, effect } => self.wake(column, *task, *from, *effect),
            Step::Received { task } => {
                if self.tasks[*task].0 == State::Waiting {
                    self.enter(*task, State::Ready, column);
                }
                self.sign(column, Lane::Task(*task), "↓", "the loop receives the wake");
            }
            Step::Clone { task, wakers } => {
                let title = counted("a waker is cloned", *wakers);
                self.sign(column, Lane::Task(*task), "+", &title);
            }
            Step::Drop { task, wakers } => {
                let title = counted("a waker is dropped", *wakers);
                self.sign(column, Lane::Task(*task), "−", &title);
            }
            Step::Mark { name } => {
                self.marks.push(name);
                let (x, number) = (LABEL + column * CELL + CELL / 2, self.marks.len());
                let height = TOP + self.lanes.len() * LANE;
                let name = escape(name);
                let _ = writeln!(
                    self.signs,
                    "<g><title>{name}</title><text class=\"mark\" x=\"{x}\" y=\"12\">{number}\
                     </text><path class=\"lane\" d=\"M{x} {TOP}V{height}\"/></g>"
                );
            }
            Step::At { place, sign, text } => {
                self.sign(column, Lane::Place(*place), &sign.to_string(), text);
            }
            Step::Arm { task, timer } => {
                self.sign(
                    column,
                    Lane::Place(1),
                    "○",
                    &format!("timer {timer} is armed"),
                );
                if let Some(task) = task {
                    let title = format!("{} arms timer {timer}", self.name(Lane::Task(*task)));
                    let class = "timers no-effect";
                    self.arrow(column, Lane::Task(*task), Lane::Place(1), class, &title);
                }
            }
        }
    }

    fn wake(&mut self, column: usize, task: usize, from: Lane, effect: Effect) {
        let what = match effect {
            Effect::Queued => "queued",
            Effect::Coalesced => "it is already queued",
            Effect::DuringPoll => "queued again, during its own poll",
            Effect::AfterDone => "it is over",
            Effect::Sent => "sent to the loop",
        };
        let title = format!(
            "{} wakes {}: {what}",
            self.name(from),
            self.name(Lane::Task(task))
        );
        match effect {
            Effect::Queued => self.enter(task, State::Ready, column),
            Effect::DuringPoll => self.tasks[task].2 = true,
            Effect::Coalesced | Effect::AfterDone | Effect::Sent => {}
        }
        let class = match effect {
            Effect::Coalesced | Effect::AfterDone => format!("{} no-effect", from.class()),
            _ => from.class().to_owned(),
        };
        self.arrow(column, from, Lane::Task(task), &class, &title);
    }

    fn end(&mut self, column: usize, task: usize, result: End) {
        let woken = self.tasks[task].2;
        let state = match result {
            End::Pending if woken => State::Ready,
            End::Pending | End::Running => State::Waiting,
            End::Ready | End::Panicked | End::Cancelled => State::Done,
        };
        self.enter(task, state, column);
        let (sign, title) = match result {
            End::Ready => ("✓", "it has ended"),
            End::Panicked => ("!", "it has panicked"),
            End::Cancelled => ("×", "it was cancelled"),
            End::Pending | End::Running => return,
        };
        self.sign(column, Lane::Task(task), sign, title);
    }

    /// Draws the state of a task up to a column, where the next one begins.
    fn enter(&mut self, task: usize, state: State, column: usize) {
        let (before, since, _) = self.tasks[task];
        let class = match before {
            State::Ready => Some("ready"),
            State::Running => Some("running"),
            State::Waiting => Some("waiting"),
            State::Absent | State::Done => None,
        };
        if let Some(class) = class {
            let (x, width) = (LABEL + since * CELL, (column - since) * CELL);
            let y = self.y(Lane::Task(task)) - BAR / 2;
            let name = self.name(Lane::Task(task));
            let _ = writeln!(
                self.bars,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\">\
                 <title>{name}: {class}</title></rect>"
            );
        }
        self.tasks[task] = (state, column, false);
    }

    fn sign(&mut self, column: usize, lane: Lane, sign: &str, title: &str) {
        let (x, y) = (LABEL + column * CELL + CELL / 2, self.y(lane) + 4);
        let title = escape(title);
        let _ = writeln!(
            self.signs,
            "<text class=\"end\" x=\"{x}\" y=\"{y}\">{sign}<title>{title}</title></text>"
        );
    }

    /// Draws an arrow in the middle of a column. A task that wakes itself gets a small arc.
    fn arrow(&mut self, column: usize, from: Lane, to: Lane, class: &str, title: &str) {
        let (x, start, end) = (LABEL + column * CELL + CELL / 2, self.y(from), self.y(to));
        let (left, right, half) = (x - 4, x + 4, BAR / 2);
        // The tip is at the edge of the bar.
        let (line, tip, back) = if start < end {
            (
                format!("M{x} {start}V{}", end - half - 5),
                end - half,
                end - half - 6,
            )
        } else if start > end {
            (
                format!("M{x} {start}V{}", end + half + 5),
                end + half,
                end + half + 6,
            )
        } else {
            let (top, tip) = (start - half - 4, start - half);
            (
                format!("M{} {tip}Q{} {top} {x} {top}", x - 8, x - 8),
                tip,
                top,
            )
        };
        let _ = writeln!(
            self.signs,
            "<g><title>{title}</title><path class=\"{class}\" d=\"{line}\"/>\
             <polygon class=\"head {class}\" points=\"{x},{tip} {left},{back} {right},{back}\"/></g>"
        );
    }

    fn finish(mut self, columns: usize, all: usize) -> String {
        for task in 0..self.tasks.len() {
            self.enter(task, State::Done, columns);
        }
        let lanes = TOP + self.lanes.len() * LANE;
        let mut notes: Vec<String> = (1..)
            .zip(&self.marks)
            .map(|(number, name)| format!("{number}: {}", escape(name)))
            .collect();
        if columns < all {
            notes.push(format!(
                "The first {columns} of {all} steps. The page shows all of them."
            ));
        }
        let width = (LABEL + columns * CELL + CELL).max(720);
        let height = lanes + 30 + notes.len() * 16;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"wakeful-steps\" role=\"img\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <title>The steps of the recording: a lane for each task, a column for each step\
             </title>\n<style>{STYLE}</style>\n"
        );
        for &lane in &self.lanes {
            let (y, name) = (self.y(lane), self.name(lane));
            let _ = writeln!(
                svg,
                "<path class=\"lane\" d=\"M{LABEL} {y}H{width}\"/>\
                 <text x=\"0\" y=\"{}\">{}<title>{name}</title></text>",
                y + 4,
                short(&name)
            );
        }
        svg += &self.bars;
        svg += &self.signs;
        svg += &legend(lanes + 16);
        for (row, note) in notes.iter().enumerate() {
            let y = lanes + 36 + row * 16;
            let _ = writeln!(svg, "<text x=\"0\" y=\"{y}\">{note}</text>");
        }
        svg + "</svg>\n"
    }
}

fn legend(y: usize) -> String {
    let mut legend = String::new();
    let mut x = 0;
    for (class, text) in [
        ("ready", "ready"),
        ("running", "running"),
        ("waiting", "waiting"),
    ] {
        let _ = writeln!(
            legend,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\"/>\
             <text x=\"{}\" y=\"{y}\">{text}</text>",
            y - 9,
            x + 14
        );
        x += 70;
    }
    let _ = writeln!(
        legend,
        "<text x=\"{x}\" y=\"{y}\">arrow: a wake, green: a spawn, dotted: a wake without effect, or \
         a timer</text>"
    );
    legend
}

fn counted(what: &str, wakers: Option<u64>) -> String {
    wakers.map_or(what.to_owned(), |wakers| {
        format!("{what}, wakers now: {wakers}")
    })
}

/// Shortens a name to the width of the labels.
fn short(name: &str) -> String {
    match name.char_indices().nth(29) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
