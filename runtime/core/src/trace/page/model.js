// The trace, checked and ordered: arrays of times, the states of each task, the cause of each poll.

const WAITING = 0,
  READY = 1,
  RUNNING = 2,
  DONE = 3,
  CANCELLED = 4,
  PANICKED = 5;
/** The state after a poll, by its result. */
const AFTER = {
  pending: WAITING,
  ready: DONE,
  cancelled: CANCELLED,
  panicked: PANICKED,
  running: RUNNING,
};

/** Parses the text of `script#trace`; throws an error with a sentence for the reader. */
function parseTrace(text) {
  if (text.trim() === "")
    throw new Error("There is no trace in this file: the element that holds it is empty.");
  if (text.trim() === "__" + "WAKEFUL_TRACE__")
    throw new Error("This is the page without a trace.");
  let raw;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new Error("The trace in this file is not valid JSON: " + error.message);
  }
  checkTrace(raw);
  return raw;
}

function checkTrace(raw) {
  if (raw === null || typeof raw !== "object" || raw.format !== "wakeful-trace") {
    throw new Error(
      'The JSON in this file is not a Wakeful trace: its `format` should be "wakeful-trace".',
    );
  }
  if (raw.version !== 1) {
    throw new Error(
      `This page reads version 1 of the format, and the trace has version ${String(raw.version)}.`,
    );
  }
  for (const key of ["locations", "names", "threads", "tasks", "kinds", "events"]) {
    if (!Array.isArray(raw[key])) throw new Error(`The trace has no list \`${key}\`.`);
  }
  raw.kinds.forEach((kind, i) => {
    if (!kind || typeof kind.name !== "string" || !Array.isArray(kind.fields)) {
      throw new Error(`Kind ${i} of the trace has no name or no fields.`);
    }
  });
  raw.events.forEach((row, i) => {
    const kind = Array.isArray(row) ? raw.kinds[row[0]] : undefined;
    if (!kind || row.length !== kind.fields.length + 2) {
      throw new Error(`Event ${i} of the trace does not fit its kind: ${JSON.stringify(row)}`);
    }
    if (!Number.isFinite(row[2 + kind.fields.indexOf("ts")])) {
      throw new Error(`Event ${i} of the trace has no time: ${JSON.stringify(row)}`);
    }
    const task = row[2 + kind.fields.indexOf("task")];
    if (kind.fields.includes("task") && task !== null && !raw.tasks[task]) {
      throw new Error(
        `Event ${i} names task ${String(task)}, and the trace has ${raw.tasks.length} tasks.`,
      );
    }
  });
}

function buildModel(raw) {
  const n = raw.events.length;
  const places = raw.kinds.map((kind) => new Map(kind.fields.map((field, i) => [field, i + 2])));
  const m = {
    raw,
    n,
    threads: raw.threads,
    ts: new Float64Array(n),
    dur: new Float64Array(n),
    task: new Int32Array(n),
    bySeq: new Map(),
    receivedOf: new Map(),
    timers: new Map(),
    counts: new Map(),
    exec: slices(),
    stalls: slices(),
    stalled: new Uint8Array(n),
    reactor: [],
    timer: [],
    thread: raw.threads.map(() => []),
    // Marks and spans outside of tasks, and the wakes that queued nothing.
    marks: [],
    spans: [],
    idle: [],
    kind: (i) => raw.kinds[raw.events[i][0]].name,
    get(i, field) {
      const place = places[raw.events[i][0]].get(field);
      return place === undefined ? null : raw.events[i][place];
    },
    seq: (i) => raw.events[i][1],
    name: (index) => String(raw.names[index] ?? "?"),
    primitive(index) {
      const { kind, location } = raw.primitives?.[index] ?? { kind: "primitive", location: -1 };
      return `${kind} made at ${raw.locations[location] ?? "?"}`;
    },
  };
  const ids = new Map(raw.tasks.map((task, i) => [task.id, i]));
  m.tasks = raw.tasks.map((task, i) => newTask(raw, ids, task, i));
  let end = Number(raw.end) || 0;
  for (let i = 0; i < n; i++) {
    m.ts[i] = m.get(i, "ts");
    m.dur[i] = m.get(i, "dur") ?? 0;
    m.task[i] = m.get(i, "task") ?? -1;
    m.bySeq.set(m.seq(i), i);
    m.counts.set(m.kind(i), (m.counts.get(m.kind(i)) ?? 0) + 1);
    end = Math.max(end, m.ts[i] + m.dur[i]);
  }
  m.end = Math.max(end, 1);
  for (let i = 0; i < n; i++) sortIn(m, i);
  for (const task of m.tasks) buildStates(m, task);
  sum(m.exec);
  findStalls(m);
  sum(m.stalls);
  buildArrows(m);
  return m;
}

