// The panels: the whole state after one step, each part in a place of its own.
//
// A board shows one run; a page that compares has two. A panel is a name and a function that
// says which rows there are now; `renew` sees to it that only rows that differ are touched.
// A row is marked as changed if the current step is about it: what changed is louder than
// what is.

const SHAPES = {
  idle: "○", waiting: "○", scheduled: "◔", queued: "◔", running: "●", finished: "✓", done: "✓",
  resolved: "✓", cancelled: "✕", panicked: "!", failed: "!", abandoned: "⊘", open: "○", closed: "✓",
};
const MOST_ROWS = 200;

/** Which panels a step changes, by the first word of its event. */
const CHANGES = {
  run: ["turn"], turn: ["turn", "ready"], wait: ["turn"], clock: ["turn", "timers"],
  inbox: ["turn"], ready: ["ready", "turn"], call: ["ready", "turn"], timer: ["timers"],
  io: ["io"], task: ["tasks"], promise: ["promises"], group: ["tasks"], sync: ["syncs"],
  job: ["jobs"], out: ["output"], note: ["output"], warn: ["turn"], stuck: ["turn"],
};

class Board {
  constructor(page, run, table, name) {
    this.page = page;
    this.run = run;
    this.words = new Words(table, run);
    this.name = name;
    this.n = 0;
    this.panels = new Map();
    this.afterwards = [];
    this.root = h("article", { class: "board", "aria-label": run.meta.program });
    if (name) this.root.append(h("h2", { class: "boardname" }, name + ": " + (run.meta.program || "")));
    this.sentence = h("p", { class: "sentence" });
    this.notice = h("div", { class: "notices" });
    this.columns = h("div", { class: "columns" });
    this.root.append(this.notice, this.sentence, this.columns);
    this.addPanels();
    this.warnings();
  }

  ui(key, ...values) {
    return this.words.ui(key, ...values);
  }

  addPanels() {
    const has = (kind) => [...this.run.things.keys()].some((key) => key.startsWith(kind + ":"));
    const panels = [["source", true], ["output", true], ["turn", true], ["ready", true],
      ["timers", true], ["io", has("source")], ["tasks", true], ["jobs", has("job")],
      ["syncs", has("sync")], ["promises", has("promise")], ["why", true], ["timeline", true],
      ["log", true]];
    const columns = { source: 0, output: 0, why: 0, turn: 1, ready: 1, timers: 1, io: 1, tasks: 2,
      jobs: 2, syncs: 2, promises: 2 };
    const stacks = [0, 1, 2].map(() => h("div", { class: "stack" }));
    this.columns.append(...stacks);
    panels.forEach(([name, used], i) => {
      if (!used) return;
      const panel = this.panel(name, i < 9 ? String(i + 1) : null);
      (name in columns ? stacks[columns[name]] : this.columns).append(panel.section);
      this.panels.set(name, panel);
    });
    this.source = new SourcePanel(this, this.panels.get("source").body);
    this.log = new Log(this, this.panels.get("log").body);
    this.timeline = new Timeline(this, this.panels.get("timeline").body);
    this.heap = false;
    this.allOutput = false;
  }

  panel(name, digit) {
    const title = this.ui("panel." + name);
    const body = h("div", { class: "body" });
    const fold = h("button", { type: "button", class: "fold", "aria-expanded": "true", "data-fold": name }, title);
    const about = h("p", { class: "about", hidden: true }, this.ui("about." + name));
    const ask = h("button", { type: "button", class: "ask", "aria-label": this.ui("about", title),
      "aria-expanded": "false" }, "?");
    ask.addEventListener("click", () => {
      about.hidden = !about.hidden;
      ask.setAttribute("aria-expanded", String(!about.hidden));
    });
    const section = h("section", { class: "panel", "data-panel": name, tabindex: "-1", "aria-label": title },
      h("h3", {}, fold, digit && h("kbd", { title: this.ui("digit", digit) }, digit), ask), about, body);
    return { section, body, fold };
  }

