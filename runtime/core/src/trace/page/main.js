// The page: state, and reactions to the reader.

const PLAY_MS = 700;
const LEVELS = ["Off", "Polls", "Wakes", "Clones"];

const $ = (id) => document.getElementById(id);

function start() {
  let m;
  try {
    m = buildModel(parseTrace($("trace").textContent));
  } catch (error) {
    $("reason").textContent = error.message;
    $("advice").textContent =
      "Write the page again with Snapshot::write_html of the version of Wakeful that recorded it.";
    $("problem").hidden = false;
    document.body.dataset.state = "problem";
    return;
  }
  run(m);
  document.body.dataset.state = "ready";
}

function newUi(m) {
  const ui = {
    t0: 0,
    t1: m.end,
    // What the canvases show: the model with real times, or the one by steps.
    shown: m,
    playing: 0,
    event: -1,
    task: -1,
    hidden: new Set(),
    lanes: systemLanes(m),
    rows: [],
    rowOf: new Int32Array(m.tasks.length),
    scroll: () => $("list").scrollTop,
    view(width) {
      const { t0, t1 } = ui,
        scale = width / (t1 - t0);
      return {
        t0,
        t1,
        width,
        x: (t) => (t - t0) * scale,
        time: (x) => t0 + x / scale,
        shown: (i) => !ui.hidden.has(m.kind(i)),
      };
    },
    laneY(lane, clip) {
      if (typeof lane !== "number") {
        const k = ui.lanes.findIndex((one) => one.key === lane);
        return k < 0 ? null : AXIS + k * ROW;
      }
      const row = ui.rowOf[lane];
      if (row < 0) return null;
      return clip + row * ROW - ui.scroll();
    },
  };
  return ui;
}

function run(m) {
  const ui = newUi(m),
    flags = allFlags(m);
  document.querySelector("main").hidden = false;
  $("program").textContent = m.raw.program || "Wakeful trace";
  document.title = `${m.raw.program || "Wakeful"}: trace`;
  $("summary").textContent =
    `${count(m.tasks.length, "task")}, ${count(m.n, "event")}, ` +
    `${duration(m.end)}, level ${LEVELS[m.raw.level] ?? m.raw.level}` +
    (m.raw.lost > 0 ? `, ${m.raw.lost} lost` : "");
  $("syslabels").replaceChildren(
    ...ui.lanes.map((lane) => element("div", { title: lane.label }, lane.label)),
  );

  let asked = false;
  const draw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      fillRows(m, ui, go);
      drawLanes($("lanes"), ui.shown, ui);
      drawMap($("map"), ui.shown, ui);
      const digits = ui.shown.steps ? 3 : 0;
      Object.assign($("lanes").dataset, {
        from: ui.t0.toFixed(digits),
        to: ui.t1.toFixed(digits),
      });
    });
  };
  const go = navigation(m, ui, draw);
  showLegend($("legend"));
  showHelp($("pane-help"));
  showFlags($("pane-flags"), m, flags, go);
  showOverview($("pane-trace"), m, go);
  $("tab-flags").textContent = `Red flags (${flags.length})`;
  filters(m, ui, draw, go);
  buttons(m, ui, go, draw);
  pointer(m, ui, go, draw);
  keyboard(m, ui, go);
  new ResizeObserver(draw).observe($("stage"));
  $("list").addEventListener("scroll", draw);
  if (m.n > 0) go.event(0, false);
  if (isCrowded(m, $("lanes").clientWidth)) go.axis(true);
  draw();
}

/** Updates the rows in the document, which has only the visible ones. */
function fillRows(m, ui, go) {
  const first = Math.max(0, Math.floor(ui.scroll() / ROW) - 2),
    last = Math.min(ui.rows.length, first + Math.ceil($("list").clientHeight / ROW) + 5);
  $("rows").style.height = `${ui.rows.length * ROW}px`;
  const rows = [];
  for (let row = first; row < last; row++) {
    const task = m.tasks[ui.rows[row]];
    rows.push(
      element(
        "div",
        {
          role: "option",
          "aria-selected": String(task.index === ui.task),
          style: `top:${row * ROW}px`,
          title: `${task.label}, task ${task.id}`,
          onclick: () => go.task(task.index),
        },
        ...(task.flags.length > 0
          ? [
              element(
                "span",
                { class: "flag", title: task.flags.map((flag) => flag.what).join(", ") },
                "⚑ ",
              ),
            ]
          : []),
        task.label,
      ),
    );
  }
  $("rows").replaceChildren(...rows);
}

