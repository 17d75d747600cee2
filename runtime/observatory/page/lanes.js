// The time line: the lanes of the recorded page, with gaps hatched; and what is under the pointer.

const MOST_ROWS = 60;

/** The gaps of the view, in order, those of lost and of left-out events. */
function gapsIn(w, t0, t1) {
  const gaps = w.gaps.filter((gap) => gap.t1 > t0 && gap.t0 < t1);
  if (w.trimmed > t0) gaps.push({ t0, t1: w.trimmed, n: 0, slept: 0, sums: [] });
  return gaps.sort((a, b) => a.t0 - b.t0);
}

/**
 * Takes out of the states of a task what lies in gaps in which it did something, and what was ready
 * in any gap: these states are not known. Polls of which there is an event stay. A task that spins
 * is ready between two gaps.
 */
function cutStates(states, mine, unknown, spins) {
  const cut = slices();
  states.start.forEach((start, k) => {
    const end = states.end[k], what = states.what[k], event = states.event[k];
    let from = start, known = what;
    // What was ready before a gap was polled in it; what is polled after the last one was woken.
    const polled = states.what[k + 1] === RUNNING,
      after = spins && what === WAITING ? READY : what === READY && !spins ? WAITING : what;
    const gaps = what === READY ? unknown : mine;
    if (what !== RUNNING)
      for (let g = firstAtLeast(gaps, start, 0, (gap) => gap.t1);
        g < gaps.length && gaps[g].t0 < end; g++) {
        if (gaps[g].t0 > from) slice(cut, from, gaps[g].t0, known, event);
        known = after;
        from = Math.max(from, Math.min(end, gaps[g].t1));
      }
    if (end > from) slice(cut, from, end, from > start && polled ? READY : known, event);
  });
  sum(cut);
  return cut;
}

/** The share of a gap in which the loop did not sleep. */
function busyShare(gap) {
  return gap.sums.length === 0 ? 0 : 1 - gap.slept / Math.max(1, gap.t1 - gap.t0);
}

/**
 * What tasks did in gaps, by their ids: lists of { gap, share, ran, polls, wakes }. The share is
 * that of the time of the loop: the time of all polls stands for that in which it did not sleep.
 */
function sumsByTask(gaps) {
  const all = new Map();
  for (const gap of gaps) {
    const ran = gap.sums.reduce((time, one) => time + one.ran, 0);
    for (const sum of gap.sums) {
      sum.share = ran > 0 ? busyShare(gap) * (sum.ran / ran) : 0;
      if (!sum.task) continue;
      if (!all.has(sum.task.id)) all.set(sum.task.id, []);
      all.get(sum.task.id).push({ gap, ...sum });
    }
  }
  return all;
}

/** The pattern of gaps. */
function hatch(ctx, colour) {
  const tile = document.createElement("canvas"), size = 8;
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.globalAlpha = 0.3;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (const x of [-size, 0, size]) {
    pen.moveTo(x - 1, size + 1);
    pen.lineTo(x + size + 1, -1);
  }
  pen.stroke();
  return ctx.createPattern(tile, "repeat");
}

