// The page: one position in the run, the ways to move it, and the link that holds it.
//
//   button, key, slider, link ---> go(n) ---> each board shows step n ---> one spoken sentence
//                                    |
//                                    '------> #s=43&sel=task:2&hide=1&fold=jobs
//
// Single steps replace the link in the address, jumps add one, so the browser's back button goes
// back through jumps. Nothing is stored anywhere else.

const $ = (id) => document.getElementById(id);
const SPEEDS = [0.5, 1, 2, 5, 20, 100];
const THEMES = ["auto", "light", "dark"];

class Page {
  constructor() {
    this.root = $("app");
    this.table = JSON.parse($("sentences").textContent);
    const texts = [$("trace"), $("other")].map((element) => JSON.parse(element.textContent));
    this.runs = texts.filter(Boolean).map((data) => new Run(data));
    if (!this.runs[0].steps.length) throw new Error("it holds no steps");
    this.controls = {};
    for (const id of ["slider", "where", "ask", "hide", "speed", "align", "letters"]) this.controls[id] = $(id);
    this.selected = null;
    this.hiding = false;
    this.folded = new Set();
    this.lead = 0;
    this.n = 0;
    this.root.hidden = false;
    this.predict = new Predict(this, $("predict"));
    this.boards = [];
    this.runs.forEach((run, i) => {
      const board = new Board(this, run, this.table, this.runs.length > 1 ? "AB"[i] : "");
      board.index = i;
      this.boards.push(board);
    });
    $("boards").append(...this.boards.map((board) => board.root));
    $("boards").classList.toggle("two", this.boards.length > 1);
    this.label();
    this.listen();
    this.read();
    if (new URLSearchParams(location.hash.slice(1)).has("selftest")) selftest(this);
  }

  ui(key, ...values) {
    return this.boards[0].ui(key, ...values);
  }

  get run() {
    return this.runs[this.lead];
  }

  // ---- what is on the page once ----

  label() {
    for (const element of this.root.querySelectorAll("[data-t]")) {
      const text = this.table.ui[element.dataset.t];
      if (!text) continue;
      if (element.hasAttribute("aria-label")) {
        element.setAttribute("aria-label", text);
        element.title = text;
      } else {
        element.textContent = text;
      }
    }
    document.documentElement.lang = this.table.lang;
    const { meta } = this.runs[0];
    setText($("program"), this.runs.map((run) => run.meta.program || "?").join(" | "));
    const facts = [this.ui("clock." + meta.clock), this.ui("count", this.runs.map((run) => run.steps.length).join(" | "))];
    if (meta.selector === "script") facts.push(this.ui("selector.script"));
    if (meta.executor === "script") facts.push(this.ui("executor.script"));
    $("facts").append(...facts.map((fact) => h("li", {}, fact)));
    setText($("about"), this.ui("made", meta.roundelay || "?", meta.hash || "?"));
    const options = (select, values, key) => select.append(...values.map((value) =>
      h("option", { value }, this.ui(key + value, value))));
    options(this.controls.ask, ["mix", "marked", "who", "printed", "time", "woken"], "ask.kind.");
    options(this.controls.align, ["turn", "time"], "align.");
    SPEEDS.forEach((speed) => this.controls.speed.append(h("option", { value: speed }, this.ui("per.second", speed))));
    this.controls.speed.value = "2";
    $("comparing").hidden = this.boards.length < 2;
    $("more").open = !narrow();
    $("keys").append(...this.table.keys.map(([keys, text]) => h("tr", {},
      h("td", {}, keys.split(" ").flatMap((key) => [h("kbd", {}, key), " "])), h("td", {}, text))));
    this.setTheme("auto");
  }

  setTheme(theme) {
    this.theme = theme;
    document.documentElement.dataset.theme = theme;
    setText($("theme"), this.ui("theme." + theme));
    for (const board of this.boards) {
      board.timeline.colours();
      board.timeline.draw();
    }
  }

  // ---- moving ----

  /** Goes to a step of one of the runs; the other run follows. Returns without a trace in the history. */
  go(n, lead) {
    const target = Math.max(0, Math.min(n, this.runs[lead === undefined ? this.lead : lead].last));
    const question = lead === undefined || lead === this.lead ? this.predict.stop(this.n, target) : null;
    if (lead !== undefined) this.lead = Number(lead);
    this.n = question ? question.n - 1 : target;
    if (this.predict.asked && this.n !== this.predict.asked.n) this.predict.asked = null;
    this.redraw();
    if (question) this.predict.ask(question);
    else if (this.predict.on) this.predict.draw();
    this.speakStep();
    if (!this.scrubbing) this.later();
  }