  /** What a reader must know about this run before trusting it. */
  warnings() {
    const { meta } = this.run;
    const say = (key, ...values) => this.notice.append(
      h("p", { class: "warning", "data-notice": key }, this.ui(key, ...values)));
    if (meta.truncated) say("truncated", this.run.last + 1, meta.dropped || 0);
    if (meta.clock === "real") say("realclock");
    if (meta.seed !== null && meta.seed !== undefined) say("shuffled", meta.seed);
  }

  // ---- small parts ----

  chip(key) {
    const name = this.words.thing(key);
    const selected = this.page.selected === key;
    return h("button", { type: "button", class: "chip" + (selected ? " sel" : "") + (name.length > 18 ? " long" : ""),
      "data-sel": key, "aria-pressed": String(selected), title: name },
    shorten(this.words.short(key), narrow() ? 18 : 26));
  }

  chips(keys) {
    return keys.length ? keys.flatMap((key, i) => i ? [" ", this.chip(key)] : [this.chip(key)]) : ["–"];
  }

  word(state) {
    return h("span", { class: "state s-" + state },
      h("span", { class: "shape", "aria-hidden": "true" }, SHAPES[state] || "·"), " ", this.ui("state." + state));
  }

  link(n, text) {
    return h("button", { type: "button", class: "link", "data-go": n, "data-board": this.index }, text);
  }

  /** Rows may change when the selection does, and when they are the changed ones. */
  row(key, values, make) {
    const changed = this.touched.has(key);
    const signature = JSON.stringify([values, changed, this.page.selected, narrow()]);
    return [key, signature, () => {
      const element = make();
      if (changed) element.classList.add("new");
      return element;
    }];
  }

  empty(key) {
    return [key, key, () => h("p", { class: "none" }, this.ui(key))];
  }

