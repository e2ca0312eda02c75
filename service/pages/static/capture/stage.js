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
    this.view = make("div", { class: "view" }, this.video, this.preview, this.overlay, this.digit, this.arrow, this.meter);
    this.status = make("p", { class: "status", role: "status" });
    this.problem = make("div", { class: "problem", role: "alert", hidden: true });
    this.actions = make("div", { class: "actions" });
    this.section = make("section", { class: "capture" },
      this.title, this.lead, this.view, this.status, this.problem, this.actions);
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
    this.video.hidden = false;
    this.say("");
    this.buttons();
    this.title.focus({ preventScroll: true });
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

/** All of the picture but a hole, and what lies around the hole. */
export function cutOut(width, height, hole, ...around) {
  const whole = `M0 0H${width}V${height}H0Z`;
  return [draw("path", { class: "shade", "fill-rule": "evenodd", d: whole + hole }), ...around];
}
