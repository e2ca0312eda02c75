// The applicant's face: guided into the oval by the server's own detector, then one picture of it, or
// a recording in which digits are read aloud as they appear.

import {
  closeCamera, DeviceError, factsOf, holdLight, listCameras, Loudness, openCamera, record, snapshot,
} from "./camera.js";
import { pause } from "./api.js";
import { cutOut, draw } from "./stage.js";

/** Longer side of the pictures sent for guidance, and their quality. */
const GUIDE_PX = 480;
const GUIDE_QUALITY = 0.8;
const GUIDE_MS = 300;
const LOOKS_WANTED = 2;
/** Guidance helps; it must lock nobody out. After this long the button works without it. */
const PATIENCE_MS = 12_000;
/** Of the picture's height: half the oval's, and how far off its middle a face may be. */
const OVAL = 0.37;
const OFF_OVAL = 0.14;
/** Of the picture's width, half the oval's height where the picture is upright. */
const OVAL_ACROSS = 0.42;
/** Width of the oval over its height: as faces are. */
const OVAL_SHAPE = 0.76;
/** Of the picture's sides, the most that a face may take: liveness is judged on what lies around it. */
const LARGEST_FACE = 0.55;
const AFTER_LAST_MS = 2200;
const LAST_SHOWN_MS = 1000;
const QUIET = 0.12;
/** How long an arrow stands. */
const ARROW_MS = 1200;
/** What a recording goes on after everything was shown. */
const TAIL_MS = 700;
const COUNT_MS = 700;
/** What is said and not done is said again after this long. */
const SAY_AGAIN_MS = 8_000;
const METER_MS = 80;

/**
 * Guide the face into the oval, until the applicant presses the button.
 * @returns {Promise<{stream: MediaStream, choice: string}>} The open camera.
 */
export async function guideFace(context, sound) {
  const { stage, text, service, signal, speak } = context;
  const { prompts } = context.media;
  const kind = !sound ? "face" : prompts.includes("digits") ? "clip" : prompts.includes("turns") ? "moves" : "lit";
  stage.screen("face", text(kind), text(`${kind}_hint`));
  speak(`${kind}_hint`);
  stage.say(text("opening"), "busy");
  const stream = await openCamera("user", sound, { camera: context.camera.user, small: context.small });
  let loudness = null;
  try {
    signal.throwIfAborted();
    await stage.play(stream);
    const oval = ovalOn(stage);
    loudness = sound ? new Loudness(stream) : null;
    let choice = "";
    stage.cameras(await listCameras(), stream, text, (camera) => {
      context.camera.user = camera;
      choice = "camera";
    });
    const [start] = stage.buttons(
      { name: "start", text: text({ clip: "record", face: "take" }[kind] || "start_moves"), main: true, disabled: true, act: () => { choice = "start"; } },
      ...(sound ? [{ name: "other", text: text("other_way"), act: () => { choice = "other"; } }] : []),
    );
    stage.say(text("looking"), "busy");
    await guided({ stage, text, service, signal, speak, oval, loudness, start, chosen: () => choice });
    if (choice === "camera") {
      closeCamera(stream);
      loudness?.close();
      loudness = null;
      return await guideFace(context, sound);
    }
    stage.choice.hidden = true;
    return { stream, choice };
  } catch (error) {
    closeCamera(stream);
    throw error;
  } finally {
    loudness?.close();
  }
}

async function guided({ stage, text, service, signal, speak, oval, loudness, start, chosen }) {
  const began = performance.now();
  let good = 0, spoken = "", spokenAt = 0, heard = 0;
  let meter = 0;
  if (loudness) {
    meter = setInterval(() => {
      const level = loudness.now();
      heard = Math.max(heard * 0.995, level);
      stage.loud(level);
    }, METER_MS);
  }
  try {
    while (!chosen()) {
      signal.throwIfAborted();
      const sent = performance.now();
      const found = await look(stage.video, service);
      if (found) {
        const amiss = found.reason || !found.box ? "" : misplaced(found.box, stage.video);
        const fine = !found.reason && found.box && !amiss;
        good = fine ? good + 1 : 0;
        // In the page's own words where it has them: the service knows two languages.
        const told = text.has(found.message_code) ? found.message_code : "looking";
        let news = amiss || told;
        if (fine) news = loudness && heard < QUIET && sent - began > 3000 ? "too_quiet" : "face_ready";
        stage.say(text(news), fine ? "good" : "warn");
        if (news !== spoken || sent - spokenAt > SAY_AGAIN_MS) {
          spokenAt = sent;
          speak(spoken = news);
        }
        oval.setAttribute("class", fine ? "ring good" : "ring");
      }
      // Once it was good it stays open: a blink must not snatch the button away.
      if (good >= LOOKS_WANTED || sent - began > PATIENCE_MS) start.disabled = false;
      await Promise.race([pause(Math.max(50, GUIDE_MS - (performance.now() - sent))), until(chosen)]);
    }
  } finally {
    clearInterval(meter);
  }
}

