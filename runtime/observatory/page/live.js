// The page: follows the stream and draws it, unless it is paused; selection, pointer and keys.

// How far behind the newest part the lanes are, so that they move smoothly between two parts.
const LAG = 450e6, FRAME = 33, MOST_HELD = 300;

function start() {
  const view = {
    w: newWindow(), m: null, ui: null, held: [], paused: false, moved: false, t0: 0, t1: 1,
    stale: true, received: { end: 0, at: 0 }, showFigures: newFigures(), alerts: newAlerts(),
    selected: { task: null, seq: null }, open: new Set(), stalls: 0, pointer: null
  };
  view.go = navigation(view);
  window.$ = $;
  showLiveLegend();
  showRequests();
  controls(view);
  keyboard(view);
  follow(view);
  let last = -Infinity;
  const frame = (now) => {
    requestAnimationFrame(frame);
    if (now - last < FRAME) return;
    last = now;
    draw(view, now);
  };
  requestAnimationFrame(frame);
}

function say(view, state, text) {
  document.body.dataset.state = state;
  const { w } = view;
  const lost = w.lost > 0 ? `; ${count(w.lost, "event")} missed, hatched` : "";
  const left = w.leftOut > 0 ? `; ${short(w.leftOut)} events only counted, hatched` : "";
  $("status").textContent = text + left + lost;
}

function follow(view) {
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    // The server sends everything that it keeps to each new connection.
    view.w = newWindow();
    view.alerts = newAlerts();
    view.held = [];
  });
  const read = (message) => {
    try {
      return parseTrace(message.data);
    } catch (error) {
      events.close();
      say(view, "lost", `the server sent what this page can't read: ${error.message}`);
      return null;
    }
  };
  events.addEventListener("trace", (message) => {
    const part = read(message);
    if (part === null) return;
    if (view.paused) {
      view.held.push({ part, figures: null });
      if (view.held.length > MOST_HELD) view.w.lost += view.held.shift().part.events.length;
      say(view, "paused", `paused; ${count(view.held.length, "part")} wait`);
      return;
    }
    take(view, [{ part, figures: null }]);
    say(view, "live", "live");
  });
  events.addEventListener("figures", (message) => {
    const figures = JSON.parse(message.data);
    if (view.paused && view.held.length > 0) {
      view.held[view.held.length - 1].figures = figures;
      return;
    }
    takeFigures(view, figures);
  });
  events.addEventListener("error", () => say(view, "lost",
    events.readyState === EventSource.CLOSED
      ? "the server refuses this page" : "the connection is lost; trying again"));
}

function take(view, held) {
  for (const { part, figures } of held) {
    addPart(view.w, part);
    watchEvents(view.alerts, view.w);
    if (figures) takeFigures(view, figures);
  }
  const now = performance.now(), guess = view.received.end + (now - view.received.at) * 1e6;
  // The server's clock goes as ours does; what differs is when its words came.
  view.received = {
    end: Math.abs(guess - view.w.end) < 300e6 ? guess * 0.9 + view.w.end * 0.1 : view.w.end,
    at: now
  };
  view.stale = true;
}

function takeFigures(view, figures) {
  const { w, alerts } = view;
  if (figures.tasks) takeStates(w, figures.tasks);
  watchFigures(alerts, w, figures);
  const stalls = [...alerts.all.values()].filter((alert) => alert.kind === "stall");
  figures.seen_stalls = stalls.reduce((n, alert) => n + alert.n, 0);
  view.showFigures(figures, w.end / 1e6);
  view.stale = true;
}

/** The window as a model, and the tables beside it. */
function rebuild(view) {
  const { w } = view;
  const since = view.paused ? 0 : view.t0 - 0.05 * (view.t1 - view.t0) - 1e9;
  view.m = buildModel(traceOf(w, $("own").checked, since));
  showTasks(view);
  showWakes(view);
  showAlerts(view);
  layOut(view);
  showSelected(view);
}

function draw(view, now) {
  if (view.w.end === 0) return;
  if (!view.paused) {
    const span = Number($("span").value),
      t1 = view.received.end + (now - view.received.at) * 1e6 - LAG;
    view.t0 = t1 - span;
    view.t1 = t1;
  }
  if (view.stale) {
    view.stale = false;
    rebuild(view);
  }
  if (view.moved) {
    view.moved = false;
    // What is cut for gaps depends on the view.
    view.m.tasks.forEach((task) => { task.states = slices(); buildStates(view.m, task); });
    layOut(view);
  }
  drawLanes($("lanes"), view.m, view.ui);
  drawGaps($("lanes"), view.m, view.ui, view.ui.gaps, view.w.tasks);
  if (view.pointer) showTip(view);
  Object.assign($("lanes").dataset, {
    from: Math.round(view.t0), to: Math.round(view.t1), gaps: view.ui.gaps.length
  });
}

