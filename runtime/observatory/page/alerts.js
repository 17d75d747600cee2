// What looks wrong, in words: one alert for each cause, with its count and a link to its task.

// How long an alert counts as present after its last occurrence.
const PRESENT = 10e9, MOST_ALERTS = 12, LATE_TIMER = 5e6, MANY_SELF_WAKES = 1000,
  MANY_QUEUED = 100;

function newAlerts() {
  return {
    all: new Map(), stalls: [], wakes: new Map(), suspects: new Set(), queued: [],
    wakenBy: new Map()
  };
}

/** Adds an occurrence to an alert, and returns the alert. */
function raise(a, kind, task, now, seq = null) {
  // Tasks of one name and place are one cause: the requests of a server, for example.
  const key = `${kind} ${task ? `${task.name} ${task.name ? task.location : task.id}` : ""}`;
  if (!a.all.has(key))
    a.all.set(key, { key, kind, task, n: 0, worst: 0, delayed: 0, timers: 0, last: now });
  const alert = a.all.get(key);
  alert.last = Math.max(alert.last, now);
  alert.n += 1;
  alert.task = task;
  if (seq !== null) alert.seq = seq;
  return alert;
}

/** Looks at the new events of a part. */
function watchEvents(a, w) {
  const fresh = [...w.fresh].sort((x, y) => x.ts - y.ts);
  const longest = new Map();
  for (const event of fresh) {
    if (event.kind === "poll" && event.dur > LONG_POLL) {
      // A long poll of this page's own tasks explains delays, and is no alert.
      const alert = event.task?.own ? { delayed: 0, timers: 0, task: null, worst: 0 }
        : raise(a, "stall", event.task, event.ts + event.dur, event.seq);
      if (event.dur > alert.worst) alert.worst = event.dur;
      a.stalls.push({ t0: event.ts, t1: event.ts + event.dur, alert });
      longest.set(event.task, Math.max(longest.get(event.task) ?? 0, event.dur));
    }
    if (["wake", "received", "spawn"].includes(event.kind)) a.wakes.set(event.seq, event.ts);
    if (event.kind === "wake" && event.origin === "timer") a.wakenBy.set(event.from, event.task);
  }
  for (const event of fresh) {
    if (event.kind === "poll") watchDelay(a, event);
    if (event.kind === "timer_fire" && event.late > LATE_TIMER && !event.own) watchTimer(a, event);
    if (event.kind === "done" && event.outcome === "panicked" && !event.task.own)
      raise(a, "panic", event.task, event.ts, event.seq);
  }
  // A stall whose event was overwritten is known by the longest poll of its task.
  for (const task of w.tasks.values()) {
    const before = task.stalled ?? 0;
    task.stalled = task.counts.longest;
    if (task.own || task.stalled <= LONG_POLL || task.stalled <= before * 1.001) continue;
    if ((longest.get(task) ?? 0) >= task.stalled * 0.999 || w.fresh.length === 0) continue;
    const alert = raise(a, "stall", task, task.seen);
    alert.worst = Math.max(alert.worst, task.stalled);
  }
  const old = w.end - 5e9;
  a.stalls = a.stalls.filter((stall) => stall.t1 > old);
  for (const map of [a.wakes, a.wakenBy]) {
    const most = map === a.wakes ? 20000 : 2000;
    for (const key of map.keys()) {
      if (map.size <= most) break;
      map.delete(key);
    }
  }
}

/** The stall that caused most of a delay, if one did. */
function causeOfDelay(a, from, to) {
  const part = (stall) => Math.min(to, stall.t1) - Math.max(from, stall.t0);
  const worst = a.stalls.reduce((best, stall) =>
    (best === null || part(stall) > part(best) ? stall : best), null);
  return worst !== null && part(worst) > (to - from) / 2 ? worst.alert : null;
}

