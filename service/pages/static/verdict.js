// A verdict for people who may see scores: outcome, checks, timeline, pictures, fields.

import { draw, make } from "./capture/stage.js";
import { presentCard } from "./present.js";

const DIGITS = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3));

/** The outcome, its first cause, and every check. `reasons` maps codes to texts by language. */
export function renderVerdict(verdict, { text, language, reasons, message = "", heading = "h1" }) {
  const explain = (code) => reasons[code]?.[language] || code;
  const [kind, code] = (verdict.first_cause || "").split(":");
  const parts = [outcomeCard(verdict.outcome, text, heading,
    message && make("p", { text: message }),
    verdict.first_cause && make("p", { class: "cause" },
      make("span", { class: "dim", text: `${text("cause")}: ` }),
      make("code", { text: verdict.first_cause }),
      ...(kind === "rule" ? [] : [make("span", { text: ` ${explain(code)}` })])),
    make("p", { class: "dim small", text: text("policy_line", {
      id: verdict.policy.id, version: verdict.policy.version, profile: verdict.profile, attempt: verdict.attempt,
    }) }),
    ...verdict.stamps.map((code) => make("p", { class: "small stamp", text: text("stamp", { code }) })),
    ...(verdict.rules || []).map(({ rule, when, holds, reason }) => make("p", { class: "small" },
      make("code", { text: `rule:${rule}` }),
      make("span", { text: ` ${reason || when}${holds ? "" : ` (${text("rule_unknown")})`}` }))),
    verdict.assurance.length
      && make("p", { class: "small stamp", text: text("weaker", { codes: verdict.assurance.join(", ") }) }),
  )];
  const present = presentCard(verdict, text);
  if (present) parts.push(present);
  parts.push(make("section", { class: "card" },
    make("h2", { text: text("checks") }),
    make("ul", { class: "checks" }, ...verdict.checks.map((check) => checkRow(check, text, explain)))));
  const fields = Object.entries(verdict.document || {});
  if (fields.length) {
    parts.push(make("section", { class: "card" }, make("h2", { text: text("document") }),
      make("dl", { class: "fields" }, ...fields.flatMap(([name, field]) => [
        make("dt", { text: name.replaceAll("_", " ") }), make("dd", { text: String(field.value ?? "") })]))));
  }
  return parts;
}

/** The outcome as a person reads it first. */
export function outcomeCard(outcome, text, heading, ...more) {
  const mark = { accept: "✓", reject: "✕", review: "…", retry: "↻" }[outcome] || "–";
  return make("section", { class: `card outcome ${outcome || "none"}` },
    make("span", { class: "mark", "aria-hidden": "true", text: mark }),
    make("div", {}, make(heading, { tabindex: "-1", text: text(`outcome_${outcome || "none"}`) }),
      ...more.filter(Boolean)));
}

function checkRow(check, text, explain) {
  const thresholds = check.accept_at !== null && check.score !== null;
  const numbers = check.score === null ? "" : [
    text("score", { score: DIGITS(check.score) }),
    thresholds && text("threshold", { reject: DIGITS(check.reject_below), accept: DIGITS(check.accept_at) }),
    check.error_rate && text("of_thousand", {
      kind: check.error_rate.kind.toUpperCase(), value: check.error_rate.value.toPrecision(2), n: check.error_rate.n,
    }),
  ].filter(Boolean).join(" · ");
  const evidence = Object.entries(check.evidence || {}).filter(([, value]) => value !== null);
  return make("li", { class: check.status },
    make("div", { class: "row" },
      make("span", { class: "name", text: text(`check_${check.check}`) }),
      make("span", { class: "badge", text: text(`status_${check.status}`) })),
    ...(thresholds ? [gauge(check)] : []),
    ...(check.reason ? [make("p", { class: "why" }, make("code", { text: check.reason }), ` ${explain(check.reason)}`)] : []),
    make("details", {}, make("summary", { text: numbers || check.check }),
      make("dl", { class: "fields small" }, make("dt", { text: "check" }), make("dd", { text: check.check }),
        ...evidence.flatMap(([name, value]) => [
          make("dt", { text: evidenceName(check.check, name, text), title: name }),
          make("dd", { text: typeof value === "number" ? String(+value.toFixed(4)) : String(value) })]))));
}

