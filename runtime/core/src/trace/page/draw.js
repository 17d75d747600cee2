// The canvases: lanes, arrows, and the map of the whole trace.

const ROW = 22,
  AXIS = 22;
// Of about the same lightness: at least 3:1 against the background and the waiting state, of the
// light theme and of the dark one.
const ORIGIN_COLOURS = {
  task: "#3f74dd",
  source: "#c2479c",
  timer: "#c2621a",
  blocking: "#8a63d2",
  thread: "#11858c",
  outside: "#757b86",
  spawn: "#4f8626",
};
// Above MOST_ARROWS only every second, fourth and so on is drawn. More than CROWD arrows are drawn
// without heads and bends, as one path for each colour.
const MOST_ARROWS = 1500,
  CROWD = 300;

/** Returns the context of a canvas at the resolution of the screen, and its size in CSS pixels. */
function surface(canvas) {
  const ratio = window.devicePixelRatio || 1,
    width = canvas.clientWidth,
    height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return { ctx, width, height };
}

function colours() {
  const style = getComputedStyle(document.documentElement),
    of = (name, other) => style.getPropertyValue(name).trim() || (other ? of(other) : "");
  return {
    fg: of("--fg"),
    dim: of("--dim"),
    line: of("--line"),
    soft: of("--soft"),
    bg: of("--bg"),
    bad: of("--bad"),
    mark: of("--mark", "--accent"),
    cancelled: of("--dim"),
    accent: of("--accent"),
    states: ["waiting", "ready", "running", "done", "cancelled", "panicked"].map((state) =>
      of(`--${state}`, "--done"),
    ),
  };
}

/** Returns the lanes above the tasks, with the events of each. */
function systemLanes(m) {
  const lanes = [
    { key: "exec", label: "executor" },
    { key: "reactor", label: "reactor", events: m.reactor },
    { key: "timers", label: "timers", events: m.timer },
  ];
  m.threads.forEach((name, i) => {
    if (i > 0) lanes.push({ key: `thread ${i}`, label: name, events: m.thread[i] });
  });
  return lanes;
}

/**
 * Fills rectangles of one height, left to right; neighbours of one colour are filled at once. The
 * rarest colour comes last, so that it stays visible, and each colour is set only once.
 */
function runs(ctx, y, height) {
  const filled = new Map();
  let colour = null,
    left = 0,
    right = 0;
  const keep = () => {
    if (colour === null) return;
    if (!filled.has(colour)) filled.set(colour, []);
    filled.get(colour).push(left, right - left);
  };
  const flush = () => {
    keep();
    for (const [its, spans] of [...filled].sort((a, b) => b[1].length - a[1].length)) {
      ctx.fillStyle = its;
      for (let i = 0; i < spans.length; i += 2) ctx.fillRect(spans[i], y, spans[i + 1], height);
    }
  };
  return {
    add(from, to, what) {
      if (what === colour && from <= right + 0.01) {
        right = Math.max(right, to);
        return;
      }
      keep();
      [colour, left, right] = [what, from, to];
    },
    flush,
  };
}

/**
 * Draws the spans of a lane. Spans narrower than a pixel share it, or than three if there are very
 * many: the width limits the cost.
 */
function drawSlices(ctx, view, list, y, paint, narrowest = 1) {
  const out = runs(ctx, y + 3, ROW - 6);
  let i = firstAtLeast(list.end, view.t0);
  const many = firstAtLeast(list.start, view.t1, i) - i > 0.8 * view.width,
    fine = many ? 3 : 1;
  narrowest = Math.max(narrowest, fine);
  while (i < list.start.length && list.start[i] < view.t1) {
    const left = Math.max(0, view.x(list.start[i])),
      right = Math.min(view.width, view.x(list.end[i]));
    out.add(left, Math.max(left + narrowest, right), paint(list.what[i], list.event[i]));
    i =
      right - left >= fine
        ? i + 1
        : Math.max(i + 1, firstAtLeast(list.end, view.time(left + fine), i));
  }
  out.flush();
}

