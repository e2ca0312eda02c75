// What the applicant sees: one heading, one stage with the camera, one status line, a row of buttons.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `make("button", {class: "main", text: "Go"}, child, ...)`. */
export function make(name, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(name);
  return filled(element, text, attributes, children);
}

/** As `make`, for drawings. */
export function draw(name, { text, ...attributes } = {}, ...children) {
  return filled(document.createElementNS(SVG, name), text, attributes, children);
}

function filled(element, text, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

export class Stage {
  /** @param {ShadowRoot} root */
  constructor(root) {
    this.title = make("h2", { tabindex: "-1", part: "title" });
    this.lead = make("p", { class: "lead" });
    this.video = make("video", { playsinline: true, muted: true, "aria-hidden": "true" });
    this.video.muted = true; // the attribute alone mutes nothing once the element is made by script
    this.preview = make("img", { hidden: true, alt: "" });
    this.overlay = draw("svg", { "aria-hidden": "true", preserveAspectRatio: "xMidYMid slice" });
    this.digit = make("div", { class: "digit", "aria-hidden": "true", hidden: true });
    this.arrow = make("div", { class: "arrow", "aria-hidden": "true", hidden: true });
    this.meter = make("div", { class: "meter", hidden: true }, make("span"));
    this.ticked = make("div", { class: "ticked", hidden: true });
    this.counted = make("div", { class: "counted", "aria-hidden": "true", hidden: true });
    this.drawing = make("div", { class: "drawing", "aria-hidden": "true", hidden: true });
    this.choice = make("label", { class: "cameras", hidden: true });
    this.view = make("div", { class: "view" }, this.video, this.preview, this.overlay, this.digit, this.arrow,
      this.counted, this.ticked, this.meter);
    this.status = make("p", { class: "status", role: "status" });
    this.problem = make("div", { class: "problem", role: "alert", hidden: true });
    this.actions = make("div", { class: "actions" });
    this.section = make("section", { class: "capture" },
      this.drawing, this.title, this.lead, this.view, this.status, this.problem, this.actions, this.choice);
    root.append(this.section);
  }

  /** Begin a new screen: what was there is gone, the heading takes the focus. */
  screen(kind, title, lead = "") {
    this.title.textContent = title;
    this.lead.textContent = lead;
    this.view.className = `view ${kind}`;
    this.view.hidden = kind === "none";
    this.overlay.replaceChildren();
    this.digit.hidden = this.meter.hidden = this.problem.hidden = this.preview.hidden = true;
    this.ticked.hidden = this.counted.hidden = this.drawing.hidden = this.choice.hidden = true;
    this.section.className = "capture";
    this.video.hidden = false;
    this.say("");
    this.buttons();
    this.title.focus({ preventScroll: true });
  }

  /** What is to be held up, drawn beside the heading. */
  sketch(drawing) {
    this.drawing.replaceChildren(drawing);
    this.drawing.hidden = false;
  }

  /** Which camera, where there are several. */
  cameras(list, stream, text, changed) {
    const now = stream.getVideoTracks()[0].getSettings().deviceId;
    const select = make("select", {}, ...list.map(({ deviceId, label }, i) =>
      make("option", { value: deviceId, text: label || text("camera_n", { n: i + 1 }), selected: deviceId === now })));
    select.addEventListener("change", () => changed(select.value));
    this.choice.replaceChildren(text("camera"), select);
    this.choice.hidden = list.length < 2;
  }

  /** A number before a recording begins; 0 takes it away. */
  count(number) {
    this.counted.textContent = number || "";
    this.counted.hidden = !number;
  }

  /** Something succeeded: a tick over the picture. */
  tick(news) {
    this.ticked.textContent = "✓";
    this.ticked.hidden = false;
    this.say(news, "good");
  }

  /** The last screen. `kind` is an outcome, or how it ended without one. */
  end(kind, title, message) {
    this.screen("none", title, message);
    this.section.className = `capture ended ${kind}`;
    const mark = { accept: "✓", reject: "✕", review: "…" }[kind] || "–";
    this.drawing.replaceChildren(make("span", { class: "mark", text: mark }));
    this.drawing.hidden = false;
  }

  /** Fill the whole viewport with a colour, the camera in its middle; "" gives the page back. */
  light(colour) {
    if (this.section.style.backgroundColor === colour) return;
    this.section.classList.toggle("lit", Boolean(colour));
    this.section.style.backgroundColor = colour;
  }

  /** An arrow towards which the head is to be turned; "" takes it away. */
  point(direction) {
    this.arrow.hidden = !direction;
    this.arrow.textContent = { left: "←", right: "→", up: "↑", down: "↓" }[direction] || "";
    this.arrow.className = `arrow ${direction}`;
  }

  /** One line of news; `tone` is "", "good", "warn" or "busy". */
  say(text, tone = "") {
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.className = `status ${tone}`;
  }

  /** Replace the buttons. @param {{text, main, act, disabled, name}[]} wanted */
  buttons(...wanted) {
    this.actions.replaceChildren(...wanted.map(({ text, main, act, disabled, name }) => {
      const button = make("button", { type: "button", text, class: main ? "main" : "", "data-name": name });
      button.disabled = Boolean(disabled);
      button.addEventListener("click", act);
      return button;
    }));
    return [...this.actions.children];
  }

  /** Wait for one of several buttons; answers its name. */
  choose(...wanted) {
    return new Promise((done) => {
      this.buttons(...wanted.map((one) => ({ ...one, act: () => done(one.name) })));
    });
  }

  async play(stream) {
    this.video.srcObject = stream;
    await this.video.play();
    this.overlay.setAttribute("viewBox", `0 0 ${this.video.videoWidth} ${this.video.videoHeight}`);
    this.view.style.setProperty("--aspect", this.video.videoWidth / this.video.videoHeight);
  }

  /** Show a picture in place of the camera. */
  show(blob) {
    URL.revokeObjectURL(this.preview.src);
    this.preview.src = URL.createObjectURL(blob);
    this.preview.hidden = false;
    this.video.hidden = true;
    this.overlay.replaceChildren();
  }

  fail(text, help) {
    this.problem.replaceChildren(make("strong", { text }), make("span", { text: help }));
    this.problem.hidden = false;
    this.view.hidden = true;
    this.say("");
  }

  loud(level) {
    this.meter.hidden = false;
    this.meter.firstChild.style.setProperty("--level", level.toFixed(2));
  }
}

/** A card, its back, or a passport, as a few lines. */
export function sketch(kind) {
  const line = (x, y, width) => draw("rect", { class: "ink", x, y, width, height: 3, rx: 1.5 });
  const portrait = (x, y) => [
    draw("rect", { class: "portrait", x, y, width: 18, height: 22, rx: 2 }),
    draw("circle", { class: "ink", cx: x + 9, cy: y + 8, r: 4 }),
    draw("path", { class: "ink", d: `M${x + 2} ${y + 21}q7 -11 14 0Z` })];
  const inside = {
    document_front: [...portrait(10, 16), line(36, 18, 38), line(36, 26, 30), line(36, 34, 34), line(10, 46, 64)],
    document_back: [draw("rect", { class: "ink", x: 4, y: 13, width: 78, height: 8 }), line(12, 30, 60), line(12, 38, 50), line(12, 46, 56)],
    passport: [...portrait(10, 14), line(36, 16, 36), line(36, 24, 28), line(36, 32, 32), line(8, 46, 70), line(8, 53, 70)],
  }[kind];
  const height = kind === "passport" ? 60 : 54;
  return draw("svg", { class: "sketch", viewBox: "0 0 86 62" },
    draw("rect", { class: "edge", x: 1, y: 1, width: 84, height, rx: kind === "passport" ? 2 : 5 }), ...inside);
}

/** All of the picture but a hole, and what lies around the hole. */
export function cutOut(width, height, hole, ...around) {
  const whole = `M0 0H${width}V${height}H0Z`;
  return [draw("path", { class: "shade", "fill-rule": "evenodd", d: whole + hole }), ...around];
}
