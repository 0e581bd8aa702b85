// The timeline: a lane for the loop, one for each task and each worker, time along them.
//
// It is drawn on a canvas of the size of its window, whatever the length of the run, and what is
// outside the window is not drawn. On a narrow screen it turns on its side: time runs downward.
// Under a virtual clock a step takes no time, so the lanes are drawn by steps unless asked
// otherwise. The slider and the step log say the same to who does not see the canvas.

const LANE = 26;
const GUTTER = 120;
const ENDS = { finished: "✓", cancelled: "✕", panicked: "!", done: "✓", failed: "!", abandoned: "⊘" };

/** For each lane its stretches [from, to, state] and its marks [step, sign]. */
function lanes(run, words, ui) {
  const loop = { key: null, name: ui("lane.loop"), spans: [], marks: [] };
  const out = { key: null, name: ui("lane.output"), spans: [], marks: [] };
  const found = new Map();
  const lane = (key, name) => {
    if (!found.has(key)) found.set(key, { key, name, spans: [], marks: [], since: null, state: null });
    return found.get(key);
  };
  const turn = (one, n, state) => {
    if (one.state !== null) one.spans.push([one.since, n, one.state]);
    one.since = n;
    one.state = state;
  };
  const task = (id) => lane("task:" + id, words.short("task:" + id));
  const queued = new Set();
  const workers = new Map();
  let busy = null;
  for (const step of run.steps) {
    const { n, ev } = step;
    const mine = step.work ? stepOf(step.work) : null;
    const key = mine === null ? null : "task:" + mine;
    if (ev === "wait.begin" || ev === "ready.pop") busy = n;
    if (ev === "wait.end" && busy !== null) loop.spans.push([busy, n, "wait"]);
    if (ev === "call.end" && busy !== null) loop.spans.push([busy, n, "running"]);
    if (ev === "turn.begin") loop.marks.push([n, "|"]);
    if (ev === "clock.jump") loop.marks.push([n, "»"]);
    if (ev === "stuck" || ev === "warn.slow") loop.marks.push([n, "!"]);
    if (ev === "out") out.marks.push([n, step.err ? "!" : "▾"]);
    if (ev === "ready.pop" && key) queued.delete(key);
    if (ev === "ready.push" && key) {
      queued.add(key);
      const one = lane(key, words.short(key));
      if (one.state === "idle") turn(one, n, "scheduled");
    }
    if (ev === "task.spawn") turn(task(step.task), n, "idle");
    if (ev === "task.poll") turn(task(step.task), n, "running");
    if (ev === "task.pending") turn(task(step.task), n, queued.has("task:" + step.task) ? "scheduled" : "idle");
    if (ev === "task.end") {
      turn(task(step.task), n, null);
      task(step.task).marks.push([n, ENDS[step.how]]);
    }
    if (ev === "job.start") {
      const worker = step.worker === null || step.worker === undefined ? 0 : step.worker;
      workers.set(step.job, worker);
      turn(lane("worker:" + worker, ui("worker", worker)), n, "running");
    }
    if (workers.has(step.job) && (ev === "job.end" || ev === "job.abandon")) {
      const one = lane("worker:" + workers.get(step.job));
      one.marks.push([n, ev === "job.end" ? ENDS[step.how] : ENDS.abandoned]);
      if (ev === "job.end") turn(one, n, null);
    }
  }
  for (const note of run.notes) if (note.kind === "predict") loop.marks.push([note.n, "?"]);
  const all = [...found.values()];
  for (const one of all) turn(one, run.last + 1, null);
  const tasks = all.filter((one) => one.key.startsWith("task:"));
  return [loop, ...tasks, ...all.filter((one) => !tasks.includes(one)), ...(out.marks.length ? [out] : [])];
}

