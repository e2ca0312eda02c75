// Recorded consent: a script shown segment by segment, recorded, sent, and its timeline.

import { ServiceError, pause } from "./capture/api.js";
import { closeCamera, factsOf, openCamera, record } from "./capture/camera.js";
import { draw, make } from "./capture/stage.js";

const POLL_MS = 2000;
const WIDTH = 900;
const LEFT = 150;
const ROW = 24;

/**
 * Lead the applicant through a script, and have the recording judged.
 * @param {HTMLElement} place Takes the page's part.
 * @param {Service} service With the upload token.
 * @param {object} started As the service answered the start.
 * @returns {Promise<{seen: object, blob: Blob}>}
 */
export async function recordScript(place, service, started, text) {
  const video = make("video", { playsinline: true, "aria-hidden": "true" });
  video.muted = true;
  const title = make("h1", { tabindex: "-1", text: started.script.title || text("recording_title") });
  const count = make("p", { class: "dim small", text: text("recording_intro", { n: started.script.segments.length }) });
  const words = make("p", { class: "teleprompter", "aria-live": "polite" });
  const hint = make("p", { class: "dim" });
  const next = make("button", { type: "button", class: "main", id: "next", disabled: true, text: text("recording_start") });
  const pressed = () => new Promise((done) => next.addEventListener("click", done, { once: true }));
  place.replaceChildren(title, count, make("div", { class: "recording" }, video, make("div", {}, words, hint)),
    make("p", { class: "centre" }, next));
  const stream = await openCamera("user", true);
  try {
    video.srcObject = stream;
    await video.play();
    next.disabled = false;
    await pressed();
    const segments = [];
    const { clip } = await record(stream, async (beginning) => {
      const now = () => (performance.now() - beginning) / 1000;
      for (const [i, segment] of started.script.segments.entries()) {
        const last = i + 1 === started.script.segments.length;
        count.textContent = text("recording_of", { n: i + 1, all: started.script.segments.length });
        hint.textContent = text(`recording_${segment.kind}`);
        words.textContent = segment.kind === "digits" ? [...started.challenge.digits].join(" ") : segment.text;
        if (segment.answers) words.append(make("span", { class: "answers", text: segment.answers.join(" / ") }));
        next.textContent = text(last ? "recording_finish" : "recording_next");
        const start = now();
        await pressed();
        segments.push({ id: segment.id, start_s: round(start), end_s: round(Math.max(now(), start + 0.1)) });
      }
    });
    const capture = factsOf(stream, video);
    closeCamera(stream);
    next.hidden = true;
    words.textContent = "";
    hint.textContent = text("recording_sending");
    await service.upload(started.id, "recording", clip);
    hint.textContent = text("recording_checking");
    let seen = await service.insist("POST", `/v1/transactions/${started.id}/submit?wait_s=30`, {
      json: { ...(started.challenge ? { nonce: started.challenge.nonce } : {}), capture, segments },
    });
    while (seen.state === "processing") {
      await pause(POLL_MS);
      seen = await service.insist("GET", `/v1/transactions/${started.id}`);
    }
    return { seen, blob: clip };
  } finally {
    closeCamera(stream);
  }
}

const round = (seconds) => Math.round(seconds * 1000) / 1000;

/** What happened when, and what was said: for people who may see the verdict. */
export function renderRecording(verdict, text, blob) {
  const told = verdict.recording;
  const player = blob && make("video", { class: "player", controls: true, src: URL.createObjectURL(blob) });
  const seek = (at) => {
    if (!player) return;
    player.currentTime = at;
    player.play().catch(() => {});
  };
  const notable = told.timeline.filter((e) => ["review", "fail"].includes(e.status) || e.kind.startsWith("answer"));
  const events = make("ul", { class: "events" }, ...notable.map((event) => {
    const button = make("button", { type: "button" }, make("span", { class: "dim", text: clock(event.start_s) }),
      make("span", { class: `state ${event.status}`, text: event.text }));
    button.addEventListener("click", () => seek(event.start_s));
    return make("li", {}, button);
  }));
  const parts = [make("section", { class: "card" }, make("h2", { text: text("recording_timeline") }),
    ...(player ? [player] : []), drawn(told, verdict, text, seek),
    ...(notable.length ? [events] : [make("p", { class: "dim", text: text("recording_nothing") })]))];
  parts.push(make("section", { class: "card" }, make("h2", { text: text("recording_transcript") }),
    ...told.segments.map((segment) => make("div", { class: "said" },
      make("p", { class: "dim small", text: `${segment.id} · ${segment.start_s === null ? "–" : clock(segment.start_s)}` }),
      segment.words.length ? make("p", {}, ...segment.words.map((word) => {
        const shown = make("span", { class: `word ${word.status}`, text: word.text, title: word.heard || undefined });
        if (word.at_s !== null) shown.addEventListener("click", () => seek(word.at_s));
        return shown;
      })) : make("p", { text: segment.text }),
      ...(segment.kind === "question" ? [make("p", { class: `reply ${segment.reply}`,
        text: `${text(`recording_reply_${segment.reply || "none"}`)} ${segment.heard && `“${segment.heard}”`}` })] : [])))));
  return parts;
}

function drawn(told, verdict, text, seek) {
  const lanes = verdict.checks.filter((check) => check.check.startsWith("recording."));
  const scale = (WIDTH - LEFT) / Math.max(1, told.duration_s);
  const chart = draw("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${lanes.length * ROW + 26}`, role: "img",
    "aria-label": text("recording_timeline") });
  const bar = (at, end, y, height, kind, title) => {
    const box = draw("rect", { x: LEFT + at * scale, y, width: Math.max(3, (end - at) * scale - 1), height, rx: 3, class: kind },
      draw("title", { text: title }));
    box.addEventListener("click", () => seek(at));
    return box;
  };
  for (const segment of told.segments.filter((one) => one.start_s !== null)) {
    chart.append(bar(segment.start_s, segment.end_s, 0, 18, "segment", segment.text),
      draw("text", { x: LEFT + segment.start_s * scale + 4, y: 13, text: segment.id }));
  }
  for (const [i, { check: name, status }] of lanes.entries()) {
    const y = 26 + i * ROW;
    chart.append(draw("text", { x: 0, y: y + 12, text: text(`short_${name}`) }),
      draw("rect", { x: LEFT, y: y + 6, width: WIDTH - LEFT, height: 3, class: `base ${status}` }),
      ...told.timeline.filter((event) => event.check === name)
        .map((event) => bar(event.start_s, event.end_s, y, 15, event.status, `${clock(event.start_s)} ${event.text}`)));
  }
  return chart;
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** Save the review page of a recording: one file with the player, for whoever may review. */
export async function saveReviewPage(service, id, language) {
  const answer = await fetch(`${service.base}/v1/transactions/${id}/recording?language=${language}`, {
    headers: service.bearer ? { Authorization: `Bearer ${service.bearer}` } : {}, cache: "no-store" });
  if (!answer.ok) throw new ServiceError(answer.status, await answer.json().catch(() => ({})), 0);
  const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: `${id}.html` });
  link.click();
  URL.revokeObjectURL(link.href);
}
