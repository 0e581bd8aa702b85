// A recorded run: its steps, and the state after any of them.
//
//   step:   0 ---------- 64 ---------- 128 ---
//           key          key           key        full states, written by the recorder
//           '--fold--> n                          between two keys the page applies the steps
//
// Nothing here is guessed. `State.apply` says what each event changes, the recorder in Rust has
// the same list, and wherever the fold reaches a key the two are compared: a difference means
// that the file is damaged (or one of the two lists is wrong), and the page says so.

const FIELDS = ["t", "turn", "phase", "called", "running", "batch_end", "ready", "timers", "io",
  "tasks", "jobs", "syncs", "promises", "groups", "out"];
const TABLES = ["timers", "io", "tasks", "jobs", "syncs", "promises", "groups"];
const KINDS = ["task", "timer", "source", "job", "sync", "promise", "group"];
const HELD = ["lock", "rwlock", "semaphore"];

/** What a work is about, as "task:3": the name that links, filters and the selection use. */
function workKey(work) {
  if (!work) return null;
  if (work[0] === "main") return "task:0";
  if (work[0] === "notify") return "task:" + work[1];
  return work.length > 1 ? work[0] + ":" + work[1] : null;
}

/** The task whose step an entry is; news for a task is not a step of it. */
function stepOf(work) {
  if (work[0] === "main") return 0;
  return work[0] === "task" ? work[1] : null;
}

/** The things a step is about. */
function subjects(step) {
  const keys = [];
  for (const kind of KINDS) {
    if (typeof step[kind] === "number") keys.push(kind + ":" + step[kind]);
  }
  const work = workKey(step.work);
  if (work) keys.push(work);
  return keys;
}

class State {
  /** A state of its own from one that is written in the file. */
  constructor(written) {
    for (const field of FIELDS) this[field] = written[field] === undefined ? null : written[field];
    this.ready = (written.ready || []).map((entry) => entry.slice());
    for (const table of TABLES) {
      this[table] = new Map((written[table] || []).map((row) => [row[0], row.map((cell) =>
        Array.isArray(cell) ? cell.slice() : cell)]));
    }
  }

  /** The state as the file writes it: one text, equal if the states are. */
  written() {
    return State.text({
      ...this,
      ...Object.fromEntries(TABLES.map((table) => [table, this.rows(table)])),
    });
  }

  static text(written) {
    return JSON.stringify(FIELDS.map((field) => written[field] === undefined ? null : written[field]));
  }

  /** A table's rows in the order of the file: timers by time, all others by number. */
  rows(table) {
    const rows = [...this[table].values()];
    if (table === "timers") return rows.sort((a, b) => a[1] - b[1] || a[0] - b[0]);
    return rows.sort((a, b) => a[0] - b[0]);
  }

  /** What one step changes. The run knows which task is in which group and what can be held. */
  apply(step, run) {
    this.t = step.t;
    this.turn = step.turn;
    const change = State.changes[step.ev];
    if (change) change(this, step, run);
  }

  isQueued(task) {
    return this.ready.some(([, work]) => stepOf(work) === task);
  }

  /** A task's step is over. An eager task takes its first one inside a step of its older parent. */
  stepEnds(task, how, on) {
    const row = this.tasks.get(task);
    if (row) [row[1], row[2]] = [how, on];
    this.running = this.rows("tasks").filter((one) => one[1] === "running").map((one) => one[0]).pop();
    if (this.running === undefined) this.running = null;
  }

  /** The row of a thing, or one that goes nowhere: a step about an unknown thing changes nothing. */
  row(table, id) {
    return this[table].get(id) || [id, null, [], []];
  }

  children(group) {
    return this.row("groups", group)[2];
  }
}