/** What a key of a check's evidence is called; a star in the catalogue stands for any word of it. */
function evidenceName(check, key, text) {
  const words = key.split("_");
  for (const pattern of [key, `${words[0]}_*`, `*_${words.at(-1)}`, "*"]) {
    const known = text(`evidence_${check}.${pattern}`);
    if (known !== `evidence_${check}.${pattern}`) return pattern === key ? known : `${known}: ${key}`;
  }
  return key;
}

/**
 * Where the score lies: refused on the left, unclear in the middle, passed on the right.
 *
 * Scores of different checks have different units, so the thresholds stand at fixed places and the
 * score is laid out between them; beyond them it is squeezed towards the ends.
 */
function gauge({ score, accept_at: accept, reject_below: reject }) {
  const [low, high] = accept > reject ? [1 / 3, 2 / 3] : [0.5, 0.5];
  const unit = Math.max(accept - reject, Math.abs(accept) * 0.5, 0.1);
  let at;
  if (score >= accept) at = high + (1 - high) * Math.tanh((score - accept) / unit);
  else if (score < reject) at = low * (1 - Math.tanh((reject - score) / unit));
  else at = low + ((score - reject) / (accept - reject)) * (high - low);
  return draw("svg", { class: "gauge", viewBox: "0 0 300 12", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { class: "fail", x: 0, y: 4, width: 300 * low, height: 4, rx: 2 }),
    draw("rect", { class: "review", x: 300 * low, y: 4, width: 300 * (high - low), height: 4 }),
    draw("rect", { class: "pass", x: 300 * high, y: 4, width: 300 * (1 - high), height: 4, rx: 2 }),
    draw("rect", { class: "at", x: Math.min(296, Math.max(1, 300 * at - 1.5)), y: 0, width: 3, height: 12, rx: 1.5 }));
}

/** Pictures and timeline of an explanation. */
export function renderExplanation(explanation, text) {
  const parts = facesCard(explanation, text);
  if (explanation.timeline) parts.push(timelineCard(explanation.timeline, text));
  const pictures = explanation.pictures.filter(({ kind }) => !FACES.includes(kind));
  if (pictures.length) {
    parts.push(make("section", { class: "card" }, make("h2", { text: text("pictures") }),
      make("div", { class: "pictures" }, ...pictures.map((picture) =>
        make("figure", { class: picture.kind.startsWith("document") ? "wide" : "" },
          enlarged(pictureUrl(picture.jpeg), picture.kind.replaceAll("_", " "), text),
          make("figcaption", { text: picture.time_ms === null
            ? picture.kind.replaceAll("_", " ") : `${(picture.time_ms / 1000).toFixed(1)} s` }))))));
  }
  return parts;
}

const FACES = ["portrait_face", "applicant_face"];

/** Portrait and applicant side by side, eyes at the same height and equally far apart. */
function facesCard(explanation, text) {
  const faces = FACES.map((kind) => explanation.pictures.find((picture) => picture.kind === kind)).filter(Boolean);
  if (!faces.length) return [];
  return [make("section", { class: "card" }, make("h2", { text: text("faces") }),
    make("div", { class: "faces" }, ...faces.map(({ kind, jpeg }) => make("figure", {},
      enlarged(pictureUrl(jpeg), text(kind), text), make("figcaption", { text: text(kind) })))))];
}

/** A picture that opens as large as it is; there it can be moved about. */
export function enlarged(src, alt, text) {
  const button = make("button", { type: "button", class: "zoom", "aria-label": `${alt}: ${text("zoom")}` },
    make("img", { src, alt }));
  button.addEventListener("click", () => {
    const large = make("dialog", { class: "large" }, make("img", { src, alt }),
      make("button", { type: "button", text: text("zoom_close"), autofocus: true }));
    large.lastChild.addEventListener("click", () => large.close());
    large.addEventListener("close", () => large.remove());
    document.body.append(large);
    large.showModal();
  });
  return button;
}

function pictureUrl(base64) {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}

