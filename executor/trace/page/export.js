// The run in other shapes, made here and saved by the browser: text, CSV, and the format that
// the Chrome trace viewer and Perfetto read.

function asText(board) {
  return board.run.steps.map((step) => (String(step.n).padStart(5) + "  " + String(step.turn).padStart(3) + "  "
    + duration(step.t).padStart(10) + "  " + step.ev.padEnd(13) + " " + board.words.sentence(step)).trimEnd() + "\n").join("");
}

function asCsv(board) {
  const cell = (value) => (/[",\n\r]/.test(value) ? "\"" + value.replace(/"/g, "\"\"") + "\"" : value);
  const rows = board.run.steps.map((step) => [step.n, step.t, step.turn, step.ev, subjects(step).join(" "),
    step.cause === undefined ? "" : step.cause, board.words.sentence(step)]);
  return [["n", "t_ns", "turn", "event", "things", "cause", "sentence"], ...rows]
    .map((row) => row.map((value) => cell(String(value))).join(",") + "\n").join("");
}

/**
 * One microsecond per step under a virtual clock, for there a step takes no time at all; else the
 * clock. Slices of one thread nest: turn, then wait or call, then the task's step.
 */
function asChrome(board) {
  const { run, words } = board;
  const byStep = run.meta.clock !== "real";
  const ts = (n) => (byStep ? n : run.steps[n].t / 1000);
  const events = [];
  const LOOP = { pid: 1, tid: 1 };
  const name = (pid, tid, what, text) => events.push({ ph: "M", pid, tid, name: what, args: { name: text } });
  name(1, 1, "process_name", run.meta.program || "roundelay");
  name(1, 1, "thread_name", board.ui("lane.loop"));
  const open = [];
  const begin = (n, kind, text) => open.push({ n, kind, text });
  const end = (n, kind) => {
    while (open.some((one) => one.kind === kind)) {
      const top = open.pop();
      events.push({ ph: "X", ...LOOP, name: top.text, cat: top.kind, ts: ts(top.n), dur: ts(n) - ts(top.n), args: { step: top.n } });
      if (top.kind === kind) return;
    }
  };
  const workers = new Map();
  let flow = 0;
  const arrow = (from, to, a, b, text) => {
    flow += 1;
    events.push({ ph: "s", ...a, id: flow, name: text, cat: "cause", ts: ts(from) },
      { ph: "f", bp: "e", ...b, id: flow, name: text, cat: "cause", ts: ts(to) });
  };
  const woken = new Map();
  const counted = { ready: 0, timers: 0, jobs: 0 };
  run.steps.forEach((step, n) => {
    const count = (what, by) => {
      counted[what] += by;
      events.push({ ph: "C", pid: 1, name: what, ts: ts(n), args: { [what]: counted[what] } });
    };
    const life = (ph) => events.push({ ph, ...LOOP, cat: "task", id: step.task, name: words.thing("task:" + step.task), ts: ts(n) });
    const instant = () => events.push({ ph: "i", s: "t", ...LOOP, name: words.sentence(step), ts: ts(n) });
    switch (step.ev) {
      case "turn.begin": begin(n, "turn", board.ui("turn.n", step.turn)); break;
      case "turn.end": end(n, "turn"); break;
      case "wait.begin": begin(n, "wait", board.ui("turn.wait")); break;
      case "wait.end": end(n, "wait"); break;
      case "ready.push": count("ready", 1); break;
      case "ready.pop": count("ready", -1); begin(n, "call", words.work(step.work)); break;
      case "call.end": end(n, "call"); break;
      case "timer.set": count("timers", 1); break;
      case "timer.due": case "timer.cancel": count("timers", -1); break;
      case "task.spawn": life("b"); break;
      case "task.wake": life("n"); if (open.length) woken.set(step.task, n); break;
      case "task.poll":
        begin(n, "poll", words.thing("task:" + step.task));
        if (woken.has(step.task)) arrow(woken.get(step.task), n, LOOP, LOOP, "wake");
        woken.delete(step.task);
        break;
      case "task.pending": end(n, "poll"); break;
      case "task.end": end(n, "poll"); life("e"); break;
      case "job.start": {
        const tid = 2 + (step.worker || 0);
        if (!workers.has(tid)) name(1, tid, "thread_name", board.ui("worker", step.worker || 0));
        workers.set(tid, true);
        workers.set("job" + step.job, { tid, n });
        count("jobs", 1);
        break;
      }
      case "job.end": {
        const job = workers.get("job" + step.job);
        if (!job) break;
        count("jobs", -1);
        events.push({ ph: "X", pid: 1, tid: job.tid, name: words.thing("job:" + step.job), cat: "job", ts: ts(job.n), dur: ts(n) - ts(job.n), args: { how: step.how } });
        workers.delete("job" + step.job);
        break;
      }
      case "out": case "task.cancel": case "warn.slow": case "stuck": instant(); break;
      default:
    }
  });
  while (open.length) end(run.last, open[open.length - 1].kind);
  return JSON.stringify({ traceEvents: events, displayTimeUnit: "ns", otherData: { unit: byStep ? "step" : "clock" } });
}

/** Hands a text to the browser as a file to save. */
function save(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** The state after the current step as tables: what is printed. */
function asTables(board) {
  const { run, words, n } = board;
  const state = run.at(n);
  const things = (kind, ids) => ids.map((id) => words.thing(kind + ":" + id)).join(", ") || "–";
  const waits = (on) => (on ? words.thing(on[0] + ":" + on[1]) : "–");
  const tables = [
    ["ready", ["head.place", "head.work"], state.ready.map(([place, work]) => [place, words.work(work)])],
    ["timers", ["head.timer", "head.due"], state.rows("timers").map(([id, due]) => [words.thing("timer:" + id), duration(due)])],
    ["io", ["head.source", "head.interest"], state.rows("io").map(([id, read, write]) => [words.thing("source:" + id),
      [read && board.ui("read"), write && board.ui("write")].filter(Boolean).join(", ") || "–"])],
    ["tasks", ["head.task", "head.state", "head.on", "head.polls"], state.rows("tasks").map(([id, how, on, polls]) =>
      [words.thing("task:" + id), board.ui("state." + how), waits(on), polls])],
    ["jobs", ["head.job", "head.state"], state.rows("jobs").map(([id, how]) => [words.thing("job:" + id), board.ui("state." + how)])],
    ["syncs", ["head.sync", "head.level", "head.holders", "head.waiters"], state.rows("syncs").map(([id, level, holders, waiters]) =>
      [words.thing("sync:" + id), level, things("task", holders), things("task", waiters)])],
    ["promises", ["head.promise", "head.state"], state.rows("promises").map(([id, how]) => [words.thing("promise:" + id), board.ui("state." + how)])],
    ["output", ["head.line"], run.outs.slice(0, Run.rank(run.outs, n + 1)).map((at) => [run.steps[at].text])],
  ];
  return h("section", {}, h("h2", {}, run.meta.program || ""), h("p", {}, board.sentence.textContent),
    tables.filter(([, , rows]) => rows.length).map(([name, heads, rows]) => h("table", {}, h("caption", {}, board.ui("panel." + name)),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, board.ui(head))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, String(cell)))))))));
}
