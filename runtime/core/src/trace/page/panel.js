// The panel beside the lanes: facts of a task, red flags, help. Text from a trace is no markup.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Returns a sentence with its links. */
function linked(m, parts, go) {
  return parts.map((part) => {
    if (typeof part === "string") return part;
    const text = part.text ?? m.tasks[part.task]?.label ?? "a task";
    const to = part.event !== undefined ? () => go.event(part.event) : () => go.task(part.task);
    return element("button", { class: "go", type: "button", onclick: to }, text);
  });
}

function tallied(map) {
  return map.size === 0
    ? "none"
    : [...map].map(([what, n]) => `${n.toLocaleString("en")} ${what}`).join(", ");
}

/** Returns the event that woke: as a link to its task, or else as a link to the event. */
function wakerLink(m, i) {
  const from = m.get(i, "from");
  return m.get(i, "origin") === "task" && m.tasks[from] ? link(from) : at(i, wakerName(m, i));
}

/** Wakes of timers and of closures are counted together: each has a number of its own. */
const MANY = { timer: "timers", blocking: "jobs of the blocking pool" };

/** Says who woke a task, the most frequent wakers first, and links to each. */
function whoWoke(m, task) {
  const { wakes } = task;
  if (wakes.length === 0) {
    const never = m.raw.level < 2 ? "Wakes are not recorded at this level." : "Nothing woke it.";
    return [task.spawn >= 0 ? `${never} Its spawn queued it for the first poll.` : never];
  }
  const byWaker = new Map();
  for (const i of wakes) {
    const origin = m.get(i, "origin"),
      key = origin in MANY ? origin : `${origin} ${m.get(i, "from")} ${m.get(i, "thread")}`;
    if (!byWaker.has(key)) byWaker.set(key, []);
    byWaker.get(key).push(i);
  }
  const most = [...byWaker.values()].sort((a, b) => b.length - a.length),
    last = wakes[wakes.length - 1];
  const parts = most.slice(0, 6).flatMap((its, k) => {
    const newest = its[its.length - 1],
      differ = its.some((i) => m.get(i, "from") !== m.get(newest, "from"));
    return [
      k > 0 ? ", " : "",
      differ ? at(newest, MANY[m.get(newest, "origin")]) : wakerLink(m, newest),
      isSelfWake(m, newest) ? " (itself)" : "",
      its.length > 1 ? ` (${count(its.length, "time")})` : "",
    ];
  });
  if (most.length > 6) parts.push(` and ${most.length - 6} more`);
  return [...parts, ". The last time at ", at(last, duration(m.ts[last])), "."];
}

/** Says what a task waits for, as far as its last poll shows it. */
function waitsFor(m, task, poll) {
  const end = m.ts[poll] + m.dur[poll],
    found = [];
  for (let i = poll + 1; i < m.n && m.ts[i] <= end; i++) {
    if (m.kind(i) === "await" && m.task[i] === task.index)
      found.push([`the ${m.primitive(m.get(i, "primitive"))}`]);
    if (m.kind(i) === "submit") found.push([at(i, `job ${m.get(i, "job")} of the blocking pool`)]);
  }
  for (const i of task.events) {
    if (m.kind(i) === "timer_arm" && (timerLife(m, i)?.end ?? -1) < 0)
      found.push([at(i, `timer ${m.get(i, "timer")}`)]);
  }
  return found.flatMap((one, k) => [
    k === 0 ? " For: " : ", ",
    ...one,
    ...(k === found.length - 1 ? ["."] : []),
  ]);
}

/** Says why a task does not go on at the end of the trace, or how it ended. */
function whyNot(m, task) {
  const { polls, states, lost } = task,
    k = states.what.length - 1,
    last = polls[polls.length - 1];
  if (lost) {
    const when = [
      " Since ",
      at(lost.event, duration(lost.t)),
      `, for ${duration(lost.until - lost.t)}.`,
    ];
    const end = lost.endedBy >= 0 ? [" Then ", at(lost.endedBy, "it was cancelled"), "."] : [];
    const what = lost.why === "kept" ? "Its wakeup was lost" : "Nothing could wake it";
    return [`${what}: ${LOST[lost.why]}${markedInPoll(m, lost)}.`, ...when, ...end];
  }
  if (task.done >= 0) return sentence(m, task.done);
  const since = k >= 0 ? m.end - states.start[k] : 0;
  if (last === undefined)
    return ["It was not polled yet", task.spawn >= 0 ? ": it is in the run queue." : "."];
  if (states.what[k] === READY)
    return ["It is ", at(states.event[k], "in the run queue"), `, for ${duration(since)} already.`];
  if (states.what[k] === RUNNING)
    return [
      at(last, "Its poll"),
      ` was still running at the end of the trace, after ${duration(since)}.`,
    ];
  if (states.what[k] !== WAITING) return ["It has ended."];
  const live = m.raw.level >= 3 ? liveWakers(m, task, Infinity) : null;
  return [
    `It waits for a wake, for ${duration(since)} already, since `,
    at(last, "its last poll"),
    ".",
    ...waitsFor(m, task, last),
    live ? ` ${count(live.n, "waker")} of it exist${live.n === 1 ? "s" : ""}.` : "",
  ];
}

