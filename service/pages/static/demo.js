// The capture page: consent, capture, verdict; in QA mode the recording is kept with its label.

import { Service } from "./capture/api.js";
import "./capture/veridical-capture.js";
import { make } from "./capture/stage.js";
import { askKey, loadLabels, pageLanguage, serviceFor, translate } from "./page.js";
import { keepRecording } from "./qa.js";
import { recordScript, renderRecording } from "./recording.js";
import { outcomeCard, renderExplanation, renderVerdict } from "./verdict.js";

/** Goes with every transaction: which text the applicant agreed to. Change it with the text. */
const CONSENT_VERSION = "demo-2026-11";
const STEPS = { document_front: 1, document_back: 1, clip: 2, selfie: 2, checking: 3 };

const place = (id) => document.getElementById(id);
let config = { qa: false, scripts: [] };
let reasons = {};
let language = pageLanguage();
let text = translate(language, restart);
let running = null;

function restart() {
  language = pageLanguage();
  text = translate(language, restart);
  running?.remove();
  running = null;
  show("consent");
  welcome();
}

function show(id) {
  for (const section of ["consent", "capture", "result"]) place(section).hidden = section !== id;
  step({ consent: 0, capture: 1, result: 3 }[id]);
  place("main").classList.toggle("with-result", id === "result");
}

function step(current) {
  [...place("steps").children].forEach((item, i) => {
    item.classList.toggle("done", i < current);
    if (i === current) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}

async function welcome() {
  const service = serviceFor(language);
  let policies;
  try {
    policies = (await service.insist("GET", "/v1/policies")).items;
  } catch (error) {
    if (error.status === 401) return askKey(place("consent"), text, service.bearer !== "", welcome);
    if (error.status !== 403) return failed(error);
    policies = [];
  }
  const agreed = make("input", { type: "checkbox", id: "agree", required: true });
  const kept = make("input", { type: "checkbox", id: "agree-qa", required: true });
  const select = make("select", { id: "policy" }, ...policies
    .filter((policy) => policy.id !== "reverify")
    .map((policy) => make("option", { value: policy.id, text: `${policy.id}: ${policy.description}`,
      selected: policy.id === config.policy })));
  const script = make("select", { id: "script" }, ...config.scripts.map((name) =>
    make("option", { value: name, text: name, selected: name.endsWith(`-${language}`) })));
  const scripts = make("label", { class: "field" }, text("script"), script);
  const offered = () => { scripts.hidden = select.value !== "recording"; };
  select.addEventListener("change", offered);
  offered();
  const start = make("button", { type: "submit", class: "main", text: text("start") });
  const form = make("form", {},
    make("h1", { text: text("welcome") }),
    make("p", { class: "dim", text: text("welcome_text") }),
    make("ul", { class: "needs" }, ...["need_document", "need_light", "need_camera"]
      .map((need) => make("li", { text: text(need) }))),
    make("h2", { text: text("consent_title") }),
    make("p", { text: text("consent_text") }),
    make("p", { class: "dim", text: text("consent_other") }),
    ...(policies.length ? [make("label", { class: "field" }, text("policy"), select), scripts] : []),
    make("label", { class: "agree" }, agreed, make("span", { text: text("consent_biometrics") })),
    ...(config.qa ? [make("label", { class: "agree" }, kept, make("span", { text: text("consent_qa") }))] : []),
    start);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start.disabled = true;
    if (select.value === "recording") runScript(service, script.value);
    else run(service, select.value);
  });
  place("consent").replaceChildren(form);
}

