// The page for applicants: opened by a link, led to an end, on one device or from one to another.

import { pause, Service } from "./capture/api.js";
import { make } from "./capture/stage.js";
import { bestLanguage, isRightToLeft, LANGUAGES, problemText, textsOf } from "./capture/texts.js";
import "./capture/veridical-capture.js";
import { enter, renew, takeLink } from "./device.js";

/** Goes with the agreement: which text the applicant agreed to. Change it with the text. */
const CONSENT_VERSION = "page-2026-11";
const LANGUAGE = "veridical-language";
const STEPS = { document_front: 1, document_back: 1, clip: 2, selfie: 2, checking: 3 };
const FOLLOW_MS = 1_500;
const LAST_MINUTES = 5;

const place = (id) => document.getElementById(id);
const given = takeLink();
let journey = null;
let language = sessionStorage.getItem(LANGUAGE) || "";
let text = null;
let capture = null;
/** What is shown: only the newest goes on. */
let turn = 0;

async function speakLanguage(chosen) {
  language = chosen;
  text = await textsOf(language);
  document.documentElement.lang = language.startsWith("qps") ? "en" : language === "zh" ? "zh-CN" : language;
  document.documentElement.dir = isRightToLeft(language) ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  document.title = text("title");
  place("progress").setAttribute("aria-label", text("title"));
  place("language").replaceChildren(...Object.entries({ ...LANGUAGES, ...(LANGUAGES[language] ? {} : { [language]: language }) })
    .map(([value, name]) => make("option", { value, text: name, lang: value, selected: value === language })));
}

function show(id, step) {
  for (const section of ["ask", "capture"]) place(section).hidden = section !== id;
  place("more").hidden = true;
  place("steps").hidden = step === undefined;
  place("stop").hidden = !journey || !["created", "collecting"].includes(journey.transaction.state) || !journey.transaction.here;
  [...place("steps").children].forEach((item, i) => {
    item.classList.toggle("done", i < step);
    if (i === step) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}

/** One card with a heading, words and buttons; the heading takes the focus. */
function ask(title, ...parts) {
  const heading = make("h2", { class: "big", tabindex: "-1", text: title });
  place("ask").replaceChildren(heading, ...parts);
  show("ask");
  heading.focus({ preventScroll: true });
}

const button = (name, words, act, main = false) => {
  const made = make("button", { type: "button", text: words, "data-name": name, class: main ? "main" : "" });
  made.addEventListener("click", act);
  return made;
};
const actions = (...made) => make("div", { class: "actions" }, ...made);
const say = (words, dim = false) => make("p", { class: dim ? "dim" : "", text: words });

/** Begin, or begin again where something broke: this device is known by then. */
async function arrive() {
  const mine = ++turn;
  try {
    if (!given.transaction) return ask(text("no_link"), say(text("no_link_text")));
    journey = await enter(given);
    given.link = "";
    dress(journey);
    if (!language) await speakLanguage(pageLanguage());
    if (mine === turn) go();
  } catch (error) {
    failed(error);
  }
  return undefined;
}

function failed(error) {
  const code = error.code || "internal.error";
  const known = code === "device.insecure" ? text("device_insecure") : problemText(text, code);
  ask(known, ...(code === "device.insecure" ? [say(text("device_insecure_help"))] : []),
    actions(button("again", text("again_page"), arrive, true)));
}

/** The applicant's own choice, else the browser's, else what the caller asked for. */
const pageLanguage = () => {
  const known = navigator.languages.some((tag) => LANGUAGES[tag.toLowerCase().split("-")[0]]);
  return known || !journey ? bestLanguage(navigator.languages) : journey.locale;
};

function dress({ brand, transaction }) {
  if (brand.accent) {
    const root = document.documentElement.style;
    root.setProperty("--accent", brand.accent);
    root.setProperty("--on-accent", isLight(brand.accent) ? "#10182a" : "#ffffff");
  }
  const logo = brand.logo && make("img", { alt: brand.name ? "" : "logo", height: "32", src: picture(brand.logo, "image/png") });
  if (brand.name || logo) {
    place("brand").replaceChildren(...(logo ? [logo] : []), make("span", { text: brand.name }));
  }
  countTime(transaction);
}

/** Relative luminance as WCAG 2 has it: above this, black is the better ink. */
function isLight(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;
}

function picture(base64, type) {
  return URL.createObjectURL(new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type }));
}

