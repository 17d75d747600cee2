// The page: follows the stream and draws it, unless it is paused.

// How far behind the newest part the lanes are, so that they move smoothly between two parts.
const LAG = 450e6, FRAME = 33, MOST_HELD = 300, MOST_ROWS = 60;

function start() {
  const view = {
    w: newWindow(), m: null, ui: null, held: [], paused: false, moved: false, t0: 0, t1: 1,
    stale: true, received: { end: 0, at: 0 }, figures: newFigures()
  };
  showLegend();
  showRequests();
  controls(view);
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
  const lost = w.lost > 0 ? `; ${count(w.lost, "event")} missed` : "";
  $("status").textContent = text + lost;
}

function follow(view) {
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    // The server sends everything that it keeps to each new connection.
    view.w = newWindow();
    view.held = [];
  });
  events.addEventListener("trace", (message) => {
    let part;
    try {
      part = parseTrace(message.data);
    } catch (error) {
      events.close();
      say(view, "lost", `the server sent what this page can't read: ${error.message}`);
      return;
    }
    if (view.paused) {
      view.held.push(part);
      if (view.held.length > MOST_HELD) view.w.lost += view.held.shift().events.length;
      say(view, "paused", `paused; ${count(view.held.length, "part")} wait`);
      return;
    }
    take(view, [part]);
    say(view, "live", "live");
  });
  events.addEventListener("metrics", (message) =>
    view.figures(JSON.parse(message.data), performance.now()));
  events.addEventListener("error", () => say(view, "lost",
    events.readyState === EventSource.CLOSED
      ? "the server refuses this page" : "the connection is lost; trying again"));
}

function take(view, parts) {
  for (const part of parts) addPart(view.w, part);
  const now = performance.now(), guess = view.received.end + (now - view.received.at) * 1e6;
  // The server's clock goes as ours does; what differs is when its words came.
  view.received = {
    end: Math.abs(guess - view.w.end) < 300e6 ? guess * 0.9 + view.w.end * 0.1 : view.w.end,
    at: now
  };
  view.stale = true;
}

/** The window as a model, and the tables beside it. */
function rebuild(view) {
  const { w } = view, m = view.m = buildModel(traceOf(w, $("own").checked));
  showTasks(w, $("own").checked);
  showWakes(m);
  layOut(view);
}

/** The lanes and rows of what can be seen. */
function layOut(view) {
  const { m } = view;
  // Only lanes of threads that did something here.
  const lanes = systemLanes(m).filter((lane) => !lane.key.startsWith("thread ") || lane.events.length > 0);
  // What comes into view before the next part.
  const ahead = view.paused ? 0 : LAG;
  const alive = (task) => task.done < 0 && task.alive;
  const shown = m.tasks.filter((task) =>
    task.events.some((i) => m.ts[i] + m.dur[i] >= view.t0 && m.ts[i] <= view.t1 + ahead)
    || (alive(task) && task.events.length > 0 && m.ts[task.events[0]] <= view.t1 + ahead));
  // The newest stand on top.
  shown.sort((a, b) => m.ts[b.events[0]] - m.ts[a.events[0]] || b.index - a.index);
  const rows = shown.slice(0, MOST_ROWS).map((task) => task.index),
    rowOf = new Int32Array(m.tasks.length).fill(-1);
  rows.forEach((task, row) => { rowOf[task] = row; });
  view.ui = { lanes, rows, rowOf, task: -1, event: -1, scroll: () => 0,
    view: (width) => {
      const scale = width / (view.t1 - view.t0), { t0, t1 } = view;
      return {
        t0, t1, width, x: (t) => (t - t0) * scale, time: (x) => t0 + x / scale, shown: () => true
      };
    },
    laneY: (lane, clip) => {
      const k = typeof lane === "number" ? rowOf[lane] : lanes.findIndex((one) => one.key === lane);
      return k < 0 ? null : typeof lane === "number" ? clip + k * ROW : AXIS + k * ROW;
    },
  };
  $("labels").replaceChildren(...lanes.map((lane) => element("div", { class: "lane" }, lane.label)),
    ...rows.map((task) => element("div",
      { title: `${m.tasks[task].label}, task ${m.tasks[task].id}` }, m.tasks[task].label)));
  const height = AXIS + (lanes.length + rows.length) * ROW;
  $("frame").style.height = `max(100%, ${height}px)`;
}

function draw(view, now) {
  if (view.w.end === 0) return;
  if (!view.paused) {
    const span = Number($("span").value), t1 = view.received.end + (now - view.received.at) * 1e6 - LAG;
    view.t0 = t1 - span;
    view.t1 = t1;
  }
  if (view.stale) {
    view.stale = false;
    rebuild(view);
  }
  if (view.moved) {
    view.moved = false;
    layOut(view);
  }
  drawLanes($("lanes"), view.m, view.ui);
  Object.assign($("lanes").dataset, { from: Math.round(view.t0), to: Math.round(view.t1) });
}

function pause(view, paused) {
  view.paused = paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Continue" : "Pause";
  if (paused) {
    say(view, "paused", "paused");
  } else {
    take(view, view.held.splice(0));
    say(view, "live", "live");
  }
}

function controls(view) {
  $("pause").addEventListener("click", () => pause(view, !view.paused));
  $("own").addEventListener("change", () => { view.stale = true; });
  $("span").addEventListener("change", () => { if (view.paused) pause(view, false); });
  document.addEventListener("keydown", (key) => {
    if (key.key !== " " || key.target.matches("button, select, input")) return;
    key.preventDefault();
    pause(view, !view.paused);
  });
  const dark = (on) => { document.documentElement.dataset.theme = on ? "dark" : "light"; };
  dark(matchMedia("(prefers-color-scheme: dark)").matches);
  $("theme").addEventListener("click", () => dark(document.documentElement.dataset.theme !== "dark"));
  const canvas = $("lanes");
  let drag = null;
  canvas.addEventListener("wheel", (wheel) => {
    if (wheel.deltaY === 0 || wheel.shiftKey) return;
    wheel.preventDefault();
    if (!view.paused) pause(view, true);
    const width = canvas.clientWidth,
      around = view.t0 + (wheel.offsetX / width) * (view.t1 - view.t0);
    const factor = Math.min(Math.exp(wheel.deltaY * 0.0015), 60e9 / (view.t1 - view.t0));
    view.t0 = around - (around - view.t0) * factor;
    view.t1 = Math.max(view.t0 + 1000, around + (view.t1 - around) * factor);
    view.moved = true;
  }, { passive: false });
  canvas.addEventListener("pointerdown", (down) => {
    if (!view.paused) pause(view, true);
    drag = { x: down.clientX, t0: view.t0, t1: view.t1 };
    canvas.setPointerCapture(down.pointerId);
  });
  canvas.addEventListener("pointermove", (move) => {
    if (drag === null) return;
    const by = ((drag.x - move.clientX) / canvas.clientWidth) * (drag.t1 - drag.t0);
    view.t0 = drag.t0 + by;
    view.t1 = drag.t1 + by;
    view.moved = true;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drag = null; });
}

start();
