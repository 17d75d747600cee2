// What stands around the lanes: figures, tasks, wakes, buttons. Texts only, never markup from a
// trace.

const $ = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const FIGURES = [
  ["tasks alive", "tasks_alive"], ["tasks spawned", "tasks_spawned", true],
  ["polls", "polls", true], ["local wakes", "wakes_local", true],
  ["remote wakes", "wakes_remote", true], ["coalesced", "wakes_coalesced", true],
  ["reactor waits", "waits", true], ["its events", "events", true],
  ["descriptors", "sources"], ["timers armed", "timers"], ["timers fired", "timers_fired", true],
];

function newFigures() {
  const parts = new Map(), samples = [];
  $("figures").replaceChildren(...FIGURES.map(([label, key]) => {
    const value = element("b", {}, "–"), rate = element("i");
    parts.set(key, { value, rate });
    return element("div", {}, element("span", {}, label), value, rate);
  }));
  /** Shows new values; the rates are those of the last two seconds. */
  return (metrics, now) => {
    samples.push({ now, metrics });
    while (samples.length > 2 && samples[1].now < now - 2000) samples.shift();
    const first = samples[0], seconds = (now - first.now) / 1000;
    for (const [, key, counts] of FIGURES) {
      const { value, rate } = parts.get(key);
      value.textContent = metrics[key].toLocaleString("en");
      if (counts && seconds > 0.5) {
        const n = Math.max(0, metrics[key] - first.metrics[key]) / seconds;
        const rounded = n >= 10 || n === 0 ? Math.round(n).toLocaleString("en") : n.toFixed(1);
        rate.textContent = `${rounded}/s`;
      }
    }
  };
}

const STATE_ORDER = { running: 0, ready: 1, waiting: 2 };

function showTasks(w, withOwn) {
  const tasks = [...w.tasks.values()].filter((task) => withOwn || !task.own);
  tasks.sort((a, b) => Number(a.over) - Number(b.over)
    || (a.over
      ? b.seen - a.seen : (STATE_ORDER[a.state] ?? 3) - (STATE_ORDER[b.state] ?? 3))
    || b.seen - a.seen);
  $("tasks").replaceChildren(...tasks.slice(0, 100).map((task) => {
    const short = task.location === null
      ? "" : task.location.replace(/^.*[\\/](?=[^\\/]*[\\/][^\\/]*$)/, "");
    const kind = task.state === "panicked" || task.state === "cancelled" ? "bad" : task.state;
    const cell = (text, more = {}) => element("td", more, text);
    return element("tr", { class: task.over ? "over" : "", "data-task": task.id },
      element("td", {}, element("span", { class: `state ${kind}` }, task.state)),
      cell(task.name ?? `task ${task.id}`, {
        class: "name", title: `task ${task.id}${task.name === null ? "" : `, ${task.name}`}`
      }),
      cell(short, { class: "at", title: task.location ?? "" }),
      cell(task.polls.toLocaleString("en"), { class: "n" }),
      cell(task.wakes.toLocaleString("en"), { class: "n" }),
      cell(task.wakers === null ? "–" : String(task.wakers), { class: "n" }),
      cell(duration(task.ran), { class: "n" }));
  }));
}

/** The newest wakes, each as a sentence. */
function showWakes(m) {
  const newest = [];
  for (let i = m.n - 1; i >= 0 && newest.length < 40; i--) {
    if (m.kind(i) === "wake") newest.push(i);
  }
  $("wakes").replaceChildren(...newest.map((i) => element("li",
    { style: `--origin: ${ORIGIN_COLOURS[originOf(m, i)] ?? ORIGIN_COLOURS.outside}` },
    element("time", {}, `${(m.ts[i] / 1e9).toFixed(3)} s`), plain(m, sentence(m, i)))));
}

function showLegend() {
  const entry = (colour, text) =>
    element("span", {}, element("i", { style: `background:${colour}` }), text);
  $("legend").replaceChildren(
    ...["waiting", "ready", "running", "done"].map((state) => entry(`var(--${state})`, state)),
    entry("var(--bad)", "stall, or a poll of more than 10 ms"),
    element("span", {}, "arrows and wakes, by who woke:"),
    ...Object.entries(ORIGIN_COLOURS).map(([origin, colour]) =>
      entry(colour, origin === "source" ? "reactor" : origin)));
}

const REQUESTS = [
  "/hello", "/slow?ms=500", "/fanout?n=8", "/yields?n=20", "/thread?ms=100", "/blocking?ms=200",
  "/block?ms=150", "/panic"
];

function showRequests() {
  const ask = async (path) => {
    const began = performance.now();
    let answer;
    try {
      const response = await fetch(path, { cache: "no-store" });
      answer = `${response.status}: ${(await response.text()).trim()}`;
    } catch (error) {
      answer = error.message;
    }
    $("answer").textContent = `GET ${path} → ${answer} (${Math.round(performance.now() - began)} ms)`;
  };
  $("requests").append(...REQUESTS.map((path) =>
    element("button", { type: "button", onclick: () => ask(path) }, path)));
  $("answer").textContent = `Or from a shell: curl '${location.origin}/slow?ms=500'`;
}
