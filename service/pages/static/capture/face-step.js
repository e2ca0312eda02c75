// The applicant's face: guided into the ring by the server's own detector, then one picture of it, or
// a recording in which digits are read aloud as they appear.

import { closeCamera, DeviceError, factsOf, holdLight, Loudness, openCamera, record, snapshot } from "./camera.js";
import { pause } from "./api.js";
import { cutOut, draw } from "./stage.js";

/** Longer side of the pictures sent for guidance, and their quality. */
const GUIDE_PX = 480;
const GUIDE_QUALITY = 0.8;
const GUIDE_MS = 300;
const LOOKS_WANTED = 2;
/** Guidance helps; it must lock nobody out. After this long the button works without it. */
const PATIENCE_MS = 12_000;
/** Of the picture's height: the ring's radius, and how far off its middle a face may be. */
const RING = 0.34;
const OFF_RING = 0.14;
/** Of the picture's width, the ring's radius where the picture is upright. */
const RING_ACROSS = 0.38;
/** Of the picture's sides, the most that a face may take: liveness is judged on what lies around it. */
const LARGEST_FACE = 0.55;
const AFTER_LAST_MS = 2200;
const LAST_SHOWN_MS = 1000;
const QUIET = 0.12;
/** How long an arrow stands. */
const ARROW_MS = 1200;
/** What a recording goes on after everything was shown. */
const TAIL_MS = 700;

/**
 * Guide the face into the ring, until the applicant presses the button.
 * @returns {Promise<{stream: MediaStream, choice: string}>} The open camera.
 */
export async function guideFace(context, sound) {
  const { stage, text, service, signal, speak } = context;
  const digits = context.started.challenge?.digits !== "";
  const kind = !sound ? "face" : digits ? "clip" : "moves";
  stage.screen("face", text(kind), text(`${kind}_hint`));
  speak(text(`${kind}_hint`));
  stage.say(text("opening"), "busy");
  const stream = await openCamera("user", sound);
  let loudness = null;
  try {
    signal.throwIfAborted();
    await stage.play(stream);
    const ring = ringOn(stage);
    loudness = sound ? new Loudness(stream) : null;
    let choice = "";
    const [start] = stage.buttons(
      { name: "start", text: text({ clip: "record", moves: "start_moves", face: "take" }[kind]), main: true, disabled: true, act: () => { choice = "start"; } },
      ...(sound ? [{ name: "other", text: text("other_way"), act: () => { choice = "other"; } }] : []),
    );
    stage.say(text("looking"), "busy");
    await guided({ stage, text, service, signal, speak, ring, loudness, start, chosen: () => choice });
    return { stream, choice };
  } catch (error) {
    closeCamera(stream);
    throw error;
  } finally {
    loudness?.close();
  }
}

async function guided({ stage, text, service, signal, speak, ring, loudness, start, chosen }) {
  const began = performance.now();
  let good = 0, spoken = "", heard = 0;
  let meter = 0;
  if (loudness) {
    meter = setInterval(() => {
      const level = loudness.now();
      heard = Math.max(heard * 0.995, level);
      stage.loud(level);
    }, 80);
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
        let news = amiss ? text(amiss) : found.text || text("looking");
        if (fine) news = loudness && heard < QUIET && sent - began > 3000 ? text("too_quiet") : text("face_ready");
        stage.say(news, fine ? "good" : "warn");
        if (news !== spoken) speak(spoken = news);
        ring.setAttribute("class", fine ? "ring good" : "ring");
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
  return Math.hypot(dx, dy) > OFF_RING ? "into_ring" : "";
}

function ringOn(stage) {
  const { videoWidth: width, videoHeight: height } = stage.video;
  const [cx, cy, r] = [width / 2, height / 2, Math.min(height * RING, width * RING_ACROSS)];
  const hole = `M${cx - r} ${cy}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;
  const ring = draw("circle", { class: "ring", cx, cy, r });
  const progress = draw("circle", {
    class: "progress", cx, cy, r, pathLength: "1", transform: `rotate(-90 ${cx} ${cy})`,
  });
  stage.overlay.replaceChildren(...cutOut(width, height, hole, ring, progress));
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
        stage.say(text("digit_of", { n: shown.length, all: digits.length }), "good");
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
  try {
    const { clip, type } = await record(stream, show);
    return { clip, shown, facts: { ...facts, recorder_type: type } };
  } finally {
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
export async function recordLive({ stage, text, signal, speak, service, started }, stream, challenge) {
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
          speak(text(`turn_${turns.directions[at]}`));
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
  try {
    const { clip, type } = await record(stream, show, challenge.slice_ms, send);
    stage.light("");
    stage.say(text("done_reading"), "good");
    await sent;
    if (failure) throw failure.status === 0 ? new DeviceError("connection_slow") : failure;
    const painted = { painted_late_ms: String(Math.round(latest)), slices: String(number) };
    return { clip, shown, challenge: told, facts: { ...facts, ...painted, recorder_type: type } };
  } finally {
    closeCamera(stream);
    stage.light("");
    stage.point("");
    delete stage.section.dataset.colour;
    stage.view.classList.remove("recording");
  }
}

/** Before the first colour and after the last. */
const NEUTRAL = "#9a9a9a";
