// <veridical-capture>: everything an applicant does, as one element. No build step, no dependencies.
//
//   <script type="module" src="https://verify.bank.example/demo/assets/capture/veridical-capture.js"></script>
//   <veridical-capture service="https://verify.bank.example" language="en"></veridical-capture>
//
//   capture.begin(started)    `started`: what POST /v1/transactions answered to your own server.
//   capture.cancel()          ends the transaction.
//
// Events, all of them bubbling: `veridical-step` {step}, `veridical-media` {kind, blob, challenge, shown},
// `veridical-result` {transaction}, `veridical-problem` {code, message}. A result never holds scores.

import { pause, Service } from "./api.js";
import { closeCamera, DeviceError } from "./camera.js";
import { captureDocument } from "./document-step.js";
import { guideFace, recordDigits, recordLive, takeSelfie } from "./face-step.js";
import { Stage } from "./stage.js";
import { bestLanguage, hasText, speaker } from "./texts.js";

const WAIT_S = 20;
/** From the button to the first colour. */
const READY_MS = 900;

export class VeridicalCapture extends HTMLElement {
  #abort = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("capture.css", import.meta.url);
    root.append(style);
    this.stage = new Stage(root);
    this.stage.screen("none", "");
    /** Whether instructions are read out where the browser can. */
    this.aloud = false;
  }

  get language() {
    return this.getAttribute("language") || bestLanguage(navigator.languages);
  }

  disconnectedCallback() {
    this.#abort?.abort(new DOMException("removed from the page", "AbortError"));
  }

  /** Take an applicant through a transaction. Resolves with the applicant's view of its end. */
  async begin(started) {
    this.#abort?.abort(new DOMException("begun anew", "AbortError"));
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const context = {
      stage: this.stage,
      text: speaker(this.language),
      service: new Service(this.getAttribute("service") || "", started.upload_token, this.language),
      signal,
      speak: (words) => this.#speak(words),
      started,
      accommodation: "",
      facts: {},
    };
    try {
      return await this.#run(context);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      window.speechSynthesis?.cancel();
    }
  }

  /** End the transaction, if it was not submitted. */
  async cancel(started) {
    this.#abort?.abort(new DOMException("cancelled", "AbortError"));
    const service = new Service(this.getAttribute("service") || "", started.upload_token, this.language);
    await service.send("POST", `/v1/transactions/${encodeURIComponent(started.id)}/cancel`);
  }

  async #run(context) {
    const { started } = context;
    const wanted = [...started.media.required, ...started.media.optional];
    for (const side of ["document_front", "document_back"].filter((kind) => wanted.includes(kind))) {
      this.#tell("step", { step: side });
      const optional = !started.media.required.includes(side);
      const picture = await this.#tried(context, () => captureDocument(context, side, optional));
      if (picture) await this.#hand(context, side, picture);
    }
    for (;;) {
      const nonce = await this.#face(context);
      const ended = await this.#submit(context, nonce);
      if (ended.outcome !== "retry" || ended.state !== "collecting") {
        this.#tell("result", { transaction: ended });
        return ended;
      }
      this.stage.screen("none", ended.message);
      context.speak(ended.message);
      await this.stage.choose({ name: "retry", text: context.text("retry"), main: true });
    }
  }

  /** The face, in the way the policy asks for; answers the nonce of what was read. */
  async #face(context) {
    const { started, text, stage } = context;
    // Of what is optional here, nothing is asked for: it only stands in for what is required.
    const wanted = started.media.required;
    if (wanted.includes("clip") && started.challenge?.colours) await this.#warn(context);
    while (wanted.includes("clip") && !context.accommodation) {
      this.#tell("step", { step: "clip" });
      const made = await this.#tried(context, async () => {
        const { stream, choice } = await guideFace(context, true);
        if (choice === "other") {
          closeCamera(stream);
          return null;
        }
        try {
          const path = `/v1/transactions/${encodeURIComponent(started.id)}/challenge`;
          stage.buttons();
          stage.say(text("get_ready"), "busy");
          await pause(READY_MS);
          // From here on the server's clock runs: the recording begins at once.
          const { challenge } = await context.service.insist("POST", path, { json: { reveal: "stepwise" } });
          const live = challenge.reveal === "stepwise";
          return { live, challenge, ...(await (live ? recordLive : recordDigits)(context, stream, challenge)) };
        } finally {
          closeCamera(stream);
        }
      });
      if (made) {
        context.facts = made.facts;
        const more = { challenge: made.challenge, shown: made.shown };
        if (made.live) this.#tell("media", { kind: "clip", blob: made.clip, ...more });
        else await this.#hand(context, "clip", made.clip, more);
        return made.challenge.nonce;
      }
      stage.screen("none", text("other_way_title"), text("other_way_text"));
      const answer = await stage.choose(
        { name: "cannot_speak", text: text("cannot_speak"), main: true },
        { name: "cannot_see", text: text("cannot_see"), main: true },
        ...(started.challenge?.colours ? [{ name: "photosensitive", text: text("photosensitive"), main: true }] : []),
        { name: "back", text: text("back") },
      );
      if (answer !== "back") context.accommodation = answer;
    }
    if (wanted.includes("selfie") || context.accommodation) {
      this.#tell("step", { step: "selfie" });
      const { picture, facts } = await this.#tried(context, async () => {
        const { stream } = await guideFace(context, false);
        return takeSelfie(context, stream);
      });
      context.facts = facts;
      await this.#hand(context, "selfie", picture);
    }
    return "";
  }

  /** Say that the screen will change colour, before it does; whoever must not see that goes another way. */
  async #warn(context) {
    const { stage, text, speak } = context;
    stage.screen("none", text("light_title"), text("light_text"));
    speak(text("light_text"));
    const answer = await stage.choose(
      { name: "light_on", text: text("light_on"), main: true },
      { name: "photosensitive", text: text("photosensitive") },
    );
    if (answer === "photosensitive") context.accommodation = answer;
  }

  /** Do a step; where camera or microphone fail, say why and offer to try again. */
  async #tried({ stage, text, signal, speak }, step) {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (signal.aborted || !(error instanceof DeviceError)) throw this.#problem(error, stage, text);
        this.#tell("problem", { code: error.code, message: text(error.code) });
        stage.fail(text(error.code), text(`${error.code}_help`));
        speak(text(error.code));
        await stage.choose({ name: "retry", text: text("retry"), main: true });
      }
    }
  }

  async #hand({ service, stage, text, started }, kind, blob, more = {}) {
    this.#tell("media", { kind, blob, ...more });
    stage.buttons();
    stage.say(text("sending"), "busy");
    try {
      await service.upload(started.id, kind, blob);
    } catch (error) {
      throw this.#problem(error, stage, text);
    }
  }

  async #submit({ service, stage, text, started, accommodation, facts, signal }, nonce) {
    this.#tell("step", { step: "checking" });
    stage.screen("none", text("checking"));
    stage.say("", "busy");
    const path = `/v1/transactions/${encodeURIComponent(started.id)}`;
    const json = { capture: { ...facts, user_agent: navigator.userAgent.slice(0, 200) } };
    if (nonce) json.nonce = nonce;
    if (accommodation) json.accommodation = accommodation;
    try {
      let seen = await service.insist("POST", `${path}/submit?wait_s=${WAIT_S}`, { json });
      while (seen.state === "processing") {
        await pause(1000);
        signal.throwIfAborted();
        seen = await service.insist("GET", path);
      }
      return seen;
    } catch (error) {
      throw this.#problem(error, stage, text);
    }
  }

  /** Show what the service refused, tell the page, and hand the error on. */
  #problem(error, stage, text) {
    if (this.#abort.signal.aborted) return error;
    const code = error.code || "internal.error";
    const known = code === "transaction.expired" ? "expired" : code;
    const message = hasText(this.language, known) ? text(known) : text("service_problem", { code });
    stage.screen("none", message, known === code && !hasText(this.language, code) ? error.message : "");
    this.#tell("problem", { code, message });
    return error;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`veridical-${name}`, { detail, bubbles: true, composed: true }));
  }

  #speak(words) {
    if (!this.aloud || !window.speechSynthesis) return;
    speechSynthesis.cancel();
    const said = new SpeechSynthesisUtterance(words);
    said.lang = this.language === "zh" ? "zh-CN" : "en";
    speechSynthesis.speak(said);
  }
}

customElements.define("veridical-capture", VeridicalCapture);