/** Draws events as ticks, or as bars if they have a length. */
function drawEvents(ctx, m, view, events, y, c) {
  let i = Math.max(0, firstEventAt(m, events, view.t0) - 1);
  while (i < events.length && m.ts[events[i]] < view.t1) {
    const event = events[i],
      left = view.x(m.ts[event]),
      wide = Math.max(1.5, view.x(m.ts[event] + m.dur[event]) - left);
    if (view.shown(event)) {
      ctx.fillStyle = m.kind(event).startsWith("timer")
        ? ORIGIN_COLOURS.timer
        : m.kind(event) === "ready"
          ? ORIGIN_COLOURS.source
          : c.dim;
      ctx.fillRect(left, y + 4, wide, ROW - 8);
    }
    i = Math.max(i + 1, firstEventAt(m, events, view.time(left + 0.5)));
  }
}

/** Draws the axis by steps: the number of each column, and its time if there is room. */
function drawColumns(ctx, m, view, height, c) {
  const wide = view.width / (view.t1 - view.t0),
    ten = 10 ** Math.max(0, Math.floor(Math.log10(60 / wide))),
    step = [1, 2, 5, 10].map((k) => k * ten).find((k) => k * wide >= 34 + 6 * `${m.n}`.length);
  ctx.font = "11px system-ui, sans-serif";
  // The column of event 1, and then those of whole steps.
  let i = Math.max(0, Math.ceil((view.t0 + 1) / step) * step - 1);
  if (view.t0 < 1 || step === 1) i = Math.floor(view.t0);
  for (; i < Math.min(m.n, view.t1); i += i === 0 ? Math.max(1, step - 1) : step) {
    const x = view.x(i);
    ctx.fillStyle = c.line;
    ctx.fillRect(x, AXIS, 1, height);
    ctx.fillStyle = c.dim;
    const time = step * wide >= 110 ? ` at ${moment(m.at(i))}` : "";
    ctx.fillText(`${i + 1}${time}`, x + 3, 15);
  }
}

function drawAxis(ctx, view, height, c) {
  const raw = (view.t1 - view.t0) / Math.max(2, view.width / 110),
    ten = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(
    1,
    [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= raw),
  );
  ctx.font = "11px system-ui, sans-serif";
  for (let t = Math.ceil(Math.max(0, view.t0) / step) * step; t < view.t1; t += step) {
    const x = view.x(t);
    ctx.fillStyle = c.line;
    ctx.fillRect(x, AXIS, 1, height);
    ctx.fillStyle = c.dim;
    ctx.fillText(moment(t, step), x + 3, 15);
  }
}

function drawArrows(ctx, m, view, laneY, clip, task, c) {
  const arrows = m.arrows,
    first = firstAtLeast(arrows, view.t0, 0, (arrow) => m.ts[arrow.poll]);
  const last = firstAtLeast(m.arrowStarts, view.t1, first);
  let every = 1;
  while ((last - first) / every > MOST_ARROWS) every *= 2;
  const visible = [],
    seen = new Set();
  let hidden = 0;
  const take = (arrow, mine) => {
    const x1 = view.x(m.ts[arrow.wake]),
      x2 = view.x(m.ts[arrow.poll]),
      to = laneY(m.task[arrow.poll]),
      from = laneY(arrow.from);
    if (x1 > view.width || to === null || to < clip || to > view.height) return;
    if (x2 - x1 < 2) {
      // A vertical line or a dot: one for each pixel is enough.
      const key = (Math.round(x2) * 4096 + Math.round(from ?? -1)) * 4096 + Math.round(to);
      if (seen.has(key) || from === to) return;
      seen.add(key);
    }
    const y1 = edge(from, to, arrow.from, clip);
    visible.push({
      x1,
      x2,
      y1,
      y2: to + ROW / 2,
      mine,
      // Names of too many lanes would cover each other.
      hidden: from === null && (mine || ++hidden <= 40) ? laneName(m, arrow.from) : null,
      colour: ORIGIN_COLOURS[arrow.origin] ?? ORIGIN_COLOURS.outside,
    });
  };
  // Selected by index, so the same arrows stay when the view moves.
  for (let i = Math.ceil(first / every) * every; i < last; i += every) {
    if (m.task[arrows[i].poll] !== task) take(arrows[i], false);
  }
  const crowded = visible.length > CROWD;
  if (crowded) drawCrowd(ctx, visible);
  else for (const arrow of visible) arrowLine(ctx, arrow, c);
  // The arrows of the selected task come last, all of them unless there are very many.
  const own = task >= 0 ? m.tasks[task].arrows : [];
  const from = firstAtLeast(own, view.t0, 0, (arrow) => m.ts[arrow.poll]),
    till = firstAtLeast(own, view.t1, from, (arrow) => m.ts[arrow.wake]);
  const step = Math.ceil((till - from) / CROWD);
  visible.length = 0;
  for (let i = from; i < till; i += step) take(own[i], true);
  for (const arrow of visible) arrowLine(ctx, arrow, c);
}

