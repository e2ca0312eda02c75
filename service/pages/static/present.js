// Was this answered live, here and now? Six bars that add up to a sum, and the line it must reach.

import { draw, make } from "./capture/stage.js";

const WITNESSES = ["content", "schedule", "lips", "light", "movement", "continuity"];
const WIDTH = 600, LEFT = 210, RIGHT = 60, ROW = 30, TOP = 26;

/** The sum of a verdict as a card; nothing for a verdict that holds none. */
export function presentCard(verdict, text) {
  const check = verdict.checks.find(({ check }) => check === "capture.present");
  if (!check) return null;
  const { evidence } = check;
  const weakest = text(`attack_${evidence.weakest}`);
  return make("section", { class: "card present" },
    make("h2", { text: text(`check_${check.check}`) }),
    make("p", { text: text(`moment_${evidence.moment}`) }),
    check.score === null ? make("p", { class: "dim", text: text("present_none") }) : bars(check, weakest, text),
    check.score !== null && make("p", { class: "dim small", text: text("present_text", { attack: weakest }) }),
    check.score !== null && make("ul", { class: "sums small" }, ...sums(check, text)));
}

function bars({ evidence, score, accept_at: accept }, weakest, text) {
  const parts = WITNESSES.filter((name) => `witness_${name}` in evidence)
    .map((name) => ({ name, value: evidence[`witness_${name}`] }));
  let sum = 0;
  const steps = parts.map(({ name, value }) => {
    const from = sum;
    sum += value ?? 0;
    return { name, value, from, to: sum };
  });
  const ends = [0, accept, score, ...steps.map(({ to }) => to)];
  const low = Math.min(...ends) - 0.5, high = Math.max(...ends) + 0.5;
  const x = (value) => LEFT + ((WIDTH - LEFT - RIGHT) * (value - low)) / (high - low);
  const bottom = TOP + ROW * (steps.length + 1);
  const row = (y, kind, name, from, to, told) => [
    draw("text", { class: "name", x: LEFT - 10, y: y + 19, text: name }),
    draw("rect", { class: kind, x: x(Math.min(from, to)), y: y + 6, width: Math.max(2, Math.abs(x(to) - x(from))), height: ROW - 12, rx: 3 }),
    draw("text", { class: "value", x: x(Math.max(from, to)) + 6, y: y + 19, text: told }),
  ];
  return draw("svg", { class: "witnesses", viewBox: `0 0 ${WIDTH} ${bottom + 6}`, role: "img", "aria-label":
    [...steps.map(({ name, value }) => `${named(name, text)} ${told(value)}`), `${weakest} ${told(score)}`].join(", ") },
    draw("line", { class: "zero", x1: x(0), x2: x(0), y1: TOP, y2: bottom }),
    draw("line", { class: "needed", x1: x(accept), x2: x(accept), y1: TOP - 4, y2: bottom }),
    draw("text", { class: "needed", x: x(accept), y: TOP - 9, text: `${text("present_needed")} ${accept.toFixed(1)}` }),
    ...steps.flatMap(({ name, value, from, to }, at) =>
      row(TOP + ROW * at, value === null ? "none" : value < 0 ? "against" : value > 0 ? "for" : "blind",
        named(name, text), from, to, value === null ? text("status_not_assessed") : told(value))),
    // A veto ends it whatever the bars say: then the sum stands where the score is.
    ...row(TOP + ROW * steps.length, score >= accept ? "sum enough" : "sum", text("present_sum"), 0, score, told(score)));
}

function sums({ evidence, accept_at: accept }, text) {
  return Object.entries(evidence).filter(([key]) => key.startsWith("against_")).map(([key, value]) =>
    make("li", { class: value >= accept ? "pass" : "review", text: `${text(key.replace("against_", "attack_"))}: ${told(value)}` }));
}

const named = (name, text) => text(`evidence_capture.present.witness_${name}`);
const told = (value) => (value === null ? "–" : `${value > 0 ? "+" : ""}${value.toFixed(1)}`);
