// The page: state, and reactions to the reader.

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
    laneY(lane, clip, height) {
      if (typeof lane !== "number") {
        const k = ui.lanes.findIndex((one) => one.key === lane);
        return k < 0 ? null : AXIS + k * ROW;
      }
      const row = ui.rowOf[lane];
      if (row < 0) return null;
      const y = clip + row * ROW - ui.scroll();
      return y > height ? null : y;
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
    `${duration(m.end)}, level ${m.raw.level}` +
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
      drawLanes($("lanes"), m, ui);
      drawMap($("map"), m, ui);
      Object.assign($("lanes").dataset, { from: Math.round(ui.t0), to: Math.round(ui.t1) });
    });
  };
  const go = navigation(m, ui, draw);
  showLegend($("legend"));
  showHelp($("pane-help"));
  showFlags($("pane-flags"), m, flags, go);
  $("tab-flags").textContent = `Red flags (${flags.length})`;
  filters(m, ui, draw, go);
  buttons(ui, go, draw);
  pointer(m, ui, go, draw);
  keyboard(m, ui, go);
  new ResizeObserver(draw).observe($("stage"));
  $("list").addEventListener("scroll", draw);
  if (m.n > 0) go.event(0, false);
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
    const width = Math.min(m.end, Math.max(50, t1 - t0)),
      left = Math.min(Math.max(0, t0), m.end - width);
    ui.t0 = left;
    ui.t1 = left + width;
    draw();
  };
  const reveal = (task) => {
    const row = task >= 0 ? ui.rowOf[task] : -1,
      list = $("list");
    if (row < 0) return;
    if (row * ROW < list.scrollTop) list.scrollTop = row * ROW;
    if ((row + 1) * ROW > list.scrollTop + list.clientHeight)
      list.scrollTop = (row + 1) * ROW - list.clientHeight;
  };
  const go = {
    show: clampView,
    all: () => clampView(0, m.end),
    zoom(
      factor,
      around = ui.event >= 0 && m.ts[ui.event] >= ui.t0 && m.ts[ui.event] <= ui.t1
        ? m.ts[ui.event]
        : (ui.t0 + ui.t1) / 2,
    ) {
      clampView(around - (around - ui.t0) * factor, around + (ui.t1 - around) * factor);
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
        `${m.kind(i)} #${m.seq(i)} at ${moment(m.ts[i])}`;
      $("sentence").replaceChildren(...linked(m, sentence(m, i), go));
      if (takeTask && m.task[i] >= 0) go.task(m.task[i]);
      else if (ui.task < 0) showTask($("pane-task"), m, undefined, go);
      const t = m.ts[i],
        width = ui.t1 - ui.t0;
      if (t + m.dur[i] < ui.t0 || t > ui.t1) clampView(t - width / 2, t + width / 2);
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

const TABS = ["task", "flags", "help"];

function tab(name) {
  for (const one of TABS) {
    $(`pane-${one}`).hidden = one !== name;
    $(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    $(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
}

function filters(m, ui, draw, go) {
  const places = [...new Set(m.tasks.map((task) => task.location).filter(Boolean))].sort();
  $("location").replaceChildren(
    element("option", { value: "" }, "all places"),
    ...places.map((place) => element("option", { value: place }, place)),
  );
  const apply = () => {
    const text = $("search").value.trim().toLowerCase(),
      place = $("location").value;
    const wanted = text.startsWith("#") ? "" : text;
    ui.rows = m.tasks
      .filter(
        (task) =>
          (!place || task.location === place) &&
          (!wanted ||
            `${task.label} ${task.id} ${task.location ?? ""}`.toLowerCase().includes(wanted)),
      )
      .map((task) => task.index);
    ui.rowOf.fill(-1);
    ui.rows.forEach((task, row) => {
      ui.rowOf[task] = row;
    });
    draw();
  };
  $("search").addEventListener("input", apply);
  $("search").addEventListener("keydown", (key) => {
    if (key.key !== "Enter") return;
    const text = $("search").value.trim(),
      event = m.bySeq.get(Number(text.slice(1)));
    if (text.startsWith("#") && event !== undefined) go.event(event);
    else if (ui.rows.length > 0 && !text.startsWith("#")) go.task(ui.rows[0]);
  });
  $("location").addEventListener("change", apply);
  $("kindlist").replaceChildren(
    ...[...m.counts].sort().map(([kind, n]) => {
      const box = element("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) ui.hidden.delete(kind);
        else ui.hidden.add(kind);
        draw();
      });
      return element("label", {}, box, ` ${kind} (${n.toLocaleString("en")})`);
    }),
  );
  apply();
}

function buttons(ui, go, draw) {
  $("in").addEventListener("click", () => go.zoom(0.5));
  $("out").addEventListener("click", () => go.zoom(2));
  $("fit").addEventListener("click", go.all);
  $("next").addEventListener("click", (click) => go.step(1, click.shiftKey));
  $("back").addEventListener("click", (click) => go.step(-1, click.shiftKey));
  for (const one of TABS) $(`tab-${one}`).addEventListener("click", () => tab(one));
  const root = document.documentElement;
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  $("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    draw();
  });
}

/** Returns the event under the pointer: the nearest one of the lane. */
function hit(m, ui, x, y, width) {
  const view = ui.view(width),
    clip = AXIS + ui.lanes.length * ROW,
    t = view.time(x);
  let events;
  if (y < AXIS) return null;
  if (y < clip) {
    const lane = ui.lanes[Math.floor((y - AXIS) / ROW)];
    events = lane.key === "exec" ? m.exec.event : lane.events;
  } else {
    const task = ui.rows[Math.floor((y - clip + ui.scroll()) / ROW)];
    if (task === undefined) return null;
    events = m.tasks[task].events;
    if (events.length === 0) return { task, event: -1 };
  }
  const i = firstEventAt(m, events, t),
    near = [events[i - 1], events[i]].filter((e) => e !== undefined);
  if (near.length === 0) return null;
  const far = (e) =>
    t >= m.ts[e] && t <= m.ts[e] + m.dur[e]
      ? 0
      : Math.min(Math.abs(m.ts[e] - t), Math.abs(m.ts[e] + m.dur[e] - t));
  const event = near.reduce((a, b) => (far(b) < far(a) ? b : a));
  return { event, task: m.task[event] };
}

function pointer(m, ui, go, draw) {
  const canvas = $("lanes"),
    tip = $("tip");
  let drag = null;
  canvas.addEventListener(
    "wheel",
    (wheel) => {
      wheel.preventDefault();
      const width = canvas.clientWidth,
        by = wheel.deltaX || (wheel.shiftKey ? wheel.deltaY : 0);
      if (by !== 0)
        go.show(ui.t0 + (by / width) * (ui.t1 - ui.t0), ui.t1 + (by / width) * (ui.t1 - ui.t0));
      else go.zoom(Math.exp(wheel.deltaY * 0.0015), ui.view(width).time(wheel.offsetX));
    },
    { passive: false },
  );
  canvas.addEventListener("pointerdown", (down) => {
    drag = {
      x: down.offsetX,
      y: down.offsetY,
      t0: ui.t0,
      t1: ui.t1,
      top: ui.scroll(),
      moved: false,
    };
    canvas.setPointerCapture(down.pointerId);
  });
  canvas.addEventListener("pointermove", (move) => {
    if (drag) {
      const by = ((drag.x - move.offsetX) / canvas.clientWidth) * (drag.t1 - drag.t0);
      drag.moved ||= Math.abs(drag.x - move.offsetX) + Math.abs(drag.y - move.offsetY) > 4;
      if (drag.moved) {
        go.show(drag.t0 + by, drag.t1 + by);
        $("list").scrollTop = drag.top + drag.y - move.offsetY;
      }
    }
    const found = drag ? null : hit(m, ui, move.offsetX, move.offsetY, canvas.clientWidth);
    tip.hidden = !found || found.event < 0;
    if (!tip.hidden) {
      tip.textContent =
        `${m.kind(found.event)} at ${moment(m.ts[found.event])}: ` +
        plain(m, sentence(m, found.event));
      const left = Math.min(
        canvas.offsetLeft + move.offsetX + 12,
        Math.max(0, $("stage").clientWidth - 350),
      );
      tip.style.left = `${left}px`;
      tip.style.top = `${Math.min(move.offsetY + 16, Math.max(0, canvas.clientHeight - 90))}px`;
    }
  });
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });
  canvas.addEventListener("pointercancel", () => {
    drag = null;
  });
  canvas.addEventListener("pointerup", (up) => {
    const found =
      drag && !drag.moved ? hit(m, ui, up.offsetX, up.offsetY, canvas.clientWidth) : null;
    drag = null;
    if (found && found.event >= 0) go.event(found.event);
    else if (found) go.task(found.task);
    draw();
  });
  const map = $("map");
  const centre = (where) => {
    const t = (where.offsetX / map.clientWidth) * m.end,
      half = (ui.t1 - ui.t0) / 2;
    go.show(t - half, t + half);
  };
  map.addEventListener("pointerdown", (down) => {
    map.setPointerCapture(down.pointerId);
    centre(down);
  });
  map.addEventListener("pointermove", (move) => {
    if (move.buttons > 0) centre(move);
  });
}

function keyboard(m, ui, go) {
  document.addEventListener("keydown", (key) => {
    if (key.target.matches("input, select, [role=tab]") || key.ctrlKey || key.metaKey || key.altKey)
      return;
    const act = {
      ArrowRight: () => go.step(1, key.shiftKey),
      ArrowLeft: () => go.step(-1, key.shiftKey),
      ArrowDown: () => go.neighbour(1),
      ArrowUp: () => go.neighbour(-1),
      "+": () => go.zoom(0.5),
      "=": () => go.zoom(0.5),
      "-": () => go.zoom(2),
      0: go.all,
      "/": () => $("search").focus(),
    }[key.key];
    if (act === undefined) return;
    key.preventDefault();
    act();
  });
}

start();