/** Draws gaps over the lanes. Neighbours within a pixel are drawn as one. */
function drawGaps(canvas, m, ui, gaps) {
  const ctx = canvas.getContext("2d"), c = colours(), width = canvas.clientWidth,
    height = canvas.clientHeight, view = ui.view(width), clip = AXIS + ui.lanes.length * ROW;
  const bars = (y, list, ready) => {
    for (const { gap, share } of list) {
      const left = Math.max(0, view.x(gap.t0)), right = Math.min(width, view.x(gap.t1));
      if (right <= left) continue;
      const wide = Math.max(0.6, right - left), most = ROW - 6,
        high = Math.max(1.5, most * Math.min(1, share));
      if (ready) {
        ctx.fillStyle = c.states[READY];
        ctx.fillRect(left, y + 3, wide, most);
      }
      ctx.fillStyle = c.states[RUNNING];
      ctx.fillRect(left, y + 3 + most - high, wide, high);
    }
  };
  ui.lanes.forEach((lane, k) => {
    const busy = gaps.map((gap) => ({ gap, share: busyShare(gap) }));
    if (lane.key === "exec") bars(AXIS + k * ROW, busy, false);
  });
  ui.rows.forEach((task, row) => {
    const list = ui.sums.get(m.tasks[task].id);
    // A task that mostly wakes itself is ready whenever it does not run.
    if (list) bars(clip + row * ROW, list, list.some((one) => one.wakes > 100));
  });
  // The page's own polls, which have no lane, are not hidden from the loop's.
  ctx.fillStyle = c.states[DONE];
  for (const event of ui.own) {
    const left = Math.max(0, view.x(event.ts)),
      right = Math.min(width, view.x(event.ts + event.dur));
    if (right > left) ctx.fillRect(left, AXIS + 3, Math.max(1, right - left), ROW - 6);
  }
  ctx.fillStyle = hatch(ctx, c.fg);
  let left = null, right = 0;
  const flush = () => { if (left !== null) ctx.fillRect(left, AXIS, right - left, height - AXIS); };
  for (const gap of gaps) {
    const from = Math.max(0, view.x(gap.t0)), to = Math.min(width, view.x(gap.t1));
    if (left !== null && from <= right + 1) {
      right = Math.max(right, to);
      continue;
    }
    flush();
    [left, right] = [from, to];
  }
  flush();
}

/** The lanes and rows of what can be seen. */
function layOut(view) {
  const { m, w } = view;
  // Only lanes of threads that did something here.
  const lanes = systemLanes(m)
    .filter((lane) => !lane.key.startsWith("thread ") || lane.events.length > 0);
  // What comes into view before the next part.
  const ahead = view.paused ? 0 : LAG, t1 = view.t1 + ahead;
  const gaps = gapsIn(w, view.t0, t1), sums = sumsByTask(gaps);
  // Of a place that spawns very many tasks only those that did something have lanes.
  const crowded = new Set(w.places.filter((place) => place.spawned > 1000)
    .map((place) => place.location));
  const isThere = (task) => sums.has(task.id)
    || (task.done < 0 && task.alive && !crowded.has(task.location))
    || task.events.some((i) => m.ts[i] + m.dur[i] >= view.t0 && m.ts[i] <= t1);
  const shown = m.tasks.filter((task) => w.tasks.has(task.id) && isThere(task));
  const first = (task) => (task.events.length > 0 ? m.ts[task.events[0]] : 0);
  const share = (task) => w.tasks.get(task.id).share, loud = (task) => Number(share(task) > 0.1);
  const active = (task) => Number(task.events.length > 0 || sums.has(task.id));
  // The busiest on top, then the newest; tasks that did nothing last.
  shown.sort((a, b) => loud(b) - loud(a) || active(b) - active(a) || first(b) - first(a)
    || b.index - a.index);
  const rows = shown.slice(0, MOST_ROWS).map((task) => task.index),
    rowOf = new Int32Array(m.tasks.length).fill(-1);
  rows.forEach((task, row) => {
    rowOf[task] = row;
    const mine = sums.get(m.tasks[task].id) ?? [], spins = mine.some((one) => one.wakes > 100);
    m.tasks[task].states =
      cutStates(m.tasks[task].states, mine.map((one) => one.gap), gaps, spins);
  });
  const own = w.events.filter((event) => event.own && event.kind === "poll" && event.dur > 1e5
    && event.ts + event.dur > view.t0 && event.ts < t1 && !$("own").checked);
  view.ui = { lanes, rows, rowOf, gaps, sums, own, task: -1, event: -1, scroll: () => 0,
    view: (width) => {
      const scale = width / (view.t1 - view.t0), { t0, t1: end } = view;
      return {
        t0, t1: end, width, x: (t) => (t - t0) * scale, time: (x) => t0 + x / scale,
        shown: () => true
      };
    },
    laneY: (lane, clip) => {
      const k = typeof lane === "number"
        ? rowOf[lane] : lanes.findIndex((one) => one.key === lane);
      return k < 0 ? null : typeof lane === "number" ? clip + k * ROW : AXIS + k * ROW;
    },
  };
  const rest = shown.length - rows.length;
  const bad = new Set([...view.alerts.all.values()].filter((alert) => alert.present)
    .map((alert) => alert.task?.id));
  $("labels").replaceChildren(
    ...lanes.map((lane) => element("div", { class: "lane" }, lane.label)),
    ...rows.map((task) => element("div", {
      title: `${m.tasks[task].label}, task ${m.tasks[task].id}`,
      class: bad.has(m.tasks[task].id) ? "bad" : "",
      "aria-selected": String(m.tasks[task].id === view.selected.task)
    }, m.tasks[task].label)),
    ...(rest > 0
      ? [element("div", { class: "lane" }, `and ${rest.toLocaleString("en")} more`)] : []));
  const height = AXIS + (lanes.length + rows.length + Number(rest > 0)) * ROW;
  $("frame").style.height = `max(100%, ${height}px)`;
  reselect(view);
}