  /** A jump is worth a way back. */
  jump(n, lead) {
    this.write();
    this.scrubbing = true;
    this.go(n, lead);
    this.settle();
  }

  /** While the slider or the timeline is dragged, the address waits for the end of it. */
  scrub(n, lead) {
    if (!this.scrubbing) this.write();
    this.scrubbing = true;
    this.go(n, lead);
  }

  settle() {
    this.scrubbing = false;
    if (this.hash() !== location.hash) this.remember("pushState");
  }

  /** The step of the other run that stands beside step n of this one. */
  aligned(from, to, n) {
    const key = this.controls.align.value === "time" ? "t" : "turn";
    const value = from.steps[n][key];
    const first = (run, least) => {
      let low = 0;
      let high = run.steps.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (run.steps[middle][key] < least) low = middle + 1; else high = middle;
      }
      return low;
    };
    const start = first(to, value);
    if (start > to.last || to.steps[start][key] !== value) return Math.max(0, start - 1);
    return Math.min(start + n - first(from, value), first(to, value + 1) - 1);
  }

  /** The first step at which the two runs differ. */
  difference() {
    const [a, b] = this.boards;
    const most = Math.min(a.run.last, b.run.last);
    for (let n = 0; n <= most; n += 1) {
      if (a.run.steps[n].t !== b.run.steps[n].t || a.words.sentence(a.run.steps[n]) !== b.words.sentence(b.run.steps[n])) return n;
    }
    return a.run.last === b.run.last ? null : most;
  }

  redraw() {
    const places = this.boards.map((board, i) => (i === this.lead ? this.n : this.aligned(this.run, board.run, this.n)));
    this.boards.forEach((board, i) => board.show(places[i]));
    if (this.boards.length > 1) {
      const [a, b] = this.boards.map((board) => board.words.sentence(board.run.steps[board.n]));
      for (const board of this.boards) board.sentence.classList.toggle("differs", a !== b);
    }
    const { slider, where } = this.controls;
    const step = this.run.steps[this.n];
    slider.max = this.run.last;
    slider.value = this.n;
    slider.setAttribute("aria-valuetext", this.ui("slider.text", this.n, this.run.last, duration(step.t)));
    setText(where, this.ui("where", this.n, this.run.last, step.turn, duration(step.t)));
  }

  select(key) {
    this.selected = key === this.selected ? null : key;
    this.longWhy = false;
    this.redraw();
    this.write();
    const board = this.boards[this.lead];
    this.say(this.selected ? this.ui("selected", board.words.thing(this.selected)) : this.ui("unselected"));
  }

  setHide(on) {
    this.hiding = on;
    this.controls.hide.checked = on;
    this.redraw();
    this.write();
  }

  fold(name, folded) {
    if (folded) this.folded.add(name); else this.folded.delete(name);
    for (const board of this.boards) {
      const panel = board.panels.get(name);
      if (!panel) continue;
      panel.section.classList.toggle("folded", folded);
      panel.fold.setAttribute("aria-expanded", String(!folded));
    }
  }

  // ---- the spoken sentence ----

  /** Once per action, and not while the run plays faster than one can listen. */
  speakStep() {
    if (this.playing && Number(this.controls.speed.value) > 1) return;
    this.say(this.boards.map((board) => board.sentence.textContent).join(" "));
  }

  say(text) {
    this.saying = text;
    if (this.spoken) return;
    this.spoken = setTimeout(() => {
      this.spoken = null;
      setText($("live"), this.saying);
    }, 60);
  }

  // ---- the link ----

  hash(is) {
    const parts = ["s=" + this.n];
    if (this.lead) parts.push("run=b");
    if (is) parts.push("is=" + this.run.steps[this.n].ev);
    if (this.selected) parts.push("sel=" + this.selected);
    if (this.hiding) parts.push("hide=1");
    if (this.folded.size) parts.push("fold=" + [...this.folded].join(","));
    return "#" + parts.join("&");
  }

  later() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), 250);
  }

  write() {
    if (this.hash() !== location.hash) this.remember("replaceState");
  }

  remember(how) {
    clearTimeout(this.writing);
    try {
      history[how](null, "", this.hash());
    } catch (error) {
      location.replace(this.hash());
    }
  }

  /** From the address to the page: at the start, and when the reader goes back or changes it. */
  read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const lead = asked.get("run") === "b" && this.runs[1] ? 1 : 0;
    const run = this.runs[lead];
    const selected = asked.get("sel");
    this.selected = selected && run.things.has(selected) ? selected : null;
    this.hiding = asked.get("hide") === "1" || this.predict.on;
    this.controls.hide.checked = this.hiding;
    const folded = (asked.get("fold") || "").split(",");
    for (const name of this.boards[0].panels.keys()) this.fold(name, folded.includes(name));
    const wanted = asked.get("s") || "0";
    this.lead = lead;
    this.n = /^\d+$/.test(wanted) ? Math.min(Number(wanted), run.last) : 0;
    this.predict.asked = null;
    this.predict.draw();
    this.redraw();
    this.verify(asked, wanted);
  }

  /** A link may say which event it means: a link into a run that has changed says so. */
  verify(asked, wanted) {
    $("told").replaceChildren();
    const is = asked.get("is");
    const step = this.run.steps[this.n];
    if ((!is || step.ev === is) && this.n === Number(wanted)) return;
    const same = this.run.steps.filter((one) => one.ev === is).sort((a, b) => Math.abs(a.n - this.n) - Math.abs(b.n - this.n))[0];
    $("told").append(h("p", { class: "warning", role: "alert", "data-notice": "link" },
      this.n !== Number(wanted) ? this.ui("link.beyond", wanted, this.run.last) : this.ui("link.other", is, wanted, step.ev), " ",
      same ? this.boards[this.lead].link(same.n, this.ui("link.near", same.n)) : null));
  }

  async copy() {
    const link = location.href.split("#")[0] + this.hash(true);
    try {
      await navigator.clipboard.writeText(link);
    } catch (error) {
      const field = h("textarea", {}, link);
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    this.copied = link;
    this.tell(this.ui("copied"));
  }

  /** A short word that is seen and spoken. */
  tell(text) {
    setText(this.controls.where, text);
    this.say(text);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.redraw(), 1500);
  }

  // ---- playing ----

  play(on) {
    this.playing = on;
    clearTimeout(this.ticking);
    for (const button of document.querySelectorAll("[data-do=play]")) {
      button.setAttribute("aria-pressed", String(on));
      setText(button, this.ui(on ? "pause" : "play"));
    }
    if (on) this.tick();
  }

  tick() {
    this.ticking = setTimeout(() => {
      this.go(this.n + 1);
      if (this.n >= this.run.last || (this.predict.asked && !this.predict.asked.answered)) {
        this.play(false);
        this.speakStep();
      } else if (this.playing) {
        this.tick();
      }
    }, 1000 / Number(this.controls.speed.value));
  }

  // ---- what can be done ----

  step(list, forward) {
    const n = forward ? Run.after(list, this.n) : Run.before(list, this.n);
    if (n === null) this.tell(this.ui(forward ? "no.later" : "no.earlier"));
    else this.go(n);
  }

  /** The events of the selected thing, or of what the current step is about. */
  followed() {
    const key = this.selected || subjects(this.run.steps[this.n])[0];
    return this.run.touching.get(key) || [];
  }

  do(name) {
    const board = this.boards[this.lead];
    const { run } = this;
    const file = (run.meta.program || "run").replace(/\W+/g, "_");
    const panel = (which) => {
      const found = board.panels.get(which);
      this.fold(which, false);
      this.redraw();
      found.section.scrollIntoView({ block: "nearest" });
      return found;
    };
    const actions = {
      back: () => this.go(this.n - 1),
      next: () => this.go(this.n + 1),
      "turn.back": () => this.step(run.turns, false),
      "turn.next": () => this.step(run.turns, true),
      "out.back": () => this.step(run.outs, false),
      "out.next": () => this.step(run.outs, true),
      "thing.back": () => this.step(this.followed(), false),
      "thing.next": () => this.step(this.followed(), true),
      first: () => this.jump(0),
      last: () => this.jump(run.last),
      play: () => this.play(!this.playing),
      goto: () => { $("goto-where").value = ""; $("goto-wrong").hidden = true; $("goto").showModal(); },
      why: () => panel("why").section.focus(),
      filter: () => panel("log").section.querySelector("input").focus(),
      predict: () => this.predicting(!this.predict.on),
      copy: () => this.copy(),
      diff: () => {
        const n = this.difference();
        if (n === null) this.tell(this.ui("no.difference")); else this.jump(n, 0);
      },
      clear: () => { if (this.selected) this.select(this.selected); },
      text: () => save(asText(board), file + ".txt", "text/plain"),
      csv: () => save(asCsv(board), file + ".csv", "text/csv"),
      chrome: () => save(asChrome(board), file + ".chrome.json", "application/json"),
      print: () => window.print(),
      theme: () => this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]),
      help: () => $("help").showModal(),
      close: () => document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close()),
    };
    if (this.playing && name !== "play" && name !== "theme") this.play(false);
    actions[name]();
  }

  predicting(on) {
    for (const button of document.querySelectorAll("[data-do=predict]")) button.setAttribute("aria-pressed", String(on));
    document.querySelector(".only-predict").hidden = !on;
    if (on && !this.run.notes.some((note) => note.kind === "predict")) this.controls.ask.querySelector("[value=marked]").disabled = true;
    this.predict.toggle(on);
  }

  /** "43" is a step; "1.5 s" or "400ms" is a time. */
  goTo(text) {
    const found = /^\s*(\d+(?:\.\d+)?)\s*(s|ms|µs|us|ns)?\s*$/.exec(text);
    if (!found) return false;
    const unit = { s: 1e9, ms: 1e6, "µs": 1e3, us: 1e3, ns: 1 }[found[2]];
    if (!unit && !Number.isInteger(Number(found[1]))) return false;
    this.jump(unit ? this.run.atTime(Math.round(found[1] * unit)) : Number(found[1]));
    return true;
  }

  listen() {
    document.addEventListener("click", (event) => {
      const found = event.target.closest("[data-do],[data-go],[data-sel],[data-fold]");
      if (!found) return;
      const { go, board, sel, fold } = found.dataset;
      if (found.dataset.do) this.do(found.dataset.do);
      else if (go !== undefined) this.jump(Number(go), Number(board));
      else if (sel) this.select(sel);
      else if (fold) {
        this.fold(fold, !this.folded.has(fold));
        this.redraw();
        this.write();
      }
      const menu = found.closest(".menu");
      if (menu) menu.open = false;
    });
    const { slider, hide, align, ask } = this.controls;
    slider.addEventListener("input", () => this.scrub(Number(slider.value)));
    slider.addEventListener("change", () => this.settle());
    hide.addEventListener("change", () => this.setHide(hide.checked));
    align.addEventListener("change", () => this.redraw());
    ask.addEventListener("change", () => this.predict.toggle(true));
    $("goto").querySelector("form").addEventListener("submit", (event) => {
      const wrong = !this.goTo($("goto-where").value);
      if (wrong) event.preventDefault();
      $("goto-wrong").hidden = !wrong;
      setText($("goto-wrong"), this.ui("goto.wrong"));
    });
    window.addEventListener("popstate", () => this.read());
    window.addEventListener("resize", () => this.redraw());
    window.addEventListener("beforeprint", () => this.printed());
    matchMedia("print").addEventListener("change", (event) => { if (event.matches) this.printed(); });
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.setTheme(this.theme));
    }
    document.addEventListener("keydown", (event) => this.key(event));
  }

  printed() {
    $("printed").replaceChildren(...this.boards.map((board) => asTables(board)));
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const slider = target === this.controls.slider;
    if (target.closest("input, select, textarea") && !slider && target.type !== "checkbox") return;
    const { key } = event;
    const menu = document.querySelector(".menu[open]");
    if (key === "Escape" && menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      return;
    }
    if (key === " " && target.closest("button, summary, input, a")) return;
    const scrolls = target.closest(".lanes, .log");
    const named = { ArrowLeft: event.shiftKey ? "turn.back" : "back", ArrowRight: event.shiftKey ? "turn.next" : "next",
      Home: "first", End: "last", " ": "play" }[key];
    const lettered = { ",": "out.back", ".": "out.next", "[": "thing.back", "]": "thing.next", g: "goto", w: "why",
      p: "predict", f: "filter", c: "copy", "?": "help", d: this.boards[1] ? "diff" : undefined }[key];
    const name = named || (this.controls.letters.checked ? lettered : undefined);
    if (name && !(scrolls && (key === "Home" || key === "End"))) {
      event.preventDefault();
      this.do(name);
    } else if (/^[1-9]$/.test(key) && this.controls.letters.checked) {
      const panel = [...this.boards[this.lead].panels.values()].find(({ section }) => {
        const digit = section.querySelector("kbd");
        return digit && digit.textContent === key;
      });
      if (panel) panel.section.focus();
    }
  }
}

try {
  window.inspector = new Page();
} catch (error) {
  document.body.prepend(h("p", { class: "warning", role: "alert", "data-notice": "broken" },
    "This file cannot be shown: " + error.message));
}