  table(body, name, heads, rows, none) {
    if (!rows.length) return renew(body, [this.empty(none)]);
    renew(body, [["table", "table", () => h("table", {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, this.ui(head))))), h("tbody"))]]);
    renew(body.querySelector("tbody"), rows);
  }

  // ---- one step ----

  show(n) {
    this.n = n;
    const { run } = this;
    const step = run.steps[n];
    const state = run.at(n);
    this.touched = new Set(subjects(step));
    setText(this.sentence, this.words.moment(step) + " " + this.words.sentence(step));
    const changes = CHANGES[step.ev.split(".")[0]] || [];
    for (const [name, panel] of this.panels) {
      panel.section.classList.toggle("changed", changes.includes(name));
      if (!this.page.folded.has(name)) this.draw(name, panel.body, state, step);
    }
    this.finish();
    if (run.damaged !== null && !this.notice.querySelector("[data-notice=damaged]")) {
      this.notice.append(h("p", { class: "warning", role: "alert", "data-notice": "damaged" },
        this.ui("damaged", run.damaged)));
    }
  }

  /** What asks for sizes waits until all is written: asking in between would lay the page out anew each time. */
  finish() {
    for (const act of this.afterwards.splice(0)) act();
  }

  draw(name, body, state, step) {
    const hidden = this.page.predict.hides(name);
    body.classList.toggle("veiled", hidden);
    if (hidden) {
      body.kept = null;
      body.replaceChildren(h("p", { class: "none" }, this.ui("veiled")));
      return;
    }
    if (body.firstChild && !body.kept && !["source", "log", "timeline"].includes(name)) body.replaceChildren();
    this["draw_" + name](body, state, step);
  }

  draw_source() {
    this.source.show(this.n);
  }

  draw_log() {
    this.log.show(this.n);
  }

  draw_timeline() {
    this.timeline.show(this.n);
  }

  draw_output(body) {
    const { run, n } = this;
    const upTo = this.allOutput && !this.page.hiding ? run.outs.length : Run.rank(run.outs, n + 1);
    const from = Math.max(0, upTo - 100);
    const items = [];
    if (from > 0) items.push(["more", String(from), () => h("p", { class: "none" }, this.ui("earlier", from))]);
    if (!upTo) items.push(this.empty("none.output"));
    items.push(["lines", "lines", () => h("ol", { class: "output" })]);
    if (run.outs.length && !this.page.hiding) {
      items.push(["all", String(this.allOutput), () => {
        const box = h("input", { type: "checkbox", checked: this.allOutput });
        box.addEventListener("change", () => { this.allOutput = box.checked; this.page.redraw(); });
        return h("label", { class: "small" }, box, " ", this.ui("lines.all"));
      }]);
    }
    renew(body, items);
    const lines = body.querySelector("ol");
    renew(lines, run.outs.slice(from, upTo).map((at) => {
      const line = run.steps[at];
      const later = at > n;
      return ["o" + at, String([at === n, later]), () => h("li",
        { class: (at === n ? "new " : "") + (later ? "later" : "") },
        h("button", { type: "button", class: "line" + (line.err ? " err" : ""), "data-go": at, "data-board": this.index,
          "aria-label": this.ui("line.go", line.text, at) },
        line.err ? h("b", {}, this.ui("stderr") + " ") : null, line.text || " ",
        h("small", {}, duration(line.t))))];
    }));
    if (!this.allOutput) this.afterwards.push(() => { lines.scrollTop = lines.scrollHeight; });
  }

  draw_turn(body, state, step) {
    const { phase, ready, asleep } = this.whereInTurn(state, step);
    const stations = ["wait", "inbox", "timers", "ready"];
    renew(body, [
      ["strip", String([phase, state.turn]), () => h("ol", { class: "strip" },
        stations.map((station) => h("li", { "aria-current": station === phase ? "step" : null }, this.ui("turn." + station))))],
      ["text", ready + asleep, () => h("p", { class: "where" }, asleep || ready)],
    ]);
  }

  /** Where in the turn the loop is: the last of the turn's stations that was reached. */
  whereInTurn(state) {
    const { run, n } = this;
    const begin = Run.before(run.turns, n + 1);
    let phase = null;
    let pops = 0;
    let asleep = "";
    for (let i = begin === null ? n + 1 : begin; i <= n; i += 1) {
      const step = run.steps[i];
      if (step.ev === "turn.begin" || step.ev === "wait.begin") phase = "wait";
      if (step.ev === "inbox.collect") phase = "inbox";
      if (step.ev === "timer.due") phase = "timers";
      if (step.ev === "ready.pop") {
        phase = "ready";
        pops += 1;
      }
      if (step.ev === "turn.end") phase = null;
    }
    const step = run.steps[n];
    if (state.phase === "wait" && step.ev === "wait.begin" && step.at_most !== 0) {
      asleep = step.at_most === null || step.at_most === undefined
        ? this.ui("asleep.open") : this.ui("asleep", duration(step.t + step.at_most));
    }
    if (step.ev === "clock.jump") asleep = this.ui("jumped", duration(step.to));
    const mine = state.batch_end === null ? state.ready.length
      : state.ready.filter(([place]) => place < state.batch_end).length;
    const ready = begin === null || phase === null ? this.ui("between", state.turn)
      : pops ? this.ui("calls", state.turn, pops, pops + mine)
        : this.ui("before.calls", state.turn, state.ready.length);
    return { phase, ready, asleep };
  }

  workChip(work) {
    const key = workKey(work);
    const text = this.words.work(work);
    return key && this.run.thing(key)
      ? h("button", { type: "button", class: "chip" + (this.page.selected === key ? " sel" : ""),
        "data-sel": key, "aria-pressed": String(this.page.selected === key), title: text },
      shorten(text, narrow() ? 26 : 38))
      : h("span", { class: "chip" }, text);
  }

  draw_ready(body, state, step) {
    const items = [["now", JSON.stringify([state.called, this.page.selected]), () => h("p", { class: "now" },
      h("b", {}, this.ui("now") + " "), state.called ? this.workChip(state.called) : this.ui("nothing"))]];
    if (!state.ready.length) items.push(this.empty("none.ready"));
    items.push(["list", "list", () => h("ol", { class: "queue" })]);
    renew(body, items);
    const rows = [];
    const last = state.ready.length - 1;
    state.ready.slice(0, MOST_ROWS).forEach(([place, work], i) => {
      const nextTurn = state.batch_end !== null && place >= state.batch_end;
      const before = i > 0 ? state.ready[i - 1][0] : -1;
      if (nextTurn && (i === 0 || before < state.batch_end)) {
        rows.push(["border", "border", () => h("li", { class: "border" }, this.ui("next.turn"))]);
      }
      const labels = [i === 0 ? this.ui("next") : null, i === last ? this.ui("last") : null].filter(Boolean);
      const fresh = step.place === place;
      rows.push(["p" + place, JSON.stringify([work, labels, fresh, this.page.selected, narrow()]), () => h("li",
        { class: fresh ? "new" : null }, this.workChip(work),
        labels.map((label) => h("em", { class: "end" }, label))), fresh]);
    });
    if (last >= MOST_ROWS) rows.push(["more", String(last), () => h("li", { class: "border" }, this.ui("more", last + 1 - MOST_ROWS))]);
    renew(body.querySelector("ol"), rows);
  }

  waitersFor(state, kind, id) {
    const found = [];
    for (const [task, , on] of state.tasks.values()) {
      if (on && on[0] === kind && on[1] === id) found.push("task:" + task);
    }
    return found;
  }

  draw_timers(body, state, step) {
    const timers = state.rows("timers");
    const gone = (step.ev === "timer.due" || step.ev === "timer.cancel") && !state.timers.has(step.timer);
    const items = [];
    if (gone) {
      items.push(["gone", step.ev + step.timer, () => h("p", { class: "new gone" },
        this.chip("timer:" + step.timer), " ", this.ui(step.ev === "timer.due" ? "timer.now" : "timer.off"))]);
    }
    if (timers.length) {
      items.push(["toggle", String(this.heap), () => {
        const box = h("input", { type: "checkbox", checked: this.heap });
        box.addEventListener("change", () => { this.heap = box.checked; this.page.redraw(); });
        return h("label", { class: "small" }, box, " ", this.ui("heap"));
      }]);
    } else {
      items.push(this.empty("none.timers"));
    }
    items.push(["box", "box", () => h("div")]);
    renew(body, items);
    const box = body.lastChild;
    if (!timers.length) {
      renew(box, []);
      return;
    }
    if (this.heap) {
      renew(box, [["heap", JSON.stringify([timers, this.page.selected]), () => this.heapDrawing(timers)]]);
      return;
    }
    const due = new Map();
    for (const [, at] of timers) due.set(at, (due.get(at) || 0) + 1);
    const seen = new Map();
    this.table(box, "timers", ["head.timer", "head.due", "head.in", "head.waits"],
      timers.slice(0, MOST_ROWS).map(([id, at]) => {
        seen.set(at, (seen.get(at) || 0) + 1);
        const order = due.get(at) > 1 ? this.ui("same.time", seen.get(at), due.get(at)) : null;
        const waits = this.waitersFor(state, "timer", id);
        return this.row("timer:" + id, [at, state.t, order, waits], () => h("tr", {},
          h("td", {}, this.chip("timer:" + id)), h("td", {}, duration(at), order && h("small", {}, " " + order)),
          h("td", {}, this.ui("in", duration(Math.max(0, at - state.t)))), h("td", {}, this.chips(waits))));
      }), "none.timers");
  }

  /** The rows are in order of time, and a sorted list is a heap: each parent is due before its children. */
  heapDrawing(timers) {
    const shown = timers.slice(0, 15);
    const svgTag = (tag, attributes, text) => {
      const element = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      if (text) element.textContent = text;
      return element;
    };
    const levels = Math.floor(Math.log2(shown.length)) + 1;
    const svg = svgTag("svg", { viewBox: "0 0 320 " + levels * 46, class: "heap", role: "img",
      "aria-label": this.ui("heap.label", shown.length) });
    const spot = (i) => {
      const level = Math.floor(Math.log2(i + 1));
      const across = 2 ** level;
      return [320 * (i - across + 1.5) / across, 20 + level * 46];
    };
    shown.forEach((_, i) => {
      if (!i) return;
      const [x, y] = spot(i);
      const [px, py] = spot((i - 1) >> 1);
      svg.append(svgTag("line", { x1: px, y1: py + 14, x2: x, y2: y - 14 }));
    });
    shown.forEach(([id, at], i) => {
      const [x, y] = spot(i);
      const wide = Math.min(84, 310 / 2 ** Math.floor(Math.log2(i + 1)));
      svg.append(svgTag("rect", { x: x - wide / 2, y: y - 15, width: wide, height: 30, rx: 6 }),
        svgTag("text", { x, y: y - 2 }, duration(at)), svgTag("text", { x, y: y + 10, class: "minor" }, "#" + id));
    });
    return svg;
  }

  draw_io(body, state) {
    this.table(body, "io", ["head.source", "head.interest", "head.waits"], state.rows("io").map(([id, read, write]) => {
      const waits = this.waitersFor(state, "source", id);
      const sides = [read && this.ui("read"), write && this.ui("write")].filter(Boolean).join(", ");
      return this.row("source:" + id, [sides, waits], () => h("tr", {}, h("td", {}, this.chip("source:" + id)),
        h("td", {}, sides || "–"), h("td", {}, this.chips(waits))));
    }), "none.io");
  }

  draw_tasks(body, state) {
    const rows = state.rows("tasks");
    const ended = (row) => !["idle", "scheduled", "running"].includes(row[1]);
    const many = rows.length > MOST_ROWS;
    const shown = rows.filter((row) => !many || !ended(row) || this.touched.has("task:" + row[0])
      || this.page.selected === "task:" + row[0]).slice(0, MOST_ROWS);
    const present = new Set(shown.map((row) => row[0]));
    const children = new Map();
    for (const row of shown) {
      const thing = this.run.thing("task:" + row[0]) || {};
      const parent = present.has(thing.parent) && thing.parent !== row[0] ? thing.parent : null;
      const group = thing.group !== null && thing.group !== undefined ? thing.group : null;
      const home = String(parent) + "/" + String(group);
      if (!children.has(String(parent))) children.set(String(parent), new Map());
      const homes = children.get(String(parent));
      if (!homes.has(home)) homes.set(home, { group, rows: [] });
      homes.get(home).rows.push(row);
    }
    const items = [["tree", "tree", () => h("ul", { class: "tree" })]];
    if (!rows.length) items.push(this.empty("none.tasks"));
    if (shown.length < rows.length) {
      items.push(["more", String(rows.length - shown.length), () => h("p", { class: "none" }, this.ui("ended", rows.length - shown.length))]);
    }
    renew(body, items);
    renew(body.querySelector("ul"), this.treeRows(children, "null", 0, state));
  }

  /** The tree as a flat list with levels: it renews row by row, and a screen reader hears the level. */
  treeRows(children, parent, level, state) {
    const rows = [];
    for (const { group, rows: members } of (children.get(parent) || new Map()).values()) {
      let deeper = level;
      if (group !== null) {
        const how = (state.groups.get(group) || [])[1];
        rows.push(this.row("group:" + group, [how, level, members[0][0]], () => this.leaf(level,
          this.chip("group:" + group), how && this.word(how))));
        rows[rows.length - 1][0] += "/" + parent;
        deeper += 1;
      }
      for (const [id, how, on, polls] of members) {
        rows.push(this.row("task:" + id, [how, on, polls, deeper], () => this.leaf(deeper,
          this.word(how), this.chip("task:" + id),
          on ? h("span", { class: "on" }, this.ui(how === "idle" ? "waits.for" : "waited.for") + " ", this.chip(on[0] + ":" + on[1])) : null,
          h("small", {}, this.ui(polls === 1 ? "poll" : "polls", polls)))));
        rows.push(...this.treeRows(children, String(id), deeper + 1, state));
      }
    }
    return rows;
  }

  leaf(level, ...parts) {
    return h("li", { style: "--level:" + Math.min(level, 6), "aria-label": level ? this.ui("level", level + 1) : null }, ...parts);
  }

  draw_jobs(body, state) {
    const worker = (job) => {
      const starts = (this.run.touching.get("job:" + job) || []).map((n) => this.run.steps[n])
        .filter((step) => step.ev === "job.start" && step.n <= this.n);
      return starts.length && starts[0].worker !== null && starts[0].worker !== undefined ? starts[0].worker : null;
    };
    const order = { running: 0, abandoned: 1, queued: 2 };
    const rows = state.rows("jobs").map((row) => [...row, worker(row[0])])
      .sort((a, b) => (order[a[1]] ?? 3) - (order[b[1]] ?? 3) || a[0] - b[0]);
    this.table(body, "jobs", ["head.job", "head.state", "head.worker", "head.waits"],
      rows.slice(0, MOST_ROWS).map(([id, how, lane]) => {
        const waits = this.waitersFor(state, "job", id);
        const pool = (this.run.thing("job:" + id) || {}).pool;
        const name = lane === null ? "–" : this.ui("worker", lane);
        return this.row("job:" + id, [how, name, waits], () => h("tr", {},
          h("td", {}, this.chip("job:" + id), pool && h("small", {}, " " + pool)), h("td", {}, this.word(how)),
          h("td", {}, name), h("td", {}, this.chips(waits))));
      }), "none.jobs");
  }

  draw_syncs(body, state) {
    this.table(body, "syncs", ["head.sync", "head.level", "head.holders", "head.waiters"],
      state.rows("syncs").slice(0, MOST_ROWS).map(([id, level, holders, waiters]) => {
        const { limit } = this.run.thing("sync:" + id) || {};
        const bounded = limit !== null && limit !== undefined;
        const fill = level || !holders.length ? level : holders.length;
        const text = bounded ? this.ui("of", fill, limit) : String(fill);
        return this.row("sync:" + id, [text, holders, waiters], () => h("tr", {}, h("td", {}, this.chip("sync:" + id)),
          h("td", {}, text, bounded && limit > 0 ? h("meter", { min: 0, max: limit, value: fill, "aria-hidden": "true" }) : null),
          h("td", {}, this.chips(holders.map((task) => "task:" + task))),
          h("td", {}, this.chips(waiters.map((task) => "task:" + task)),
            waiters.length ? h("em", { class: "end" }, this.ui("first.next")) : null)));
      }), "none.syncs");
  }

  draw_promises(body, state) {
    this.table(body, "promises", ["head.promise", "head.state", "head.waits"],
      state.rows("promises").slice(-MOST_ROWS).map(([id, how]) => {
        const waits = this.waitersFor(state, "promise", id);
        return this.row("promise:" + id, [how, waits], () => h("tr", {}, h("td", {}, this.chip("promise:" + id)),
          h("td", {}, this.word(how)), h("td", {}, this.chips(waits))));
      }), "none.promises");
  }

  /** The chain of causes of the selected thing's latest step, or of the current one. */
  draw_why(body) {
    const { run, n, page } = this;
    const latest = page.selected && Run.before(run.touching.get(page.selected) || [], n + 1);
    const from = typeof latest === "number" ? latest : n;
    const most = page.longWhy ? 2000 : 12;
    const chain = run.causes(from, most + 1);
    const items = [["head", page.selected + "/" + from, () => h("p", { class: "small" },
      page.selected ? [this.ui("why.of"), " ", this.chip(page.selected), " ",
        typeof latest === "number" ? "" : this.ui("why.unseen")] : this.ui("why.step"))],
    ["chain", "chain", () => h("ol", { class: "why" })]];
    if (chain.length > most) {
      items.push(["more", "more", () => {
        const more = h("button", { type: "button", class: "link" }, this.ui("why.more"));
        more.addEventListener("click", () => { page.longWhy = true; page.redraw(); });
        return more;
      }]);
    }
    renew(body, items);
    renew(body.querySelector("ol"), [from, ...chain.slice(0, most)].map((at, i) => ["w" + at, String(i === 0), () => h("li", {},
      h("span", { class: "because" }, this.ui(i === 0 ? "why.first" : "why.because")), " ",
      this.link(at, this.ui("step", at)), " ", this.words.sentence(run.steps[at]))]));
  }
}

