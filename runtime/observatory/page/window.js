// The newest part of the trace, made of the parts that the server sends; and what is known of each
// task since this page was opened. A part names its tasks by index, and indices differ from part to
// part: here tasks have their ids.

const MOST_EVENTS = 60000, LONGEST = 31e9, MOST_OVER = 200, OWN = "observatory: ";

function newWindow() {
  return {
    events: [], tasks: new Map(), byNumber: new Map(), threads: ["loop"], primitives: [], kinds: [],
    level: 0, program: "", lost: 0, leftOut: 0, end: 0, ownTimers: new Set(),
    ownSources: new Set(), over: [], gaps: [], places: [], totals: null, fresh: [], trimmed: 0,
    slept: 0
  };
}

/** Takes in a part, which `parseTrace` has checked. The new events are in `w.fresh`. */
function addPart(w, raw) {
  const before = w.end, loop = loopOf(w, raw);
  w.kinds = raw.kinds;
  w.level = raw.level;
  w.program = raw.program;
  // The table of primitives only grows, so their indices stay valid.
  w.primitives = raw.primitives.map(({ kind, location }) =>
    ({ kind, location: String(raw.locations[location] ?? "?") }));
  w.lost += raw.lost;
  w.end = Math.max(w.end, raw.end);
  w.totals = raw.totals;
  const earlier = new Map(w.places.map((place) => [place.location, place.ran]));
  w.places = raw.places.map((place) => {
    const location = String(raw.locations[place.location] ?? "?"),
      ran = place.ran - (earlier.get(location) ?? place.ran);
    const part = loop.ran > 0 ? Math.min(1, ran / loop.ran) : 0;
    return { ...place, location, share: loop.busy * part };
  });
  const old = new Map();
  const tasks = raw.tasks.map((task) => {
    const mine = known(w, raw, task);
    old.set(mine, { ...mine.counts });
    takeCounts(mine, task, raw.end, loop);
    return mine;
  });
  const threads = raw.threads.map((name) => {
    if (!w.threads.includes(name)) w.threads.push(name);
    return w.threads.indexOf(name);
  });
  w.fresh = [];
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
    if (event.kind === "gap") {
      w.leftOut += event.n;
      w.gaps.push({ t0: event.ts, t1: event.ts + event.dur, n: event.n,
        slept: Math.min(event.slept, event.dur), sums: [] });
      continue;
    }
    if (event.kind === "sum") {
      const gap = w.gaps.findLast((one) => one.t0 === event.ts);
      gap?.sums.push(event);
      continue;
    }
    if (event.kind === "lost") continue;
    changeTask(w, event);
    event.own = isOwn(w, event);
    w.events.push(event);
    w.fresh.push(event);
  }
  if (raw.lost > 0) addLostGap(w, raw, old, before);
  // Tasks without an event in this part have done nothing in it.
  const listed = new Set(tasks);
  for (const task of w.tasks.values()) if (!listed.has(task)) task.share = 0;
  // The end of a task may be among what was missed: then the part lists all that are alive.
  if (raw.complete)
    for (const task of w.tasks.values()) if (!listed.has(task)) task.gone = true;
  raw.tasks.forEach((task, i) => { if (!task.alive) tasks[i].gone = true; });
  for (const task of w.tasks.values()) {
    if (!task.gone || task.over) continue;
    if (["waiting", "ready", "running"].includes(task.state)) task.state = "done";
    finish(w, task);
  }
  // Parts overlap a little: a poll is sent at its end, with the time of its beginning.
  w.events.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0) || a.seq - b.seq);
  const oldest = firstAtLeast(w.events, w.end - LONGEST, 0, (event) => event.ts);
  const cut = Math.max(oldest, w.events.length - MOST_EVENTS);
  if (cut > oldest) w.trimmed = w.events[cut].ts;
  w.events.splice(0, cut);
  w.gaps = w.gaps.filter((gap) => gap.t1 > w.end - LONGEST);
}

/** How busy the loop was since the last part, and how long its polls ran. */
function loopOf(w, raw) {
  const before = w.totals, time = raw.end - w.end;
  if (before === null || time <= 0) return { busy: 1, ran: 0 };
  w.slept = Math.min(time, Math.max(0, raw.totals.slept - before.slept));
  return { busy: 1 - w.slept / time, ran: raw.totals.ran - before.ran };
}

/** The ring had overwritten events: a gap, in which each task did what its counters say. */
function addLostGap(w, raw, old, before) {
  const first = w.fresh.find((event) => event.seq < 2 ** 52), t1 = first ? first.ts : raw.end;
  // The events before this page was opened are not missed by it.
  if (before === 0 || t1 <= before) return;
  const gap = { t0: before, t1, n: raw.lost, slept: w.slept, sums: [] };
  for (const [task, counts] of old) {
    let ran = task.counts.ran - counts.ran, polls = task.counts.polls - counts.polls,
      wakes = task.counts.wakes - counts.wakes;
    for (const event of w.fresh) {
      if (event.task !== task) continue;
      if (event.kind === "poll") {
        ran -= event.dur;
        polls -= 1;
      } else if (event.kind === "wake") wakes -= 1;
    }
    if (polls <= 0) continue;
    gap.sums.push({ task, ran: Math.max(0, ran), polls, wakes: Math.max(0, wakes) });
  }
  w.gaps.push(gap);
}

