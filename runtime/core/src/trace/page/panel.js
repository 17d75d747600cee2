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

/** Returns the primitives that a task began to wait for during a poll. */
function awaited(m, task, poll) {
  const end = m.ts[poll] + m.dur[poll],
    found = [];
  for (let i = poll + 1; i < m.n && m.ts[i] <= end; i++) {
    if (m.kind(i) === "await" && m.task[i] === task.index) found.push(m.get(i, "primitive"));
  }
  return found;
}

/** Returns the primitives that a task waited for more often than it was woken through them. */
function stillAwaited(m, task) {
  const left = new Map();
  for (const i of task.events) {
    const kind = m.kind(i);
    if (kind !== "await" && kind !== "wake") continue;
    const primitive = m.get(i, kind === "await" ? "primitive" : "through");
    if (primitive === null) continue;
    const n = (left.get(primitive) ?? 0) + (kind === "await" ? 1 : -1);
    left.set(primitive, Math.max(0, n));
  }
  return [...left]
    .filter(([, n]) => n > 0)
    .map(([primitive]) => primitive)
    .slice(-3);
}

/**
 * Returns the event that names the source which last woke a task, or which it registered, if the
 * source was open at a time.
 */
function lastSource(m, task, until) {
  const closed = new Set(),
    mine = new Set(task.polls);
  let poll = -1,
    found = -1;
  for (let i = 0; i < m.n && m.ts[i] <= until; i++) {
    const kind = m.kind(i);
    if (kind === "poll") poll = i;
    if (kind === "deregister") closed.add(m.get(i, "source"));
    if (kind === "register") {
      closed.delete(m.get(i, "source"));
      const during = poll >= 0 && m.ts[i] <= m.ts[poll] + m.dur[poll];
      if (during && mine.has(poll)) found = i;
    }
    if (kind === "wake" && m.get(i, "origin") === "source") {
      if (m.task[i] === task.index) found = i;
      // It woke another task, so it was given to that one.
      else if (found >= 0 && sourceOf(m, found) === m.get(i, "from")) found = -1;
    }
  }
  return found >= 0 && !closed.has(sourceOf(m, found)) ? found : -1;
}

function sourceOf(m, i) {
  return m.get(i, m.kind(i) === "wake" ? "from" : "source");
}

