// What both pages share: the language, the key, and how a service is reached.

import { Service } from "./capture/api.js";
import { make } from "./capture/stage.js";
import { bestLanguage, speaker } from "./capture/texts.js";
import { PAGE_TEXTS } from "./page-texts.js";

const KEY = "veridical-key";
const LANGUAGE = "veridical-language";

/** The key after `#key=` in the address: kept for this tab, and taken out of the address at once. */
export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY) || "";
}

export function pageLanguage() {
  const chosen = sessionStorage.getItem(LANGUAGE);
  return PAGE_TEXTS[chosen] ? chosen : bestLanguage(navigator.languages, Object.keys(PAGE_TEXTS));
}

/** Names of checks and of their evidence, as the service has them, among the texts of the page. */
export async function loadLabels() {
  const labels = await fetch("/demo/labels.json").then((answer) => answer.json());
  for (const [language, names] of Object.entries(labels)) Object.assign(PAGE_TEXTS[language], names);
}

/** Texts of the page in its language, and what it lacks in English; labels that come later are among them. */
export const pageTexts = (language) =>
  speaker(language === "en" ? PAGE_TEXTS.en : Object.setPrototypeOf(PAGE_TEXTS[language], PAGE_TEXTS.en));

/** Put the texts into the page, and let the button switch the language. */
export function translate(language, changed) {
  const text = pageTexts(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  const button = document.getElementById("language");
  button.textContent = language === "zh" ? "English" : "中文";
  button.lang = language === "zh" ? "en" : "zh";
  button.onclick = () => {
    sessionStorage.setItem(LANGUAGE, language === "zh" ? "en" : "zh");
    changed();
  };
  return text;
}

export const serviceFor = (language) => new Service("", takeKey(), language);

/** Asks for the key, in a place of the page. `wrong`: whether one was refused already. */
export function askKey(place, text, wrong, given) {
  const input = make("input", { type: "password", id: "api-key", autocomplete: "off", required: true });
  const form = make("form", {},
    make("h1", { text: text("key") }),
    make("p", { class: "dim", text: text("key_text") }),
    make("label", { class: "field" }, text("key"), input),
    ...(wrong ? [make("p", { class: "bad", role: "alert", text: text("key_wrong") })] : []),
    make("button", { type: "submit", class: "main", text: text("key_use") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, input.value.trim());
    given();
  });
  place.replaceChildren(form);
  place.hidden = false;
  input.focus();
}
