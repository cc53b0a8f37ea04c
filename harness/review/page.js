"use strict";
(() => {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const of = (id) => document.getElementById(id);
  const note = of("note");
  const help = of("help");

  let sheet = null; // title, rater, choices, total; with next and saved as of now
  let index = null; // of the page that is shown, null at the end
  let given = null; // what was said of it
  let busy = false; // one verdict at a time: a second key must not fall on the page that is just coming
  const left = []; // pages in the order in which verdicts were given here, for going back
  const drafts = new Map(); // notes that are not saved yet, by page

  async function ask(path, verdict) {
    const options = { headers: { "X-Harness-Token": token }, cache: "no-store" };
    if (verdict !== undefined) {
      options.method = "POST";
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(verdict);
    }
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("harness does not answer any more. What was saved stays; start the same command again to go on.");
    }
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  function element(name, text, settings = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    Object.assign(made, settings);
    return made;
  }

  function pane({ title, text }) {
    const blank = text === "" ? "(empty)" : text.trim() === "" ? "(only white space)" : null;
    const body = element("div", blank ?? text, { className: blank ? "text none" : "text", dir: "auto", tabIndex: 0 });
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", title);
    const whole = element("section", "", { className: "pane" });
    whole.append(element("h3", title), body);
    return whole;
  }

  function tell(text) {
    of("told").textContent = text;
  }

  function blame(what, error) {
    of("fault").textContent = `${what}: ${error.message}`;
    of("fault").hidden = false;
    of("foot").hidden = false;
  }

  function progress() {
    of("bar").max = Math.max(sheet.total, 1);
    of("bar").value = sheet.saved;
    of("count").textContent = `${sheet.saved} of ${sheet.total} saved`;
  }

  function press(choice) {
    for (const button of of("choices").children) {
      button.setAttribute("aria-pressed", String(button.dataset.name === choice));
    }
  }

  function open(part, button, shown) {
    part.hidden = !shown;
    button.setAttribute("aria-expanded", String(shown));
  }

  // Shows a page, or the end for null. Throws where it cannot be read; then all stays as it was.
  async function show(next) {
    const page = next === null ? null : await ask(`/page?index=${next}`);
    keep();
    index = next;
    given = page?.given ?? null;
    of("fault").hidden = true;
    of("item").hidden = page === null;
    of("end").hidden = page !== null;
    of("foot").hidden = false;
    of("foot").classList.toggle("end-only", page === null);
    of("back").hidden = page === null ? sheet.total === 0 : index === 0 && left.length === 0;
    of("onward").hidden = page === null || given === null;
    if (page === null) finish();
    else draw(page);
    progress();
    scrollTo(0, 0);
  }

  function draw(page) {
    of("context").replaceChildren(...page.context.map(pane));
    of("context").classList.toggle("alone", page.answers.length === 0);
    of("answers").replaceChildren(...page.answers.map(pane));
    of("answers").classList.toggle("two", page.answers.length === 2);
    of("hidden").replaceChildren(...page.hidden.map(pane));
    of("reveal").hidden = page.hidden.length === 0;
    open(of("hidden"), of("reveal"), false);
    note.value = drafts.get(index) ?? given?.note ?? "";
    open(of("writing"), of("write"), note.value !== "");
    press(given?.choice);
    of("place").textContent = `Item ${index + 1} of ${sheet.total}`;
    of("item").scrollTop = 0;
    document.title = `${index + 1}/${sheet.total} · ${sheet.title}`;
    of("place").focus({ preventScroll: true });
    tell(`${sheet.saved} of ${sheet.total} saved`);
  }

  function finish() {
    of("writing").hidden = true;
    of("all").textContent = sheet.total === 0 ? "There is nothing to judge" : `All ${sheet.total} saved`;
    of("farewell").textContent = "You may close this page; Ctrl-C in its terminal ends harness.";
    document.title = `Done · ${sheet.title}`;
    of("all").focus();
    tell(of("all").textContent);
  }

  function keep() {
    if (index === null) return;
    if (note.value === (given?.note ?? "")) drafts.delete(index);
    else drafts.set(index, note.value);
  }

  // Runs one thing at a time; what goes wrong is told in words.
  async function doing(what, work) {
    if (busy) return;
    busy = true;
    of("choices").classList.add("busy");
    try {
      await work();
    } catch (error) {
      blame(what(), error);
    } finally {
      busy = false;
      of("choices").classList.remove("busy");
    }
  }

  function give(choice) {
    if (index === null || !sheet) return;
    let what = "Not saved";
    doing(() => what, async () => {
      const said = { choice, note: note.value };
      Object.assign(sheet, await ask("/verdict", { index, ...said }));
      what = "Saved, but the next page cannot be read";
      given = said;
      left.push(index);
      press(choice);
      progress();
      await show(sheet.next);
    });
  }

  function back() {
    if (!sheet || of("back").hidden) return;
    const before = left.at(-1) ?? (index === null ? sheet.total : index) - 1;
    doing(() => "The page cannot be read", async () => {
      await show(before);
      left.pop();
      of("back").hidden = index === 0 && left.length === 0;
    });
  }

  function onward() {
    if (of("onward").hidden) return;
    doing(() => "The page cannot be read", async () => {
      Object.assign(sheet, await ask("/sheet"));
      await show(sheet.next);
    });
  }

  function write() {
    if (index === null) return;
    const shown = of("writing").hidden || note.value !== "";
    open(of("writing"), of("write"), shown);
    if (shown) note.focus();
  }

  function leave() {
    open(of("writing"), of("write"), note.value !== "");
    of("place").focus({ preventScroll: true });
  }

  function reveal() {
    if (index === null || of("reveal").hidden) return;
    open(of("hidden"), of("reveal"), of("hidden").hidden);
  }

  const tools = { u: back, o: onward, n: write, r: reveal, "?": () => help.showModal() };
  const keys = new Map(Object.entries(tools));

  function prepare() {
    of("title").textContent = sheet.title;
    of("rater").textContent = sheet.rater;
    const arrows = { left: ["ArrowLeft", "←"], right: ["ArrowRight", "→"] };
    const lines = [];
    for (const { name, label, key } of sheet.choices) {
      const button = element("button", `${label} `, { type: "button", onclick: () => give(name) });
      button.dataset.name = name;
      button.append(element("kbd", key));
      of("choices").append(button);
      keys.set(key.toLowerCase(), () => give(name));
      const [arrow, sign] = arrows[name] ?? [];
      if (arrow) keys.set(arrow, () => give(name));
      button.setAttribute("aria-keyshortcuts", arrow ? `${key} ${arrow}` : key);
      lines.push([sign ? [key, sign] : [key], label]);
    }
    of("choices").classList.toggle("pair", sheet.choices.some(({ name }) => name === "left"));
    lines.push([["n"], "write a note; Esc leaves it"], [["r"], "show the reference, where there is one"]);
    lines.push([["u"], "back to the one before"], [["o"], "on to the next open one"], [["?"], "these keys"]);
    for (const [signs, label] of lines) {
      const term = element("dt", "");
      term.append(...signs.map((sign) => element("kbd", sign)));
      of("list").append(term, element("dd", label));
    }
    press(null);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (help.open) {
      if (event.key === "?") help.close();
      return;
    }
    if (event.target === note) {
      if (event.key === "Escape") leave();
      return;
    }
    const act = keys.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
    if (!act) return;
    event.preventDefault();
    if (!event.repeat) act(); // a key that is held down is one verdict
  });
  for (const [id, act] of [["back", "u"], ["onward", "o"], ["write", "n"], ["reveal", "r"], ["explain", "?"]]) {
    of(id).addEventListener("click", () => tools[act]());
  }
  of("close").addEventListener("click", () => help.close());

  doing(() => "The review cannot be read", async () => {
    sheet = await ask("/sheet");
    prepare();
    await show(sheet.next);
  });
})();