async function run(service, policy) {
  const media = {};
  const capture = make("veridical-capture", { language });
  running = capture;
  capture.aloud = place("aloud").getAttribute("aria-pressed") === "true";
  capture.addEventListener("veridical-step", ({ detail }) => step(STEPS[detail.step]));
  capture.addEventListener("veridical-media", ({ detail }) => { media[detail.kind] = detail; });
  let started;
  try {
    started = await service.insist("POST", "/v1/transactions", { json: {
      ...(policy ? { policy } : {}),
      consent: { biometrics: true, enrol: false, text_version: CONSENT_VERSION },
      locale: language,
    } });
  } catch (error) {
    return failed(error);
  }
  place("capture").replaceChildren(capture);
  show("capture");
  try {
    const seen = await capture.begin(started);
    if (seen) await conclude(service, seen, media, started);
  } catch {
    // The element says what went wrong; what is left is to begin again.
    place("capture").append(make("p", { class: "centre" }, againButton()));
  }
}

async function runScript(service, script) {
  try {
    const started = await service.insist("POST", "/v1/transactions", { json: {
      kind: "recording", script, locale: language,
      consent: { biometrics: true, enrol: false, text_version: CONSENT_VERSION },
    } });
    show("capture");
    const applicant = new Service("", started.upload_token, language);
    const { seen, blob } = await recordScript(place("capture"), applicant, started, text);
    await conclude(service, seen, { recording: { blob } }, started);
  } catch (error) {
    failed(error);
  }
}

const againButton = () => {
  const button = make("button", { type: "button", text: text("again"), id: "again" });
  button.addEventListener("click", restart);
  return button;
};

async function conclude(service, seen, media, started) {
  running = null;
  const result = place("result");
  const found = await service.insist("GET", `/v1/transactions/${seen.id}`).catch(() => seen);
  const parts = found.verdict
    ? renderVerdict(found.verdict, { text, language, reasons, message: seen.message })
    : [outcomeCard(seen.outcome, text, "h1", make("p", { text: seen.message }),
      found.problem && make("p", { class: "dim", text: `${found.problem.code}: ${found.problem.detail}` }),
      make("p", { class: "dim small", text: text("no_scores") }))];
  const head = parts.shift();
  head.lastChild.append(againButton());
  const detail = make("div", { id: "explanation" });
  const scripted = Boolean(started.script);
  const kept = config.qa && !scripted ? [keepRecording(service, text, { found, media, started, consent: CONSENT_VERSION })] : [];
  result.replaceChildren(head, ...kept, detail, ...parts);
  result.dataset.outcome = seen.outcome || "none";
  show("result");
  head.querySelector("h1").focus({ preventScroll: true });
  if (found.verdict?.recording) {
    detail.replaceChildren(...renderRecording(found.verdict, text, media.recording.blob));
    detail.dataset.done = "yes";
  } else if (found.verdict && !scripted) await explain(service, seen.id, detail);
}

async function explain(service, id, detail) {
  detail.replaceChildren(make("p", { class: "card dim", role: "status", text: text("explaining") }));
  try {
    const explanation = await service.insist("GET", `/v1/transactions/${id}/explanation`);
    detail.replaceChildren(...renderExplanation(explanation, text));
    detail.dataset.done = "yes";
  } catch (error) {
    // Whoever may start transactions need not be allowed to look at pictures.
    detail.replaceChildren(...(error.status === 403 ? [] : [
      make("p", { class: "card dim", text: text("failed", { code: error.code }) })]));
  }
}

function failed(error) {
  show("consent");
  place("consent").replaceChildren(make("p", { class: "bad", role: "alert",
    text: text("failed", { code: error.code }) }), againButton());
}

place("aloud").hidden = !window.speechSynthesis;
place("aloud").addEventListener("click", ({ currentTarget }) => {
  const on = currentTarget.getAttribute("aria-pressed") !== "true";
  currentTarget.setAttribute("aria-pressed", String(on));
  if (running) running.aloud = on;
});

const told = (path) => fetch(path).then((answer) => answer.json());
[config, reasons] = await Promise.all([told("/demo/config.json"), told("/demo/reasons.json"), loadLabels()]);
place("mode").textContent = text(config.qa ? "mode_qa" : "mode_demo");
place("mode").hidden = false;
welcome();
