// <veridical-capture>: everything an applicant does, as one element. No build step, no dependencies.
//
//   <script type="module" src="https://verify.bank.example/demo/assets/capture/veridical-capture.js"></script>
//   <veridical-capture service="https://verify.bank.example" language="en" spoken="en"></veridical-capture>
//
//   capture.begin(started)    `started`: what POST /v1/transactions answered to your own server. What was
//                             handed in already is not asked for again.
//   capture.cancel()          ends the transaction.
//   capture.aloud = true      instructions are spoken.
//   capture.renew             optional: async () => a new upload token, once this one is not known any more.
//
// Events, all of them bubbling: `veridical-step` {step}, `veridical-media` {kind, blob, challenge, shown},
// `veridical-result` {transaction}, `veridical-problem` {code, message}, `veridical-camera-refused` {code}.
// A result never holds scores.

import { pause, Service, ServiceError } from "./api.js";
import { checkRate, closeCamera, DeviceError, SlowDevice } from "./camera.js";
import { captureDocument } from "./document-step.js";
import { countDown, guideFace, recordDigits, recordLive, takeSelfie } from "./face-step.js";
import { Stage } from "./stage.js";
import { bestLanguage, isRightToLeft, problemText, textsOf } from "./texts.js";
import { Voice } from "./voice.js";

const WAIT_S = 20;
/** While there is no connection, it is looked for so often. */
const LOOK_MS = 3_000;
/** Problems after which nothing goes on here: how the transaction stands says the rest. */
const ENDS = /^(transaction|auth|link|device|policy)\.|^challenge\.too_many$/;
/** Slow recordings in a row; then the service decides. */
const MOST_SLOW = 2;

