// The step log: one sentence per step, to be filtered, and each a way to its step.
//
// Only the rows inside the window exist as elements, so 20,000 steps cost as much as twenty.

const GROUPS = {
  all: "", queue: "ready call", turns: "run turn wait clock inbox stuck warn", tasks: "task group",
  timers: "timer clock", io: "io", jobs: "job", syncs: "sync promise", output: "out note",
};

class Log {
  constructor(board, body) {
    this.board = board;
    this.filter = h("input", { type: "search", placeholder: board.ui("filter"), "aria-label": board.ui("filter") });
    this.kind = h("select", { "aria-label": board.ui("kind") },
      Object.keys(GROUPS).map((name) => h("option", { value: name }, board.ui("kind." + name))));
    this.only = h("input", { type: "checkbox" });
    this.count = h("span", { class: "small", role: "status" });
    this.rows = h("div", { class: "rows", role: "list" });
    this.box = h("div", { class: "log", tabindex: "0", role: "group", "aria-label": board.ui("panel.log") }, this.rows);
    body.append(h("div", { class: "tools" }, this.filter, this.kind,
      h("label", { class: "small" }, this.only, " ", board.ui("only.selected")), this.count), this.box);
    for (const control of [this.filter, this.kind, this.only]) {
      control.addEventListener("input", () => { this.list = null; this.show(board.n); board.finish(); });
    }
    this.top = 0;
    this.room = 300;
    this.box.addEventListener("scroll", () => { this.top = this.box.scrollTop; this.draw(); });
    new ResizeObserver(() => { this.room = this.box.clientHeight; this.draw(); }).observe(this.box);
  }

  choose() {
    const { board } = this;
    const words = this.filter.value.trim().toLowerCase();
    const kinds = GROUPS[this.kind.value].split(" ");
    const only = this.only.checked ? board.page.selected : null;
    const touching = only ? new Set(board.run.touching.get(only) || []) : null;
    this.selected = board.page.selected;
    this.list = board.run.steps.filter((step) => (!kinds[0] || kinds.includes(step.ev.split(".")[0]))
      && (!touching || touching.has(step.n))
      && (!words || (step.ev + " " + board.words.sentence(step)).toLowerCase().includes(words))).map((step) => step.n);
  }

  show(n) {
    if (!this.list || (this.only.checked && this.selected !== this.board.page.selected)) this.choose();
    const known = this.board.page.hiding ? Run.rank(this.list, n + 1) : this.list.length;
    this.known = known;
    this.high = narrow() ? 60 : 30;
    setText(this.count, this.board.ui("shown", known));
    this.rows.style.height = known * this.high + "px";
    const at = Math.max(0, Run.rank(this.list, n + 1) - 1) * this.high;
    if (at < this.top || at + this.high > this.top + this.room) {
      this.top = Math.max(0, at - this.room / 2);
      this.board.afterwards.push(() => { this.box.scrollTop = this.top; });
    }
    this.draw();
  }

  draw() {
    if (!this.list) return;
    const { board, high } = this;
    const from = Math.max(0, Math.floor(this.top / high) - 3);
    const to = Math.min(this.known, from + Math.ceil(this.room / high) + 6);
    renew(this.rows, this.list.slice(from, to).map((n, i) => {
      const step = board.run.steps[n];
      const here = n === board.n;
      const place = from + i;
      return ["l" + n, String([here, place, high, this.known]), () => h("div", { role: "listitem", "aria-posinset": place + 1,
        "aria-setsize": this.known, style: "top:" + place * high + "px;height:" + high + "px" },
      h("button", { type: "button", class: "entry" + (here ? " here" : "") + (board.words.knows(step) ? "" : " unknown"), "data-go": n, "data-board": board.index,
        "aria-current": here ? "step" : null }, h("span", { class: "n" }, String(n)),
      h("span", { class: "t" }, duration(step.t)), h("span", { class: "said" }, board.words.sentence(step)))) ];
    }));
  }
}
