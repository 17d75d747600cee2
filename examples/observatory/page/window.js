// The newest part of the trace, made of the parts that the server sends; and what is known of each
// task since this page was opened. A part names its tasks by index, and indices differ from part to
// part: here tasks have their ids.

const MOST_EVENTS = 6000, LONGEST = 30e9, MOST_OVER = 100, OWN = "observatory: ";

function newWindow() {
  return {
    events: [], tasks: new Map(), threads: ["loop"], primitives: [], kinds: [], level: 0,
    program: "", lost: 0, end: 0, ownTimers: new Set(), ownSources: new Set(), over: []
  };
}

/** Takes in a part, which `parseTrace` has checked. */
function addPart(w, raw) {
  w.kinds = raw.kinds;
  w.level = raw.level;
  w.program = raw.program;
  // The table of primitives only grows, so their indices stay valid.
  w.primitives = raw.primitives.map(({ kind, location }) =>
    ({ kind, location: String(raw.locations[location] ?? "?") }));
  w.lost += raw.lost;
  w.end = Math.max(w.end, raw.end);
  const tasks = raw.tasks.map((task) => known(w, raw, task));
  const threads = raw.threads.map((name) => {
    if (!w.threads.includes(name)) w.threads.push(name);
    return w.threads.indexOf(name);
  });
  for (const row of raw.events) {
    const kind = raw.kinds[row[0]], event = { kind: kind.name, seq: row[1] };
    kind.fields.forEach((field, i) => { event[field] = row[i + 2]; });
    for (const field of ["task", "parent"])
      event[field] = event[field] === null || event[field] === undefined
        ? null : tasks[event[field]];
    if (event.thread !== undefined) event.thread = threads[event.thread];
    if (event.origin === "task") event.from = event.from === null ? null : tasks[event.from];
    if (event.origin === "thread") event.from = threads[event.from];
    if (kind.fields.includes("name")) event.name = String(raw.names[event.name] ?? "?");
    count_in(w, event);
    event.own = isOwn(w, event);
    w.events.push(event);
  }
  // The end of a task may be among what was missed: then the part lists all that are alive.
  if (raw.lost > 0) {
    const listed = new Set(tasks);
    for (const task of w.tasks.values()) if (!listed.has(task)) task.gone = true;
  }
  raw.tasks.forEach((task, i) => { if (!task.alive) tasks[i].gone = true; });
  for (const task of w.tasks.values()) {
    if (!task.gone || task.over) continue;
    if (["waiting", "ready", "running"].includes(task.state)) task.state = "done";
    finish(w, task);
  }
  // Parts overlap a little: a poll is sent at its end, with the time of its beginning.
  w.events.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0) || a.seq - b.seq);
  const oldest = firstAtLeast(w.events, w.end - LONGEST, 0, (event) => event.ts);
  w.events.splice(0, Math.max(oldest, w.events.length - MOST_EVENTS));
}

function known(w, raw, task) {
  const id = String(task.id), text = (list, at) => (at === null ? null : String(list[at] ?? "?"));
  if (!w.tasks.has(id)) {
    const name = text(raw.names, task.name);
    w.tasks.set(id, {
      id, name, location: text(raw.locations, task.location), parent: task.parent, size: task.size,
      own: name !== null && name.startsWith(OWN), state: "waiting", polls: 0, wakes: 0,
      wakers: null, ran: 0, queued: -1, seen: 0, over: false
    });
  }
  return w.tasks.get(id);
}

/** What an event changes in what is known of its task. */
function count_in(w, event) {
  const task = event.task;
  if (event.kind === "timer_arm") w.ownTimers[task?.own ? "add" : "delete"](event.timer);
  if (event.kind === "deregister") w.ownSources.delete(event.source);
  if (!task) return;
  task.seen = Math.max(task.seen, event.ts + (event.dur ?? 0));
  switch (event.kind) {
    case "spawn": task.state = "ready"; break;
    case "poll": {
      task.polls += 1;
      task.ran += event.dur;
      const again = task.queued >= event.ts && task.queued <= event.ts + event.dur;
      if (!task.over) task.state =
        { pending: again ? "ready" : "waiting", ready: "done" }[event.result] ?? event.result;
      break;
    }
    case "wake": case "received":
      if (event.kind === "wake") {
        task.wakes += 1;
        if (!event.by_ref && task.wakers !== null) task.wakers = Math.max(0, task.wakers - 1);
        if (event.origin === "source") w.ownSources[task.own ? "add" : "delete"](event.from);
      }
      if (event.effect === "queued" || event.effect === "during_poll") {
        task.queued = event.ts;
        if (!task.over) task.state = "ready";
      }
      break;
    case "clone": task.wakers = event.wakers ?? (task.wakers ?? 0) + 1; break;
    case "drop": task.wakers = event.wakers ?? Math.max(0, (task.wakers ?? 0) - 1); break;
    case "done":
      task.wakers = event.wakers ?? task.wakers;
      task.state = event.outcome === "ready" ? "done" : event.outcome;
      finish(w, task);
      break;
    case "freed": finish(w, task); break;
  }
}

/** Tasks that are over are kept for a while, and the newest of them only. */
function finish(w, task) {
  if (task.over) return;
  task.over = true;
  w.over.push(task.id);
  while (w.over.length > MOST_OVER) w.tasks.delete(w.over.shift());
}

function isOwn(w, event) {
  if (event.task) return event.task.own;
  if (event.kind.startsWith("timer_")) return w.ownTimers.has(event.timer);
  return event.kind === "ready" && w.ownSources.has(event.source);
}

/** The window in the form of a whole trace, for `buildModel`. */
function traceOf(w, withOwn) {
  const places = new Map(), tasks = [], names = [], namePlaces = new Map();
  const name = (text) => {
    if (text === null) return null;
    if (!namePlaces.has(text)) namePlaces.set(text, names.push(text) - 1);
    return namePlaces.get(text);
  };
  const place = (task) => {
    if (!places.has(task)) places.set(task, tasks.push(task) - 1);
    return places.get(task);
  };
  const kindOf = new Map(w.kinds.map((kind, i) => [kind.name, i])), events = [];
  for (const event of w.events) {
    if (event.own && !withOwn) continue;
    const number = kindOf.get(event.kind), row = [number, event.seq];
    for (const field of w.kinds[number].fields) {
      const value = event[field];
      if (field === "task" || field === "parent") row.push(value === null ? null : place(value));
      else if (field === "from" && event.origin === "task")
        row.push(value === null ? null : place(value));
      else if (field === "name") row.push(name(value));
      else row.push(value);
    }
    events.push(row);
  }
  const locations = [],
    text = (task) => (task.location === null ? null : locations.push(task.location) - 1);
  const primitives = w.primitives.map(({ kind, location }) =>
    ({ kind, location: locations.push(location) - 1 }));
  return {
    format: "wakeful-trace", version: 1, program: w.program, level: w.level, start: 0, end: w.end,
    lost: w.lost, threads: w.threads, kinds: w.kinds, events,
    tasks: tasks.map((task) => ({
      id: task.id, name: name(task.name), location: text(task), parent: task.parent,
      size: task.size, alive: !task.over
    })), names, locations, primitives
  };
}
