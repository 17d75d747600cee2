// Reactions to the reader: tabs, search, buttons, pointer, keys.

const TABS = ["trace", "task", "flags", "help"];

function tab(name) {
  for (const one of TABS) {
    $(`pane-${one}`).hidden = one !== name;
    $(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    $(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
}

/** Arrow keys, Home and End move between the tabs. */
function tabKeys() {
  document.querySelector("[role=tablist]").addEventListener("keydown", (key) => {
    const at = TABS.findIndex((one) => key.target.id === `tab-${one}`),
      last = TABS.length - 1;
    const to = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[key.key];
    if (at < 0 || to === undefined) return;
    key.preventDefault();
    tab(TABS[to]);
    $(`tab-${TABS[to]}`).focus();
  });
}

/** Says how many tasks the search hides, and shows them all on a click. */
function showHidden(m, ui, text, place, all) {
  const hidden = m.tasks.length - ui.rows.length,
    what = [text && `"${text}"`, place && `the place ${place}`].filter(Boolean).join(" and ");
  $("hidden").hidden = hidden === 0;
  if (hidden === 0) return;
  $("hidden").replaceChildren(
    ui.rows.length === 0
      ? `No task matches ${what}. `
      : `${count(hidden, "task")} hidden; arrows from them show their names. `,
    element("button", { class: "go", type: "button", onclick: all }, "Show all"),
  );
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
    showHidden(m, ui, wanted, place, () => {
      $("search").value = $("location").value = "";
      apply();
      $("search").focus();
    });
    draw();
  };
  $("search").addEventListener("input", apply);
  $("search").addEventListener("keydown", (key) => {
    if (key.key === "Escape") {
      $("search").value = "";
      apply();
      $("lanes").focus();
    }
    if (key.key !== "Enter") return;
    const text = $("search").value.trim(),
      event = Number(text.slice(1)) - 1;
    if (text.startsWith("#")) {
      if (Number.isInteger(event) && event >= 0 && event < m.n) go.event(event);
      else
        $("where").textContent = `There is no event ${text}: the trace has ${count(m.n, "event")}.`;
    } else if (ui.rows.length > 0) go.task(ui.rows[0]);
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

/** Closes the popup of kinds at Escape, and at a press outside of it. */
function popup() {
  const kinds = $("kinds");
  document.addEventListener("keydown", (key) => {
    if (key.key !== "Escape") return;
    $("tip").hidden = true;
    if (!kinds.open) return;
    kinds.open = false;
    kinds.querySelector("summary").focus();
  });
  document.addEventListener("pointerdown", (down) => {
    if (!kinds.contains(down.target)) kinds.open = false;
  });
}

function buttons(m, ui, go, draw) {
  const step = (by, ofTask) => {
    go.play(false);
    go.step(by, ofTask);
  };
  $("in").addEventListener("click", () => go.zoom(0.5));
  $("out").addEventListener("click", () => go.zoom(2));
  $("fit").addEventListener("click", go.all);
  $("near").addEventListener("click", go.zoomToEvent);
  $("play").addEventListener("click", () => go.play());
  $("steps").addEventListener("click", () => go.axis(!ui.shown.steps));
  popup();
  tabKeys();
  $("next").addEventListener("click", (click) => step(1, click.shiftKey));
  $("back").addEventListener("click", (click) => step(-1, click.shiftKey));
  for (const one of TABS) $(`tab-${one}`).addEventListener("click", () => tab(one));
  const root = document.documentElement;
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  $("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    draw();
  });
}

/**
 * Returns the event under the pointer: one that begins within a few pixels, or the poll or wait
 * there, or else the nearest one of the lane.
 */
function hit(m, ui, x, y, width) {
  const view = ui.view(width),
    clip = AXIS + ui.lanes.length * ROW,
    { ts, dur } = ui.shown,
    t = view.time(x);
  if (y < AXIS) return null;
  let lists;
  if (y < clip) {
    const lane = ui.lanes[Math.floor((y - AXIS) / ROW)];
    lists = lane.key === "exec" ? [m.exec.event, m.marks] : [lane.events];
  } else {
    const task = ui.rows[Math.floor((y - clip + ui.scroll()) / ROW)];
    if (task === undefined) return null;
    lists = [m.tasks[task].events, m.tasks[task].polls];
    if (lists[0].length === 0) return { task, event: -1 };
  }
  const near = lists.flatMap((list) => {
    const i = firstEventAt(ui.shown, list, t);
    return [list[i - 1], list[i]].filter((e) => e !== undefined);
  });
  if (near.length === 0) return null;
  const start = (e) => Math.abs(view.x(ts[e]) - x),
    far = (e) =>
      t >= ts[e] && t <= ts[e] + dur[e]
        ? 0
        : Math.min(start(e), Math.abs(view.x(ts[e] + dur[e]) - x)),
    best = (key) => near.reduce((a, b) => (key(b) < key(a) ? b : a)),
    event = start(best(start)) <= 5 ? best(start) : best(far);
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
    const t = (where.offsetX / map.clientWidth) * ui.shown.end,
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
    const step = (by) => {
      go.play(false);
      go.step(by, key.shiftKey);
    };
    const act = {
      ArrowRight: () => step(1),
      ArrowLeft: () => step(-1),
      ArrowDown: () => go.neighbour(1),
      ArrowUp: () => go.neighbour(-1),
      "+": () => go.zoom(0.5),
      "=": () => go.zoom(0.5),
      "-": () => go.zoom(2),
      0: go.all,
      z: go.zoomToEvent,
      p: () => go.play(),
      s: () => go.axis(!ui.shown.steps),
      "/": () => $("search").focus(),
    }[key.key];
    if (act === undefined) return;
    key.preventDefault();
    act();
  });
}