function pause(view, paused) {
  if (view.paused === paused) return;
  view.paused = paused;
  view.stale = true;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Continue" : "Pause";
  if (paused) {
    say(view, "paused", "paused");
  } else {
    take(view, view.held.splice(0));
    say(view, "live", "live");
  }
}

/** What links and clicks do: they select. A selected event pauses the page, and comes into view. */
function navigation(view) {
  const show = (t) => {
    const span = view.t1 - view.t0;
    if (t >= view.t0 + span * 0.02 && t <= view.t1 - span * 0.02) return;
    view.t0 = t - span / 2;
    view.t1 = view.t0 + span;
    view.moved = true;
  };
  const go = {
    task(index) {
      go.known(view.w.tasks.get(view.m.tasks[index].id) ?? null, null);
    },
    event(index, move = true) {
      const { m } = view;
      pause(view, true);
      const task = m.tasks[m.task[index]];
      view.selected = { task: task ? task.id : null, seq: m.seq(index) };
      if (move) show(m.ts[index]);
      refresh();
    },
    known(task, seq) {
      if (seq !== null && view.w.events.some((event) => event.seq === seq)) {
        pause(view, true);
        show(view.w.events.find((event) => event.seq === seq).ts);
      }
      view.selected = { task: task?.id ?? null, seq };
      refresh();
    },
    nothing() {
      view.selected = { task: null, seq: null };
      refresh();
    },
    zoom(factor, at = 0.5) {
      pause(view, true);
      const around = view.t0 + at * (view.t1 - view.t0);
      const by = Math.min(factor, 60e9 / (view.t1 - view.t0));
      view.t0 = around - (around - view.t0) * by;
      view.t1 = Math.max(view.t0 + 1000, around + (view.t1 - around) * by);
      view.moved = true;
    },
    step(by, ofTask) {
      pause(view, true);
      const { m, ui } = view;
      if (m.n === 0) return;
      const mine = ofTask && ui.task >= 0 ? m.tasks[ui.task].events : [];
      let i = ui.event >= 0 ? ui.event + by
        : mine.length > 0 ? mine.at(by > 0 ? 0 : -1)
          : Math.min(m.n - 1, firstAtLeast(m.ts, (view.t0 + view.t1) / 2));
      while (ofTask && ui.task >= 0 && i >= 0 && i < m.n && m.task[i] !== ui.task) i += by;
      if (i >= 0 && i < m.n) go.event(i);
    },
    row(by) {
      const { ui, m } = view, row = ui.task >= 0 ? ui.rowOf[ui.task] : -1;
      const next = Math.max(0, Math.min(ui.rows.length - 1, row + by));
      if (ui.rows.length > 0) go.known(view.w.tasks.get(m.tasks[ui.rows[next]].id), null);
    }
  };
  const refresh = () => { view.stale = true; };
  return go;
}

/** The selected event as a sentence, and answers about the selected task. */
function showSelected(view) {
  const { m, w, ui, selected, go } = view;
  $("event").replaceChildren(...(ui.event >= 0
    ? [element("b", {}, `${m.kind(ui.event)} at ${(m.ts[ui.event] / 1e9).toFixed(6)} s: `),
      ...linked(m, sentence(m, ui.event), go)]
    : selected.seq !== null ? ["The selected event is not kept any more."]
      : ["Click a poll, a wake or a task; ← and → step through the events."]));
  const task = selected.task === null ? null : w.tasks.get(selected.task);
  if (!task) {
    $("panel").replaceChildren(element("p", {}, selected.task === null
      ? "No task is selected." : "The selected task is over, and is not kept any more."));
    return;
  }
  const { polls, wakes, self_wakes: self, ran, longest, delay } = task.counts;
  const answers = [
    ["What has it done in all?", [`${count(polls, "poll")}, ${duration(ran)} in all, the longest ` +
      `${duration(longest)}; ${count(wakes, "wake")}, ${short(self)} of them by itself; at most ` +
      `${duration(delay)} from wake to poll.`]],
    ["What does it do now?", [task.over ? `It is over: ${task.state}.` : `It is ${task.state}` +
      (task.waits ? ` for ${task.waits}` : "") + `, and took ${percent(task.share)} of the loop. ` +
      (task.wakers === 0 && task.state === "waiting"
        ? "No waker is left: nothing can wake it."
        : `${count(task.wakers ?? 0, "waker")} of it.`)]],
  ];
  // What the events say of its end is not known where its events were left out.
  if (ui.task >= 0) answers.push(...taskAnswers(m, m.tasks[ui.task])
    .filter(([question]) => !ui.sums.has(task.id) || !question.startsWith("Why does it not")));
  const list = element("dl");
  for (const [question, answer] of answers)
    list.append(element("dt", {}, question), element("dd", {}, ...linked(m, answer, go)));
  const title = element("h2", {}, `${label(task)} `,
    element("span", { class: "id" }, `task ${task.id}`));
  const close = element("button",
    { type: "button", onclick: go.nothing, title: "Escape" }, "Close");
  keepFocus($("panel"), [close, title, list]);
}