function watchDelay(a, event) {
  const woken = event.cause === null ? undefined : a.wakes.get(event.cause);
  if (woken === undefined || event.ts - woken <= LONG_DELAY || event.task?.own) return;
  const cause = causeOfDelay(a, woken, event.ts);
  if (cause !== null) {
    cause.delayed += 1;
    return;
  }
  // Tasks that wait in one queue have one cause.
  const alert = raise(a, "delay", null, event.ts);
  if (event.ts - woken <= alert.worst) return;
  alert.worst = event.ts - woken;
  alert.by = event.task;
  alert.seq = event.seq;
}

function watchTimer(a, event) {
  const cause = causeOfDelay(a, event.ts - event.late, event.ts);
  if (cause !== null) cause.timers += 1;
  const alert = raise(a, "timer", null, event.ts, event.seq);
  alert.links ??= new Map();
  const task = a.wakenBy.get(event.timer);
  if (task) alert.links.set(task.id, task);
  if (event.late <= alert.worst) return;
  alert.worst = event.late;
  alert.by = cause?.task ?? null;
  alert.woken = task ?? null;
}

/** Looks at the figures: conditions that last. */
function watchFigures(a, w, figures) {
  const now = w.end;
  for (const task of w.tasks.values()) {
    const { self, wakes } = task.rates;
    if (task.own || task.over || self < MANY_SELF_WAKES || self * 2 < wakes || task.share === 0)
      continue;
    const alert = raise(a, "self", task, now);
    alert.n = task.counts.self_wakes;
    alert.rate = self;
    alert.share = task.share;
  }
  if (figures.deadlocks) {
    const found = new Set();
    for (const { kind, tasks } of figures.deadlocks) {
      const those = tasks.map((number) => w.byNumber.get(number)).filter((task) => task);
      if (those.length === 0 || those.every((task) => task.own)) continue;
      const key = `${kind} ${tasks.join(" ")}`;
      found.add(key);
      // Only what two lists have: a task may be about to be aborted.
      if (!a.suspects.has(key)) continue;
      const alert = raise(a, kind, those[0], now);
      alert.n = those.length;
      alert.tasks = those;
      alert.lasts = true;
    }
    for (const alert of a.all.values())
      if (alert.kind === "lost" || alert.kind === "cycle") alert.lasts = alert.last === now;
    a.suspects = found;
  }
  a.queued.push(figures.tasks_queued);
  if (a.queued.length > 12) a.queued.shift();
  if (a.queued.length === 12) {
    const third = (k) => a.queued.slice(k * 4, k * 4 + 4);
    const grows = Math.min(...third(1)) > Math.max(...third(0))
      && Math.min(...third(2)) > Math.max(...third(1));
    if (grows && figures.tasks_queued > MANY_QUEUED) {
      const alert = raise(a, "queue", null, now);
      alert.n = figures.tasks_queued;
      alert.from = a.queued[0];
    }
  }
  if (figures.descriptor_limit && figures.descriptors > 0.8 * figures.descriptor_limit) {
    const alert = raise(a, "descriptors", null, now);
    alert.n = figures.descriptors;
    alert.limit = figures.descriptor_limit;
  }
}