function newTask(raw, ids, task, index) {
  const text = (list, at) => (at === null || at === undefined ? null : String(list[at] ?? "?"));
  const name = text(raw.names, task.name);
  const location = text(raw.locations, task.location);
  const short = location === null ? `task ${task.id}` : location.replace(/^.*[\\/]/, "");
  return {
    index,
    name,
    location,
    id: String(task.id),
    label: name ?? short,
    parent: ids.get(task.parent) ?? -1,
    size: task.size,
    alive: task.alive,
    events: [],
    polls: [],
    wakes: [],
    made: [],
    arrows: [],
    marks: [],
    spans: [],
    states: slices(),
    spawn: -1,
    done: -1,
    freed: -1,
  };
}

/** Returns spans that do not overlap, in order. `sum[i]` is the length of all spans before `i`. */
function slices() {
  return { start: [], end: [], what: [], event: [], sum: [0] };
}

function slice(list, start, end, what, event) {
  list.start.push(start);
  list.end.push(Math.max(start, end));
  list.what.push(what);
  list.event.push(event);
}

function sum(list) {
  for (let i = 0; i < list.start.length; i++) {
    const ran = list.what[i] === RUNNING ? list.end[i] - list.start[i] : 0;
    list.sum.push(list.sum[i] + ran);
  }
}

/** Returns the polls that were a stall for the recorder, and those above the limit of this page. */
function findStalls(m) {
  const reported = new Set();
  for (let i = 0; i < m.n; i++) {
    if (m.kind(i) === "stall") reported.add(`${m.ts[i]} ${m.task[i]}`);
  }
  m.exec.event.forEach((i, k) => {
    if (
      m.exec.what[k] !== RUNNING ||
      (m.dur[i] <= LONG_POLL && !reported.has(`${m.ts[i]} ${m.task[i]}`))
    )
      return;
    m.stalled[i] = 1;
    slice(m.stalls, m.exec.start[k], m.exec.end[k], RUNNING, i);
  });
}

/** Adds an event to the lists of the lanes that show it. */
function sortIn(m, i) {
  const kind = m.kind(i),
    task = m.tasks[m.task[i]],
    from = m.get(i, "from");
  if (task) task.events.push(i);
  switch (kind) {
    case "spawn":
      if (task) task.spawn = i;
      break;
    case "done":
      if (task) task.done = i;
      break;
    case "freed":
      if (task) task.freed = i;
      break;
    case "poll":
      task?.polls.push(i);
      slice(m.exec, m.ts[i], m.ts[i] + m.dur[i], RUNNING, i);
      break;
    case "wait":
      slice(m.exec, m.ts[i], m.ts[i] + m.dur[i], WAITING, i);
      break;
    case "wake":
      task?.wakes.push(i);
      if (m.get(i, "origin") === "task" && m.tasks[from]) m.tasks[from].made.push(i);
      if (["coalesced", "after_done"].includes(m.get(i, "effect"))) m.idle.push(i);
      break;
    case "mark":
    case "span":
      (task ?? m)[`${kind}s`].push(i);
      break;
    case "received":
      if (m.get(i, "sent") !== null) m.receivedOf.set(m.get(i, "sent"), i);
      break;
    case "ready":
    case "register":
    case "deregister":
    case "drain":
      m.reactor.push(i);
      break;
    case "timer_arm":
    case "timer_fire":
    case "timer_cancel":
      sortTimer(m, i, kind);
      break;
  }
  const thread = m.get(i, "thread");
  if (thread > 0 && m.thread[thread]) m.thread[thread].push(i);
}

function sortTimer(m, i, kind) {
  m.timer.push(i);
  const key = m.get(i, "timer");
  const lives = m.timers.get(key) ?? [];
  if (kind === "timer_arm" || lives.length === 0)
    lives.push({ arm: kind === "timer_arm" ? i : -1, end: -1 });
  if (kind !== "timer_arm") lives[lives.length - 1].end = i;
  m.timers.set(key, lives);
}

