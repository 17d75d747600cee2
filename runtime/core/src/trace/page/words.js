// A sentence for each event: a list of texts and links, {task: index} or {event: index, text}.

function duration(ns) {
  const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${digits(ns / 1e9)} s`;
}

/** Formats a point in time, with as many digits as a step on the axis needs. */
function moment(ns, step = 1) {
  const [unit, name] = ns < 1e6 && step < 1e3 ? [1e3, "µs"] : step < 1e8 ? [1e6, "ms"] : [1e9, "s"];
  const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / unit))));
  return `${(ns / unit).toFixed(digits)} ${name}`;
}

function count(n, one, many = one + "s") {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

function ordinal(n) {
  const tail = n % 100 >= 11 && n % 100 <= 13 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${tail}`;
}

/** Returns the slot of a source, and the number of sources that had the slot before. */
function sourceName(key) {
  const place = key % 2 ** 32,
    before = Math.floor(key / 2 ** 32);
  return before === 0 ? `${place}` : `${place}.${before}`;
}

const link = (task) => ({ task });
const at = (event, text) => ({ event, text });

const RESULT = {
  pending: "Pending: it cannot continue yet",
  ready: "Ready: it has finished",
  panicked: "a panic",
  cancelled: "cancelled: the future was dropped",
  running: "no result yet, because this poll is still running",
};

const EFFECT = {
  queued: "The task was waiting, so it is added to the end of the run queue.",
  coalesced:
    "It is already in the run queue, so this wake adds nothing: the next poll serves all of them.",
  during_poll:
    "It is being polled at this moment, so it will be polled again: the wake is not lost.",
  after_done: "It is done, so nothing happens.",
  sent: "The wake comes from another thread, so it is sent to the loop.",
};

/** Returns a short name of what made a wake. */
function wakerName(m, i) {
  const from = m.get(i, "from"),
    thread = m.threads[m.get(i, "thread")] ?? "a thread";
  switch (m.get(i, "origin")) {
    case "task":
      return m.tasks[from]?.label ?? "a task";
    case "source":
      return `source ${sourceName(from)} of the reactor`;
    case "timer":
      return `timer ${from}`;
    case "blocking":
      return `job ${from} of the blocking pool`;
    case "thread":
      return `the thread "${m.threads[from] ?? thread}"`;
    default:
      return m.get(i, "thread") > 0 ? `the thread "${thread}"` : "code outside of any task";
  }
}

/** Returns the origin of a wake, as the subject of a sentence. */
function waker(m, i) {
  const from = m.get(i, "from"),
    thread = m.threads[m.get(i, "thread")] ?? "a thread";
  switch (m.get(i, "origin")) {
    case "task":
      return from === m.task[i]
        ? [link(from), " itself"]
        : from === null
          ? ["A task"]
          : [link(from)];
    case "source":
      return [`The reactor, for source ${sourceName(from)},`];
    case "timer":
      return [`Timer ${from}`];
    case "blocking":
      return [`Job ${from} of the blocking pool (${thread})`];
    case "thread":
      return [`The thread "${m.threads[from] ?? thread}"`];
    default:
      return [m.get(i, "thread") > 0 ? `The thread "${thread}"` : "Code outside of any task"];
  }
}

/** Returns the primitive that a wake went through, if there is one. */
function through(m, i) {
  const primitive = m.get(i, "through");
  return primitive === null ? "" : ` through the ${m.primitive(primitive)}`;
}