class Timeline {
  constructor(board, body) {
    this.board = board;
    this.lanes = lanes(board.run, board.words, (key, ...values) => board.ui(key, ...values));
    this.zoom = 1;
    this.byTime = board.run.meta.clock === "real";
    this.canvas = h("canvas", { role: "img" });
    this.cursor = h("div", { class: "cursor" });
    this.veil = h("div", { class: "veil" });
    this.size = h("div", { class: "size" }, this.canvas, this.veil, this.cursor);
    this.scroller = h("div", { class: "lanes", tabindex: "0", role: "group", "aria-label": board.ui("panel.timeline") }, this.size);
    const button = (text, label, act) => {
      const element = h("button", { type: "button", "aria-label": board.ui(label), title: board.ui(label) }, text);
      element.addEventListener("click", act);
      return element;
    };
    this.axis = h("select", { "aria-label": board.ui("axis") }, h("option", { value: "step" }, board.ui("axis.step")),
      h("option", { value: "time" }, board.ui("axis.time")));
    this.axis.value = this.byTime ? "time" : "step";
    this.axis.addEventListener("change", () => { this.byTime = this.axis.value === "time"; this.draw(true); });
    const key = (state) => h("span", {}, h("i", { class: "key k-" + state, "aria-hidden": "true" }), " ", board.ui("key." + state));
    body.append(h("div", { class: "tools" }, button("−", "zoom.out", () => this.scale(0.5)),
      button("+", "zoom.in", () => this.scale(2)), button(board.ui("fit"), "zoom.fit", () => this.scale(0)), this.axis,
      h("span", { class: "legend" }, key("running"), key("scheduled"), key("idle"), key("wait"))), this.scroller);
    this.scroller.addEventListener("scroll", () => this.draw());
    this.scroller.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.scale(event.deltaY < 0 ? 1.25 : 0.8);
    }, { passive: false });
    this.listen();
    new ResizeObserver(() => this.draw(true)).observe(this.scroller);
    this.colours();
  }

  /** Drag along the lanes to scrub; a click on a lane's name selects its task. */
  listen() {
    const { canvas, board } = this;
    let dragging = false;
    canvas.addEventListener("pointerdown", (event) => {
      const spot = this.spot(event);
      if (spot.lane) {
        if (board.run.thing(spot.lane.key)) board.page.select(spot.lane.key);
        return;
      }
      if (event.pointerType === "touch" && this.upright) return;
      dragging = true;
      canvas.setPointerCapture(event.pointerId);
      board.page.scrub(spot.n, board.index);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (dragging) board.page.scrub(this.spot(event).n, board.index);
    });
    canvas.addEventListener("pointerup", () => {
      if (dragging) board.page.settle();
      dragging = false;
    });
    canvas.addEventListener("click", (event) => {
      const spot = this.spot(event);
      if (event.pointerType === "touch" && this.upright && !spot.lane) board.page.jump(spot.n, board.index);
    });
  }

  scale(by) {
    this.zoom = by ? Math.min(Math.max(this.zoom * by, 1), Math.max(1, this.board.run.steps.length / 8)) : 1;
    this.draw(true);
    this.reveal();
  }

  /** The theme's colours, as the canvas needs them: also those of forced-colours mode. */
  colours() {
    const probe = h("span");
    this.board.page.root.append(probe);
    this.colour = {};
    for (const name of ["ink", "soft", "line", "panel", "running", "scheduled", "idle", "mark", "accent"]) {
      probe.style.color = "var(--" + name + ")";
      this.colour[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  }

  get length() {
    const { run } = this.board;
    return this.byTime ? Math.max(1, run.steps[run.last].t) : run.steps.length;
  }

  along(n) {
    const { run } = this.board;
    if (this.byTime) return (n > run.last ? run.steps[run.last].t : run.steps[n].t) * this.unit;
    return n * this.unit;
  }

  spot(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    const [along, across] = this.upright ? [y, x] : [x, y];
    if (along < this.gutter) {
      const lane = this.lanes[Math.floor((across + this.scrollAcross) / LANE)];
      if (lane) return { lane };
    }
    const far = Math.max(0, (along - this.gutter + this.scrollAlong) / this.unit);
    const { run } = this.board;
    return { n: Math.min(run.last, this.byTime ? run.atTime(far) : Math.floor(far)) };
  }

  show(n) {
    this.n = n;
    this.board.afterwards.push(() => { this.reveal(); this.draw(); });
  }

  /** Keeps the cursor inside the window when the run is longer than it. */
  reveal() {
    if (!this.unit || this.zoom === 1) return;
    const at = this.along(this.n);
    const room = (this.upright ? this.scroller.clientHeight : this.scroller.clientWidth) - this.gutter;
    const start = this.upright ? this.scroller.scrollTop : this.scroller.scrollLeft;
    if (at >= start && at <= start + room - 12) return;
    this.scroller[this.upright ? "scrollTop" : "scrollLeft"] = Math.max(0, at - room / 3);
  }

  measure() {
    this.upright = narrow();
    this.gutter = this.upright ? 86 : GUTTER;
    const across = this.lanes.length * LANE + 4;
    this.scroller.style.height = this.upright ? "26rem" : Math.min(across + 18, 340) + "px";
    const wide = this.scroller.clientWidth;
    const high = this.scroller.clientHeight;
    const room = Math.max(50, (this.upright ? high : wide) - this.gutter - 8);
    this.unit = room * this.zoom / this.length;
    const along = Math.floor(this.gutter + room * this.zoom);
    this.size.style.width = (this.upright ? Math.max(across, wide - 2) : along) + "px";
    this.size.style.height = (this.upright ? along : across) + "px";
    const ratio = devicePixelRatio || 1;
    this.canvas.style.width = wide + "px";
    this.canvas.style.height = high + "px";
    this.canvas.width = wide * ratio;
    this.canvas.height = high * ratio;
    this.ratio = ratio;
    this.looks = null;
  }

  /** The lanes are drawn once for a window; a step only moves the cursor over them. */
  draw(measure) {
    if (this.n === undefined || !this.scroller.clientWidth) return;
    if (measure || !this.unit || this.upright !== narrow()) this.measure();
    const { board, colour, upright, gutter, canvas, scroller } = this;
    this.scrollAlong = upright ? scroller.scrollTop : scroller.scrollLeft;
    this.scrollAcross = upright ? scroller.scrollLeft : scroller.scrollTop;
    const room = upright ? scroller.clientHeight : scroller.clientWidth;
    const place = (n) => this.along(n) - this.scrollAlong + gutter;
    const box = (pen, from, to, top, thick) => (upright ? pen.fillRect(top, from, thick, to - from)
      : pen.fillRect(from, top, to - from, thick));
    const looks = [canvas.width, canvas.height, this.unit, this.scrollAlong, this.scrollAcross, this.byTime,
      board.page.selected, colour.ink].join();
    if (this.looks !== looks) {
      this.looks = looks;
      this.drawLanes(place, room, box);
    }
    const cover = (element, from, to) => {
      const start = Math.max(from, this.scrollAlong + gutter);
      const style = upright ? { left: 0, width: "100%", top: start + "px", height: Math.max(0, to - start) + "px" }
        : { top: 0, height: "100%", left: start + "px", width: Math.max(0, to - start) + "px" };
      Object.assign(element.style, style);
    };
    const at = this.along(this.n) + gutter;
    cover(this.cursor, at - 1, at + 2);
    cover(this.veil, this.along(this.n + 1) + gutter, board.page.hiding ? this.scrollAlong + room : 0);
    const step = board.run.steps[this.n];
    canvas.setAttribute("aria-label", board.ui("timeline.label", this.lanes.length, this.n, duration(step.t)));
  }

  drawLanes(place, room, box) {
    const { colour, upright, canvas } = this;
    const pen = canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const [wide, high] = [canvas.width, canvas.height];
    pen.fillStyle = colour.panel;
    pen.fillRect(0, 0, wide, high);
    pen.textBaseline = "middle";
    pen.font = "12px system-ui, sans-serif";
    const seen = this.lanes.map((lane, i) => [lane, i * LANE - this.scrollAcross])
      .filter(([, top]) => top > -LANE && top < (upright ? wide : high));
    for (const [lane, top] of seen) {
      pen.fillStyle = colour.line;
      box(pen, this.gutter, room, top + LANE - 1, 1);
      this.drawSpans(pen, lane, top, place, room, box);
      this.drawMarks(pen, lane, top, place, room);
    }
    pen.fillStyle = colour.panel;
    box(pen, 0, this.gutter - 2, 0, 4000);
    for (const [lane, top] of seen) this.drawName(pen, lane, top);
  }

  drawSpans(pen, lane, top, place, room, box) {
    const { colour } = this;
    let drawn = -1;
    for (const [from, to, state] of lane.spans) {
      const start = Math.max(place(from), this.gutter);
      const stop = Math.min(place(to), room);
      if (stop < this.gutter || start > room || stop <= drawn) continue;
      const wide = Math.max(stop, start + 1);
      const [thick, tone] = { running: [16, "running"], scheduled: [8, "scheduled"], idle: [2, "idle"], wait: [2, "soft"] }[state];
      pen.fillStyle = colour[tone];
      if (state === "wait" && wide - start > 6) {
        for (let at = start; at < wide; at += 6) box(pen, at, Math.min(at + 3, wide), top + 12, 2);
      } else {
        box(pen, start, wide, top + (LANE - thick) / 2, thick);
      }
      if (state === "running") drawn = wide;
    }
  }

  drawMarks(pen, lane, top, place, room) {
    let before = -100;
    for (const [n, sign] of lane.marks) {
      const at = place(n);
      if (at < this.gutter || at > room) continue;
      const line = sign === "|";
      if (at - before < (line ? 4 : 7)) continue;
      before = at;
      pen.fillStyle = line ? this.colour.line : this.colour.ink;
      if (line) {
        if (this.upright) pen.fillRect(top, at, LANE - 2, 1); else pen.fillRect(at, top, 1, LANE - 2);
      } else {
        const [x, y] = this.upright ? [top + 7, at + 8] : [at + 2, top + 13];
        pen.fillStyle = this.colour.panel;
        pen.fillRect(x - 1, y - 7, 12, 13);
        pen.fillStyle = this.colour.ink;
        pen.fillText(sign, x, y);
      }
    }
  }

  drawName(pen, lane, top) {
    const { colour, upright } = this;
    const chosen = lane.key && lane.key === this.board.page.selected;
    pen.fillStyle = chosen ? colour.accent : colour.ink;
    pen.font = (chosen ? "bold " : "") + "12px system-ui, sans-serif";
    const name = shorten(lane.name, upright ? 11 : 16);
    pen.save();
    if (upright) {
      pen.translate(top + 13, this.gutter - 8);
      pen.rotate(-Math.PI / 2);
      pen.fillText(name, 0, 0);
    } else {
      pen.fillText(name, 4, top + 13);
    }
    pen.restore();
  }
}
