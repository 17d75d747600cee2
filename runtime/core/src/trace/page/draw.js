// The canvases: lanes, arrows, and the map of the whole trace.

const ROW = 22,
  AXIS = 22;
const ORIGIN_COLOURS = {
  task: "#2457c5",
  source: "#b4489c",
  timer: "#d97a1c",
  blocking: "#7b58c9",
  thread: "#14919b",
  outside: "#7d828c",
  spawn: "#5f9b2f",
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
    of = (name) => style.getPropertyValue(name).trim();
  return {
    fg: of("--fg"),
    dim: of("--dim"),
    line: of("--line"),
    soft: of("--soft"),
    bad: of("--bad"),
    accent: of("--accent"),
    states: [of("--waiting"), of("--ready"), of("--running"), of("--done")],
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

/** Fills rectangles of one height, left to right; neighbours of one colour are filled at once. */
function runs(ctx, y, height) {
  let colour = null,
    left = 0,
    right = 0;
  const flush = () => {
    if (colour === null) return;
    ctx.fillStyle = colour;
    ctx.fillRect(left, y, right - left, height);
  };
  return {
    add(from, to, what) {
      if (what === colour && from <= right + 0.01) {
        right = Math.max(right, to);
        return;
      }
      flush();
      [colour, left, right] = [what, from, to];
    },
    flush,
  };
}

/** Draws the spans of a lane. Spans narrower than a pixel share it: the width limits the cost. */
function drawSlices(ctx, view, list, y, paint, narrowest = 1) {
  const out = runs(ctx, y + 3, ROW - 6);
  let i = firstAtLeast(list.end, view.t0);
  while (i < list.start.length && list.start[i] < view.t1) {
    const left = Math.max(0, view.x(list.start[i])),
      right = Math.min(view.width, view.x(list.end[i]));
    out.add(left, Math.max(left + narrowest, right), paint(list.what[i], list.event[i]));
    i = right - left >= 1 ? i + 1 : Math.max(i + 1, firstAtLeast(list.end, view.time(left + 1), i));
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

function drawArrows(ctx, m, view, laneY, clip, task) {
  const arrows = m.arrows,
    first = firstAtLeast(arrows, view.t0, 0, (arrow) => m.ts[arrow.poll]);
  const last = firstAtLeast(m.arrowStarts, view.t1, first);
  let every = 1;
  while ((last - first) / every > MOST_ARROWS) every *= 2;
  const visible = [],
    seen = new Set();
  const take = (arrow, mine) => {
    const x1 = view.x(m.ts[arrow.wake]),
      x2 = view.x(m.ts[arrow.poll]),
      from = laneY(arrow.from),
      to = laneY(m.task[arrow.poll]);
    if (
      x1 > view.width ||
      from === null ||
      to === null ||
      (from < clip && typeof arrow.from === "number") ||
      to < clip
    )
      return;
    if (x2 - x1 < 2) {
      // A vertical line or a dot: one for each pixel is enough.
      const key = (Math.round(x2) * 4096 + Math.round(from)) * 4096 + Math.round(to);
      if (seen.has(key) || from === to) return;
      seen.add(key);
    }
    visible.push({
      x1,
      x2,
      y1: from + ROW / 2,
      y2: to + ROW / 2,
      mine,
      colour: ORIGIN_COLOURS[arrow.origin] ?? ORIGIN_COLOURS.outside,
    });
  };
  // Selected by index, so the same arrows stay when the view moves.
  for (let i = Math.ceil(first / every) * every; i < last; i += every) {
    if (m.task[arrows[i].poll] !== task) take(arrows[i], false);
  }
  const crowded = visible.length > CROWD;
  if (crowded) drawCrowd(ctx, visible);
  else for (const arrow of visible) arrowLine(ctx, arrow);
  // The arrows of the selected task come last, all of them unless there are very many.
  const own = task >= 0 ? m.tasks[task].arrows : [];
  const from = firstAtLeast(own, view.t0, 0, (arrow) => m.ts[arrow.poll]),
    till = firstAtLeast(own, view.t1, from, (arrow) => m.ts[arrow.wake]);
  const step = Math.ceil((till - from) / CROWD);
  visible.length = 0;
  for (let i = from; i < till; i += step) take(own[i], true);
  for (const arrow of visible) arrowLine(ctx, arrow);
  ctx.globalAlpha = 1;
}

function drawCrowd(ctx, arrows) {
  const paths = new Map();
  for (const { x1, y1, x2, y2, colour } of arrows) {
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    const path = paths.get(colour);
    path.moveTo(x1, y1);
    path.lineTo(x2, y2);
  }
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = 1;
  for (const [colour, path] of paths) {
    ctx.strokeStyle = colour;
    ctx.stroke(path);
  }
}

function arrowLine(ctx, { x1, y1, x2, y2, colour, mine }) {
  ctx.globalAlpha = mine ? 1 : 0.45;
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = mine ? 1.6 : 1;
  const bend = y1 === y2 ? -12 : 0;
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.bezierCurveTo(x1 + (x2 - x1) * 0.5, y1 + bend, x1 + (x2 - x1) * 0.5, y2 + bend, x2, y2);
  ctx.stroke();
  ctx.beginPath();
  ctx.moveTo(x2, y2);
  ctx.lineTo(x2 - 6, y2 - 3);
  ctx.lineTo(x2 - 6, y2 + 3);
  ctx.fill();
}

function drawLanes(canvas, m, ui) {
  const { ctx, width, height } = surface(canvas),
    c = colours(),
    view = ui.view(width),
    clip = AXIS + ui.lanes.length * ROW;
  drawAxis(ctx, view, height, c);
  ui.lanes.forEach((lane, k) => {
    const y = AXIS + k * ROW;
    if (lane.key === "exec") {
      drawSlices(ctx, view, m.exec, y, (what) =>
        what === RUNNING ? c.states[RUNNING] : c.states[WAITING],
      );
      // Above the others, so that none is too narrow to be visible.
      drawSlices(ctx, view, m.stalls, y, () => c.bad, 2);
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
  }
  ctx.restore();
  ctx.fillStyle = c.line;
  ctx.fillRect(0, clip - 1, width, 1);
  drawArrows(ctx, m, view, (lane) => ui.laneY(lane, clip, height), clip, ui.task);
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

/** Draws how busy the loop was, one bar for each pixel. */
function drawMap(canvas, m, ui) {
  const { ctx, width, height } = surface(canvas),
    c = colours();
  const busyUntil = (t) => {
    const i = firstAtLeast(m.exec.end, t);
    const inside =
      i < m.exec.start.length && m.exec.what[i] === RUNNING ? Math.max(0, t - m.exec.start[i]) : 0;
    return m.exec.sum[i] + inside;
  };
  ctx.fillStyle = c.states[RUNNING];
  let before = 0;
  for (let x = 0; x < width; x++) {
    const now = busyUntil(((x + 1) / width) * m.end),
      share = Math.min(1, (now - before) / (m.end / width));
    before = now;
    if (share > 0) ctx.fillRect(x, height - Math.max(1, share * (height - 4)), 1, height);
  }
  const left = (ui.t0 / m.end) * width,
    right = (ui.t1 / m.end) * width;
  ctx.strokeStyle = c.accent;
  ctx.lineWidth = 2;
  ctx.strokeRect(left + 1, 1, Math.max(3, right - left - 2), height - 2);
}