/** Says what a task waits for, as far as the trace shows it. */
function waitsFor(m, task, poll) {
  const end = m.ts[poll] + m.dur[poll],
    found = awaited(m, task, poll).map((primitive) => [`the ${m.primitive(primitive)}`]);
  for (let i = poll + 1; i < m.n && m.ts[i] <= end; i++) {
    if (m.kind(i) === "submit") found.push([at(i, `job ${m.get(i, "job")} of the blocking pool`)]);
  }
  // What was dropped with a cancelled task was there while it waited.
  const dropped = (i) =>
    task.done >= 0 && m.kind(i) === "timer_cancel" && m.ts[i] > m.ts[poll] + m.dur[poll];
  for (const i of task.events) {
    if (m.kind(i) !== "timer_arm") continue;
    const ended = timerLife(m, i)?.end ?? -1;
    if (ended < 0 || dropped(ended)) found.push([at(i, `timer ${m.get(i, "timer")}`)]);
  }
  const list = (start, those) =>
    those.flatMap((one, k) => [
      k === 0 ? start : ", ",
      ...one,
      ...(k === those.length - 1 ? ["."] : []),
    ]);
  const known = found.length > 0,
    wait = task.done >= 0 ? "have waited" : "wait",
    cause = known ? null : causeOf(m, poll),
    woke = cause && m.kind(cause.event) === "wake" ? cause.event : -1,
    still = stillAwaited(m, task),
    earlier = still.map((primitive) => [`the ${m.primitive(primitive)}`]);
  if (woke >= 0 && still.includes(m.get(woke, "through"))) {
    return [
      " Before that poll, ",
      wakerLink(m, woke),
      ` woke it${through(m, woke)}, but the poll may not have reached the future that was woken.`,
    ];
  }
  if (known) return list(" For: ", found);
  const source = m.raw.level >= 2 ? lastSource(m, task, task.done >= 0 ? end : Infinity) : -1,
    perhaps = [];
  if (source >= 0) {
    const what = `source ${sourceName(sourceOf(m, source))} of the reactor`,
      how = m.kind(source) === "wake" ? "which woke it last" : "which it registered";
    perhaps.push(...list(` It may ${wait} for: `, [[at(source, what), `, ${how}`]]));
  }
  // A wait that was dropped leaves no event, so these are guesses as well.
  if (earlier.length > 0)
    perhaps.push(...list(` It may ${wait}, since an earlier poll, for: `, earlier));
  if (perhaps.length > 0) return perhaps;
  if (m.raw.level >= 3) return [];
  return [
    " The trace does not show for what. Recorded at Level::Clones, it shows whether a waker of " +
      "the task is left.",
  ];
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
  if (wasCancelled(m, task)) return howCancelled(m, task);
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

/** Says in what state a task was cancelled, and what it waited for. */
function howCancelled(m, task) {
  const cancelled = at(task.done, "It was cancelled"),
    poll = task.polls.findLast((i) => m.get(i, "result") !== "cancelled");
  if (poll === undefined) return [cancelled, "; its code never ran."];
  if (m.get(poll, "result") !== "pending") return [cancelled, "."];
  const waited = duration(Math.max(0, m.ts[task.done] - m.ts[poll] - m.dur[poll])),
    queued = (i) => i > poll && ["wake", "received"].includes(m.kind(i)) && queues(m, i);
  if (task.events.some(queued)) return [cancelled, ", after it had been woken, before its poll."];
  return [
    cancelled,
    `, after it had waited for ${waited}, since `,
    at(poll, "its last poll"),
    ".",
    ...waitsFor(m, task, poll),
  ];
}

function queues(m, i) {
  return ["queued", "during_poll"].includes(m.get(i, "effect"));
}

function wasCancelled(m, task) {
  return task.done >= 0 && m.get(task.done, "outcome") === "cancelled";
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

/**
 * Puts the tasks into one list that wait for the same primitive, and for nothing else. Each list
 * stands in the place of its first task.
 */
function groups(m, tasks) {
  const lists = [],
    byPrimitive = new Map();
  for (const task of tasks) {
    const last = task.polls[task.polls.length - 1],
      waits = !task.lost && task.done < 0 && last !== undefined;
    const found = waits && task.states.what.at(-1) === WAITING ? awaited(m, task, last) : [];
    const key = found.length === 1 ? found[0] : null;
    if (key !== null && byPrimitive.has(key)) byPrimitive.get(key).push(task);
    else {
      lists.push([task]);
      if (key !== null) byPrimitive.set(key, lists[lists.length - 1]);
    }
  }
  return lists;
}

/** Says why tasks do not go on that wait for the same. */
function whyNotAll(m, [first, ...others]) {
  const named = others.slice(0, 2),
    more = others.length - named.length;
  const names = named.flatMap((task) => [", ", link(task.index)]);
  const rest = more > 0 ? [` and ${more.toLocaleString("en")} more`] : [];
  if (others.length === 0) return [link(first.index), ": ", ...whyNot(m, first)];
  const since = first.states.start.at(-1),
    last = first.polls[first.polls.length - 1];
  return [
    link(first.index),
    ...names,
    ...rest,
    `: Each waits for a wake, the first for ${duration(m.end - since)} already, since `,
    at(last, "its last poll"),
    `. For: the ${m.primitive(awaited(m, first, last)[0])}.`,
  ];
}

/** Answers the questions about the whole trace. */
function showOverview(pane, m, go) {
  const answers = (list) =>
    element("ul", {}, ...list.map((parts) => element("li", {}, ...linked(m, parts, go))));
  const most = 12,
    open = m.tasks.filter((task) => task.lost || isOpen(task) || wasCancelled(m, task)),
    woken = m.tasks.filter((task) => task.events.length > 0);
  // Lost ones first, and those last that were cancelled.
  const rank = (task) => (task.lost ? 0 : wasCancelled(m, task) ? 2 : 1);
  open.sort((a, b) => rank(a) - rank(b));
  const rest = (list) =>
    list.length > most
      ? [[`and ${count(list.flat().length - list.slice(0, most).flat().length, "task")} more`]]
      : [];
  const lists = groups(m, open);
  const stuck = [...lists.slice(0, most).map((list) => whyNotAll(m, list)), ...rest(lists)];
  const each = woken.slice(0, most).map((task) => [link(task.index), ": ", ...whoWoke(m, task)]);
  pane.replaceChildren(
    element("h2", {}, "What held up the loop?"),
    element("p", {}, ...linked(m, heldLoop(m), go)),
    element("h2", {}, "Which tasks do not go on?"),
    open.length === 0 ? element("p", {}, "All tasks have ended.") : answers(stuck),
    element("h2", {}, "Who woke each task?"),
    answers([...each, ...rest(woken)]),
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