/** Returns where an arrow begins: in its lane, or above the poll if that lane is not shown. */
function edge(from, to, lane, clip) {
  if (from === null) return to - ROW / 2;
  return typeof lane === "number" && from < clip ? clip : from + ROW / 2;
}

function laneName(m, lane) {
  return typeof lane === "number" ? m.tasks[lane].label : lane;
}

/** Draws the wakes that queued nothing as lines that end in a bar before the lane of the task. */
function drawIdle(ctx, m, view, laneY, clip, c) {
  const first = firstEventAt(m, m.idle, view.t0),
    last = firstEventAt(m, m.idle, view.t1);
  if (last - first > CROWD) return;
  for (let k = first; k < last; k++) {
    const i = m.idle[k],
      lane = laneOf(m, i),
      from = laneY(lane),
      to = laneY(m.task[i]);
    if (from === null || to === null || to < clip || from === to) continue;
    const x = view.x(m.ts[i]),
      y1 = edge(from, to, lane, clip),
      y2 = to > from ? to + 2 : to + ROW - 2;
    for (const [colour, more] of [
      [c.bg, 1],
      [ORIGIN_COLOURS[m.get(i, "origin")] ?? ORIGIN_COLOURS.outside, 0],
    ]) {
      ctx.fillStyle = colour;
      ctx.fillRect(x - 0.5 - more, Math.min(y1, y2), 1 + 2 * more, Math.abs(y2 - y1));
      ctx.fillRect(x - 4 - more, y2 - 1 - more, 8 + 2 * more, 2 + 2 * more);
    }
  }
}

function drawCrowd(ctx, arrows) {
  const paths = new Map();
  for (const { x1, y1, x2, y2, colour } of arrows) {
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    const path = paths.get(colour);
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
  }
  ctx.lineWidth = 0.6;
  for (const [colour, path] of paths) {
    ctx.strokeStyle = colour;
    ctx.stroke(path);
  }
}

function arrowLine(ctx, { x1, y1, x2, y2, colour, mine, hidden }, c) {
  const bend = y1 === y2 ? -12 : 0,
    wide = mine ? 2.2 : 1.2;
  const line = new Path2D(),
    head = new Path2D();
  line.moveTo(x1, y1);
  line.bezierCurveTo(x1 + (x2 - x1) * 0.5, y1 + bend, x1 + (x2 - x1) * 0.5, y2 + bend, x2, y2);
  head.moveTo(x2, y2);
  head.lineTo(x2 - 7, y2 - 3.5);
  head.lineTo(x2 - 7, y2 + 3.5);
  head.closePath();
  // The background around it, so that it can be seen on any state.
  ctx.strokeStyle = c.bg;
  ctx.lineWidth = wide + 2;
  ctx.stroke(line);
  ctx.stroke(head);
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = wide;
  ctx.stroke(line);
  ctx.fill(head);
  if (hidden === null) return;
  // The waker's lane is not shown: its name stands at the beginning of the arrow.
  ctx.fillRect(x1 - 2, y1 - 2, 4, 4);
  ctx.font = "11px system-ui, sans-serif";
  label(ctx, hidden, Math.max(2, x1 - ctx.measureText(hidden).width - 5), y1 + 4, c);
}

