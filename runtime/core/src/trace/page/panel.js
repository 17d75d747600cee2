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

/** Returns questions and answers about one task. */
function taskAnswers(m, task) {
  const f = facts(m, task),
    last = f.wakers[f.wakers.length - 1];
  const answers = [
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
  if (f.longest >= 0)
    answers.push(["Its longest poll?", [at(f.longest, duration(m.dur[f.longest]))]]);
  answers.push([
    "What woke it?",
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
  if (task.done >= 0) answers.push(["How did it end?", sentence(m, task.done)]);
  else
    answers.push([
      "Why does it not continue?",
      [
        ["It waits for a wake.", "It is in the run queue.", "It is being polled.", "It is done."][
          task.states.what[task.states.what.length - 1]
        ] ?? "The trace does not show it.",
      ],
    ]);
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
    ["+ − 0", "zoom in, out, show all"],
    ["wheel", "zoom at the pointer; with Shift, move"],
    ["drag", "move"],
    ["/", "find a task, or an event by # and its number"],
  ];
  pane.replaceChildren(
    element("h2", {}, "How to read it"),
    element(
      "p",
      {},
      "Each lane is a line of time. A task waits until its waker is called. Then it is ready, in the run queue; the loop polls it, it runs, and waits again. An arrow leads from the call of a waker to the poll that it caused; its colour shows the origin of the wake.",
    ),
    element(
      "p",
      {},
      "The executor's lane shows its polls, and the sleep in the reactor between them. A poll that held the loop for too long is red.",
    ),
    element(
      "dl",
      {},
      ...keys.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)]),
    ),
  );
}

function showLegend(box) {
  const entry = (colour, text) =>
    element("span", {}, element("i", { style: `background:${colour}` }), text);
  box.replaceChildren(
    ...["waiting", "ready", "running", "done"].map((state) => entry(`var(--${state})`, state)),
    entry("var(--bad)", "stall, or a poll of more than 10 ms"),
    element("span", {}, "arrows, by origin of the wake:"),
    ...Object.entries(ORIGIN_COLOURS).map(([origin, colour]) =>
      entry(colour, origin === "source" ? "reactor" : origin),
    ),
  );
}
