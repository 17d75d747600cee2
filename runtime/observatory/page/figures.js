// The figures above the time line: numbers, and how they went during the last half minute.

const $ = (id) => document.getElementById(id);
const SAMPLES = 150;

/** A number in at most five characters and a unit: 16.0 M. */
function short(n) {
  if (!Number.isFinite(n)) return "?";
  for (const [unit, name] of [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e4, " k"]]) {
    if (Math.abs(n) < unit) continue;
    const by = unit === 1e4 ? 1e3 : unit, x = n / by;
    return (x >= 100 ? x.toFixed(0) : x.toFixed(1)) + name;
  }
  return n !== 0 && Math.abs(n) < 10 && !Number.isInteger(n)
    ? n.toFixed(1) : Math.round(n).toLocaleString("en");
}

function percent(share) {
  const all = share * 100;
  return `${all > 0 && all < 10 ? all.toFixed(1) : all.toFixed(0)} %`;
}

// Each figure: label, what it means, and its values from two samples and the seconds between them.
const rate = (key) => (now, before, seconds) => (now[key] - before[key]) / seconds;
const FIGURES = [
  { label: "loop busy", key: "busy", top: 1, about: "The share of time in which the loop did not " +
      "sleep", of: (now, before, seconds) =>
      Math.min(1, Math.max(0, 1 - (now.slept - before.slept) / 1e9 / seconds)), show: percent },
  { label: "polls", key: "polls", about: "Polls a second; and all since the start",
    of: rate("polls"), show: (n) => `${short(n)}/s`, more: (now) => `${short(now.polls)} in all` },
  { label: "wakes", key: "wakes", about: "Wakes that queued a task, and coalesced ones, a second",
    of: (now, before, seconds) => ["wakes_local", "wakes_remote", "wakes_coalesced"]
      .reduce((sum, key) => sum + rate(key)(now, before, seconds), 0),
    show: (n) => `${short(n)}/s`,
    more: (now) => `${short(now.wakes_remote)} remote, ${short(now.wakes_coalesced)} coalesced` },
  { label: "poll time", key: "poll_time", times: true,
    about: "Half of the polls, and 99 of 100, are at most this long" },
  { label: "wake to poll", key: "wake_to_poll", times: true,
    about: "From the wake to the poll: half, and 99 of 100, take at most this long" },
  { label: "tasks queued", key: "tasks_queued", about: "Tasks in the run queue",
    of: (now) => now.tasks_queued, show: short,
    more: (now) => `${short(now.tasks_alive)} alive` },
  { label: "tasks spawned", key: "spawned", about: "Tasks spawned a second",
    of: rate("tasks_spawned"), show: (n) => `${short(n)}/s`,
    more: (now) => `${short(now.tasks_spawned)} in all` },
  { label: "stalls", key: "stalls", counts: true,
    about: "Polls of more than 10 ms that this page has seen, and the detector's stalls",
    of: (now) => now.seen_stalls, show: short, more: (now) => `detector: ${short(now.stalls)}` },
  { label: "timers late", key: "timers_late", counts: true,
    about: "Timers that fired more than 1 ms late, since the start",
    of: (now) => now.timers_late, show: short,
    more: (now) => `of ${short(now.timers_fired)} fired` },
  { label: "reactor", key: "reactor", about: "Events of descriptors a second",
    of: rate("events"), show: (n) => `${short(n)}/s`,
    more: (now) => `${short(now.sources)} sources, ${short(now.timers)} timers` },
  { label: "descriptors", key: "descriptors", 
    about: "Open descriptors of the process, and its limit", of: (now) => now.descriptors ?? 0,
    show: short,
    more: (now) => (now.descriptor_limit ? `of ${short(now.descriptor_limit)}` : "not known") },
];

function newFigures() {
  const parts = new Map(), samples = [];
  $("figures").replaceChildren(...FIGURES.map(({ label, key, about }) => {
    const value = element("b", {}, "–"), more = element("i", {}, ""),
      line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("viewBox", `0 0 ${SAMPLES} 24`);
    line.setAttribute("preserveAspectRatio", "none");
    line.setAttribute("aria-hidden", "true");
    parts.set(key, { value, more, line, values: [] });
    return element("div", { title: about, "data-figure": key },
      element("span", {}, label), value, more, line);
  }));
  /** Shows new values. Rates are those of the last second. */
  return (figures, now) => {
    samples.push({ now, figures });
    while (samples.length > 2 && samples[1].now < now - 1000) samples.shift();
    const first = samples[0], seconds = (now - first.now) / 1000;
    for (const figure of FIGURES) {
      const { value, more, line, values } = parts.get(figure.key);
      if (figure.times) {
        const { n, p50, p99, max } = figures[figure.key];
        values.push([p50, p99]);
        value.textContent = n === 0 ? "–" : duration(p50);
        more.textContent = n === 0 ? "none in this part"
          : `p99 ${duration(p99)}, max ${duration(max)}`;
      } else {
        if (seconds < 0.1 && figure.key !== "descriptors") continue;
        const x = figure.of(figures, first.figures, seconds || 1);
        values.push([x]);
        value.textContent = figure.show(x);
        more.textContent = figure.more ? figure.more(figures) : "";
        if (figure.key === "busy") value.dataset.high = String(x > 0.95);
        if (figure.counts) value.dataset.high = String(x > 0 && x > (values[0][0] ?? 0));
      }
      if (values.length > SAMPLES) values.shift();
      sparkline(line, values, figure.top);
    }
  };
}

/** Draws values as lines: of several, the last is drawn thin. */
function sparkline(svg, values, top) {
  const high = top ?? Math.max(1e-9, ...values.flat());
  const lines = values[values.length - 1].map((_, k) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    const from = SAMPLES - values.length;
    line.setAttribute("points", values.map((at, i) =>
      `${from + i},${(23 - Math.min(1, at[k] / high) * 21).toFixed(1)}`).join(" "));
    line.setAttribute("class", k > 0 ? "second" : "first");
    return line;
  });
  svg.replaceChildren(...lines);
}