const NO_COUNTS = { polls: 0, ran: 0, longest: 0, wakes: 0, self_wakes: 0, delay: 0 };

function known(w, raw, task) {
  const id = String(task.id), text = (list, at) => (at === null ? null : String(list[at] ?? "?"));
  if (!w.tasks.has(id)) {
    const name = text(raw.names, task.name);
    w.tasks.set(id, {
      id, name, location: text(raw.locations, task.location), parent: task.parent, size: task.size,
      number: task.number, own: name !== null && name.startsWith(OWN), state: "waiting",
      counts: { ...NO_COUNTS }, counted: 0, share: 0, rates: { polls: 0, self: 0, wakes: 0 },
      wakers: null, waits: "", queued: -1, seen: 0, over: false
    });
    w.byNumber.set(task.number, w.tasks.get(id));
  }
  return w.tasks.get(id);
}

/** The counters of the recorder, which miss nothing, and what they say of the last part. */
function takeCounts(mine, task, now, loop) {
  const { polls, ran, longest, wakes, self_wakes, delay } = task;
  const before = mine.counts, seconds = (now - mine.counted) / 1e9;
  if (polls > before.polls) mine.seen = Math.max(mine.seen, now);
  mine.counts = { polls, ran, longest, wakes, self_wakes, delay };
  if (mine.counted > 0 && seconds > 0) {
    // Its share of the time of all polls: what the loop does around its polls is its time as well.
    const part = loop.ran > 0 ? (ran - before.ran) / loop.ran : 0;
    mine.share = loop.busy * Math.min(1, Math.max(0, part));
    mine.rates = {
      polls: (polls - before.polls) / seconds, self: (self_wakes - before.self_wakes) / seconds,
      wakes: (wakes - before.wakes) / seconds
    };
  }
  mine.counted = now;
}

/** The states of the tasks, as the runtime lists them. */
function takeStates(w, list) {
  for (const [number, state, wakers, waits] of list) {
    const task = w.byNumber.get(number);
    if (!task || task.over) continue;
    task.wakers = wakers;
    task.waits = waits;
    task.state = task.share >= 0.5 ? "running" : state;
  }
}

/** What an event changes in what is known of its task. */
function changeTask(w, event) {
  const task = event.task;
  if (event.kind === "timer_arm") w.ownTimers[task?.own ? "add" : "delete"](event.timer);
  if (event.kind === "deregister") w.ownSources.delete(event.source);
  if (!task) return;
  task.seen = Math.max(task.seen, event.ts + (event.dur ?? 0));
  switch (event.kind) {
    case "spawn": task.state = "ready"; break;
    case "poll": {
      const again = task.queued >= event.ts && task.queued <= event.ts + event.dur;
      if (!task.over) task.state =
        { pending: again ? "ready" : "waiting", ready: "done" }[event.result] ?? event.result;
      break;
    }
    case "wake": case "received":
      if (event.origin === "source") w.ownSources[task.own ? "add" : "delete"](event.from);
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
  task.share = 0;
  w.over.push(task.id);
  while (w.over.length > MOST_OVER) {
    const id = w.over.shift();
    w.byNumber.delete(w.tasks.get(id)?.number);
    w.tasks.delete(id);
  }
}

function isOwn(w, event) {
  if (event.task) return event.task.own;
  if (event.kind.startsWith("timer_")) return w.ownTimers.has(event.timer);
  return event.kind === "ready" && w.ownSources.has(event.source);
}

/** The window from a time on, in the form of a whole trace, for `buildModel`. */
function traceOf(w, withOwn, since) {
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
  for (let i = firstAtLeast(w.events, since, 0, (event) => event.ts); i < w.events.length; i++) {
    const event = w.events[i];
    if (event.own && !withOwn) continue;
    const number = kindOf.get(event.kind), row = [number, event.seq];
    for (const field of w.kinds[number].fields) {
      const value = event[field];
      if (field === "task" || field === "parent" || (field === "from" && event.origin === "task"))
        row.push(value === null || (value.own && !withOwn) ? null : place(value));
      else if (field === "name") row.push(name(value));
      else row.push(value);
    }
    events.push(row);
  }
  // Tasks that ran in gaps only have lanes as well.
  for (const gap of w.gaps) {
    if (gap.t1 < since) continue;
    for (const { task } of gap.sums) if (task && (withOwn || !task.own)) place(task);
  }
  for (const task of w.tasks.values()) if (!task.over && (withOwn || !task.own)) place(task);
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