/** Writes a text that can be read on any state. */
function label(ctx, text, x, y, c) {
  ctx.strokeStyle = c.bg;
  ctx.lineWidth = 4;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.fillStyle = c.fg;
  ctx.fillText(text, x, y);
}

/** Fills a part of a lane with slanted lines. */
function hatch(ctx, left, right, y, colour) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, y + 3, Math.max(1, right - left), ROW - 6);
  ctx.clip();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  for (let x = left - (left % 6) - ROW; x < right; x += 6) {
    ctx.moveTo(x, y + ROW - 3);
    ctx.lineTo(x + ROW - 6, y + 3);
  }
  ctx.stroke();
  ctx.restore();
}

/** Draws how a task ended: a tick, a bar, or a cross, at the end of its last poll. */
function drawEnd(ctx, view, task, y, c) {
  const { states } = task,
    k = states.what.length - 1,
    what = states.what[k];
  if (k < 0 || what < DONE) return;
  const left = view.x(states.start[k]),
    right = Math.min(view.width, view.x(states.end[k]));
  if (right < 0 || left > view.width) return;
  if (what === CANCELLED) hatch(ctx, Math.max(0, left), right, y, c.cancelled);
  const x = Math.min(left + 4, view.width - 12),
    middle = y + ROW / 2,
    lines = {
      [DONE]: [
        [0, 0],
        [3, 4],
        [8, -4],
      ],
      [CANCELLED]: [
        [0, 0],
        [8, 0],
      ],
      [PANICKED]: [[0, -4], [8, 4], null, [0, 4], [8, -4]],
    }[what];
  ctx.strokeStyle = what === PANICKED ? c.bad : c.fg;
  ctx.lineWidth = 2;
  ctx.beginPath();
  let pen = "moveTo";
  for (const point of lines) {
    if (point) ctx[pen](x + point[0], middle + point[1]);
    pen = point ? "lineTo" : "moveTo";
  }
  ctx.stroke();
}

/** Draws from where on a task could not go on: a red bar at that moment, and red lines after it. */
function drawLost(ctx, view, lost, y, c) {
  const left = view.x(lost.t),
    right = Math.min(view.width, view.x(lost.until));
  if (right < 0 || left > view.width) return;
  hatch(ctx, Math.max(0, left), right, y, c.bad);
  ctx.fillStyle = c.bad;
  ctx.fillRect(left - 1, y, 3, ROW);
}

/** Draws spans as lines below the states, and marks as diamonds with their names. */
function drawMarks(ctx, m, view, { marks, spans, lost }, y, c) {
  let i = Math.max(0, firstEventAt(m, spans, view.t0) - 1);
  ctx.fillStyle = c.fg;
  while (i < spans.length && m.ts[spans[i]] < view.t1) {
    const left = view.x(m.ts[spans[i]]),
      right = view.x(m.ts[spans[i]] + m.dur[spans[i]]);
    if (view.shown(spans[i])) ctx.fillRect(left, y + ROW - 3, Math.max(1, right - left), 2);
    i = Math.max(i + 1, firstEventAt(m, spans, view.time(left + 1)));
  }
  ctx.font = "11px system-ui, sans-serif";
  i = firstEventAt(m, marks, view.t0);
  while (i < marks.length && m.ts[marks[i]] < view.t1) {
    const event = marks[i],
      x = view.x(m.ts[event]),
      next = firstEventAt(m, marks, view.time(x + 1));
    i = Math.max(i + 1, next);
    if (!view.shown(event)) continue;
    const name = m.name(m.get(event, "name")),
      wide = ctx.measureText(name).width + 9,
      after = i < marks.length ? view.x(m.ts[marks[i]]) : view.width,
      // On the left where the right side shows that the task was lost.
      left = lost?.event === event ? x - wide - 4 : x;
    if (after - x > wide + 8 && left >= 0)
      label(ctx, name, left === x ? x + 9 : left + 3, y + 15, c);
    ctx.fillStyle = c.mark;
    ctx.strokeStyle = c.bg;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x, y + 4);
    ctx.lineTo(x + 6, y + ROW / 2);
    ctx.lineTo(x, y + ROW - 4);
    ctx.lineTo(x - 6, y + ROW / 2);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
}