/** Whether a task had not ended at the end of the trace. */
function isOpen({ done, freed, events, states }) {
  return done < 0 && freed < 0 && events.length > 0 && !(states.what.at(-1) >= DONE);
}

/** Says which polls held the loop. */
function heldLoop(m) {
  const one = (i) => [link(m.task[i]), ", ", at(i, duration(m.dur[i])), ` at ${duration(m.ts[i])}`];
  const long = [...m.stalls.event].sort((a, b) => m.dur[b] - m.dur[a]).slice(0, 5);
  if (long.length > 0) {
    return [
      ...long.flatMap((i, k) => [k > 0 ? "; " : "", ...one(i)]),
      ". Meanwhile no other task, timer or socket was served.",
    ];
  }
  let longest = -1;
  m.exec.event.forEach((i, k) => {
    if (m.exec.what[k] === RUNNING && (longest < 0 || m.dur[i] > m.dur[longest])) longest = i;
  });
  if (longest < 0) return ["No poll is recorded."];
  return ["Nothing for more than 10 ms. The longest poll: ", ...one(longest), "."];
}

function didHold(m, task) {
  const { longest, long } = facts(m, task);
  if (longest < 0) return ["It was not polled."];
  return task.polls.some((i) => m.stalled[i] === 1)
    ? [
        "Yes: ",
        at(longest, `a poll of ${duration(m.dur[longest])}`),
        long.length > 1 ? `, one of ${long.length} long ones.` : ".",
      ]
    : ["No. ", at(longest, "Its longest poll"), ` took ${duration(m.dur[longest])}.`];
}

/** Answers the questions about the whole trace. */
function showOverview(pane, m, go) {
  const answers = (list) =>
    element("ul", {}, ...list.map((parts) => element("li", {}, ...linked(m, parts, go))));
  const most = 12,
    open = m.tasks.filter((task) => task.lost || isOpen(task)),
    woken = m.tasks.filter((task) => task.events.length > 0);
  open.sort((a, b) => Number(Boolean(b.lost)) - Number(Boolean(a.lost)));
  const rest = (list) =>
    list.length > most ? [[`and ${count(list.length - most, "task")} more`]] : [];
  const each = (list, answer) => [
    ...list.slice(0, most).map((task) => [link(task.index), ": ", ...answer(m, task)]),
    ...rest(list),
  ];
  pane.replaceChildren(
    element("h2", {}, "What held up the loop?"),
    element("p", {}, ...linked(m, heldLoop(m), go)),
    element("h2", {}, "Which tasks do not go on?"),
    open.length === 0 ? element("p", {}, "All tasks have ended.") : answers(each(open, whyNot)),
    element("h2", {}, "Who woke each task?"),
    answers(each(woken, whoWoke)),
    element("p", { class: "dim" }, "Select a task for more about it."),
  );
}

/** Returns questions and answers about one task. */
function taskAnswers(m, task) {
  const f = facts(m, task),
    last = f.wakers[f.wakers.length - 1];
  const answers = [
    ["Who woke it?", whoWoke(m, task)],
    [task.done >= 0 && !task.lost ? "How did it end?" : "Why does it not go on?", whyNot(m, task)],
    ["Did it hold up the loop?", didHold(m, task)],
    [
      "Where does it come from?",
      task.parent >= 0
        ? [link(task.parent), ` spawned it${task.location ? ` at ${task.location}` : ""}.`]
        : [task.location ? `Spawned at ${task.location}.` : "Its spawn is not in the trace."],
    ],
  ];
  if (task.size > 0) answers.push(["How big is its future?", [count(task.size, "byte")]]);
  if (f.first >= 0) answers.push(["What did its first poll return?", sentence(m, f.first)]);
  answers.push([
    "How often was it polled?",
    [`${count(task.polls.length, "poll")}, ${duration(f.busy)} in all: ${tallied(f.results)}.`],
  ]);
  answers.push([
    "What called its wakers?",
    [
      `${count(task.wakes.length, "wake")}, by origin: ${tallied(f.origins)}; ` +
        `${f.byRef.toLocaleString("en")} by reference.`,
    ],
  ]);
  answers.push([
    "What did the wakes do?",
    [
      `${tallied(f.effects)}. ` +
        `${count(task.wakes.length, "wake")}, ${count(task.polls.length, "poll")}.`,
    ],
  ]);
  if (f.worst)
    answers.push([
      "How long from wake to poll?",
      [
        `half within ${duration(f.delays.p50)}, 99 % within ${duration(f.delays.p99)}; `,
        at(f.worst.poll, `the longest ${duration(f.delays.max)}`),
      ],
    ]);
  if (f.self > 0) answers.push(["Did it wake itself?", [`${count(f.self, "time")}.`]]);
  if (f.empty.length > 0)
    answers.push([
      "Was it polled with nothing ready?",
      [at(f.empty[0], count(f.empty.length, "time"))],
    ]);
  if (m.raw.level >= 3) {
    answers.push([
      "What was cloned and dropped?",
      [
        `${count(f.clones, "clone")} and ${count(f.drops, "drop")} of wakers.`,
        ...(last
          ? [" ", at(last.event, `${count(last.n, "waker")} live`), " at the last of them."]
          : []),
      ],
    ]);
  }
  if (task.made.length > 0) answers.push(["Which tasks did it wake?", wokenBy(m, task)]);
  return answers;
}

