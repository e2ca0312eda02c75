// Drift for operators: alerts, and the picture behind them. Counts only; nothing of any applicant.

import { draw, make } from "./capture/stage.js";

const HEIGHT = 260, EDGE = 34, FOOT = 26, TOP = 12;
const MOST_REASONS = 4;
const PERCENT = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** The card with alerts and one series at a time. `view` is what `GET /v1/drift` answered. */
export function renderDrift(view, { text, language, reasons }) {
  const label = (series) => `${text(`drift_${series.kind}`)} · ${nameOf(series.name, text)}`;
  const order = [...view.series].sort((a, b) => alarmed(view, b) - alarmed(view, a));
  const choice = make("select", { id: "drift-series" },
    ...order.map((series, i) => make("option", { value: String(i), text: label(series) })));
  const picture = make("div", { class: "drift-picture" });
  const show = () => picture.replaceChildren(...pictureOf(order[Number(choice.value)], { text, language, reasons }));
  choice.addEventListener("change", show);
  if (order.length) show();
  const watched = view.series.filter((series) => series.baseline).length;
  const summary = view.alerts.length
    ? text("drift_alerts", { count: view.alerts.length })
    : text(watched ? "drift_quiet" : "drift_unwatched");
  return make("details", { open: view.alerts.length > 0 },
    make("summary", {}, make("span", { class: "drift-title", text: text("drift_title") }), " ",
      make("span", { class: view.alerts.length ? "bad" : "dim", text: summary })),
    ...(view.alerts.length ? [make("ul", { class: "drift-alerts" },
      ...view.alerts.map((alert) => make("li", {}, alertText(alert, { text, language, reasons }))))] : []),
    make("label", { class: "field" }, text("drift_choose"), choice), picture);
}

const alarmed = (view, series) => view.alerts.filter((alert) =>
  alert.kind === series.kind && alert.name === series.name && alert.models === series.models).length;

function nameOf(name, text) {
  const known = text(`check_${name}`);
  return known === `check_${name}` ? seriesName(name, text) : known;
}

function seriesName(name, text) {
  const known = text(`evidence_${name}`);
  return known === `evidence_${name}` ? text(`series_${name}`).replace(/^series_/, "") : known;
}

function alertText(alert, { text, language, reasons }) {
  const since = new Date(alert.raised_at).toLocaleString(language);
  const name = nameOf(alert.name, text);
  if (alert.alert === "shift") {
    return text("drift_is_shift", { name, since, value: alert.value.toFixed(2), at: alert.raise_at.toFixed(2) });
  }
  const reason = reasons[alert.reason]?.[language] || outcome(alert.reason, text);
  return text(`drift_is_${alert.alert}`, { name, since, reason, was: PERCENT(alert.was), now: PERCENT(alert.rate) });
}

function outcome(code, text) {
  const known = text(`outcome_${code}`);
  return known === `outcome_${code}` ? code : known;
}

function pictureOf(series, { text, language, reasons }) {
  const count = (tally) => tally.reduce((sum, n) => sum + n, 0);
  const base = series.baseline;
  const day = (time) => new Date(time).toLocaleDateString(language);
  const caption = make("p", { class: "dim small", text: [
    text("drift_recent", { n: series.kind === "reason" ? series.n : count(series.now) }),
    base ? text("drift_baseline", { n: base.n, since: day(base.since), until: day(base.until) }) : text("drift_no_baseline"),
    series.models && text("drift_models", { models: series.models }),
  ].filter(Boolean).join(" · ") });
  const drawn = series.kind === "reason" ? timeline(series, { text, language, reasons }) : distribution(series, text);
  return [...drawn, caption];
}