async function until(condition) {
  while (!condition()) await pause(30);
}

async function look(video, service) {
  try {
    const body = await snapshot(video, GUIDE_PX, GUIDE_QUALITY);
    return await service.send("POST", "/v1/guidance/face", { body, headers: { "Content-Type": "image/jpeg" } });
  } catch {
    return null; // busy, or a frame lost: the next one comes soon
  }
}

/** What is wrong with where a face is; "" when nothing is. */
function misplaced([left, top, right, bottom], video) {
  if (Math.max(right - left, bottom - top) > LARGEST_FACE) return "move_away";
  const aspect = video.videoWidth / video.videoHeight;
  const dx = ((left + right) / 2 - 0.5) * aspect, dy = (top + bottom) / 2 - 0.5;
  return Math.hypot(dx, dy) > OFF_OVAL ? "into_oval" : "";
}

function ovalOn(stage) {
  const { videoWidth: width, videoHeight: height } = stage.video;
  const [cx, cy, ry] = [width / 2, height / 2, Math.min(height * OVAL, width * OVAL_ACROSS)];
  const rx = ry * OVAL_SHAPE;
  const around = `M${cx} ${cy - ry}a${rx} ${ry} 0 1 1 0 ${2 * ry}a${rx} ${ry} 0 1 1 0 ${-2 * ry}Z`;
  const ring = draw("path", { class: "ring", d: around });
  const progress = draw("path", { class: "progress", d: around, pathLength: "1" });
  stage.overlay.replaceChildren(...cutOut(width, height, around, ring, progress));
  return ring;
}

/** One picture of the face, and what is known about its capture. */
export async function takeSelfie({ stage }, stream) {
  const facts = factsOf(stream, stage.video);
  const picture = await snapshot(stage.video);
  closeCamera(stream);
  stage.show(picture);
  return { picture, facts };
}

/** Three, two, one: what is asked for is drawn only then. */
export async function countDown({ stage, text, signal }) {
  stage.buttons();
  stage.say(text("get_ready"), "busy");
  for (const number of [3, 2, 1]) {
    signal.throwIfAborted();
    stage.count(number);
    await pause(COUNT_MS);
  }
  stage.count(0);
}

/** Shows how loud it is while it is recorded; answers what ends that. */
function metered(stage, stream) {
  const loudness = new Loudness(stream);
  const timer = setInterval(() => stage.loud(loudness.now()), METER_MS);
  return () => {
    clearInterval(timer);
    loudness.close();
  };
}

/**
 * Record while digits appear one by one, each when the server said.
 * @returns {Promise<{clip: Blob, shown: number[], facts: object}>} The recording, when each digit was
 *   painted, and what is known about the capture.
 */
export async function recordDigits({ stage, text, signal }, stream, challenge) {
  const { digits, schedule_ms: schedule } = challenge;
  stage.buttons();
  stage.say(text("get_ready"), "busy");
  stage.view.classList.add("recording");
  const progress = stage.overlay.querySelector(".progress");
  const shown = [];
  const end = schedule.at(-1) + AFTER_LAST_MS;
  const show = (started) => new Promise((done, failed) => {
    const tick = () => {
      if (signal.aborted) return failed(signal.reason);
      const now = performance.now() - started;
      while (shown.length < digits.length && now >= schedule[shown.length]) {
        stage.digit.textContent = digits[shown.length];
        stage.digit.hidden = false;
        shown.push(Math.round(now));
        stage.say(text("read_now"), "good");
      }
      if (now >= schedule.at(-1) + LAST_SHOWN_MS && !stage.digit.hidden) {
        stage.digit.hidden = true;
        stage.say(text("done_reading"), "good");
      }
      progress?.style.setProperty("--done", Math.min(1, now / end).toFixed(3));
      if (now >= end) done();
      else requestAnimationFrame(tick);
    };
    stage.say(text("read_now"), "good");
    requestAnimationFrame(tick);
  });
  const facts = { ...factsOf(stream, stage.video), returned_nonce: challenge.nonce };
  const quiet = metered(stage, stream);
  try {
    const { clip, type } = await record(stream, show);
    return { clip, shown, facts: { ...facts, recorder_type: type } };
  } finally {
    quiet();
    closeCamera(stream);
    stage.view.classList.remove("recording");
  }
}