function removeOne(list, item) {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

State.changes = {
  "run.end": (s) => { s.phase = "outside"; s.batch_end = null; },
  "turn.begin": (s) => { s.phase = "turn"; s.batch_end = null; },
  "turn.end": (s) => { s.phase = "outside"; s.batch_end = null; },
  "wait.begin": (s) => { s.phase = "wait"; },
  "wait.end": (s) => { s.phase = "turn"; },
  "ready.push": (s, step) => {
    s.ready.push([step.place, step.work]);
    const row = s.row("tasks", stepOf(step.work));
    if (row[1] === "idle") row[1] = "scheduled";
  },
  "ready.pop": (s, step) => {
    const last = s.ready[s.ready.length - 1];
    if (s.batch_end === null && last) s.batch_end = last[0] + 1;
    s.ready = s.ready.filter(([place]) => place !== step.place);
    s.phase = "call";
    s.called = step.work;
  },
  "call.end": (s) => { s.phase = "turn"; s.called = null; },
  "ready.cancel": (s, step) => {
    for (const entry of s.ready) if (entry[0] === step.place) entry[1] = ["cancelled"];
  },
  "ready.arrange": (s, step) => {
    const works = new Map(s.ready);
    for (const entry of s.ready) {
      const from = step.order[entry[0] - step.first];
      if (works.has(from)) entry[1] = works.get(from);
    }
  },
  "timer.set": (s, step) => { s.timers.set(step.timer, [step.timer, step.due]); },
  "timer.due": (s, step) => { s.timers.delete(step.timer); },
  "timer.cancel": (s, step) => { s.timers.delete(step.timer); },
  "io.register": (s, step) => { s.io.set(step.source, [step.source, false, false]); },
  "io.await": (s, step) => { s.row("io", step.source)[step.side === "read" ? 1 : 2] = true; },
  "io.leave": (s, step) => { s.row("io", step.source)[step.side === "read" ? 1 : 2] = false; },
  "io.ready": (s, step) => {
    const row = s.row("io", step.source);
    if (step.readable) row[1] = false;
    if (step.writable) row[2] = false;
  },
  "io.release": (s, step) => { s.io.delete(step.source); },
  "task.spawn": (s, step, run) => {
    s.tasks.set(step.task, [step.task, "idle", null, 0]);
    s.children(run.groupOf(step.task)).push(step.task);
  },
  "task.poll": (s, step) => {
    const row = s.row("tasks", step.task);
    [row[1], row[2], row[3]] = ["running", null, row[3] + 1];
    s.running = step.task;
  },
  "task.pending": (s, step) => {
    s.stepEnds(step.task, s.isQueued(step.task) ? "scheduled" : "idle", step.on || null);
  },
  "task.end": (s, step, run) => {
    s.stepEnds(step.task, step.how, null);
    removeOne(s.children(run.groupOf(step.task)), step.task);
  },
  "promise.new": (s, step) => { s.promises.set(step.promise, [step.promise, "waiting"]); },
  "promise.settle": (s, step) => { s.row("promises", step.promise)[1] = step.how; },
  "group.open": (s, step) => { s.groups.set(step.group, [step.group, "open", []]); },
  "group.close": (s, step) => { s.row("groups", step.group)[1] = "closed"; },
  "sync.new": (s, step) => { s.syncs.set(step.sync, [step.sync, 0, [], []]); },
  "sync.level": (s, step) => { s.row("syncs", step.sync)[1] = step.level; },
  "sync.wait": (s, step) => { s.row("syncs", step.sync)[3].push(step.task); },
  "sync.leave": (s, step) => { removeOne(s.row("syncs", step.sync)[3], step.task); },
  "sync.acquire": (s, step, run) => {
    const row = s.row("syncs", step.sync);
    if (step.stood !== false) removeOne(row[3], step.task);
    if (run.isHeld(step.sync)) row[2].push(step.task);
  },
  "sync.release": (s, step) => { removeOne(s.row("syncs", step.sync)[2], step.task); },
  "job.submit": (s, step) => { s.jobs.set(step.job, [step.job, "queued"]); },
  "job.start": (s, step) => { s.row("jobs", step.job)[1] = "running"; },
  "job.end": (s, step) => { s.row("jobs", step.job)[1] = step.how; },
  "job.abandon": (s, step) => { s.row("jobs", step.job)[1] = "abandoned"; },
  "out": (s) => { s.out += 1; },
};

class Run {
  constructor(data) {
    this.data = data;
    this.meta = data.meta || {};
    this.steps = data.steps || [];
    this.files = data.files || [];
    this.notes = data.notes || [];
    this.last = this.steps.length - 1;
    this.damaged = null;
    this.things = new Map();
    for (const kind of KINDS) {
      for (const thing of (data.things || {})[kind + "s"] || []) {
        this.things.set(kind + ":" + thing.id, thing);
      }
    }
    this.keys = (data.keys || []).slice().sort((a, b) => a.n - b.n);
    this.keyAt = new Map(this.keys.map((key) => [key.n, key.state]));
    this.readThrough();
    this.position = -1;
  }

  thing(key) {
    return this.things.get(key);
  }

  groupOf(task) {
    return (this.thing("task:" + task) || {}).group;
  }

  isHeld(sync) {
    return HELD.includes((this.thing("sync:" + sync) || {}).kind);
  }

  /** One pass over the steps, for everything that is looked up later. */
  readThrough() {
    this.turns = [];
    this.outs = [];
    this.touching = new Map();
    this.atLine = new Map();
    this.places = new Map();
    this.batches = new Map();
    for (const [key, thing] of this.things) {
      if (key.startsWith("task:") && thing.at) this.places.set(key, [[-1, thing.at]]);
    }
    for (const step of this.steps) {
      if (step.ev === "turn.begin") this.turns.push(step.n);
      if (step.ev === "out") this.outs.push(step.n);
      if (step.ev === "ready.pop") this.batches.set(step.turn, (this.batches.get(step.turn) || 0) + 1);
      for (const key of subjects(step)) {
        if (!this.touching.has(key)) this.touching.set(key, []);
        const list = this.touching.get(key);
        if (list[list.length - 1] !== step.n) list.push(step.n);
      }
      const born = step.ev === "task.spawn" && (this.thing("task:" + step.task) || {}).at;
      const at = step.at || born;
      if (!at) continue;
      const line = at.join(":");
      if (!this.atLine.has(line)) this.atLine.set(line, []);
      this.atLine.get(line).push(step.n);
      if (step.at && typeof step.task === "number") {
        const key = "task:" + step.task;
        if (!this.places.has(key)) this.places.set(key, []);
        this.places.get(key).push([step.n, at]);
      }
    }
  }

  /** The nearest key at or before step n. */
  keyBefore(n) {
    let low = 0;
    let high = this.keys.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.keys[middle].n <= n) low = middle; else high = middle - 1;
    }
    return this.keys[low] || { n: 0, state: {} };
  }

  /**
   * The state after step n. It is the run's own: read it, do not change it. A walk forward never
   * leans on a key it passes, so it meets the key with a state of its own to compare.
   */
  at(n) {
    const key = this.keyBefore(n);
    if (n < this.position || this.position < 0 || (key.n > this.position && n > this.position + 64)) {
      this.state = new State(key.state);
      this.position = key.n;
    }
    while (this.position < n) {
      this.position += 1;
      this.state.apply(this.steps[this.position], this);
      this.compare();
    }
    return this.state;
  }

  compare() {
    const key = this.keyAt.get(this.position);
    if (key && this.damaged === null && State.text(key) !== this.state.written()) {
      this.damaged = this.position;
    }
  }

  /** Where a task stood last, as [file, line]. */
  placeOf(task, n) {
    let found = null;
    for (const [from, at] of this.places.get("task:" + task) || []) {
      if (from > n) break;
      found = at;
    }
    return found;
  }

  /** The task whose code a step belongs to, as far as the file tells. */
  actor(n) {
    const state = this.at(n);
    const step = this.steps[n];
    if (typeof step.task === "number") return step.task;
    return state.running;
  }

  /** Where the program is at step n. */
  line(n) {
    const step = this.steps[n];
    if (step.at) return step.at;
    if (step.ev === "task.spawn") return (this.thing("task:" + step.task) || {}).at || null;
    const actor = this.actor(n);
    return actor === null || actor === undefined ? null : this.placeOf(actor, n);
  }

  /** The steps that made step n happen, newest first; they end at step 0. */
  causes(n, most) {
    const chain = [];
    let step = this.steps[n];
    while (step && typeof step.cause === "number" && step.cause < step.n && chain.length < most) {
      step = this.steps[step.cause];
      chain.push(step.n);
    }
    return chain;
  }

  /** The first entry of a sorted list after n, or the last one before it. */
  static after(list, n) {
    const found = Run.rank(list, n + 1);
    return found < list.length ? list[found] : null;
  }

  static before(list, n) {
    const found = Run.rank(list, n) - 1;
    return found >= 0 ? list[found] : null;
  }

  /** How many entries of a sorted list are less than n. */
  static rank(list, n) {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle] < n) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** The first step at or after a time. */
  atTime(t) {
    let low = 0;
    let high = this.last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.steps[middle].t < t) low = middle + 1; else high = middle;
    }
    return low;
  }
}