/** Returns the arming of a timer to which an event belongs: a timer may be armed many times. */
function timerLife(m, i) {
  const lives = m.timers.get(m.get(i, "timer")) ?? [];
  return lives.find((life) => life.arm === i || life.end === i);
}

/** Returns the states of a task (waiting, ready, running, ended), from spawns, wakes and polls. */
function buildStates(m, task) {
  let since = 0,
    state = -1,
    event = -1;
  const turn = (at, next, by) => {
    if (state >= 0 && at > since) slice(task.states, since, at, state, event);
    since = Math.max(since, at);
    state = next;
    event = by;
  };
  for (const i of task.events) {
    const kind = m.kind(i),
      at = m.ts[i];
    if (kind === "spawn") turn(at, READY, i);
    if (kind === "poll") {
      const result = m.get(i, "result");
      if (state < 0) state = WAITING;
      turn(at, RUNNING, i);
      turn(at + m.dur[i], AFTER[result] ?? DONE, i);
    }
    if (kind === "done" && state < DONE)
      turn(Math.max(at, since), Math.max(DONE, AFTER[m.get(i, "outcome")] ?? DONE), i);
    if (kind === "freed") turn(Math.max(at, since), -1, i);
    const effect = kind === "wake" || kind === "received" ? m.get(i, "effect") : "";
    if ((effect === "queued" || effect === "during_poll") && (state === WAITING || state < 0)) {
      if (state < 0) state = WAITING;
      turn(Math.max(at, since), READY, i);
    }
  }
  if (state < 0 && task.events.length === 0 && task.alive) state = WAITING;
  turn(m.end, -1, -1);
  sum(task.states);
}

/** Returns what queued a poll: the spawn, or the wake, with its arrival if from another thread. */
function causeOf(m, poll) {
  const seq = m.get(poll, "cause");
  const first = seq === null ? undefined : m.bySeq.get(seq);
  if (first === undefined) return null;
  if (m.kind(first) !== "received") return { event: first, queued: first };
  const sent = m.get(first, "sent");
  return { event: sent === null ? first : (m.bySeq.get(sent) ?? first), queued: first };
}

function originOf(m, i) {
  const kind = m.kind(i);
  return kind === "wake" ? m.get(i, "origin") : kind === "spawn" ? "spawn" : "outside";
}

/** Returns the lane of the origin of an event: the index of a task, or the name of a lane. */
function laneOf(m, i) {
  const kind = m.kind(i),
    thread = m.get(i, "thread");
  if (kind === "spawn") return m.get(i, "parent") ?? "exec";
  if (kind === "wake") {
    const origin = m.get(i, "origin");
    if (origin === "task") return m.get(i, "from") ?? "exec";
    if (origin === "source") return "reactor";
    if (origin === "timer") return "timers";
    return thread > 0 ? `thread ${thread}` : "exec";
  }
  if (kind === "received" || kind === "wait" || kind === "submit" || kind === "lost") return "exec";
  if (kind === "ready" || kind === "register" || kind === "deregister" || kind === "drain")
    return "reactor";
  if (kind.startsWith("timer_")) return "timers";
  if (kind === "blocking") return `thread ${thread}`;
  return m.task[i] >= 0 ? m.task[i] : "exec";
}

/** Returns an arrow for each poll with a known cause, in the order of the polls. */
function buildArrows(m) {
  for (const task of m.tasks) {
    for (const poll of task.polls) task.arrows.push(...arrowTo(m, poll));
  }
  m.arrows = m.tasks.flatMap((task) => task.arrows);
  m.arrows.sort((a, b) => a.poll - b.poll);
  findStarts(m);
}

function findStarts(m) {
  const all = m.arrows;
  // From here on, no arrow starts before this one, so a search from the left can stop.
  m.arrowStarts = new Float64Array(all.length);
  let first = Infinity;
  for (let i = all.length - 1; i >= 0; i--) {
    first = Math.min(first, m.ts[all[i].wake]);
    m.arrowStarts[i] = first;
  }
}

function arrowTo(m, poll) {
  const cause = causeOf(m, poll);
  if (cause === null) return [];
  return [
    { poll, wake: cause.event, from: laneOf(m, cause.event), origin: originOf(m, cause.event) },
  ];
}

/** Returns the first index from `low` on whose key is at least `x`, in a list sorted by `key`. */
function firstAtLeast(list, x, low = 0, key = (one) => one) {
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the same for a list of events, by their times. */
function firstEventAt(m, events, t) {
  return firstAtLeast(events, t, 0, (event) => m.ts[event]);
}