/** Shares by score: the baseline as an area, now as a line above it. */
function distribution(series, text) {
  const width = pageWidth();
  const shares = (tally) => {
    const n = tally.reduce((sum, count) => sum + count, 0) || 1;
    return tally.map((count) => count / n);
  };
  const now = shares(series.now), was = series.was && shares(series.was);
  const seen = now.map((share, i) => share + (was?.[i] || 0));
  // Only where something was seen, with a bin beside: most scores leave most of their range empty.
  const first = Math.max(0, seen.findIndex((share) => share > 0) - 1);
  const last = Math.min(now.length, seen.findLastIndex((share) => share > 0) + 2);
  const highest = Math.max(...now, ...(was || []), 0.01);
  const x = (bin) => EDGE + ((width - 2 * EDGE) * (bin - first)) / Math.max(1, last - first);
  const y = (share) => HEIGHT - FOOT - ((HEIGHT - FOOT - TOP) * share) / highest;
  const steps = (tally) => tally.slice(first, last)
    .map((share, i) => `${x(first + i)} ${y(share)}L${x(first + i + 1)} ${y(share)}`).join("L");
  const edge = (bin) => series.low + ((series.high - series.low) * bin) / series.now.length;
  const marks = Array.from({ length: 5 }, (_, i) => first + ((last - first) * i) / 4);
  const svg = draw("svg", { class: "drift-chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `${text("drift_shape")}: ${series.name}` },
    ...(was ? [draw("path", { class: "was", d: `M${x(first)} ${y(0)}L${steps(was)}L${x(last)} ${y(0)}Z` })] : []),
    draw("path", { class: "now", d: `M${x(first)} ${y(0)}L${steps(now)}L${x(last)} ${y(0)}` }),
    draw("line", { class: "axis", x1: EDGE, x2: width - EDGE, y1: y(0), y2: y(0) }),
    ...marks.map((bin) => draw("text", { class: "tick", x: x(bin), y: HEIGHT - 6, text: String(+edge(bin).toPrecision(2)) })),
    draw("text", { class: "tick start", x: 2, y: y(highest) + 10, text: PERCENT(highest) }));
  const legend = make("ul", { class: "legend" }, make("li", { class: "now", text: text("drift_now") }),
    ...(was ? [make("li", { class: "was", text: text("drift_was") })] : []));
  return [svg, legend];
}

/** Shares of the most frequent reasons, hour by hour; dashed, what the baseline had of each. */
function timeline(series, { text, language, reasons }) {
  const width = pageWidth(), good = series.name === "verdict" ? "accept" : "pass";
  const hours = series.hours.map(({ at, counts }) => ({
    at: Date.parse(at), counts, n: Object.values(counts).reduce((sum, n) => sum + n, 0) }));
  const total = {};
  for (const { counts } of hours) for (const [code, n] of Object.entries(counts)) total[code] = (total[code] || 0) + n;
  const level = Object.fromEntries(series.findings.map((finding) => [finding.reason, finding]));
  const urgent = (code) => (level[code] ? level[code].value / level[code].raise_at : 0);
  const chosen = Object.keys(total).filter((code) => code !== good)
    .sort((a, b) => (urgent(b) >= 1) - (urgent(a) >= 1) || total[b] - total[a]).slice(0, MOST_REASONS);
  const highest = Math.max(0.02, ...chosen.flatMap((code) =>
    [level[code]?.was || 0, ...hours.map(({ counts, n }) => (counts[code] || 0) / n)]));
  const from = hours[0].at, to = Math.max(hours.at(-1).at, from + 3_600_000);
  const x = (at) => EDGE + ((width - 2 * EDGE) * (at - from)) / (to - from);
  const y = (share) => HEIGHT - FOOT - ((HEIGHT - FOOT - TOP) * share) / highest;
  const time = (at) => new Date(at).toLocaleString(language, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const lines = chosen.flatMap((code, i) => [
    ...(level[code] ? [draw("line", { class: `usual r${i}`, x1: EDGE, x2: width - EDGE, y1: y(level[code].was), y2: y(level[code].was) })] : []),
    draw("path", { class: `reason r${i}`, d: `M${hours.map(({ at, counts, n }) => `${x(at).toFixed(1)} ${y((counts[code] || 0) / n).toFixed(1)}`).join("L")}` }),
    ...hours.map(({ at, counts, n }) => draw("circle", { class: `reason r${i}`, cx: x(at), cy: y((counts[code] || 0) / n), r: 2.5 })),
  ]);
  const svg = draw("svg", { class: "drift-chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `${text("drift_course")}: ${series.name}` },
    draw("line", { class: "axis", x1: EDGE, x2: width - EDGE, y1: y(0), y2: y(0) }), ...lines,
    draw("text", { class: "tick start", x: EDGE, y: HEIGHT - 6, text: time(from) }),
    draw("text", { class: "tick end", x: width - EDGE, y: HEIGHT - 6, text: time(to) }),
    draw("text", { class: "tick start", x: 2, y: y(highest) + 10, text: PERCENT(highest) }));
  const said = (code) => reasons[code]?.[language] || outcome(code, text);
  const legend = make("ul", { class: "legend" }, ...chosen.map((code, i) => make("li", { class: `r${i}`, text: said(code) })),
    ...(series.baseline && chosen.length ? [make("li", { class: "usual", text: text("drift_usual") })] : []));
  return chosen.length ? [svg, legend] : [make("p", { class: "dim", text: text("drift_no_reasons") })];
}

// Drawn narrower for a phone rather than smaller: its numbers must stay readable.
const pageWidth = () => (window.matchMedia("(max-width: 34rem)").matches ? 420 : 960);