const SENTENCES = {
  spawn(m, i) {
    const parent = m.get(i, "parent"),
      task = m.tasks[m.task[i]];
    const subject =
      parent === null ? ["Code outside of any task spawns "] : [link(parent), " spawns "];
    const size = task.size > 0 ? ` Its future takes ${count(task.size, "byte")}.` : "";
    return [
      ...subject,
      link(task.index),
      `.${size} A new task is queued at once; its code does not run before the first poll.`,
    ];
  },
  poll(m, i) {
    const task = m.tasks[m.task[i]],
      place = task.polls.indexOf(i);
    const result = m.get(i, "result");
    return [
      "The loop polls ",
      link(task.index),
      ` for the ${ordinal(place + 1)} time, for ${duration(m.dur[i])}, ` +
        `and gets ${RESULT[result] ?? result}. `,
      ...why(m, i),
      ...after(m, task, place, result),
    ];
  },
  done(m, i) {
    const wakers = m.get(i, "wakers"),
      outcome = m.get(i, "outcome");
    const how =
      { ready: "has finished", panicked: "ended with a panic", cancelled: "was cancelled" }[
        outcome
      ] ?? outcome;
    const left =
      wakers === null
        ? ""
        : wakers === 0
          ? " No waker is left."
          : ` ${count(wakers, "live waker")} still point${wakers === 1 ? "s" : ""} to it ` +
            `and keep${wakers === 1 ? "s" : ""} its memory.`;
    return [link(m.task[i]), ` ${how}. It is never polled again.${left}`];
  },
  freed: (m, i) => [
    "The memory of ",
    link(m.task[i]),
    " is freed: no handle and no waker points to it any more.",
  ],
  clone: (m, i) => [
    "A waker of ",
    link(m.task[i]),
    ` is cloned on the thread "${m.threads[m.get(i, "thread")]}": `,
    ...livewakers(m, i, "it may wake the task later"),
  ],
  drop: (m, i) => [
    "A waker of ",
    link(m.task[i]),
    ` is dropped on the thread "${m.threads[m.get(i, "thread")]}" without a wake: `,
    ...livewakers(m, i, ""),
  ],
  wake(m, i) {
    const how = m.get(i, "by_ref") ? " by reference; the waker lives on" : " and uses the waker up";
    const got = m.receivedOf.get(m.seq(i));
    const tail =
      m.get(i, "effect") === "sent" && got !== undefined
        ? [" ", at(got, "The loop receives it"), ` ${duration(m.ts[got] - m.ts[i])} later.`]
        : [];
    const self = m.get(i, "from") === m.task[i] && m.get(i, "origin") === "task";
    const woken = self ? [" calls its own waker"] : [" wakes ", link(m.task[i])];
    const subject = self ? [link(m.task[i])] : waker(m, i);
    return [
      ...subject,
      ...woken,
      `${through(m, i)}${how}. `,
      EFFECT[m.get(i, "effect")] ?? "",
      ...tail,
      ...polledBy(m, i),
    ];
  },
  await: (m, i) => [
    m.task[i] < 0 ? "Code outside of any task" : link(m.task[i]),
    ` waits for the ${m.primitive(m.get(i, "primitive"))}.`,
  ],
  received(m, i) {
    const sent = m.get(i, "sent"),
      from = sent === null ? undefined : m.bySeq.get(sent);
    const subject =
      from === undefined
        ? ["A wake from another thread"]
        : [at(from, "The wake from another thread")];
    return [
      ...subject,
      " reaches the loop, for ",
      link(m.task[i]),
      ". ",
      EFFECT[m.get(i, "effect")] ?? "",
      ...polledBy(m, i),
    ];
  },
  register: (m, i) => [
    `Descriptor ${m.get(i, "fd")} is registered with the reactor ` +
      `as source ${sourceName(m.get(i, "source"))}.`,
  ],
  deregister: (m, i) => [
    `Source ${sourceName(m.get(i, "source"))} (descriptor ${m.get(i, "fd")}) ` +
      "is deregistered from the reactor.",
  ],
  wait(m, i) {
    const timeout = m.get(i, "timeout"),
      ended = m.get(i, "ended"),
      events = m.get(i, "events");
    if (ended === "poll" || timeout === 0)
      return [`The loop checks the reactor without waiting and gets ${count(events, "event")}.`];
    const limit =
      timeout === null
        ? "until an event"
        : `for at most ${duration(timeout)}, when the next timer is due`;
    const end =
      {
        io: `${count(events, "event")} of descriptors end it`,
        timer: "the timer is due",
        notify: "another thread notifies the loop",
        error: "the wait failed",
      }[ended] ?? ended;
    return [
      `No task is ready, so the loop sleeps in the reactor ${limit}. ` +
        `After ${duration(m.dur[i])}: ${end}.`,
    ];
  },
  ready(m, i) {
    const readiness = String(m.get(i, "readiness")),
      woken = m.get(i, "woken");
    const words = [...readiness]
      .map(
        (c) =>
          ({ r: "readable", w: "writable", R: "closed by the peer", W: "closed for writing" })[c] ??
          c,
      )
      .join(" and ");
    return [
      `The system reports that descriptor ${m.get(i, "fd")} ` +
        `(source ${sourceName(m.get(i, "source"))}) is ${words || "ready"}. `,
      woken === 0
        ? "No task waits for that, so no waker is called."
        : `${count(woken, "waker")} called.`,
    ];
  },
  timer_arm(m, i) {
    const life = timerLife(m, i),
      subject = m.task[i] < 0 ? ["Code outside of any task"] : [link(m.task[i])];
    const end =
      life && life.end >= 0
        ? [
            " ",
            at(life.end, m.kind(life.end) === "timer_fire" ? "It fires" : "It is cancelled"),
            ` ${duration(m.ts[life.end] - m.ts[i])} later.`,
          ]
        : [];
    const due = Math.max(0, m.get(i, "deadline") - m.ts[i]);
    // A timer fires early only if the clock has jumped.
    const jumped =
      life &&
      life.end >= 0 &&
      m.kind(life.end) === "timer_fire" &&
      m.ts[life.end] < m.get(i, "deadline")
        ? [" The clock was stopped, and jumped to that time."]
        : [];
    return [
      ...subject,
      ` arms timer ${m.get(i, "timer")}, due in ${duration(due)}.`,
      ...end,
      ...jumped,
    ];
  },
  timer_fire: (m, i) => [
    `Timer ${m.get(i, "timer")} fires, ${duration(m.get(i, "late"))} after its deadline, ` +
      "and calls the waker that it keeps.",
  ],
  timer_cancel: (m, i) => [
    `Timer ${m.get(i, "timer")} is cancelled: its sleep was dropped or got another deadline.`,
  ],
  submit: (m, i) => [
    `Job ${m.get(i, "job")} is submitted to the blocking pool; ` +
      `${count(m.get(i, "queue"), "job")} in its queue.`,
  ],
  blocking: (m, i) => [
    `The thread "${m.threads[m.get(i, "thread")]}" runs job ${m.get(i, "job")} ` +
      `for ${duration(m.dur[i])} (${m.get(i, "outcome")}), while the loop continues.`,
  ],
  drain: (m, i) => [`The loop receives ${count(m.get(i, "n"), "message")} from other threads.`],
  stall: (m, i) => [
    ...(m.task[i] < 0 ? ["A poll"] : [link(m.task[i])]),
    ` held the loop for ${duration(m.dur[i])}. ` +
      "Meanwhile no other task, timer or socket was served.",
  ],
  mark: (m, i) => [
    ...(m.task[i] < 0 ? ["Code outside of any task"] : [link(m.task[i])]),
    ` sets the mark "${m.name(m.get(i, "name"))}".`,
  ],
  span: (m, i) => [
    ...(m.task[i] < 0 ? ["Code outside of any task"] : [link(m.task[i])]),
    ` spends ${duration(m.dur[i])} in "${m.name(m.get(i, "name"))}".`,
  ],
  lost: (m, i) => [
    `${count(m.get(i, "n"), "record")} from before this point ` +
      `${m.get(i, "n") === 1 ? "is" : "are"} lost: the ring was full and kept the newest.`,
  ],
};