function navigation(m, ui, draw) {
  const clampView = (t0, t1) => {
    const { end, steps } = ui.shown,
      width = Math.min(end, Math.max(steps ? 4 : 50, t1 - t0)),
      left = Math.min(Math.max(0, t0), end - width);
    ui.t0 = left;
    ui.t1 = left + width;
    draw();
  };
  const isWhole = () => ui.t1 - ui.t0 >= ui.shown.end;
  const reveal = (task) => {
    const row = task >= 0 ? ui.rowOf[task] : -1,
      list = $("list");
    if (row < 0) return;
    if (row * ROW < list.scrollTop) list.scrollTop = row * ROW;
    if ((row + 1) * ROW > list.scrollTop + list.clientHeight)
      list.scrollTop = (row + 1) * ROW - list.clientHeight;
  };
  /** Moves the view if an event is outside of it, or close to its edge. */
  const bringIntoView = (i) => {
    const { ts, dur } = ui.shown,
      width = ui.t1 - ui.t0,
      margin = width / 12;
    if (ts[i] < ui.t0 + margin || Math.min(ts[i] + dur[i], ts[i] + width / 3) > ui.t1 - margin)
      clampView(ts[i] - width / 3, ts[i] + (width * 2) / 3);
    if (m.task[i] >= 0) reveal(m.task[i]);
  };
  const go = {
    show: clampView,
    all: () => clampView(0, ui.shown.end),
    zoom(factor, around) {
      const { ts } = ui.shown,
        selected = ui.event >= 0 ? ts[ui.event] : -1;
      around ??= selected >= ui.t0 && selected <= ui.t1 ? selected : (ui.t0 + ui.t1) / 2;
      clampView(around - (around - ui.t0) * factor, around + (ui.t1 - around) * factor);
    },
    /** Shows the selected event in the middle, with the few events around it. */
    zoomToEvent() {
      const { ts, dur, steps } = ui.shown,
        i = ui.event;
      if (i < 0) return;
      if (steps) {
        clampView(ts[i] - 8, ts[i] + Math.max(8, dur[i] + 4));
        return;
      }
      const around = Math.max(
        dur[i] / 2,
        ts[i] - ts[Math.max(0, i - 3)],
        ts[Math.min(m.n - 1, i + 3)] - ts[i] - dur[i],
        100,
      );
      clampView(ts[i] - around, ts[i] + dur[i] + around);
    },
    /** Changes between the axis by steps and real time. The same events stay visible. */
    axis(steps) {
      if (steps === Boolean(ui.shown.steps)) return;
      const whole = isWhole(),
        first = firstAtLeast(ui.shown.ts, ui.t0),
        last = firstAtLeast(ui.shown.ts, ui.t1, first);
      ui.shown = steps ? (ui.bySteps ??= bySteps(m)) : m;
      $("steps").setAttribute("aria-pressed", String(steps));
      if (whole || m.n === 0) go.all();
      else if (steps) clampView(first, last);
      else clampView(m.ts[Math.min(first, m.n - 1)], m.ts[Math.min(last, m.n - 1)]);
    },
    /** Steps from event to event, until the last one. */
    play(on = ui.playing === 0) {
      clearTimeout(ui.playing);
      ui.playing = 0;
      $("play").setAttribute("aria-pressed", String(on));
      $("play").textContent = on ? "Pause" : "Play";
      if (!on) return;
      if (ui.event >= m.n - 1) go.event(0, false);
      const next = () => {
        ui.playing = setTimeout(next, PLAY_MS);
        const before = ui.event;
        go.step(1, false);
        if (ui.event === before || ui.event >= m.n - 1) go.play(false);
      };
      ui.playing = setTimeout(next, PLAY_MS);
    },
    task(index) {
      ui.task = index;
      showTask($("pane-task"), m, m.tasks[index], go);
      tab("task");
      reveal(index);
      draw();
    },
    event(i, takeTask = true) {
      ui.event = i;
      $("where").textContent =
        `Event ${(i + 1).toLocaleString("en")} of ${m.n.toLocaleString("en")}: ` +
        `${m.kind(i)} at ${moment(m.ts[i])}`;
      $("sentence").replaceChildren(...linked(m, sentence(m, i), go));
      if (takeTask && m.task[i] >= 0) go.task(m.task[i]);
      else if (ui.task < 0) showTask($("pane-task"), m, undefined, go);
      bringIntoView(i);
      draw();
    },
    step(by, ofTask) {
      const list = ofTask && ui.task >= 0 ? m.tasks[ui.task].events : null,
        n = list ? list.length : m.n;
      const at = (k) => (list ? list[k] : k);
      let k = list
        ? by > 0
          ? firstAtLeast(list, ui.event + 1) - 1
          : firstAtLeast(list, ui.event)
        : ui.event;
      do k += by;
      while (k >= 0 && k < n && ui.hidden.has(m.kind(at(k))));
      if (k >= 0 && k < n) go.event(at(k), !ofTask);
    },
    neighbour(by) {
      if (ui.rows.length === 0) return;
      const row = ui.task >= 0 ? ui.rowOf[ui.task] : -1;
      go.task(ui.rows[Math.min(ui.rows.length - 1, Math.max(0, row + by))]);
    },
  };
  return go;
}

start();