let clock = 0;
/** Near the end, say how long is left. */
function countTime({ expires_at: until }) {
  clearInterval(clock);
  const tell = () => {
    const minutes = Math.ceil((new Date(until) - Date.now()) / 60_000);
    place("left").hidden = minutes > LAST_MINUTES || minutes < 1 || place("stop").hidden;
    place("left").textContent = text("minutes_left", { n: minutes });
  };
  clock = setInterval(tell, 10_000);
}

function go() {
  const { transaction, agreed } = journey;
  const open = ["created", "collecting"].includes(transaction.state);
  if (transaction.here === false && open) return follow();
  if (open && !agreed) return consent();
  return run();
}

const service = () => new Service("", journey.upload_token, language, fresh);

async function fresh() {
  const renewed = await renew(journey.transaction.id);
  journey.upload_token = renewed.upload_token;
  return renewed.upload_token;
}

const path = () => `/v1/transactions/${journey.transaction.id}`;

function consent() {
  const { brand, transaction } = journey;
  const agreed = make("input", { type: "checkbox", id: "agree", required: true });
  const start = make("button", { type: "submit", class: "main", text: text("start") });
  const needs = [
    transaction.media.required.some((kind) => kind.startsWith("document")) && "need_document",
    "need_light", "need_camera",
  ].filter(Boolean);
  const form = make("form", {},
    ...(brand.name ? [say(text("asks", { name: brand.name }))] : []),
    say(text("minute"), true),
    make("ul", { class: "needs" }, ...needs.map((need) => make("li", { text: text(need) }))),
    make("h3", { text: text("consent_title") }),
    say(text("consent_text")), say(text("consent_other"), true),
    make("p", { class: "warning", text: text("consent_relay") }),
    make("label", { class: "agree" }, agreed, make("span", { text: text("consent_agree") })),
    ...spokenChoice(),
    actions(start, button("other-device", text("other_device"), handOver)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    try {
      journey.transaction = await service().insist("PUT", `${path()}/consent`,
        { json: { biometrics: true, text_version: CONSENT_VERSION, language: language.slice(0, 20) } });
      journey.agreed = true;
      run();
    } catch (error) {
      failed(error);
    }
  });
  ask(text("title"), form);
  show("ask", 0);
}

let spoken = "";
/** Digits are heard in two languages, whatever the page's own is. */
function spokenChoice() {
  spoken ||= language === "zh" ? "zh" : LANGUAGES[language] && language !== "en" ? journey.locale : "en";
  const { prompts } = journey.transaction.media;
  if (!prompts.includes("digits") || journey.transaction.kind !== "onboarding") return [];
  const select = make("select", { id: "spoken" }, ...["en", "zh"].map((one) =>
    make("option", { value: one, text: text(`spoken_${one}`), selected: one === spoken })));
  select.addEventListener("change", () => { spoken = select.value; });
  return [make("label", { class: "field" }, text("spoken"), select)];
}

async function run() {
  const mine = ++turn;
  spokenChoice();
  const offered = journey.transaction.kind === "onboarding" && journey.transaction.media?.prompts?.includes("digits");
  capture?.remove();
  capture = make("veridical-capture", { language, ...(offered ? { spoken } : {}) });
  capture.aloud = place("aloud").getAttribute("aria-pressed") === "true";
  capture.renew = fresh;
  capture.addEventListener("veridical-step", ({ detail }) => show("capture", STEPS[detail.step]));
  capture.addEventListener("veridical-camera-refused", offerOther);
  place("capture").replaceChildren(capture);
  show("capture", 1);
  try {
    const ended = await capture.begin({ ...journey.transaction, upload_token: journey.upload_token });
    if (ended && mine === turn) finish(ended);
  } catch (error) {
    if (mine !== turn) return;
    if (error.code === "device.handed_over") {
      journey.transaction.here = false;
      follow();
    } else {
      place("more").replaceChildren(actions(button("again", text("again_page"), arrive)));
      place("more").hidden = false;
    }
  }
}

