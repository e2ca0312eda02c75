// The reviewers' page: what waits, what was measured and seen, and a named person's decision.

import { make } from "./capture/stage.js";
import { askKey, loadLabels, pageLanguage, serviceFor, translate } from "./page.js";
import { renderDrift } from "./drift.js";
import { renderRecording, saveReviewPage } from "./recording.js";
import { renderExplanation, renderVerdict } from "./verdict.js";

const TEMPLATES = { accept: ["same", "light", "aged"], reject: ["other", "altered", "staged"] };
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

const OPERATOR = "veridical-operator";
const place = (id) => document.getElementById(id);
let language = pageLanguage();
let text = translate(language, restart);
let service = serviceFor(language);
const [reasons] = await Promise.all([fetch("/demo/reasons.json").then((answer) => answer.json()), loadLabels()]);

function restart() {
  language = pageLanguage();
  text = translate(language, restart);
  service = serviceFor(language);
  load();
}

let items = [];
let next = "";
/** The case that is looked at, and what decides it. */
let current = { id: "", decide: null, choose: null };

async function load(cursor = "") {
  let page;
  try {
    page = await service.insist("GET", `/v1/reviews?limit=50${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
  } catch (error) {
    if ([401, 403].includes(error.status)) {
      place("queue").hidden = place("case").hidden = place("drift").hidden = true;
      return askKey(place("key"), text, service.bearer !== "", restart);
    }
    place("queue").replaceChildren(make("p", { class: "bad", role: "alert", text: text("failed", { code: error.code }) }));
    return;
  }
  place("key").hidden = true;
  place("queue").hidden = place("case").hidden = false;
  if (!cursor) loadDrift();
  items = cursor ? [...items, ...page.items] : page.items;
  next = page.next || "";
  showQueue();
  if (!place("case").hasChildNodes()) {
    place("case").replaceChildren(make("p", { class: "card dim", text: items.length ? text("case_pick") : text("queue_empty") }));
  }
}

const codeOf = (item) => item.first_cause?.split(":").at(-1) || "";
const causeOf = (item) => reasons[codeOf(item)]?.[language] || item.first_cause || "";

function showQueue() {
  const refresh = make("button", { type: "button", text: text("queue_refresh") });
  refresh.addEventListener("click", () => load());
  const search = make("input", { type: "search", id: "search", "aria-label": text("queue_search"), placeholder: text("queue_search") });
  const causes = [...new Set(items.map((item) => item.first_cause || ""))].filter(Boolean);
  const filter = make("select", { id: "filter", "aria-label": text("cause") }, make("option", { value: "", text: text("queue_all") }),
    ...causes.map((cause) => make("option", { value: cause, text: causeOf({ first_cause: cause }) })));
  const list = make("ul", { class: "queue" });
  const shown = () => {
    const words = search.value.toLowerCase();
    const found = items.filter((item) => (!filter.value || item.first_cause === filter.value)
      && JSON.stringify([item, causeOf(item)]).toLowerCase().includes(words));
    list.replaceChildren(...found.map(row));
  };
  search.addEventListener("input", shown);
  filter.addEventListener("change", shown);
  shown();
  const parts = [make("div", { class: "row" }, make("h1", { text: text("queue_title") }), refresh)];
  if (items.length) {
    parts.push(make("div", { class: "queue-tools" }, search, filter), list, make("p", { class: "dim small", text: text("queue_keys") }));
  } else parts.push(make("p", { class: "dim", text: text("queue_empty") }));
  if (next) {
    const more = make("button", { type: "button", text: text("queue_more") });
    more.addEventListener("click", () => load(next));
    parts.push(more);
  }
  place("queue").replaceChildren(...parts);
}

/** What is watched beside the queue; a service that counts nothing shows nothing. */
async function loadDrift() {
  const card = place("drift");
  try {
    const view = await service.insist("GET", "/v1/drift");
    card.hidden = !view.series.length;
    if (view.series.length) card.replaceChildren(renderDrift(view, { text, language, reasons }));
  } catch {
    card.hidden = true;
  }
}

function age(since) {
  const ms = Date.now() - new Date(since);
  if (ms < 2 * HOUR) return text("minutes", { n: Math.max(0, Math.round(ms / MINUTE)) });
  return ms < 2 * DAY ? text("hours", { n: Math.round(ms / HOUR) }) : text("days", { n: Math.round(ms / DAY) });
}

function row(item) {
  const waits = item.completed_at ? text("queue_age", { age: age(item.completed_at) }) : "";
  const button = make("button", { type: "button", "data-case": item.id, "aria-current": item.id === current.id && "true" },
    make("code", { text: item.id }),
    make("span", { text: causeOf(item) }),
    make("span", { class: "dim small", text: `${waits} · ${item.policy?.id ?? item.policy ?? ""}` }),
    ...(item.claimed_by ? [make("span", { class: "small stamp", text: text("queue_claimed", { who: item.claimed_by }) })] : []));
  button.addEventListener("click", () => open(item.id));
  return make("li", {}, button);
}

/** The case that stands so many rows further down the queue as it is shown. */
function step(by) {
  const rows = [...place("queue").querySelectorAll("[data-case]")];
  const at = rows.findIndex((one) => one.dataset.case === current.id);
  rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))]?.click();
}

async function open(id) {
  const shown = place("case");
  current = { id, decide: null, choose: null };
  for (const one of place("queue").querySelectorAll("[data-case]")) {
    if (one.dataset.case === id) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
  let found, taken = "";
  try {
    found = await service.insist("GET", `/v1/transactions/${id}`);
    await service.send("PUT", `/v1/transactions/${id}/claim`).catch((error) => {
      if (error.code === "review.claimed") taken = items.find((item) => item.id === id)?.claimed_by || "–";
    });
  } catch (error) {
    shown.replaceChildren(make("p", { class: "card bad", role: "alert", text: text("failed", { code: error.code }) }));
    return;
  }
  if (current.id !== id) return;
  const detail = make("div", {}, make("p", { class: "card dim", role: "status", text: text("explaining") }));
  const onward = make("button", { type: "button", id: "next-case", text: text("queue_next") });
  onward.addEventListener("click", () => step(1));
  const title = make("section", { class: "card" },
    make("div", { class: "row" }, make("h1", { tabindex: "-1", text: text("case_title", { id }) }), onward),
    ...(found.subject_ref ? [make("p", { class: "dim", text: text("case_reference", { ref: found.subject_ref }) })] : []),
    ...(taken ? [make("p", { class: "stamp", role: "alert", text: text("claim_taken", { who: taken }) })] : []));
  const verdict = found.verdict ? renderVerdict(found.verdict, { text, language, reasons, heading: "h2" }) : [];
  // What is seen and what is decided stand side by side.
  shown.replaceChildren(title, make("div", { class: "case-grid" },
    make("div", { class: "seen" }, detail, ...verdict), decision(found)));
  title.querySelector("h1").focus({ preventScroll: true });
  if (found.kind === "recording") {
    const save = make("button", { type: "button", id: "save-page", text: text("recording_save") });
    save.addEventListener("click", () => saveReviewPage(service, id, language).catch((error) => {
      save.after(make("p", { class: "bad", role: "alert", text: text("failed", { code: error.code }) }));
    }));
    detail.replaceChildren(...(found.verdict?.recording ? renderRecording(found.verdict, text) : []), save);
    return;
  }
  try {
    const explanation = await service.insist("GET", `/v1/transactions/${id}/explanation`);
    detail.replaceChildren(...renderExplanation(explanation, text),
      ...(found.media?.received.includes("clip") ? [clipCard(id)] : []));
  } catch (error) {
    detail.replaceChildren(make("p", { class: "card dim", text: text("failed", { code: error.code }) }));
  }
}

/** The recording with its sound: fetched when it is asked for, since each time is recorded. */
function clipCard(id) {
  const button = make("button", { type: "button", text: text("clip_play") });
  const card = make("section", { class: "card" }, button);
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await fetch(`${service.base}/v1/transactions/${id}/media/clip`, {
      headers: service.bearer ? { Authorization: `Bearer ${service.bearer}` } : {}, cache: "no-store" }).catch(() => null);
    card.replaceChildren(answer?.ok
      ? make("video", { class: "player", controls: true, src: URL.createObjectURL(await answer.blob()) })
      : make("p", { class: "dim", text: text("clip_refused") }));
  });
  return card;
}

function decision(found) {
  const operator = make("input", { id: "operator", required: true, maxlength: "120", autocomplete: "name",
    value: sessionStorage.getItem(OPERATOR) || "" });
  const reason = make("textarea", { id: "reason", required: true, maxlength: "1000", rows: "3" });
  const news = make("p", { role: "status", id: "decided" });
  const button = (outcome) => {
    const one = make("button", { type: "button", class: outcome, text: text(`decide_${outcome}`), "data-name": outcome });
    one.addEventListener("click", () => decide(outcome));
    return one;
  };
  const actions = make("div", { class: "actions" }, button("accept"), button("reject"));
  const templates = [...TEMPLATES.accept, ...TEMPLATES.reject].map((name, at) => {
    const one = make("button", { type: "button", text: `${at + 1} ${text(`template_${name}`)}` });
    one.addEventListener("click", () => { reason.value = text(`template_${name}`); });
    return one;
  });
  current.decide = decide;
  current.choose = (at) => templates[at]?.click();
  async function decide(outcome) {
    if (!operator.value.trim() || !reason.value.trim()) {
      news.textContent = text("decide_needs");
      (operator.value.trim() ? reason : operator).focus();
      return;
    }
    for (const one of actions.children) one.disabled = true;
    sessionStorage.setItem(OPERATOR, operator.value.trim());
    try {
      const { review } = await service.insist("POST", `/v1/transactions/${found.id}/review`, {
        json: { operator: operator.value.trim(), outcome, reason: reason.value.trim() } });
      news.textContent = text("decide_done", { outcome: text(`outcome_word_${review.outcome}`),
        operator: review.operator, sequence: review.evidence?.sequence ?? "–" });
      await load();
    } catch (error) {
      news.textContent = error.code === "review.not_open" ? text("decide_taken") : text("failed", { code: error.code });
      if (error.code !== "review.not_open") for (const one of actions.children) one.disabled = false;
    }
  }
  return make("section", { class: "card decision" }, make("h2", { text: text("decide_title") }),
    make("label", { class: "field" }, text("decide_operator"), operator),
    make("ul", { class: "templates", "aria-label": text("template") }, ...templates.map((one) => make("li", {}, one))),
    make("label", { class: "field" }, text("decide_reason"), reason),
    actions, make("p", { class: "dim small", text: text("decide_note") }), news);
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "/") place("search")?.focus();
  else if (key >= "1" && key <= "6") current.choose?.(Number(key) - 1);
  else if (key === "a" || key === "r") current.decide?.(key === "a" ? "accept" : "reject");
  else return;
  event.preventDefault();
});

load();