function drawLanes(canvas, m, ui) {
  const { ctx, width, height } = surface(canvas),
    c = colours(),
    view = { ...ui.view(width), height },
    clip = AXIS + ui.lanes.length * ROW;
  if (m.steps) drawColumns(ctx, m, view, height, c);
  else drawAxis(ctx, view, height, c);
  ui.lanes.forEach((lane, k) => {
    const y = AXIS + k * ROW;
    if (lane.key === "exec") {
      drawSlices(ctx, view, m.exec, y, (what) =>
        what === RUNNING ? c.states[RUNNING] : c.states[WAITING],
      );
      // Above the others, so that none is too narrow to be visible.
      drawSlices(ctx, view, m.stalls, y, () => c.bad, 2);
      drawMarks(ctx, m, view, m, y, c);
    } else drawEvents(ctx, m, view, lane.events, y, c);
  });
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, clip, width, height - clip);
  ctx.clip();
  const first = Math.max(0, Math.floor(ui.scroll() / ROW)),
    last = Math.min(ui.rows.length, first + Math.ceil(height / ROW) + 1);
  for (let row = first; row < last; row++) {
    const task = m.tasks[ui.rows[row]],
      y = clip + row * ROW - ui.scroll();
    if (task.index === ui.task) {
      ctx.fillStyle = c.soft;
      ctx.fillRect(0, y, width, ROW);
    }
    drawSlices(ctx, view, task.states, y, (what, event) =>
      what === RUNNING && event >= 0 && m.stalled[event] === 1 ? c.bad : (c.states[what] ?? c.dim),
    );
    if (task.lost) drawLost(ctx, view, task.lost, y, c);
    drawEnd(ctx, view, task, y, c);
    drawMarks(ctx, m, view, task, y, c);
  }
  ctx.restore();
  ctx.fillStyle = c.line;
  ctx.fillRect(0, clip - 1, width, 1);
  const laneY = (lane) => ui.laneY(lane, clip, height);
  drawIdle(ctx, m, view, laneY, clip, c);
  drawArrows(ctx, m, view, laneY, clip, ui.task, c);
  if (ui.event >= 0) drawCursor(ctx, m, view, ui, clip, height, c);
}

function drawCursor(ctx, m, view, ui, clip, height, c) {
  const x = view.x(m.ts[ui.event]);
  ctx.fillStyle = c.accent;
  ctx.fillRect(x - 0.5, AXIS, 1.5, height);
  const lane = m.task[ui.event] >= 0 ? m.task[ui.event] : laneOf(m, ui.event),
    y = ui.laneY(lane, clip, height);
  if (y === null) return;
  ctx.strokeStyle = c.accent;
  ctx.lineWidth = 2;
  ctx.strokeRect(
    x - 2,
    y + 1,
    Math.max(5, view.x(m.ts[ui.event] + m.dur[ui.event]) - x + 4),
    ROW - 2,
  );
}

/** Draws how busy the loop was, one bar for each pixel; stalls are red. */
function drawMap(canvas, m, ui) {
  const { ctx, width, height } = surface(canvas),
    c = colours();
  const until = (list, t) => {
    const i = firstAtLeast(list.end, t);
    const inside =
      i < list.start.length && list.what[i] === RUNNING ? Math.max(0, t - list.start[i]) : 0;
    return list.sum[i] + inside;
  };
  const bars = (list, colour, least) => {
    ctx.fillStyle = colour;
    let before = 0;
    for (let x = 0; x < width; x++) {
      const now = until(list, ((x + 1) / width) * m.end),
        share = Math.min(1, (now - before) / (m.end / width));
      before = now;
      if (share > 0) ctx.fillRect(x, height - Math.max(least, share * (height - 4)), 1, height);
    }
  };
  bars(m.exec, c.states[RUNNING], 1);
  bars(m.stalls, c.bad, height - 4);
  const left = (ui.t0 / m.end) * width,
    right = (ui.t1 / m.end) * width;
  ctx.strokeStyle = c.accent;
  ctx.lineWidth = 2;
  ctx.strokeRect(left + 1, 1, Math.max(3, right - left - 2), height - 2);
}
