// Facts about a task, and warnings ("red flags").

const LONG_POLL = 10e6,
  LONG_DELAY = 5e6,
  SELF_WAKES = 10,
  EMPTY_POLLS = 3;

function percentile(sorted, p) {
  return sorted.length === 0
    ? 0
    : sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)];
}

function tally(list, of) {
  const counts = new Map();
  for (const item of list) counts.set(of(item), (counts.get(of(item)) ?? 0) + 1);
  return counts;
}

/** Returns the delays from the wake or spawn that queued a poll to the poll. */
function delays(m, task) {
  return task.arrows.map((arrow) => ({
    poll: arrow.poll,
    ns: Math.max(0, m.ts[arrow.poll] - m.ts[arrow.wake]),
  }));
}

function effectOf(m, wake) {
  const effect = m.get(wake, "effect");
  const got = effect === "sent" ? m.receivedOf.get(m.seq(wake)) : undefined;
  return got === undefined ? effect : m.get(got, "effect");
}

function isSelfWake(m, wake) {
  return m.get(wake, "origin") === "task" && m.get(wake, "from") === m.task[wake];
}

/**
 * Returns the polls that gave Pending, were caused by the task itself or an unknown event, and did
 * nothing that is recorded.
 */
function emptyPolls(m, task) {
  const seen = new Set([
    "spawn",
    "timer_arm",
    "timer_cancel",
    "mark",
    "span",
    "clone",
    "submit",
    "register",
    "deregister",
    "await",
  ]);
  return task.polls.filter((poll) => {
    if (m.get(poll, "result") !== "pending") return false;
    const cause = causeOf(m, poll);
    if (cause && !(m.kind(cause.event) === "wake" && isSelfWake(m, cause.event))) return false;
    if (!cause && task.polls[0] === poll) return false;
    const end = m.ts[poll] + m.dur[poll];
    for (let i = poll + 1; i < m.n && m.ts[i] <= end; i++) {
      if (seen.has(m.kind(i))) return false;
      if (m.kind(i) === "wake" && !isSelfWake(m, i)) return false;
    }
    return true;
  });
}

/** Returns the numbers of live wakers over time, as far as recorded. */
function wakerCounts(m, task) {
  return task.events
    .filter((i) => ["clone", "drop", "done"].includes(m.kind(i)) && m.get(i, "wakers") !== null)
    .map((i) => ({ t: m.ts[i], n: m.get(i, "wakers"), event: i }));
}

function facts(m, task) {
  if (task.facts) return task.facts;
  const waits = delays(m, task),
    sorted = waits.map((d) => d.ns).sort((a, b) => a - b);
  const longest = task.polls.reduce(
    (best, i) => (best < 0 || m.dur[i] > m.dur[best] ? i : best),
    -1,
  );
  task.facts = {
    first: task.polls[0] ?? -1,
    longest,
    busy: task.polls.reduce((all, i) => all + m.dur[i], 0),
    results: tally(task.polls, (i) => m.get(i, "result")),
    origins: tally(task.wakes, (i) => m.get(i, "origin")),
    effects: tally(task.wakes, (i) => effectOf(m, i)),
    byRef: task.wakes.filter((i) => m.get(i, "by_ref")).length,
    self: task.wakes.filter((i) => isSelfWake(m, i)).length,
    empty: emptyPolls(m, task),
    long: task.polls.filter((i) => m.dur[i] > LONG_POLL),
    delays: {
      n: sorted.length,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      max: sorted[sorted.length - 1] ?? 0,
      late: waits.filter((d) => d.ns > LONG_DELAY),
    },
    worst: waits.reduce((worst, d) => (worst === null || d.ns > worst.ns ? d : worst), null),
    wakers: wakerCounts(m, task),
    clones: task.events.filter((i) => m.kind(i) === "clone").length,
    drops: task.events.filter((i) => m.kind(i) === "drop").length,
  };
  return task.facts;
}

/**
 * Returns from where on a waiting task could not go on, or null. `event` is the poll after which it
 * was lost (`atEnd`), or the drop or the mark in question; `endedBy` is what ended the task.
 */
function lostWakeup(m, task) {
  const { polls } = task;
  let last = polls.length - 1;
  while (last >= 0 && m.get(polls[last], "result") === "cancelled") last--;
  const poll = polls[last];
  if (poll === undefined || m.get(poll, "result") !== "pending") return null;
  const wakes = (effect) => effect === "queued" || effect === "during_poll" || effect === "sent";
  const woken = (i) => ["wake", "received"].includes(m.kind(i)) && wakes(m.get(i, "effect"));
  if (task.events.slice(firstAtLeast(task.events, poll + 1)).some(woken)) return null;
  const until = polls[last + 1] ?? task.done,
    end = until >= 0 ? m.ts[until] : Infinity;
  const found = (why, event, atEnd) => {
    const lost = { why, poll, event, atEnd, endedBy: until };
    return { ...lost, ...lostSpan(m, lost) };
  };
  if (m.raw.level >= 3 && (until >= 0 || task.alive)) {
    const live = liveWakers(m, task, end);
    if (live && live.n === 0) {
      const dropped = live.event > poll && m.kind(live.event) === "drop";
      return dropped
        ? found("dropped", live.event, m.ts[live.event] < m.ts[poll] + m.dur[poll])
        : found("none", poll, true);
    }
  }
  const left = task.done >= 0 ? m.get(task.done, "wakers") : null;
  if (until < 0 || m.get(task.done, "outcome") !== "cancelled" || !(left > 0)) return null;
  const mark = task.marks.find((i) => i > poll && m.ts[i] <= m.ts[poll] + m.dur[poll]);
  return found("kept", mark ?? poll, mark === undefined);
}