function finish(ended) {
  journey.transaction = { ...journey.transaction, ...ended };
  show("capture", 3);
  const { brand, return_url: url } = journey;
  const back = url && make("a", { class: "button main", href: url, rel: "noreferrer",
    text: brand.name ? text("return_to", { name: brand.name }) : text("return_plain") });
  place("more").replaceChildren(make("p", { class: "centre" }, back || text("close_page")));
  place("more").hidden = false;
}

/** A camera that cannot be used here: another device has one. */
function offerOther() {
  place("more").replaceChildren(make("p", { class: "centre" }, button("other-device", text("other_device"), handOver)));
  place("more").hidden = false;
}

async function handOver() {
  const mine = ++turn;
  capture?.remove();
  capture = null;
  try {
    const link = await service().insist("POST", `${path()}/links`);
    const code = make("img", { class: "qr", alt: text("other_device_code"),
      src: URL.createObjectURL(new Blob([link.qr], { type: "image/svg+xml" })) });
    ask(text("other_device_title"), say(text("other_device_text")), code,
      make("p", { class: "small dim address", dir: "ltr", text: link.url }),
      actions(button("stay", text("other_device_back"), () => { turn++; go(); })));
    await watch(mine);
  } catch (error) {
    if (mine === turn) failed(error);
  }
}

/** The other device goes on; this page says how far it is, and ends with it. */
async function follow() {
  const mine = ++turn;
  capture?.remove();
  capture = null;
  const how = make("ul", { class: "checklist", role: "status" });
  ask(text("elsewhere_title"), say(text("elsewhere_text")), how,
    actions(button("here", text("elsewhere_here"), async () => {
      turn++;
      try {
        journey.transaction = await service().insist("POST", `${path()}/take-over`);
        go();
      } catch (error) {
        failed(error);
      }
    })));
  await watch(mine, (seen) => {
    const wanted = seen.media.received.filter((kind) => text.has(`got_${kind}`));
    const lines = [...wanted.map((kind) => make("li", { text: text(`got_${kind}`) })),
      ...(seen.state === "processing" ? [make("li", { class: "busy", text: text("elsewhere_checking") })] : [])];
    if (lines.length !== how.children.length) how.replaceChildren(...lines);
  });
}

/** Look how it stands until it changes hands or ends. */
async function watch(mine, tell = () => {}) {
  const asking = service();
  const here = journey.transaction.here;
  while (mine === turn) {
    try {
      const seen = await asking.send("GET", path());
      if (mine !== turn) return;
      tell(seen);
      journey.transaction = { ...journey.transaction, ...seen };
      const over = !["created", "collecting", "processing"].includes(seen.state);
      if (over || seen.here !== here) return over ? run() : arrive();
    } catch (error) {
      if (error.code !== "connection.failed") return failed(error);
    }
    await pause(FOLLOW_MS);
  }
}

place("language").addEventListener("change", async ({ target }) => {
  sessionStorage.setItem(LANGUAGE, target.value);
  await speakLanguage(target.value);
  if (journey) arrive();
  else ask(text("no_link"), say(text("no_link_text")));
});
place("aloud").addEventListener("click", ({ currentTarget }) => {
  const on = currentTarget.getAttribute("aria-pressed") !== "true";
  currentTarget.setAttribute("aria-pressed", String(on));
  if (capture) capture.aloud = on;
});
place("stop").addEventListener("click", () => {
  const mine = ++turn;
  capture?.remove();
  capture = null;
  ask(text("stop_sure"), actions(
    button("stop-yes", text("stop_yes"), async () => {
      try {
        journey.transaction = await service().insist("POST", `${path()}/cancel`);
        if (mine === turn) run();
      } catch (error) {
        failed(error);
      }
    }, true),
    button("stop-no", text("stop_no"), () => { turn++; go(); })));
});
window.addEventListener("hashchange", () => location.reload());

await speakLanguage(language || bestLanguage(navigator.languages));
arrive();
