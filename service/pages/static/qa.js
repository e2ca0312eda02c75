// QA mode: keep what was recorded, with the label that evaluation will count against.

import { make } from "./capture/stage.js";

const SPECIES = ["print", "screen", "mask", "video", "injection", "document", "other"];

/** A form that saves the media of one transaction. */
export function keepRecording(service, text, { found, media, started, consent }) {
  const choice = (name, value, label, checked) => make("label", {},
    make("input", { type: "radio", name, value, checked }), make("span", { text: text(label) }));
  const species = make("select", { id: "species" }, ...SPECIES.map((value) =>
    make("option", { value, text: text(`qa_${value}`) })));
  const attack = make("label", { class: "field", hidden: true }, text("qa_species"), species);
  const participant = make("input", { id: "participant", required: true, maxlength: "64", pattern: "[A-Za-z0-9_\\-]+" });
  const news = make("p", { role: "status" });
  const save = make("button", { type: "submit", class: "main", text: text("qa_save") });
  const form = make("form", { class: "card", id: "qa" },
    make("h2", { text: text("qa_title") }), make("p", { class: "dim", text: text("qa_text") }),
    make("div", { class: "choices" }, choice("label", "genuine", "qa_genuine", true), choice("label", "attack", "qa_attack")),
    attack, make("label", { class: "field" }, text("qa_participant"), participant), save, news);
  form.addEventListener("change", () => { attack.hidden = form.elements.label.value !== "attack"; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    const genuine = form.elements.label.value === "genuine";
    const body = new FormData();
    body.set("about", JSON.stringify({
      transaction: started.id,
      policy: started.policy.id,
      attack: genuine ? "" : species.value,
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