/** Finds the selection, which is kept by the id of its task and the number of its event. */
function reselect(view) {
  const { m, ui, selected } = view;
  ui.task = selected.task === null ? -1 : m.tasks.findIndex((task) => task.id === selected.task);
  ui.event = selected.seq === null ? -1 : (m.bySeq.get(selected.seq) ?? -1);
}

/** The task, event and gap under a point of the canvas. */
function under(view, canvas, x, y) {
  const { m, ui, w } = view, scale = ui.view(canvas.clientWidth), t = scale.time(x),
    lane = Math.floor((y - AXIS) / ROW), row = lane - ui.lanes.length;
  const found = { task: -1, event: -1, gap: null, lane: "", time: t };
  if (lane < 0) return found;
  const near = 8 / canvas.clientWidth * (view.t1 - view.t0);
  let events;
  if (row >= 0) {
    if (row >= ui.rows.length) return found;
    found.task = ui.rows[row];
    ({ events } = m.tasks[found.task]);
  } else {
    found.lane = ui.lanes[lane].key;
    events = found.lane === "exec" ? m.exec.event : ui.lanes[lane].events;
  }
  // The event at this time, else the nearest. Of several, a poll is preferred.
  let best = near, k = firstAtLeast(events, t - near, 0, (i) => m.ts[i]);
  for (let back = 0; k > 0 && back < 50; back++, k--);
  for (; k < events.length && m.ts[events[k]] <= t + near; k++) {
    const i = events[k], end = m.ts[i] + m.dur[i];
    const away = t < m.ts[i] ? m.ts[i] - t : t > end ? t - end : 0;
    if (away < best || (away === best && m.kind(i) === "poll")) {
      best = away;
      found.event = i;
    }
  }
  const id = found.task >= 0 ? m.tasks[found.task].id : null;
  const gap = gapsIn(w, view.t0, view.t1).find((one) => one.t0 <= t && t < one.t1);
  const inside = found.event >= 0 && m.ts[found.event] <= t
    && t <= m.ts[found.event] + m.dur[found.event];
  if (gap && !inside) {
    found.gap = { gap, sum: gap.sums.find((sum) => sum.task?.id === id) ?? null };
    if (best > near / 4) found.event = -1;
  }
  return found;
}

/** What is under the pointer, in words. */
function wordsOf(view, found) {
  const { m } = view, lines = [];
  if (found.event >= 0) lines.push(plain(m, sentence(m, found.event)));
  if (found.gap) {
    const { gap, sum } = found.gap, length = gap.t1 - gap.t0;
    lines.push(gap.n === 0 ? "Older events are not kept."
      : `${short(gap.n)} events are not shown in these ${duration(length)}. ` + (found.task < 0
        ? `The loop was busy for ${percent(busyShare(gap))} of the time.`
        : sum ? `${m.tasks[found.task].label} was polled ${short(sum.polls)} times, woken ` +
            `${short(sum.wakes)} times, and took ${percent(sum.share)} of the loop.`
          : ""));
  }
  if (lines.length === 0 && found.lane === "exec") {
    const own = view.ui.own.find((event) => event.ts <= found.time
      && found.time <= event.ts + event.dur);
    if (own) lines.push(`A task of this page itself ran for ${duration(own.dur)}.`);
  }
  if (lines.length === 0 && found.task >= 0) lines.push(m.tasks[found.task].label);
  return lines.join(" ");
}