function showTip(view) {
  const canvas = $("lanes"), tip = $("tip"), { x, y } = view.pointer;
  const words = view.ui ? wordsOf(view, under(view, canvas, x, y)) : "";
  tip.hidden = words === "";
  if (tip.hidden || view.pointer.words === words) return;
  view.pointer.words = words;
  tip.textContent = words;
  const box = $("frame").getBoundingClientRect(), wide = Math.min(360, box.width - 16);
  tip.style.width = `${wide}px`;
  tip.style.left = `${Math.max(4, Math.min(x + 14, box.width - wide - 8))}px`;
  tip.style.top = `${y + 18}px`;
}

function controls(view) {
  $("pause").addEventListener("click", () => pause(view, !view.paused));
  $("own").addEventListener("change", () => { view.stale = true; });
  $("span").addEventListener("change", () => pause(view, false));
  const dark = (on) => { document.documentElement.dataset.theme = on ? "dark" : "light"; };
  dark(matchMedia("(prefers-color-scheme: dark)").matches);
  $("theme").addEventListener("click",
    () => dark(document.documentElement.dataset.theme !== "dark"));
  const canvas = $("lanes");
  let drag = null;
  canvas.addEventListener("wheel", (wheel) => {
    if (wheel.deltaY === 0 || wheel.shiftKey) return;
    wheel.preventDefault();
    view.go.zoom(Math.exp(wheel.deltaY * 0.0015), wheel.offsetX / canvas.clientWidth);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (down) => {
    drag = { x: down.clientX, t0: view.t0, t1: view.t1, moved: false };
    canvas.setPointerCapture(down.pointerId);
  });
  canvas.addEventListener("pointermove", (move) => {
    view.pointer = { x: move.offsetX, y: move.offsetY };
    if (drag === null || (!drag.moved && Math.abs(drag.x - move.clientX) < 4)) return;
    pause(view, true);
    if (!drag.moved) Object.assign(drag, { t0: view.t0, t1: view.t1, moved: true });
    const by = ((drag.x - move.clientX) / canvas.clientWidth) * (drag.t1 - drag.t0);
    view.t0 = drag.t0 + by;
    view.t1 = drag.t1 + by;
    view.moved = true;
  });
  canvas.addEventListener("pointerup", (up) => {
    const click = drag !== null && !drag.moved;
    drag = null;
    if (click && view.ui) select(view, under(view, canvas, up.offsetX, up.offsetY));
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => {
    view.pointer = null;
    $("tip").hidden = true;
  });
  $("labels").addEventListener("click", (click) => {
    const row = [...$("labels").children].indexOf(click.target.closest("#labels > div"))
      - (view.ui?.lanes.length ?? 0);
    if (row >= 0 && row < view.ui.rows.length) view.go.task(view.ui.rows[row]);
  });
}

function select(view, found) {
  const { m, go, w } = view;
  if (found.event >= 0) go.event(found.event, false);
  if (found.task < 0) return;
  const task = w.tasks.get(m.tasks[found.task].id) ?? null;
  // The lane says which task is meant, also where the event is a wake by another one.
  if (found.event < 0) go.known(task, null);
  else view.selected.task = task?.id ?? view.selected.task;
}

function keyboard(view) {
  const { go } = view, canvas = $("lanes");
  document.addEventListener("keydown", (key) => {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    if (key.key === "Escape") {
      $("tip").hidden = true;
      go.nothing();
      return;
    }
    if (key.target.matches("button, select, input")) return;
    if (key.key === " ") {
      key.preventDefault();
      pause(view, !view.paused);
      return;
    }
    if (document.activeElement !== canvas && document.activeElement !== document.body) return;
    const keys = {
      ArrowLeft: () => go.step(-1, key.shiftKey), ArrowRight: () => go.step(1, key.shiftKey),
      ArrowUp: () => go.row(-1), ArrowDown: () => go.row(1),
      "+": () => go.zoom(0.5), "=": () => go.zoom(0.5), "-": () => go.zoom(2),
      0: () => pause(view, false),
    };
    const act = keys[key.key];
    if (!act || !view.ui) return;
    key.preventDefault();
    act();
  });
}

start();