function wokenBy(m, task) {
  const woken = [...tally(task.made, (i) => m.task[i])]
    .filter(([to]) => to >= 0)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 8);
  return woken.flatMap(([to, n], i) => [
    i > 0 ? ", " : "",
    link(to),
    ` (${n.toLocaleString("en")})`,
  ]);
}

function showTask(pane, m, task, go) {
  if (!task) {
    pane.replaceChildren(element("p", {}, "Choose a task in the list, or click into its lane."));
    return;
  }
  const list = element("dl");
  for (const [question, answer] of taskAnswers(m, task)) {
    list.append(element("dt", {}, question), element("dd", {}, ...linked(m, answer, go)));
  }
  const flags = task.flags.map((flag) => flagLine(m, flag, go, false));
  pane.replaceChildren(
    element("h2", {}, task.label),
    element("div", { class: "id" }, `task ${task.id}`),
    ...(flags.length > 0 ? [element("ul", {}, ...flags)] : []),
    list,
  );
}

function flagLine(m, flag, go, named) {
  const to = element(
    "button",
    { class: "go bad", type: "button", onclick: () => go.event(flag.event) },
    flag.what,
  );
  return element(
    "li",
    {},
    to,
    named ? ` ${m.tasks[flag.task].label}: ${flag.text}.` : `: ${flag.text}.`,
  );
}

function showFlags(pane, m, flags, go) {
  const most = 200,
    rest = flags.length - most;
  pane.replaceChildren(
    flags.length === 0
      ? element("p", {}, "Nothing looks wrong in this trace.")
      : element("ul", {}, ...flags.slice(0, most).map((flag) => flagLine(m, flag, go, true))),
    ...(rest > 0
      ? [element("p", {}, `and ${count(rest, "flag")} more; the list of tasks marks them.`)]
      : []),
    element("h2", {}, "Rules"),
    element(
      "dl",
      {},
      ...FLAG_RULES.flatMap(([what, rule]) => [element("dt", {}, what), element("dd", {}, rule)]),
    ),
  );
}

function showHelp(pane) {
  const keys = [
    ["← →", "one event back or on"],
    ["Shift ← →", "the same, of the selected task alone"],
    ["↑ ↓", "another task"],
    ["p", "play: one event after the other"],
    ["s", "one column for each event, or real time"],
    ["z", "zoom to the event"],
    ["+ − 0", "zoom in, out, show all"],
    ["wheel", "zoom at the pointer; with Shift, move"],
    ["drag", "move"],
    ["/", "find a task, or an event by # and its number"],
    ["Esc", "close a list, clear the search"],
  ];
  pane.replaceChildren(
    element("h2", {}, "How to read it"),
    element(
      "p",
      {},
      "Each lane is a line of time. A task waits until its waker is called. Then it is ready, in " +
        "the run queue; the loop polls it, it runs, and waits again. An arrow leads from the call " +
        "of a waker to the poll that it caused; its colour shows the origin of the wake.",
    ),
    element(
      "p",
      {},
      "A line that ends in a bar is a wake that queued nothing. A diamond is a mark. A tick, a bar " +
        "and a cross at the end of a lane: the task finished, was cancelled, or panicked. Red " +
        "slanted lines begin where a task was lost: nothing could wake it any more.",
    ),
    element(
      "p",
      {},
      "The executor's lane shows its polls, and the sleep in the reactor between them. A poll " +
        "that held the loop for too long is red.",
    ),
    element(
      "dl",
      {},
      ...keys.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]),
    ),
  );
}

const LOST_STRIPES = "repeating-linear-gradient(135deg, var(--bad) 0 2px, var(--waiting) 2px 5px)";

function showLegend(box) {
  const entry = (colour, text) =>
    element("span", {}, element("i", { style: `background:${colour}` }), text);
  box.replaceChildren(
    ...["waiting", "ready", "running"].map((state) => entry(`var(--${state})`, state)),
    entry("var(--done)", "✓ finished"),
    entry("var(--cancelled)", "− cancelled"),
    entry("var(--panicked)", "× panicked"),
    entry(LOST_STRIPES, "lost"),
    element("span", {}, "◆ mark"),
    entry("var(--bad)", "stall, or a poll of more than 10 ms"),
    element("span", {}, "arrows, by origin of the wake:"),
    ...Object.entries(ORIGIN_COLOURS).map(([origin, colour]) =>
      entry(colour, origin === "source" ? "reactor" : origin),
    ),
  );
}