const ALERTS = {
  stall: {
    title: "Stall", rank: 1,
    words: (x) => [
      ...subject(x.task),
      x.n === 1 ? ` held the loop for ${duration(x.worst)}`
        : ` held the loop ${count(x.n, "time")}, for up to ${duration(x.worst)}`,
      x.delayed > 0 ? `; ${count(x.delayed, "task")} waited for it` : "",
      x.timers > 0 ? `; ${count(x.timers, "timer")} fired late` : "", ".",
    ]
  },
  cycle: {
    title: "Deadlock", rank: 0,
    words: (x) => [
      ...x.tasks.slice(0, 4).flatMap((task, i) => [i > 0 ? " and " : "", { known: task }]),
      x.n > 4 ? ` and ${x.n - 4} more` : "",
      x.n === 1 ? " waits for itself: " : " wait for each other: ",
      x.tasks[0].waits ? `the first waits for ${x.tasks[0].waits}.` : "none of them can go on.",
    ]
  },
  lost: {
    title: "Lost task", rank: 0,
    words: (x) => [
      ...subject(x.task), " waits, and no waker of it is left: nothing but an abort can end it."
    ]
  },
  panic: {
    title: "Panic", rank: 1,
    words: (x) => [
      ...subject(x.task), x.n === 1 ? " panicked." : ` panicked, ${count(x.n, "time")}.`
    ]
  },
  self: {
    title: "Wakes itself", rank: 2,
    words: (x) => [
      ...subject(x.task), ` wakes itself ${short(x.rate)} times a second and takes ` +
        `${percent(x.share)} of the loop.`
    ]
  },
  timer: {
    title: "Timers late", rank: 3,
    words: (x) => [
      x.n === 1 ? `A timer fired ${duration(x.worst)} late`
        : `${count(x.n, "timer")} fired late, the latest by ${duration(x.worst)}`,
      ...(x.woken ? [", for ", { known: x.woken }] : []),
      ...(x.by ? [", held up by ", { known: x.by }] : []), ".",
    ]
  },
  delay: {
    title: "Long wait", rank: 4,
    words: (x) => [
      ...subject(x.by), ` waited ${duration(x.worst)} from its wake to its poll`,
      x.n === 1 ? "." : `, and ${count(x.n - 1, "other")} more than ${duration(LONG_DELAY)}.`,
    ]
  },
  queue: {
    title: "Queue grows", rank: 2,
    words: (x) => [`${count(x.n, "task")} are in the run queue, and ${short(x.from)} were two ` +
      "seconds before: more is woken than the loop can run."]
  },
  descriptors: {
    title: "Descriptors", rank: 2,
    words: (x) => [`The process has ${count(x.n, "descriptor")} open, and its limit is ` +
      `${x.limit.toLocaleString("en")}.`]
  },
};

function subject(task) {
  return task ? [{ known: task }] : ["A poll"];
}

/** The alerts, the worst first; and whether one of them is present. */
function listAlerts(a, now) {
  const all = [...a.all.values()], present = (x) => x.lasts || now - x.last < PRESENT;
  for (const alert of all) alert.present = present(alert);
  all.sort((x, y) => Number(y.present) - Number(x.present)
    || ALERTS[x.kind].rank - ALERTS[y.kind].rank || y.last - x.last);
  // The oldest are forgotten.
  while (all.length > 100) a.all.delete(all.pop().key);
  return all;
}

function label(task) {
  return task.name ?? (task.location === null
    ? `task ${task.id}` : task.location.replace(/^.*[\\/]/, ""));
}

function showAlerts(view) {
  const { alerts: a, w } = view, all = listAlerts(a, w.end);
  const present = all.filter((alert) => alert.present);
  document.body.dataset.health = present.length > 0 ? "bad" : "good";
  $("alert-count").textContent = String(present.length);
  const ago = (alert) => {
    const seconds = Math.max(0, (w.end - alert.last) / 1e9);
    return alert.lasts ? "now" : seconds < 1.5 ? "just now"
      : seconds < 120 ? `${Math.round(seconds)} s ago` : `${Math.round(seconds / 60)} min ago`;
  };
  const words = (alert) => ALERTS[alert.kind].words(alert).map((part) => (
    typeof part === "string" ? part : element("button", {
      class: "go", type: "button", onclick: () => view.go.known(part.known, alert.seq ?? null)
    }, label(part.known))));
  const lines = all.slice(0, MOST_ALERTS).map((alert) => element("li",
    { class: alert.present ? "present" : "past", "data-kind": alert.kind },
    element("b", {}, `${ALERTS[alert.kind].title} `),
    element("span", { class: "times", title: "How often" }, `×${short(alert.n)}`), " ",
    ...words(alert), " ", element("time", {}, ago(alert))));
  if (all.length > MOST_ALERTS)
    lines.push(element("li", { class: "past" }, `and ${all.length - MOST_ALERTS} more`));
  if (lines.length === 0) lines.push(element("li", { class: "past" }, "Nothing looks wrong."));
  keepFocus($("alerts"), lines);
}
