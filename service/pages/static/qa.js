// QA mode: keep what was recorded, with the label that evaluation will count against.

import { make } from "./capture/stage.js";

const SETTINGS = ["still", "talking", "lamp_on", "lamp_off", "moves", ""];
const SPECIES = ["print", "phone", "tablet", "laptop", "mask", "video", "injection", "document", "other"];

/** A form that saves the media of one transaction. */
export function keepRecording(service, text, { found, media, started, consent }) {
  const choice = (name, value, label, checked) => make("label", {},
    make("input", { type: "radio", name, value, checked }), make("span", { text: text(label) }));
  const species = make("select", { id: "species" }, ...SPECIES.map((value) =>
    make("option", { value, text: text(`qa_${value}`) })));
  const attack = make("label", { class: "field", hidden: true }, text("qa_species"), species);
  const setting = make("select", { id: "setting" }, ...SETTINGS.map((value) =>
    make("option", { value, text: text(`qa_${value || "other"}`) })));
  const genuine = make("label", { class: "field" }, text("qa_setting"), setting);
  // A code of chance, the same until the tab is closed: nobody has to think of a name.
  const code = sessionStorage.getItem("qa-participant") ?? `p-${crypto.randomUUID().slice(0, 8)}`;
  const participant = make("input", { id: "participant", required: true, maxlength: "64", pattern: "[A-Za-z0-9_\\-]+", value: code });
  const news = make("p", { role: "status" });
  const save = make("button", { type: "submit", class: "main", text: text("qa_save") });
  const form = make("form", { class: "card", id: "qa" },
    make("h2", { text: text("qa_title") }), make("p", { class: "dim", text: text("qa_text") }),
    make("div", { class: "choices" }, choice("label", "genuine", "qa_genuine", true), choice("label", "attack", "qa_attack")),
    genuine, attack, make("label", { class: "field" }, text("qa_participant"), participant), save, news);
  form.addEventListener("change", () => {
    attack.hidden = form.elements.label.value !== "attack";
    genuine.hidden = !attack.hidden;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    const bonaFide = form.elements.label.value === "genuine";
    sessionStorage.setItem("qa-participant", participant.value);
    const body = new FormData();
    body.set("about", JSON.stringify({
      transaction: started.id,
      policy: started.policy.id,
      attack: bonaFide ? "" : species.value,
      setting: bonaFide ? setting.value : "",
      participant: participant.value,
      consent,
      attempt: found.attempt,
      challenge: media.clip?.challenge ?? null,
      shown_ms: media.clip?.shown ?? [],
      language: service.language,
    }));
    for (const [kind, { blob }] of Object.entries(media)) body.set(kind, blob, kind);
    try {
      const { id } = await service.send("POST", "/demo/qa", { body });
      news.textContent = text("qa_saved", { id });
      form.dataset.saved = id;
    } catch (error) {
      news.textContent = text("qa_failed", { code: error.code });
      save.disabled = false;
    }
  });
  return form;
}
