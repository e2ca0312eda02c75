// Photograph one side of a document: by itself once it is well placed, by the button, or from a file.

import { closeCamera, openCamera, snapshot } from "./camera.js";
import { DocumentWatch, frameIn } from "./document.js";
import { cutOut, draw, make } from "./stage.js";

const LOOK_MS = 120;
/** So many good looks in a row take the picture: hands tremble for about a second. */
const LOOKS_WANTED = 7;

/**
 * @param {"document_front" | "document_back"} side
 * @param {boolean} optional Whether the applicant may say that there is nothing on it.
 * @returns {Promise<Blob | null>} The picture; null when there is nothing on this side.
 */
export async function captureDocument({ stage, text, signal, speak }, side, optional) {
  for (;;) {
    stage.screen("document", text(side), text("document_hint"));
    speak(text(side));
    const picture = await photograph(stage, text, signal, optional);
    if (picture === null) return null;
    stage.show(picture);
    const answer = await stage.choose(
      { name: "use", text: text("use"), main: true },
      { name: "again", text: text("again") },
    );
    if (answer === "use") return picture;
  }
}

async function photograph(stage, text, signal, optional) {
  const picker = make("input", { type: "file", accept: "image/jpeg,image/png,image/webp", hidden: true });
  let stream = null;
  let done;
  const chosen = new Promise((resolve) => { done = resolve; });
  picker.addEventListener("change", () => {
    const file = picker.files[0];
    if (file && !file.type.startsWith("image/")) stage.say(text("not_a_picture"), "warn");
    else if (file) done(file);
  });
  const buttons = (...first) => stage.buttons(
    ...first,
    { name: "choose", text: text("choose"), act: () => picker.click() },
    ...(optional ? [{ name: "skip", text: text("skip_back"), act: () => done(null) }] : []),
  );
  buttons();
  stage.actions.append(picker);
  try {
    stage.say(text("opening"), "busy");
    stream = await openCamera("environment", false);
    if (signal.aborted) throw signal.reason;
    await stage.play(stream);
    buttons({ name: "take", text: text("take"), main: true, act: async () => done(await snapshot(stage.video)) });
    stage.actions.append(picker);
    watch(stage, text, chosen, signal, done);
  } catch (error) {
    if (signal.aborted) throw error;
    // Without a camera a file still does.
    stage.fail(text(error.code || "device_failed"), text(`${error.code || "device_failed"}_help`));
    buttons({ name: "retry", text: text("retry"), main: true, act: () => done("retry") });
    stage.actions.append(picker);
  }
  const stop = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    const picture = await Promise.race([chosen, stop]);
    if (picture !== "retry") return picture;
  } finally {
    closeCamera(stream);
  }
  stage.screen("document", stage.title.textContent, stage.lead.textContent);
  return photograph(stage, text, signal, optional);
}

/** Look until the picture is taken, and take it when the document has been well placed for a while. */
async function watch(stage, text, chosen, signal, done) {
  const { videoWidth: width, videoHeight: height } = stage.video;
  const { x, y, width: w, height: h } = frameIn(width, height);
  const corner = h * 0.06;
  const lines = [[x, y, x + w, y], [x + w, y, x + w, y + h], [x, y + h, x + w, y + h], [x, y, x, y + h]]
    .map(([x1, y1, x2, y2]) => draw("line", { x1, y1, x2, y2, class: "side" }));
  const hole = `M${x + corner} ${y}h${w - 2 * corner}q${corner} 0 ${corner} ${corner}v${h - 2 * corner}`
    + `q0 ${corner} ${-corner} ${corner}h${2 * corner - w}q${-corner} 0 ${-corner} ${-corner}`
    + `v${2 * corner - h}q0 ${-corner} ${corner} ${-corner}Z`;
  stage.overlay.replaceChildren(...cutOut(width, height, hole, ...lines));
  const watcher = new DocumentWatch(stage.video);
  let open = true;
  let good = 0;
  chosen.then(() => { open = false; });
  while (open && !signal.aborted) {
    const found = watcher.look();
    found.sides.forEach((seen, i) => lines[i].classList.toggle("seen", seen));
    good = found.hint === "hold_still" ? good + 1 : 0;
    stage.say(text(found.hint), good ? "good" : "warn");
    if (good >= LOOKS_WANTED) return done(await snapshot(stage.video));
    await new Promise((next) => setTimeout(next, LOOK_MS));
  }
}