/**
 * Record while digits, colours and turns are shown, each when the server said; the recording is sent
 * in slices meanwhile, and each slice that arrives tells what comes next.
 * @param {object} challenge Told stepwise.
 * @returns {Promise<{clip: Blob, shown: number[], facts: object, challenge: object}>} As
 *   `recordDigits`, and the challenge as far as it was told: all of it.
 */
export async function recordLive({ stage, text, signal, service, started }, stream, challenge) {
  let told = challenge, sent = Promise.resolve(), number = 0, failure = null;
  const path = `/v1/transactions/${encodeURIComponent(started.id)}/slices/`;
  const send = (part, last) => {
    const mine = number++;
    sent = sent.then(async () => {
      if (!failure) told = { ...told, ...(await service.uploadSlice(path + mine, part, last)) };
    }).catch((error) => { failure = error; });
  };
  stage.buttons();
  stage.view.classList.add("recording");
  const progress = stage.overlay.querySelector(".progress");
  const shown = [];
  let turn = -1, latest = 0;
  const facts = { ...factsOf(stream, stage.video), ...(await holdLight(stream)), returned_nonce: challenge.nonce };
  const paint = (now) => {
    const { colours, turns, digits, schedule_ms: schedule } = told;
    if (colours) {
      const at = colours.starts_ms.findLastIndex((start) => now >= start);
      const colour = now < colours.end_ms && at >= 0 ? colours.shown[at] : "";
      if (stage.section.dataset.colour !== colour) {
        stage.section.dataset.colour = colour;
        if (colour) latest = Math.max(latest, now - colours.starts_ms[at]);
        stage.light(colour || NEUTRAL);
      }
    }
    if (turns) {
      const at = turns.starts_ms.findLastIndex((start) => now >= start);
      if (at >= 0 && now < turns.starts_ms[at] + ARROW_MS) {
        if (at !== turn) {
          turn = at;
          stage.point(turns.directions[at]);
          stage.say(text(`turn_${turns.directions[at]}`), "good");
        }
      } else if (!stage.arrow.hidden) {
        stage.point("");
        stage.say(text("turn_back"), "good");
      }
    }
    while (shown.length < digits.length && now >= schedule[shown.length]) {
      stage.digit.textContent = digits[shown.length];
      stage.digit.hidden = false;
      shown.push(Math.round(now));
      stage.say(text("read_now"), "good");
    }
  };
  const show = (began) => new Promise((done, failed) => {
    const tick = () => {
      if (signal.aborted) return failed(signal.reason);
      const now = performance.now() - began;
      paint(now);
      progress?.style.setProperty("--done", Math.min(1, now / (told.end_ms + TAIL_MS)).toFixed(3));
      if (failure || now >= told.end_ms + TAIL_MS) done();
      else requestAnimationFrame(tick);
    };
    stage.say(text(told.turns ? "turn_now" : "read_now"), "good");
    requestAnimationFrame(tick);
  });
  const quiet = metered(stage, stream);
  try {
    const { clip, type } = await record(stream, show, challenge.slice_ms, send);
    stage.light("");
    stage.say(text("done_reading"), "good");
    await sent;
    if (failure) throw failure.status === 0 ? new DeviceError("connection_slow") : failure;
    const painted = { painted_late_ms: String(Math.round(latest)), slices: String(number) };
    return { clip, shown, challenge: told, facts: { ...facts, ...painted, recorder_type: type } };
  } finally {
    quiet();
    closeCamera(stream);
    stage.light("");
    stage.point("");
    delete stage.section.dataset.colour;
    stage.view.classList.remove("recording");
  }
}

/** Before the first colour and after the last. */
const NEUTRAL = "#9a9a9a";
