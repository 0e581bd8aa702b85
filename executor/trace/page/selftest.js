// The page checks itself: open it with #selftest.
//
// It walks every step forward and back, compares each state with the recorder's where the file
// holds one, and looks at what every step must have: a sentence and an earlier cause. The result
// is on the page, in words and in `data-result` for a script.

function selftest(page) {
  const wrong = [];
  for (const board of page.boards) {
    const { run, words } = board;
    const fail = (n, text) => { if (wrong.length < 20) wrong.push((board.name ? board.name + ", " : "") + "step " + n + ": " + text); };
    const forward = [];
    const small = run.steps.length <= 3000;
    let before = 0;
    run.steps.forEach((step, n) => {
      if (step.n !== n) fail(n, "is numbered " + step.n);
      if (step.t < before) fail(n, "time goes back");
      before = step.t;
      if (words.sentence(step).length < 3) fail(n, "no sentence");
      if (n > 0 && !(step.cause < n)) fail(n, "no earlier cause");
      const key = run.keyAt.get(n);
      if (small || key) forward[n] = run.at(n).written();
      if (key && State.text(key) !== forward[n]) fail(n, "the state differs from the key");
    });
    for (let n = run.last; n >= 0; n -= 1) {
      if (forward[n] !== undefined && run.at(n).written() !== forward[n]) fail(n, "the state differs on the way back");
    }
    // From each key to the next without help from a key: the fold alone.
    const alone = new State(run.keyBefore(0).state);
    for (let n = 1; n <= run.last; n += 1) {
      alone.apply(run.steps[n], run);
      const key = run.keyAt.get(n);
      if (key && State.text(key) !== alone.written()) {
        fail(n, "the fold from the beginning differs from the key");
        break;
      }
    }
    if (run.steps.length <= 600) {
      const here = board.n;
      try {
        for (let n = 0; n <= run.last; n += 1) board.show(n);
        for (let n = run.last; n >= 0; n -= 1) board.show(n);
      } catch (error) {
        fail(board.n, "cannot be drawn: " + error.message);
      }
      board.show(here);
    }
  }
  const steps = page.boards.reduce((sum, board) => sum + board.run.steps.length, 0);
  const text = wrong.length ? "Selftest failed. " + wrong.join("; ") : "Selftest passed: " + steps + " steps, forward and back.";
  const output = h("output", { id: "selftest", class: wrong.length ? "warning" : "fine", "data-result": wrong.length ? "failed" : "passed" }, text);
  const old = document.getElementById("selftest");
  if (old) old.replaceWith(output); else page.root.prepend(output);
  return wrong;
}
