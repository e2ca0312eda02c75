// The reviewers' page: what waits, what was measured and seen, and a named person's decision.

import { make } from "./capture/stage.js";
import { askKey, loadLabels, pageLanguage, serviceFor, translate } from "./page.js";
import { renderDrift } from "./drift.js";
import { renderRecording, saveReviewPage } from "./recording.js";
import { renderExplanation, renderVerdict } from "./verdict.js";

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

async function load(cursor = "", before = []) {
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
  const items = [...before, ...page.items];
  const refresh = make("button", { type: "button", text: text("queue_refresh") });
  refresh.addEventListener("click", () => load());
  const parts = [make("div", { class: "row" }, make("h1", { text: text("queue_title") }), refresh)];
  if (items.length) parts.push(make("ul", { class: "queue" }, ...items.map(row)));
  else parts.push(make("p", { class: "dim", text: text("queue_empty") }));
  if (page.next) {
    const more = make("button", { type: "button", text: text("queue_more") });
    more.addEventListener("click", () => load(page.next, items));
    parts.push(more);
  }
  place("queue").replaceChildren(...parts);
  if (!place("case").hasChildNodes()) {
    place("case").replaceChildren(make("p", { class: "card dim", text: items.length ? text("case_pick") : text("queue_empty") }));
  }
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

function row(item) {
  const when = item.completed_at ? new Date(item.completed_at).toLocaleString(language) : "";
  const code = item.first_cause?.split(":")[1] || "";
  const button = make("button", { type: "button" },
    make("code", { text: item.id }),
    make("span", { text: reasons[code]?.[language] || item.first_cause || "" }),
    make("span", { class: "dim small", text: `${when} · ${item.policy?.id ?? item.policy ?? ""}` }));
  button.addEventListener("click", () => {
    for (const other of place("queue").querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    open(item.id);
  });
  return make("li", {}, button);
}

async function open(id) {
  const shown = place("case");
  let found;
  try {
    found = await service.insist("GET", `/v1/transactions/${id}`);
  } catch (error) {
    shown.replaceChildren(make("p", { class: "card bad", role: "alert", text: text("failed", { code: error.code }) }));
    return;
  }
  const detail = make("div", {}, make("p", { class: "card dim", role: "status", text: text("explaining") }));
  const title = make("section", { class: "card" }, make("h1", { tabindex: "-1", text: text("case_title", { id }) }),
    ...(found.subject_ref ? [make("p", { class: "dim", text: text("case_reference", { ref: found.subject_ref }) })] : []));
  const verdict = found.verdict ? renderVerdict(found.verdict, { text, language, reasons, heading: "h2" }) : [];
  shown.replaceChildren(title, ...verdict.slice(0, 1), decision(found), detail, ...verdict.slice(1));
  title.firstChild.focus({ preventScroll: true });
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
    detail.replaceChildren(...renderExplanation(explanation, text));
  } catch (error) {
    detail.replaceChildren(make("p", { class: "card dim", text: text("failed", { code: error.code }) }));
  }
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
      load();
    } catch (error) {
      news.textContent = error.code === "review.not_open" ? text("decide_taken") : text("failed", { code: error.code });
      if (error.code !== "review.not_open") for (const one of actions.children) one.disabled = false;
    }
  }
  return make("section", { class: "card decision" }, make("h2", { text: text("decide_title") }),
    make("label", { class: "field" }, text("decide_operator"), operator),
    make("label", { class: "field" }, text("decide_reason"), reason),
    actions, make("p", { class: "dim small", text: text("decide_note") }), news);
}

load();
