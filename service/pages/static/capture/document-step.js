// Photograph one side of a document: by itself once it is well placed, by the button, or from a file.

import { closeCamera, listCameras, openCamera, snapshot } from "./camera.js";
import { DocumentWatch, ID1_ASPECT, ID3_ASPECT, frameIn } from "./document.js";
import { cutOut, draw, make, sketch } from "./stage.js";

const LOOK_MS = 120;
/** So many good looks in a row take the picture: hands tremble for about a second. */
const LOOKS_WANTED = 7;
/** Light that is reflected whatever the hand does must not keep anybody out. */
const GLARE_PATIENCE_MS = 6_000;
const TICK_MS = 700;

/**
 * @param {"document_front" | "document_back"} side
 * @param {boolean} optional Whether the applicant may say that there is nothing on it.
 * @returns {Promise<Blob | null>} The picture; null when there is nothing on this side.
 */
export async function captureDocument(context, side, optional) {
  const { stage, text, speak } = context;
  if (side === "document_back" && context.passport) return null; // its data are on one page
  for (;;) {
    const hint = context.passport ? "passport_hint" : "document_hint";
    stage.screen("document", text(side), text(hint));
    stage.sketch(sketch(context.passport ? "passport" : side));
    speak(side, hint);
    const picture = await photograph(context, side, optional);
    if (picture === "again") continue;
    if (picture === null) return null;
    stage.show(picture);
    const answer = await stage.choose(
      { name: "use", text: text("use"), main: true },
      { name: "again", text: text("again") },
    );
    if (answer === "use") return picture;
  }
}

/** A picture, null for nothing on this side, or "again" after another camera or kind was chosen. */
async function photograph(context, side, optional) {
  const { stage, text, signal } = context;
  const picker = make("input", { type: "file", accept: "image/jpeg,image/png,image/webp", hidden: true });
  let stream = null;
  let done;
  const chosen = new Promise((resolve) => { done = resolve; });
  picker.addEventListener("change", () => {
    const file = picker.files[0];
    if (file && !file.type.startsWith("image/")) stage.say(text("not_a_picture"), "warn");
    else if (file) done(file);
  });
  const other = () => {
    context.passport = !context.passport;
    done("again");
  };
  // The same buttons in the same places from the first moment: none moves under a finger.
  const buttons = (first) => {
    const made = stage.buttons(
      { main: true, ...first },
      { name: "choose", text: text("choose"), act: () => picker.click() },
      ...(side === "document_front"
        ? [{ name: "kind", text: text(context.passport ? "a_card" : "a_passport"), act: other }] : []),
      ...(optional ? [{ name: "skip", text: text("skip_back"), act: () => done(null) }] : []),
    );
    stage.actions.append(picker);
    return made[0];
  };
  const take = buttons({ name: "take", text: text("take"), disabled: true, act: async () => done(await snapshot(stage.video)) });
  try {
    stage.say(text("opening"), "busy");
    stream = await openCamera("environment", false, { camera: context.camera.environment });
    if (signal.aborted) throw signal.reason;
    await stage.play(stream);
    stage.cameras(await listCameras(), stream, text, (camera) => {
      context.camera.environment = camera;
      done("again");
    });
    take.disabled = false;
    watch(context, chosen, done);
  } catch (error) {
    if (signal.aborted) throw error;
    // Without a camera a file still does.
    context.noCamera(error);
    stage.fail(text(error.code || "device_failed"), text(`${error.code || "device_failed"}_help`));
    buttons({ name: "retry", text: text("retry"), act: () => done("again") });
  }
  const stop = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([chosen, stop]);
  } finally {
    closeCamera(stream);
  }
}

/** Look until the picture is taken, and take it when the document has been well placed for a while. */
async function watch({ stage, text, signal, passport, speak }, chosen, done) {
  const { videoWidth: width, videoHeight: height } = stage.video;
  const aspect = passport ? ID3_ASPECT : ID1_ASPECT;
  const { x, y, width: w, height: h } = frameIn(width, height, aspect);
  const corner = h * 0.06;
  const lines = [[x, y, x + w, y], [x + w, y, x + w, y + h], [x, y + h, x + w, y + h], [x, y, x, y + h]]
    .map(([x1, y1, x2, y2]) => draw("line", { x1, y1, x2, y2, class: "side" }));
  const hole = `M${x + corner} ${y}h${w - 2 * corner}q${corner} 0 ${corner} ${corner}v${h - 2 * corner}`
    + `q0 ${corner} ${-corner} ${corner}h${2 * corner - w}q${-corner} 0 ${-corner} ${-corner}`
    + `v${2 * corner - h}q0 ${-corner} ${corner} ${-corner}Z`;
  stage.overlay.replaceChildren(...cutOut(width, height, hole, ...lines));
  const watcher = new DocumentWatch(stage.video, aspect);
  let open = true, good = 0, glareSince = 0;
  chosen.then(() => { open = false; });
  while (open && !signal.aborted) {
    const found = watcher.look();
    found.sides.forEach((seen, i) => lines[i].classList.toggle("seen", seen));
    if (found.hint !== "avoid_glare") glareSince = 0;
    else glareSince ||= performance.now();
    const borne = glareSince && performance.now() - glareSince > GLARE_PATIENCE_MS;
    good = found.hint === "hold_still" || borne ? good + 1 : 0;
    stage.say(text(found.hint), good ? "good" : "warn");
    if (!good) speak(found.hint);
    if (good >= LOOKS_WANTED) {
      const picture = await snapshot(stage.video);
      stage.tick(text("taken"));
      await new Promise((next) => setTimeout(next, TICK_MS));
      return done(picture);
    }
    await new Promise((next) => setTimeout(next, LOOK_MS));
  }
}