function sentence(m, i) {
  const say = SENTENCES[m.kind(i)];
  return say ? say(m, i) : [`An event of a kind that this page does not know: ${m.kind(i)}.`];
}

function livewakers(m, i, hope) {
  const n = m.get(i, "wakers");
  if (n === null) return ["the number of live wakers is not known."];
  return [
    `${count(n, "waker")} of it live${n === 1 ? "s" : ""} now${hope && `; ${hope}`}.` +
      (n === 0 ? " If it is waiting, nothing can wake it." : ""),
  ];
}

function why(m, poll) {
  const cause = causeOf(m, poll);
  if (cause === null) return ["The event that queued it is not in the trace. "];
  const delay = duration(Math.max(0, m.ts[poll] - m.ts[cause.event]));
  if (m.kind(cause.event) === "spawn")
    return ["Why: ", at(cause.event, "it was spawned"), ` ${delay} before. `];
  if (m.kind(cause.event) === "received")
    return [
      "Why: ",
      at(cause.event, "a wake from another thread"),
      ` was received ${delay} before. `,
    ];
  return ["Why: ", ...waker(m, cause.event), " ", at(cause.event, "woke it"), ` ${delay} before. `];
}

function after(m, task, place, result) {
  if (result !== "pending") return [];
  const next = task.polls[place + 1];
  if (next !== undefined)
    return [
      at(next, "The next poll"),
      ` comes ${duration(m.ts[next] - m.ts[task.polls[place]] - m.dur[task.polls[place]])} later.`,
    ];
  return ["No poll follows in this trace."];
}

function polledBy(m, i) {
  const seq = m.seq(i),
    polls = m.tasks[m.task[i]]?.polls ?? [];
  const first = firstEventAt(m, polls, m.ts[i]),
    last = Math.min(polls.length, first + 8);
  for (let k = first; k < last; k++) {
    const cause = causeOf(m, polls[k]);
    if (cause && (m.seq(cause.event) === seq || m.seq(cause.queued) === seq)) {
      return [" ", at(polls[k], "Its poll"), ` comes ${duration(m.ts[polls[k]] - m.ts[i])} later.`];
    }
  }
  return [];
}

/** Returns a sentence as plain text. */
function plain(m, parts) {
  return parts
    .map((part) => (typeof part === "string" ? part : (part.text ?? m.tasks[part.task].label)))
    .join("");
}