/** Returns the number of wakers before a time, and the event that it is known from, or null. */
function liveWakers(m, task, end) {
  let n = task.spawn >= 0 ? 0 : null,
    event = -1;
  for (const i of task.events) {
    if (m.ts[i] >= end) break;
    const kind = m.kind(i);
    if (kind === "clone" || kind === "drop") [n, event] = [m.get(i, "wakers"), i];
    if (kind === "wake" && !m.get(i, "by_ref") && n !== null) n = Math.max(0, n - 1);
  }
  return n === null ? null : { n, event };
}

/** Returns the times between which a task was lost. */
function lostSpan(m, lost) {
  // A drop during the poll counts from the end of the poll on.
  const from = lost.atEnd ? lost.poll : lost.event;
  return {
    t: m.ts[from] + (lost.atEnd ? m.dur[from] : 0),
    until: lost.endedBy >= 0 ? m.ts[lost.endedBy] : m.end,
  };
}

/** Returns what was marked during the poll after which a task was lost. */
function markedInPoll(m, lost) {
  return m.kind(lost.event) === "mark"
    ? `; "${m.name(m.get(lost.event, "name"))}" was marked during that poll`
    : "";
}

const LOST = {
  none: "it returned Pending, and no waker of it existed",
  dropped: "it is pending, and its last waker was dropped without a wake",
  kept: "it returned Pending, and the waker that was kept was not called before it was cancelled",
};

/** Returns the red flags of a task: name, count, worst event, text. */
function flagsOf(m, task) {
  const f = facts(m, task),
    flags = [];
  const flag = (what, n, event, text) => flags.push({ what, n, event, text, task: task.index });
  if (f.long.length > 0)
    flag(
      "Long poll",
      f.long.length,
      f.longest,
      `held the loop for up to ${duration(m.dur[f.longest])}`,
    );
  if (f.delays.late.length > 0)
    flag(
      "Long delay from wake to poll",
      f.delays.late.length,
      f.worst.poll,
      `waited up to ${duration(f.worst.ns)} in the run queue`,
    );
  if (f.self >= SELF_WAKES && f.self * 2 > task.wakes.length) {
    flag(
      "Wakes itself",
      f.self,
      task.wakes.find((i) => isSelfWake(m, i)),
      `${f.self} of its ${count(task.wakes.length, "wake")} come from itself`,
    );
  }
  if (f.empty.length >= EMPTY_POLLS)
    flag(
      "Polled with nothing ready",
      f.empty.length,
      f.empty[0],
      `${count(f.empty.length, "poll")} found nothing to do`,
    );
  task.lost = lostWakeup(m, task);
  if (task.lost)
    flag(
      task.lost.why === "kept" ? "Lost wakeup" : "No waker left",
      1,
      task.lost.event,
      LOST[task.lost.why] + markedInPoll(m, task.lost),
    );
  const panic = task.polls.find((i) => m.get(i, "result") === "panicked");
  if (panic !== undefined) flag("Panic", 1, panic, "its poll panicked");
  const stalls = task.events.filter((i) => m.kind(i) === "stall");
  if (stalls.length > 0)
    flag(
      "Stall",
      stalls.length,
      stalls[0],
      `the loop was held for ${duration(Math.max(...stalls.map((i) => m.dur[i])))}`,
    );
  return flags;
}

const FLAG_RULES = [
  ["Stall", "a poll longer than the limit of the recorder"],
  ["Panic", "a poll that panicked"],
  ["No waker left",
    "pending without a live waker and without a wake that is on its way (level Clones)",
  ],
  [
    "Lost wakeup",
    "cancelled while it was pending, not woken since its last poll, and something still kept " +
      "a waker of it, or an AbortHandle",
  ],
  ["Long poll", "a poll longer than 10 ms"],
  ["Long delay from wake to poll", "more than 5 ms in the run queue"],
  ["Wakes itself", `more than half of its wakes come from itself, and at least ${SELF_WAKES}`],
  [
    "Polled with nothing ready",
    `at least ${EMPTY_POLLS} polls that gave Pending, did nothing that is recorded, ` +
      "and were caused by the task itself or by no wake",
  ],
];

function allFlags(m) {
  const flags = [];
  for (const task of m.tasks) {
    task.flags = flagsOf(m, task);
    flags.push(...task.flags);
  }
  const rank = new Map(FLAG_RULES.map(([what], i) => [what, i]));
  return flags.sort((a, b) => rank.get(a.what) - rank.get(b.what) || b.n - a.n);
}
