// The tables: tasks, grouped by the place that spawned them, and the last wakes. Texts only, never
// markup from a trace.

const STATE_ORDER = { running: 0, ready: 1, waiting: 2 }, FEW = 6, MOST_OF_PLACE = 10;

/** Replaces the children of a box, and keeps the focus on what has the same text and key. */
function keepFocus(box, children) {
  const had = document.activeElement, inside = box.contains(had);
  const keyOf = (one) => `${one.closest("[data-key]")?.dataset.key ?? ""} ${one.textContent}`;
  const key = inside ? keyOf(had) : "";
  box.replaceChildren(...children);
  if (!inside) return;
  const same = [...box.querySelectorAll("button")].find((one) => keyOf(one) === key);
  (same ?? box.querySelector("button"))?.focus({ preventScroll: true });
}

function shortPlace(location) {
  return location === null ? "" : location.replace(/^.*[\\/](?=[^\\/]*[\\/][^\\/]*$)/, "");
}

function byInterest(a, b) {
  return Number(a.over) - Number(b.over) || b.share - a.share
    || (a.over ? b.seen - a.seen : (STATE_ORDER[a.state] ?? 3) - (STATE_ORDER[b.state] ?? 3))
    || b.counts.ran - a.counts.ran;
}

function taskRow(view, task, inGroup) {
  const kind = task.state === "panicked" || task.state === "cancelled" ? "bad" : task.state;
  const cell = (text, more = {}) => element("td", more, text);
  const n = (value) => cell(short(value), { class: "n", title: value.toLocaleString("en") });
  const none = task.wakers === 0 && !task.over && task.state === "waiting";
  return element("tr", {
    class: `${task.over ? "over" : ""}${inGroup ? " member" : ""}`, "data-task": task.id,
    "data-key": task.id, "aria-selected": String(view.selected.task === task.id)
  },
    element("td", {}, element("span", { class: `state ${kind}` }, task.state)),
    element("td", {
      class: "name", title: `task ${task.id}${task.name === null ? "" : `, ${task.name}`}`
    },
      element("button", { class: "go", type: "button", onclick: () => view.go.known(task, null) },
        task.name ?? `task ${task.id}`)),
    cell(inGroup ? "" : shortPlace(task.location), { class: "at", title: task.location ?? "" }),
    cell(percent(task.share), { class: "n" }),
    n(task.counts.polls), n(task.counts.wakes),
    cell(String(task.wakers ?? 0), {
      class: none ? "n none" : "n",
      title: none ? "No waker is left: nothing can wake it" : "Wakers that point to the task now"
    }),
    cell(duration(task.counts.ran), { class: "n" }));
}

function showTasks(view) {
  const { w } = view, withOwn = $("own").checked;
  const groups = new Map();
  for (const task of w.tasks.values()) {
    if (!withOwn && task.own) continue;
    const key = task.location ?? "";
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(task);
  }
  const rows = [], places = new Map(w.places.map((place) => [place.location, place]));
  const lists = [...groups].map(([location, tasks]) => {
    tasks.sort(byInterest);
    return { location, tasks };
  });
  lists.sort((a, b) => byInterest(a.tasks[0], b.tasks[0]));
  for (const { location, tasks } of lists) {
    const place = places.get(location);
    // A group for a place that has many tasks, or has spawned many that are gone by now.
    if (tasks.length < FEW && (place?.spawned ?? 0) < 4 * FEW) {
      rows.push(...tasks.map((task) => taskRow(view, task, false)));
      continue;
    }
    const isOpen = view.open.has(location), most = isOpen ? 1000 : MOST_OF_PLACE;
    const alive = tasks.filter((task) => !task.over).length;
    const counts = place ?? { polls: 0, wakes: 0, ran: 0, share: 0, spawned: tasks.length };
    const n = (value) => element("td",
      { class: "n", title: value.toLocaleString("en") }, short(value));
    rows.push(element("tr", {
      class: "group", "data-key": `place ${location}`, "data-place": location
    },
      element("td", { colspan: 2 },
        `${count(alive, "task")} of ${short(counts.spawned)} spawned at`),
      element("td", { class: "at", title: location }, shortPlace(location)),
      element("td", { class: "n" }, percent(counts.share)),
      n(counts.polls), n(counts.wakes), element("td", {}, ""),
      element("td", { class: "n" }, duration(counts.ran))));
    rows.push(...tasks.slice(0, most).map((task) => taskRow(view, task, true)));
    if (tasks.length > MOST_OF_PLACE) {
      const rest = tasks.length - MOST_OF_PLACE;
      const turn = () => {
        view.open[isOpen ? "delete" : "add"](location);
        showTasks(view);
      };
      rows.push(element("tr", { class: "more", "data-key": `more ${location}` },
        element("td", { colspan: 8 }, element("button", {
          class: "go", type: "button", "aria-expanded": String(isOpen), onclick: turn
        }, isOpen ? "show fewer" : `and ${rest.toLocaleString("en")} more`))));
    }
  }
  keepFocus($("tasks"), rows.slice(0, 1500));
}

/** The newest wakes, each as a sentence. */
function showWakes(view) {
  const { m } = view, newest = [];
  for (let i = m.n - 1; i >= 0 && newest.length < 40; i--) {
    if (m.kind(i) === "wake") newest.push(i);
  }
  keepFocus($("wakes"), newest.map((i) => element("li",
    { style: `--origin: ${ORIGIN_COLOURS[originOf(m, i)] ?? ORIGIN_COLOURS.outside}`,
      "data-key": String(m.seq(i)) },
    element("button", { class: "go", type: "button", onclick: () => view.go.event(i) },
      `${(m.ts[i] / 1e9).toFixed(3)} s`), " ", plain(m, sentence(m, i)))));
}

function showLiveLegend() {
  const entry = (colour, text) =>
    element("span", {}, element("i", { style: `background:${colour}` }), text);
  $("legend").replaceChildren(
    ...["waiting", "ready", "running", "done"].map((state) => entry(`var(--${state})`, state)),
    entry("var(--bad)", "a poll of more than 10 ms"), entry("var(--done)", "this page's own polls"),
    element("span", {}, element("i", { class: "hatch" }),
      "events left out or missed; the bars show the share of the loop, from counters"),
    element("span", {}, "arrows and wakes, by who woke:"),
    ...Object.entries(ORIGIN_COLOURS).map(([origin, colour]) =>
      entry(colour, origin === "source" ? "reactor" : origin)));
}

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
    $("answer").textContent =
      `GET ${path} → ${answer} (${Math.round(performance.now() - began)} ms)`;
  };
  $("requests").hidden = $("answer").hidden = REQUESTS.length === 0;
  $("requests").append(...REQUESTS.map((path) =>
    element("button", { type: "button", onclick: () => ask(path) }, path)));
  if (REQUESTS.length > 0)
    $("answer").textContent = `Or from a shell: curl '${location.origin}${REQUESTS[0]}'`;
}
