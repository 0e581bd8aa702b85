// Predict before you look: the page hides what is to come, and asks.
//
// The answers it offers and the right one come from the recorded run, the explanation is the
// sentence of the step that followed. The score lives as long as the page and goes nowhere.

const QUESTIONS = {
  who: (step) => step.ev === "ready.pop",
  printed: (step) => step.ev === "out",
  time: (step) => step.ev === "clock.jump",
  woken: (step) => step.ev === "task.wake" && step.by !== "self",
};

class Predict {
  constructor(page, panel) {
    this.page = page;
    this.panel = panel;
    this.on = false;
    this.asked = null;
    this.seen = new Set();
    this.right = 0;
    this.total = 0;
  }

  get board() {
    return this.page.boards[this.page.lead];
  }

  ui(key, ...values) {
    return this.board.ui(key, ...values);
  }

  /** While a question is open, the panel that gives the answer away is covered. */
  hides(panel) {
    if (!this.asked || this.asked.answered) return false;
    return (this.asked.kind === "who" && panel === "ready")
      || (this.asked.kind === "woken" && panel === "why");
  }

  toggle(on) {
    this.on = on;
    this.asked = null;
    this.page.setHide(on);
    this.draw();
  }

  kinds() {
    const chosen = this.page.controls.ask.value;
    return chosen === "mix" ? Object.keys(QUESTIONS) : [chosen];
  }

  /** The first step at or before `to` that must not be shown before an answer: its predecessor is where we stop. */
  stop(from, to) {
    if (!this.on || to <= from) return null;
    for (let n = from + 1; n <= to; n += 1) {
      if (this.seen.has(n)) continue;
      const question = this.question(n);
      if (question) return question;
    }
    return null;
  }

  question(n) {
    const { run } = this.board;
    const chosen = this.page.controls.ask.value;
    const note = run.notes.find((one) => one.kind === "predict" && one.n === n - 1);
    if (note && (chosen === "marked" || chosen === "mix")) return this.marked(n, note);
    if (chosen === "marked") return null;
    const step = run.steps[n];
    for (const kind of this.kinds()) {
      if (!QUESTIONS[kind](step)) continue;
      const made = this.make(kind, n, step);
      if (made && made.answers.length > 1) return made;
    }
    return null;
  }

  /** A question of the author: buttons if the answer is a thing's name, otherwise the reader judges. */
  marked(n, note) {
    const answer = typeof note.answer === "string" ? note.answer : JSON.stringify(note.answer);
    const names = [...this.board.run.things].filter(([key]) => key.startsWith("task:")).map(([, thing]) => thing.name).filter(Boolean);
    const answers = names.includes(answer) ? this.mix([...new Set(names)], answer, n) : [];
    return { n, kind: "marked", ask: note.ask, answer, answers };
  }

  make(kind, n, step) {
    const { run, words } = this.board;
    const state = run.at(n - 1);
    if (kind === "who") {
      const works = [...new Set(state.ready.map(([, work]) => words.work(work)))];
      return { n, kind, ask: this.ui("ask.who"), answer: words.work(step.work), answers: this.mix(works, words.work(step.work), n) };
    }
    if (kind === "printed") {
      const at = Run.rank(run.outs, n);
      const near = run.outs.slice(Math.max(0, at - 3), at + 5).map((one) => run.steps[one].text);
      return { n, kind, ask: this.ui("ask.printed"), answer: step.text, answers: this.mix([...new Set(near)], step.text, n) };
    }
    if (kind === "time") {
      const times = [step.from, ...state.rows("timers").map(([, due]) => due), step.to + 1e9].map(duration);
      return { n, kind, ask: this.ui("ask.time"), answer: duration(step.to), answers: this.mix([...new Set(times)], duration(step.to), n) };
    }
    const alive = state.rows("tasks").filter(([, how]) => ["idle", "scheduled", "running"].includes(how)).map(([id]) => words.thing("task:" + id));
    return { n, kind, ask: this.ui("ask.woken"), answer: words.thing("task:" + step.task), answers: this.mix([...new Set(alive)], words.thing("task:" + step.task), n) };
  }

  /** At most five answers, the right one among them, in an order that tells nothing and is always the same. */
  mix(all, answer, n) {
    const others = all.filter((one) => one !== answer);
    const most = others.length > 4 ? others.slice((n * 7) % (others.length - 3)).slice(0, 4) : others;
    const mixed = [...most, answer];
    for (let i = mixed.length - 1, seed = n * 2654435761 % 4294967296; i > 0; i -= 1) {
      seed = (seed * 1664525 + 1013904223) % 4294967296;
      const j = seed % (i + 1);
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    return mixed;
  }

  ask(question) {
    this.asked = question;
    this.page.redraw();
    this.draw();
    this.page.say(question.ask + " " + question.answers.join(", "));
  }

  answer(given) {
    const { asked } = this;
    asked.given = given;
    if (asked.answers.length) this.judge(given === asked.answer);
    else this.draw();
  }

  judge(right) {
    const { asked } = this;
    asked.answered = true;
    asked.right = right;
    this.total += 1;
    if (right) this.right += 1;
    this.seen.add(asked.n);
    this.page.go(asked.n, this.page.lead);
    this.draw();
    this.page.say(this.ui(right ? "right" : "wrong") + " " + this.board.words.sentence(this.board.run.steps[asked.n]));
  }

  draw() {
    const { panel, asked } = this;
    panel.hidden = !this.on;
    if (!this.on) return;
    const button = (text, act, name) => {
      const element = h("button", { type: "button", class: "answer " + (name || "") }, text);
      element.addEventListener("click", act);
      return element;
    };
    const parts = [h("p", { class: "score", "data-right": this.right, "data-total": this.total }, this.ui("score", this.right, this.total))];
    if (!asked) {
      parts.push(h("p", {}, this.ui("predict.how")));
    } else if (!asked.answered) {
      parts.push(h("p", { class: "question" }, asked.ask));
      if (asked.answers.length) parts.push(h("div", { class: "answers" }, asked.answers.map((text) => button(text, () => this.answer(text)))));
      else if (asked.given === undefined) parts.push(h("div", { class: "answers" }, button(this.ui("reveal"), () => this.answer(""))));
      else parts.push(h("p", {}, asked.answer), h("div", { class: "answers" }, button(this.ui("was.right"), () => this.judge(true)), button(this.ui("was.wrong"), () => this.judge(false))));
    } else {
      parts.push(h("p", { class: asked.right ? "verdict right" : "verdict wrong" },
        (asked.right ? "✓ " : "✕ ") + this.ui(asked.right ? "right" : "wrong") + (asked.right ? "" : " " + this.ui("it.was", asked.answer))),
      h("p", {}, this.board.words.sentence(this.board.run.steps[asked.n])),
      h("div", { class: "answers" }, button(this.ui("on"), () => this.next(), "next")));
    }
    panel.replaceChildren(...parts);
    if (asked && this.keepFocus) (panel.querySelector("button") || panel).focus({ preventScroll: true });
  }

  /** On to the next question, or to the end of the run. */
  next() {
    this.asked = null;
    this.keepFocus = true;
    this.page.jump(this.board.run.last, this.page.lead);
    this.draw();
    this.keepFocus = false;
  }
}