export class VeridicalCapture extends HTMLElement {
  #abort = null;
  #context = null;
  #voice = new Voice();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("capture.css", import.meta.url);
    root.append(style);
    this.stage = new Stage(root);
    this.stage.screen("none", "");
    this.renew = undefined;
  }

  get language() {
    return this.getAttribute("language") || bestLanguage(navigator.languages);
  }

  /** Whether instructions are spoken. */
  get aloud() {
    return this.#voice.on;
  }

  set aloud(on) {
    this.#voice.on = on;
  }

  disconnectedCallback() {
    this.#abort?.abort(new DOMException("removed from the page", "AbortError"));
    this.#voice.stop();
  }

  /** Take an applicant through a transaction. Resolves with the applicant's view of its end. */
  async begin(started) {
    this.#abort?.abort(new DOMException("begun anew", "AbortError"));
    const abort = this.#abort = new AbortController();
    const { signal } = abort;
    const language = this.language;
    const text = await textsOf(language);
    this.stage.section.dir = isRightToLeft(language) ? "rtl" : "ltr";
    this.stage.section.lang = language.startsWith("qps") ? "en" : language;
    const context = this.#context = {
      stage: this.stage,
      text,
      service: new Service(this.getAttribute("service") || "", started.upload_token, language, this.renew),
      signal,
      speak: (...keys) => this.#voice.say(language, keys, text),
      noCamera: (error) => this.#tell("camera-refused", { code: error.code }),
      started,
      media: { received: [], again: [], prompts: [], ...started.media },
      camera: { user: "", environment: "" },
      passport: false,
      small: false,
      slow: 0,
      skipped: new Set(),
      accommodation: "",
      facts: {},
    };
    try {
      return await this.#run(context);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      if (this.#abort === abort) this.#voice.stop();
    }
  }

  /** End the transaction, if it was not submitted. */
  async cancel(started = this.#context?.started) {
    this.#abort?.abort(new DOMException("cancelled", "AbortError"));
    const service = this.#context?.service
      || new Service(this.getAttribute("service") || "", started.upload_token, this.language, this.renew);
    const ended = await service.send("POST", `/v1/transactions/${encodeURIComponent(started.id)}/cancel`);
    if (this.#context) this.#end(this.#context, ended);
    return ended;
  }

  /** Go on until there is an end, whatever breaks on the way. */
  async #run(context) {
    let seen = context.started;
    for (;;) {
      try {
        const ended = ["created", "collecting"].includes(seen.state ?? "created")
          ? await this.#collect(context) : await this.#awaited(context, seen);
        this.#end(context, ended);
        return ended;
      } catch (error) {
        if (context.signal.aborted || !(error instanceof ServiceError)) throw error;
        seen = await this.#recovered(context, error);
      }
    }
  }

  async #collect(context) {
    const { media, started } = context;
    const wanted = [...media.required, ...media.optional];
    for (const side of ["document_front", "document_back"].filter((kind) => wanted.includes(kind))) {
      const there = media.received.includes(side) && !media.again.includes(side);
      if (there || context.skipped.has(side)) continue;
      this.#tell("step", { step: side });
      const optional = !media.required.includes(side);
      const picture = await captureDocument(context, side, optional);
      if (picture) await this.#hand(context, side, picture);
      else context.skipped.add(side);
    }
    const nonce = await this.#face(context);
    const ended = await this.#submit(context, nonce);
    if (ended.outcome !== "retry" || ended.state !== "collecting") return ended;
    Object.assign(media, ended.media);
    if (media.again?.length) context.skipped.clear();
    const { stage, text, speak } = context;
    const advice = text.has(ended.message_code) ? text(ended.message_code) : ended.message;
    stage.screen("none", advice);
    speak(ended.message_code);
    await stage.choose({ name: "retry", text: text("retry"), main: true });
    return this.#collect(context, started);
  }

  /** Something broke: say so, wait until it can go on, and see how far it is. */
  async #recovered(context, error) {
    const { stage, text, service, started, signal } = context;
    const code = error.code || "internal.error";
    const gone = code === "connection.failed";
    const message = gone ? text("offline") : problemText(text, code);
    this.#tell("problem", { code, message });
    stage.screen("none", message, gone ? text("offline_help") : error.retryAfter ? text("wait_help", { n: error.retryAfter }) : "");
    context.speak(gone ? "offline" : `problem.${code}`);
    const path = `/v1/transactions/${encodeURIComponent(started.id)}`;
    if (ENDS.test(code)) {
      const seen = await service.send("GET", path).catch(() => null);
      const open = seen && ["created", "collecting"].includes(seen.state);
      if (!seen || open) {
        // Not over, and not to be gone on with here.
        stage.end("none", message, text("close_page"));
        throw Object.assign(new Error(message), { code });
      }
      return seen;
    }
    const chosen = stage.choose({ name: "retry", text: text("retry"), main: true });
    for (;;) {
      await (gone ? Promise.race([chosen, pause(LOOK_MS), online()]) : chosen);
      signal.throwIfAborted();
      try {
        const seen = await service.send("GET", path);
        Object.assign(context.media, seen.media);
        return seen;
      } catch (broken) {
        if (broken.code !== "connection.failed") return this.#recovered(context, broken);
        await pause(LOOK_MS);
      }
    }
  }

  /** The face, in the way the policy asks for; answers the nonce of what was read. */
  async #face(context) {
    const { started, text, stage, media } = context;
    // Of what is optional here, nothing is asked for: it only stands in for what is required.
    const wanted = media.required;
    const lit = media.prompts.includes("colours") || started.challenge?.colours;
    if (wanted.includes("clip") && lit && !context.warned) await this.#warn(context);
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
          this.#voice.stop(); // what is recorded is the applicant's voice alone
          await countDown(context);
          const spoken = this.getAttribute("spoken");
          const wish = { reveal: "stepwise", ...(spoken ? { language: spoken } : {}) };
          // From here on the server's clock runs: the recording begins at once.
          const { challenge } = await context.service.insist("POST", path, { json: wish });
          const live = challenge.reveal === "stepwise";
          const recorded = await (live ? recordLive : recordDigits)(context, stream, challenge);
          if (context.slow < MOST_SLOW) await checkRate(recorded.clip);
          return { live, challenge, ...recorded };
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
      context.speak("other_way_text");
      const answer = await stage.choose(
        { name: "cannot_speak", text: text("cannot_speak"), main: true },
        { name: "cannot_see", text: text("cannot_see"), main: true },
        ...(lit ? [{ name: "photosensitive", text: text("photosensitive"), main: true }] : []),
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
    speak("light_title", "light_text");
    const answer = await stage.choose(
      { name: "light_on", text: text("light_on"), main: true },
      { name: "photosensitive", text: text("photosensitive") },
    );
    if (answer === "photosensitive") context.accommodation = answer;
    context.warned = true;
  }

  /** Do a step; where camera or microphone fail, say why and offer to try again. */
  async #tried(context, step) {
    const { stage, text, signal, speak } = context;
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (signal.aborted || !(error instanceof DeviceError)) throw error;
        if (error instanceof SlowDevice) {
          context.slow++;
          context.small = true;
        } else {
          context.noCamera(error);
        }
        this.#tell("problem", { code: error.code, message: text(error.code) });
        stage.fail(text(error.code), text(`${error.code}_help`, error.values));
        speak(error.code);
        await stage.choose({ name: "retry", text: text("retry"), main: true });
      }
    }
  }

  async #hand({ service, stage, text, started, media }, kind, blob, more = {}) {
    this.#tell("media", { kind, blob, ...more });
    stage.buttons();
    stage.say(text("sending"), "busy");
    await service.upload(started.id, kind, blob);
    media.received = [...new Set([...media.received, kind])];
    media.again = (media.again || []).filter((one) => one !== kind);
  }

  async #submit(context, nonce) {
    const { service, stage, text, started, accommodation, facts } = context;
    this.#tell("step", { step: "checking" });
    stage.screen("none", text("checking"));
    stage.say("", "busy");
    const path = `/v1/transactions/${encodeURIComponent(started.id)}`;
    const json = { capture: { ...facts, user_agent: navigator.userAgent.slice(0, 200) } };
    if (nonce) json.nonce = nonce;
    if (accommodation) json.accommodation = accommodation;
    const seen = await service.insist("POST", `${path}/submit?wait_s=${WAIT_S}`, { json });
    return this.#awaited(context, seen);
  }

  async #awaited({ service, stage, text, signal }, seen) {
    if (seen.state === "processing") {
      stage.screen("none", text("checking"));
      stage.say("", "busy");
    }
    while (seen.state === "processing") {
      await pause(1000);
      signal.throwIfAborted();
      seen = await service.insist("GET", `/v1/transactions/${encodeURIComponent(seen.id)}`);
    }
    return seen;
  }

  /** The last screen, and the page is told. */
  #end({ stage, text, speak }, ended) {
    const kind = ended.state === "completed" ? ended.outcome : ended.state;
    const code = text.has(ended.message_code) ? ended.message_code : `ending.${kind}`;
    stage.end(kind, text(`outcome_${kind}`), text.has(code) ? text(code) : ended.message);
    speak(code);
    this.#tell("result", { transaction: ended });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`veridical-${name}`, { detail, bubbles: true, composed: true }));
  }
}

const online = () => new Promise((done) => window.addEventListener("online", done, { once: true }));

customElements.define("veridical-capture", VeridicalCapture);
