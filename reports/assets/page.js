"use strict";
// Everything that is shown goes through textContent: no text of a run is ever
// read as markup.
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const $ = (selector, root = document) => root.querySelector(selector);

  function make(parent, name, attributes = {}, text) {
    const svg = parent && (parent.namespaceURI === NS) || name === "svg";
    const node = svg ? document.createElementNS(NS, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  // Copying works without a secure context too, as from a file.
  function copy(text) {
    const area = make(document.body, "textarea", { "aria-hidden": "true", class: "visually-hidden" });
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    copy(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1400);
  });

  // The list.
  const form = $("form.filter");
  const rows = [...document.querySelectorAll("table.list tbody tr")];
  function filter() {
    const which = form.elements.which.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = (which === "all" || (which === "faults" ? "f" in row.dataset : row.dataset.o === which)) &&
        words.every((word) => row.dataset.t.includes(word));
      row.hidden = !fits;
      if (fits) shown++;
    }
    form.elements.count.value = shown === rows.length ? rows.length + " trials" : shown + " of " + rows.length + " trials";
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());

  // The picture of a trial: lanes and rows of fixed places, so that a trial of
  // two hundred messages reads like one of ten.
  const LEFT = 92, RIGHT = 126, HEAD = 40, ROW = 34, TAGS = 18;

  function picture(trial, quiet) {
    const gap = Math.max(200, Math.min(300, 960 / trial.lanes.length));
    const width = LEFT + gap * trial.lanes.length + RIGHT;
    const x = (lane) => LEFT + gap * (lane + 0.5);
    const shown = trial.steps.map((step) => quiet || !step.q || step.w);
    const tops = [];
    let y = HEAD + 8;
    trial.steps.forEach((step, i) => {
      tops.push(y);
      if (shown[i]) y += ROW + (step.p ? TAGS : 0);
    });
    const height = y + 20, total = height > 700 ? height + 24 : height; // a long picture names its lanes at the end again
    const svg = make(null, "svg", { width, height: total, viewBox: `0 0 ${width} ${total}`, role: "img", "aria-label": `Sequence of trial ${trial.id}` });
    trial.lanes.forEach((lane, i) => {
      make(svg, "line", { class: "life", x1: x(i), x2: x(i), y1: HEAD - 6, y2: height - 8 });
      make(svg, "text", { class: "head", x: x(i), y: 24, "text-anchor": "middle" }, lane);
      if (height > 700) make(svg, "text", { class: "head", x: x(i), y: height + 10, "text-anchor": "middle" }, lane);
    });
    for (const down of trial.downs || []) away(svg, down, x, tops, height);
    trial.steps.forEach((step, i) => { if (shown[i]) row(svg, step, x, tops[i], width); });
    return svg;
  }

  // A process that is away.
  function away(svg, down, x, tops, height) {
    const from = tops[down.from] + 4, to = down.to < 0 || down.to >= tops.length ? height - 8 : tops[down.to] + ROW - 6;
    make(svg, "rect", { class: "down", x: x(down.lane) - 9, width: 18, y: from, height: Math.max(6, to - from) });
    make(svg, "rect", { class: "down-edge", x: x(down.lane) - 9, width: 18, y: from, height: Math.max(6, to - from) });
  }

  function row(svg, step, x, top, width) {
    const g = make(svg, "g", { class: "step" });
    const tall = ROW + (step.p ? TAGS : 0);
    make(g, "rect", { class: step.w ? "row witness" : "row", x: 0, y: top, width, height: tall });
    if (step.w) make(g, "path", { class: "diamond", d: `M8 ${top + 20}l5 -5l5 5l-5 5z` });
    make(g, "text", { class: "time", x: LEFT - 10, y: top + 24, "text-anchor": "end" }, step.t);
    make(g, "text", { class: "cite", x: width - RIGHT + 14, y: top + 24 }, step.r);
    if (step.k === "m" || step.k === "w") message(g, step, x, top);
    else aside(g, step, x, top, width);
    const hint = [step.i, step.x && "changed on the way: " + step.x].filter(Boolean).join("\n");
    if (hint) make(g, "title", {}, hint);
  }

  function message(g, step, x, top) {
    const from = x(step.f), to = x(step.o), y = top + 26, dir = Math.sign(to - from) || 1;
    const classes = ["msg", step.a && "answer", step.k === "w" && "wallet", step.e || (step.x ? "edited" : "")];
    const m = make(g, "g", { class: classes.filter(Boolean).join(" ") });
    const stopped = step.e === "lost" || step.e === "cut";
    // What did not arrive ends on its way.
    const end = stopped ? from + (to - from) * 0.62 : to - dir * 2;
    make(m, "line", { class: "shaft", x1: from, x2: end, y1: y, y2: y });
    if (step.c) make(m, "line", { class: "shaft", x1: from, x2: end - dir * 3, y1: y + 3.5, y2: y + 3.5 });
    if (step.e === "lost") make(m, "path", { d: `M${end - 5} ${y - 5}l10 10m0 -10l-10 10` });
    else if (step.e === "cut") scissors(m, end, y);
    else make(m, "path", { class: "tip", d: step.a ? `M${end - dir * 8} ${y - 4.5}L${end} ${y}L${end - dir * 8} ${y + 4.5}` : `M${end - dir * 9} ${y - 5}L${end} ${y}L${end - dir * 9} ${y + 5}z` });
    if (step.e === "forged") mask(m, from + dir * 10, y);
    const text = make(m, "text", { class: "halo", x: (from + (stopped ? end : to)) / 2, y: y - 6, "text-anchor": "middle" });
    make(text, "tspan", {}, step.l || (step.a ? "no answer" : ""));
    const detail = step.x || step.d;
    if (detail) make(text, "tspan", { class: "detail amount", dx: 7 }, detail);
    if (step.c) make(text, "tspan", { class: "detail", dx: 7 }, "copy " + step.c);
    if (stopped) make(m, "text", { class: "fate halo", x: end + dir * 12, y: y + 4, "text-anchor": dir > 0 ? "start" : "end" }, step.e);
    else if (step.e) make(text, "tspan", { class: "fate", dx: 7 }, step.e);
    if (step.p) tags(g, step.p, (from + to) / 2, y + 9);
  }

  function scissors(m, x, y) {
    make(m, "circle", { cx: x + 3, cy: y - 5, r: 2.4, fill: "none", stroke: "var(--c)", "stroke-width": 1.4 });
    make(m, "circle", { cx: x + 3, cy: y + 5, r: 2.4, fill: "none", stroke: "var(--c)", "stroke-width": 1.4 });
    make(m, "path", { d: `M${x + 1} ${y - 3.4}L${x - 8} ${y + 5}M${x + 1} ${y + 3.4}L${x - 8} ${y - 5}` });
  }

  function mask(m, x, y) {
    make(m, "path", { d: `M${x - 6} ${y - 4}q6 -3 12 0q1 7 -6 9q-7 -2 -6 -9z`, fill: "var(--card)" });
  }

  function tags(g, names, centre, y) {
    const widths = names.map((name) => name.length * 6.5 + 14);
    let left = centre - (widths.reduce((a, b) => a + b, 0) + 4 * (names.length - 1)) / 2;
    names.forEach((name, i) => {
      const tag = make(g, "g", { class: "tag" });
      make(tag, "rect", { x: left, y, width: widths[i], height: 15, rx: 3 });
      make(tag, "text", { x: left + widths[i] / 2, y: y + 11, "text-anchor": "middle" }, name);
      left += widths[i] + 4;
    });
  }

  // Notes, postings and marks stand at their lane.
  function aside(g, step, x, top, width) {
    const at = x(step.f), detail = step.d && step.d.length > 70 ? step.d.slice(0, 69) + "…" : step.d || "";
    const box = make(g, "g", { class: step.k === "g" ? "posting" : step.k === "p" ? "mark" : "note" });
    if (step.k === "p") {
      tags(box, [step.l], at, top + 11);
      if (step.d) make(box, "text", { class: "halo detail", x: at + step.l.length * 3.3 + 16, y: top + 22 }, step.d);
      return;
    }
    const long = step.l.length * (step.k === "g" ? 7.6 : 6.9) + detail.length * 6.6 + 22;
    // At the last lane a wide note would leave the picture.
    const left = Math.max(LEFT, Math.min(at - 10, width - RIGHT - long));
    make(box, "rect", { x: left, y: top + 8, width: long, height: 21, rx: 4 });
    const text = make(box, "text", { x: left + 9, y: top + 22.5 });
    make(text, "tspan", {}, step.l);
    if (step.d) make(text, "tspan", { class: "detail", dx: 7 }, detail);
    if (detail !== (step.d || "")) make(g, "title", {}, step.d);
  }

  // One trial in full.
  const dialog = $("dialog#trial");

  function open(id) {
    const source = [...document.querySelectorAll("script[data-trial]")].find((node) => node.dataset.trial === id);
    dialog.replaceChildren();
    if (!source) return onlyListed(id);
    const trial = JSON.parse(source.textContent);
    const tone = ["violated", "inconclusive", "misled", "mitigated"].find((t) => (trial.findings || []).some((f) => f.tone === t)) || "held";
    const header = make(dialog, "header", { class: tone });
    make(header, "h2", { id: "trial-title" }, id);
    make(header, "span", { class: "word" }, tone);
    closing(header);
    const body = make(dialog, "div");
    const about = make(body, "dl", { class: "about" });
    for (const [name, value] of trial.about) if (value) {
      const pair = make(about, "div");
      make(pair, "dt", {}, name);
      make(pair, "dd", { class: name === "trace" ? "mono" : "" }, value);
    }
    for (const proof of trial.findings || []) {
      const p = make(body, "p", { class: "proof " + proof.tone });
      make(p, "b", {}, proof.invariant + (proof.money ? " · " + proof.money : ""));
      p.append(" " + proof.reason);
      for (const cite of proof.cites || []) make(p, "code", {}, cite);
    }
    drawing(body, trial);
    pinTable(body, trial);
    bookTable(body, trial);
    show();
  }

  function onlyListed(id) {
    const header = make(dialog, "header");
    make(header, "h2", { id: "trial-title" }, id);
    closing(header);
    make(make(dialog, "div"), "p", {}, "This trial is only listed here. Its records are in journal.jsonl of the run folder.");
    show();
  }

  function closing(header) {
    const button = make(header, "button", { type: "button" }, "Close");
    button.addEventListener("click", () => dialog.close());
  }

  function show() {
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function drawing(body, trial) {
    const tools = make(body, "div", { class: "tools" });
    const looks = trial.steps.filter((step) => step.q && !step.w).length;
    const frame = make(body, "div", { class: "picture", tabindex: "0", role: "group", "aria-label": "sequence" });
    frame.append(picture(trial, false));
    legend(tools, trial);
    if (looks) {
      const label = make(tools, "label");
      const box = make(label, "input", { type: "checkbox" });
      label.append(` show ${looks} looks at a page that showed nothing new`);
      box.addEventListener("change", () => frame.replaceChildren(picture(trial, box.checked)));
    }
  }

  // The legend explains only what is in the picture.
  function legend(tools, trial) {
    const has = (test) => trial.steps.some(test);
    const entry = (step, text) => {
      const span = make(tools, "span");
      const svg = make(span, "svg", { width: 46, height: 14, "aria-hidden": "true" });
      message(svg, { f: 0, o: 1, l: "", ...step, e: undefined, p: undefined, ...(step.e ? { e: step.e } : {}) }, (lane) => 2 + lane * 42, -19);
      for (const word of svg.querySelectorAll("text")) word.remove();
      span.append(text);
    };
    if (has((s) => s.e === "lost")) entry({ e: "lost" }, "lost");
    if (has((s) => s.e === "cut")) entry({ e: "cut" }, "cut");
    if (has((s) => s.x)) entry({ x: "x" }, "changed on the way");
    if (has((s) => s.e === "forged")) entry({ e: "forged" }, "forged");
    if (has((s) => s.c)) entry({ c: 1 }, "copy");
    if (has((s) => s.k === "w")) entry({ k: "w" }, "in the wallet");
    if (has((s) => s.w)) make(tools, "span", {}, "◆ proves the finding");
  }

  function table(body, title, head, className) {
    make(body, "h3", {}, title);
    const scroll = make(body, "div", { class: "scroll" });
    const node = make(scroll, "table", { class: className });
    const line = make(make(node, "thead"), "tr");
    for (const name of head) make(line, "th", { scope: "col" }, name);
    return make(node, "tbody");
  }

  function pinTable(body, trial) {
    if (!trial.pins) return;
    const rows = table(body, "Faults pinned to this trial", ["pin", "fault", "place", "fate"], "pins");
    for (const [id, fault, place, fate] of trial.pins) {
      const line = make(rows, "tr");
      make(make(line, "td"), "code", {}, id);
      make(make(line, "td"), "span", { class: "fault" }, fault);
      make(line, "td", {}, place);
      make(line, "td", {}, fate);
    }
  }

  function bookTable(body, trial) {
    if (!trial.books || !trial.books.length) return;
    const proofs = new Set((trial.findings || []).flatMap((proof) => proof.cites || []));
    const rows = table(body, "What each book says", ["", "", "merchant", "provider", "records"], "books");
    for (const line of trial.books) {
      const row = make(rows, "tr", { class: line.differs ? "differs" : "" });
      const proves = line.cites.split(", ").some((cite) => proofs.has(cite));
      make(row, "td", {}, (proves ? "◆ " : "") + line.what);
      make(make(row, "td"), "code", {}, line.name);
      make(row, "td", {}, line.merchant || "—");
      make(row, "td", {}, line.provider || "—");
      make(make(row, "td"), "code", { class: "dim" }, line.cites);
    }
  }

  // The address names the open trial, so that it can be shared.
  function follow() {
    const named = /^#trial=(.+)$/.exec(location.hash);
    if (named) open(decodeURIComponent(named[1]));
    else if (dialog.open) dialog.close();
  }
  dialog.addEventListener("close", () => {
    if (location.hash.startsWith("#trial=")) history.replaceState(null, "", "#trials");
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  window.addEventListener("hashchange", follow);
  follow();
})();