/** The program's text, the line where it is, and the lines where tasks wait. */
class SourcePanel {
  constructor(board, body) {
    this.board = board;
    const { run } = board;
    this.files = run.files.filter((file) => file.lines && file.lines.length);
    this.where = h("p", { class: "small" });
    this.list = h("ol", { class: "code" });
    this.choice = h("select", { "aria-label": board.ui("file") },
      this.files.map((file) => h("option", { value: file.id }, file.path)));
    this.choice.hidden = this.files.length < 2;
    this.choice.addEventListener("change", () => { this.open(Number(this.choice.value)); this.mark(); board.finish(); });
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("li[data-line]");
      if (row && !event.target.closest("[data-sel]")) this.follow(Number(row.dataset.line));
    });
    body.append(this.where, this.choice, this.list);
    this.marked = [];
    if (this.files.length) this.open(this.files[0].id); else this.list.hidden = true;
  }

  open(id) {
    if (this.file && this.file.id === id) return true;
    const file = this.files.find((one) => one.id === id);
    if (!file) return false;
    this.file = file;
    this.marked = [];
    const { board } = this;
    this.list.replaceChildren(...file.lines.map((text, i) => {
      const line = i + 1;
      const steps = board.run.atLine.get(id + ":" + line);
      return h("li", { "data-line": line, class: steps ? "live" : null },
        steps ? h("button", { type: "button", class: "number", "aria-label": board.ui("line.next", line) }, String(line))
          : h("span", { class: "number" }, String(line)),
        h("code", {}, text || " "), h("span", { class: "waits" }));
    }));
    this.choice.value = String(id);
    return true;
  }

  /** A click on a line: the next step there, and from the last one back to the first. */
  follow(line) {
    const { board } = this;
    const steps = board.run.atLine.get(this.file.id + ":" + line);
    if (!steps) return;
    const next = Run.after(steps, board.n);
    board.page.jump(next === null ? steps[0] : next, board.index);
  }

  show(n) {
    const { board } = this;
    this.at = board.run.line(n);
    const file = this.at && board.run.files.find((one) => one.id === this.at[0]);
    const opened = this.at ? this.open(this.at[0]) : true;
    setText(this.where, this.at ? board.ui("at", file ? file.path : "?", this.at[1]) + (opened ? "" : " " + board.ui("unread"))
      : this.files.length ? board.ui("at.loop") : board.ui("none.source"));
    this.mark();
  }

  mark() {
    const { board } = this;
    const { run, n } = board;
    for (const row of this.marked) {
      row.classList.remove("here");
      row.lastChild.replaceChildren();
    }
    this.marked = [];
    if (!this.file) return;
    const state = run.at(n);
    for (const [task, how] of state.tasks.values()) {
      if (how !== "idle" && how !== "scheduled") continue;
      const at = run.placeOf(task, n);
      if (!at || at[0] !== this.file.id) continue;
      const row = this.list.children[at[1] - 1];
      if (!row || row.lastChild.children.length > 3) continue;
      row.lastChild.append(board.chip("task:" + task));
      this.marked.push(row);
    }
    if (this.at && this.at[0] === this.file.id) {
      const row = this.list.children[this.at[1] - 1];
      if (row) {
        row.classList.add("here");
        this.marked.push(row);
        board.afterwards.push(() => scrollInside(this.list, row));
      }
    }
  }
}
