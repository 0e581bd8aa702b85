// Every step has one plain sentence. It is the caption, the log and what a screen reader says.
//
// All texts are in one table, `sentences.json`; the recorder's text rendering in Rust reads the
// same one, so both tell the same story. Another language is another table.

const VARIANTS = ["by", "how", "side", "on", "work", "at_most", "worker", "err", "panicked",
  "events", "ready", "task"];
const TIMES = new Set(["due", "from", "to", "at_most", "took", "t"]);

function duration(ns) {
  if (ns === null || ns === undefined) return "";
  const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  const [size, unit] = units.find(([least]) => Math.abs(ns) >= least) || units[0];
  const thousandths = Math.floor((ns % size) * 1000 / size);
  const rest = String(thousandths).padStart(3, "0").replace(/0+$/, "");
  return Math.floor(ns / size) + (rest && "." + rest) + " " + unit;
}

class Words {
  constructor(table, run) {
    this.table = table;
    this.run = run;
    this.kept = new Map();
  }

  /** One of the page's own texts, with {0} filled in. */
  ui(key, ...values) {
    const text = this.table.ui[key];
    return text === undefined ? key : text.replace(/\{(\d)\}/g, (_, i) => values[i]);
  }

  /** "task download" or "timer 3". */
  thing(key) {
    const [kind, id] = key.split(":");
    const thing = this.run.thing(key) || {};
    const name = thing.name === null || thing.name === undefined || thing.name === "" ? null : thing.name;
    const things = this.table.things;
    // A task that nobody named is called "Task-3": "task Task-3" would say it twice.
    const form = name === null ? kind + "#" : kind === "task" && name.startsWith("Task-") ? "task@" : kind;
    const text = things[form] || things[kind + "#"] || things["?"];
    const values = { id, name: name === null ? id : name, kind: thing.kind || kind };
    return text.replace(/\{(\w+)\}/g, (_, field) => values[field]);
  }

  /** The same for a small space where it is clear that tasks are meant: "download". */
  short(key) {
    const { name } = this.run.thing(key) || {};
    return key.startsWith("task:") && name ? name : this.thing(key);
  }

  work(work) {
    if (work[0] === "main") return this.table.work.main;
    const values = { task: "task:" + work[1], timer: "timer:" + work[1] };
    const text = this.table.work[work[0]] || this.table.work["?"];
    return text.replace(/\{(\w+)\}/g, (_, field) => values[field] ? this.thing(values[field]) : work[1]);
  }

  variant(value) {
    if (value === null) return "none";
    if (Array.isArray(value)) return value[0];
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (value === 0) return "zero";
    return typeof value === "string" ? value : null;
  }

  template(step) {
    const steps = this.table.steps;
    for (const field of VARIANTS) {
      if (!(field in step)) continue;
      const variant = this.variant(step[field]);
      const text = variant !== null && steps[step.ev + ":" + variant];
      if (text) return text;
    }
    return steps[step.ev] || steps["?"];
  }

  /** A newer recorder may tell of events that this table has no words for: a grey line. */
  knows(step) {
    return step.ev in this.table.steps;
  }

  sentence(step) {
    if (this.kept.has(step.n)) return this.kept.get(step.n);
    const text = this.template(step).replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g,
      (_, field, one, many) => {
        if (one !== undefined) return step[field] === 1 ? one : many;
        return this.field(step, field);
      });
    const sentence = text.charAt(0).toUpperCase() + text.slice(1);
    this.kept.set(step.n, sentence);
    return sentence;
  }

  field(step, field) {
    const value = step[field];
    if (field === "in") return duration(Math.max(0, step.due - step.t));
    if (field === "work") return this.work(value);
    if (TIMES.has(field)) return duration(value);
    if (field === "on") return value ? this.thing(value[0] + ":" + value[1]) : "";
    if (KINDS.includes(field) && typeof value === "number") return this.thing(field + ":" + value);
    return value === null || value === undefined ? "" : String(value);
  }

  /** "Step 43, turn 3, 1 s." */
  moment(step) {
    return this.ui("moment", step.n, step.turn, duration(step.t));
  }
}
