// The axis by steps: one column for each event. A poll or a wait covers its own column and those
// of the events until its end.

/** Returns a model of the same trace whose times are columns, for the canvases only. */
function bySteps(m) {
  const s = Object.create(m);
  Object.assign(s, {
    steps: true,
    at: (i) => m.ts[i],
    ts: new Float64Array(m.n),
    dur: new Float64Array(m.n),
    end: Math.max(1, m.n),
    exec: slices(),
    stalls: slices(),
  });
  for (let i = 0; i < m.n; i++) {
    // An event without a length is in the middle of its column; others leave a gap between them.
    const long = m.get(i, "dur") !== null && m.kind(i) !== "stall";
    s.ts[i] = long ? i + 0.1 : i + 0.5;
    if (long) s.dur[i] = columnAfter(m, i) - 0.2 - i;
  }
  for (const k of m.exec.event.keys()) {
    const i = m.exec.event[k];
    slice(s.exec, s.ts[i], s.ts[i] + s.dur[i], m.exec.what[k], i);
    if (m.stalled[i] === 1) slice(s.stalls, s.ts[i], s.ts[i] + s.dur[i], RUNNING, i);
  }
  sum(s.exec);
  sum(s.stalls);
  s.tasks = m.tasks.map((task) => {
    const copy = Object.create(task);
    copy.states = slices();
    buildStates(s, copy);
    if (task.lost) copy.lost = { ...task.lost, ...lostSpan(s, task.lost) };
    return copy;
  });
  findStarts(s);
  return s;
}

/** Returns the first column after the end of an event. */
function columnAfter(m, i) {
  const end = m.ts[i] + m.dur[i];
  let k = firstAtLeast(m.ts, end, i + 1);
  // Events at the very end are inside if they were recorded before it.
  while (k < m.n && m.ts[k] === end && m.seq(k) < m.seq(i)) k++;
  return k;
}

/** Whether most events of a short trace would be too close to another one on an axis of time. */
function isCrowded(m, width) {
  if (m.n < 8 || m.n > 300) return false;
  const places = new Set();
  for (let i = 0; i < m.n; i++) places.add(Math.round((m.ts[i] / m.end) * (width / 30)));
  return places.size < m.n / 2;
}