const HEIGHT = 300, EDGE = 16;
const DIGIT_Y = 26, SOUND = [56, 150], LIPS = [176, 262];

function timelineCard(timeline, text) {
  // Drawn narrower for a phone rather than smaller: its numbers must stay readable.
  const width = window.matchMedia("(max-width: 34rem)").matches ? 480 : 1000;
  const x = (ms) => EDGE + ((width - 2 * EDGE) * ms) / timeline.duration_ms;
  const marks = timeline.digits.flatMap(({ word, shown_ms: shown, heard_ms: heard }) => [
    ...(shown === null ? [] : [
      draw("line", { class: "shown", x1: x(shown), x2: x(shown), y1: DIGIT_Y + 10, y2: LIPS[1] }),
      draw("circle", { class: "shown", cx: x(shown), cy: DIGIT_Y - 5, r: 15 }),
      draw("text", { class: "digit", x: x(shown), y: DIGIT_Y + 1, text: word }),
    ]),
    ...(heard === null ? [] : [
      draw("line", { class: "heard", x1: x(heard), x2: x(heard), y1: SOUND[0], y2: LIPS[1] }),
    ]),
  ]);
  const seconds = Array.from({ length: Math.floor(timeline.duration_ms / 1000) + 1 }, (_, s) =>
    draw("text", { class: "tick", x: x(s * 1000), y: HEIGHT - 10, text: String(s) }));
  const picture = draw("svg", { class: "timeline", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": summary(timeline, text) },
    ...(timeline.colours || []).map(({ colour, start_ms: start, end_ms: end }) => draw("rect", {
      class: "lit", x: x(start), width: Math.max(1, x(end) - x(start)), y: HEIGHT - 34, height: 12, fill: colour })),
    ...timeline.speech.map(([start, end]) => draw("rect", {
      class: "speech", x: x(start), width: Math.max(1, x(end) - x(start)), y: SOUND[0], height: SOUND[1] - SOUND[0] })),
    draw("path", { class: "sound", d: band(timeline.sound, x) }),
    draw("path", { class: "lips", d: curve(timeline.lips, x) }),
    ...marks, ...seconds);
  const legend = make("ul", { class: "legend" },
    make("li", { class: "shown", text: text("shown") }), make("li", { class: "heard", text: text("heard") }),
    make("li", { class: "sound", text: text("sound") }), make("li", { class: "lips", text: text("lips") }));
  return make("section", { class: "card" }, make("h2", { text: text("timeline") }),
    make("p", { class: "dim", text: text("timeline_text") }), picture, legend);
}

function summary(timeline, text) {
  return timeline.digits.map(({ word, shown_ms: shown, heard_ms: heard }) => {
    const at = (ms) => (ms === null ? "–" : `${(ms / 1000).toFixed(1)} s`);
    return `${word}: ${text("shown")} ${at(shown)}, ${text("heard")} ${at(heard)}`;
  }).join("; ");
}

function band({ step_ms: step, peaks }, x) {
  const middle = (SOUND[0] + SOUND[1]) / 2, half = (SOUND[1] - SOUND[0]) / 2;
  const loudest = Math.max(0.02, ...peaks);
  const points = peaks.map((peak, i) => [x(i * step), (half * peak) / loudest]);
  const above = points.map(([px, h]) => `${px.toFixed(1)} ${(middle - h).toFixed(1)}`);
  const below = points.reverse().map(([px, h]) => `${px.toFixed(1)} ${(middle + h).toFixed(1)}`);
  return points.length ? `M${above.join("L")}L${below.join("L")}Z` : "";
}

/** Gaps where the mouth was not seen stay gaps. */
function curve({ times_ms: times, opening }, x) {
  const seen = opening.filter((value) => value !== null);
  if (!seen.length) return "";
  const low = Math.min(...seen), range = Math.max(0.05, Math.max(...seen) - low);
  let pen = "M";
  return times.map((time, i) => {
    if (opening[i] === null) {
      pen = "M";
      return "";
    }
    const y = LIPS[1] - ((opening[i] - low) / range) * (LIPS[1] - LIPS[0]);
    const point = `${pen}${x(time).toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return point;
  }).join("");
}
