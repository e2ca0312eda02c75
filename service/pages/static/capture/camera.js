// Camera and microphone: opened only while they are needed, and every refusal named.

import { frameRate } from "./frames.js";

/** Best first. Left to itself, a browser may record VP8 at 8 frames a second: too few for lips. */
const RECORDINGS = [
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=h264,opus",
  "video/mp4;codecs=avc1.42E01E,mp4a.40.2",
  "video/mp4;codecs=avc1,opus",
  "video/mp4",
  "video/webm;codecs=vp8,opus",
];
const VIDEO_BITS = 2_500_000;
const AUDIO_BITS = 96_000;

/** Why a camera or microphone cannot be used: `code` is a key of the texts. */
export class DeviceError extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

const REFUSALS = {
  NotAllowedError: "device_refused",
  SecurityError: "device_refused",
  NotFoundError: "device_missing",
  OverconstrainedError: "device_missing",
  NotReadableError: "device_busy",
  AbortError: "device_busy",
};

/**
 * Open a camera, and a microphone with it where sound is wanted.
 * @param {"user" | "environment"} facing Towards the applicant, or away.
 * @param {boolean} sound
 * @param {{camera?: string, small?: boolean}} [wish] A camera by its id; few pixels, for a device that
 *   does not keep up.
 * @returns {Promise<MediaStream>}
 */
export async function openCamera(facing, sound, { camera = "", small = false } = {}) {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new DeviceError("device_insecure");
  const large = facing === "environment";
  // VP8 is encoded by the processor alone: it keeps up with few pixels.
  const few = !large && (small || (sound && recordingType().includes("vp8")));
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: {
        ...(camera ? { deviceId: { exact: camera } } : { facingMode: facing }),
        width: { ideal: large ? 1920 : few ? 640 : 1280 },
        height: { ideal: large ? 1080 : few ? 480 : 720 },
        frameRate: { ideal: 30 },
        resizeMode: "none", // scaling leaves traces that the checks would have to doubt
      },
      // What a microphone filters away, the checks of the voice would miss.
      audio: sound && { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    throw new DeviceError(REFUSALS[error.name] || "device_failed");
  }
}

/** Cameras to choose from: their names are known once one of them was allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}

export function closeCamera(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** The type recordings are made in; always handed to the recorder. */
export function recordingType() {
  const type = window.MediaRecorder && RECORDINGS.find((t) => MediaRecorder.isTypeSupported(t));
  if (!type) throw new DeviceError("recorder_missing");
  return type;
}

/**
 * Record a stream.
 * @param {MediaStream} stream
 * @param {(started: number) => Promise<void>} during Runs from the first moment of the recording,
 *   which it is given on the clock of `performance.now`; the recording ends with it.
 * @param {number} [sliceMs] How long the parts are that `onPart` is given while it records.
 * @param {(part: Blob, last: boolean) => void} [onPart]
 * @returns {Promise<{clip: Blob, type: string}>} With the type that the recorder says it writes.
 */
export async function record(stream, during, sliceMs, onPart) {
  const type = recordingType();
  const recorder = new MediaRecorder(stream, {
    mimeType: type, videoBitsPerSecond: VIDEO_BITS, audioBitsPerSecond: AUDIO_BITS,
  });
  const parts = [], ending = [];
  recorder.addEventListener("dataavailable", ({ data }) => {
    if (!data.size) return;
    parts.push(data);
    // What comes once it was told to stop is one part with the very last: none may follow that.
    if (recorder.state === "inactive") ending.push(data);
    else onPart?.(data, false);
  });
  const stopped = new Promise((done, failed) => {
    recorder.addEventListener("stop", done, { once: true });
    recorder.addEventListener("error", () => failed(new DeviceError("device_failed")), { once: true });
  });
  const started = new Promise((done) => {
    recorder.addEventListener("start", () => done(performance.now()), { once: true });
  });
  recorder.start(sliceMs);
  try {
    await Promise.race([started.then(during), stopped]);
  } finally {
    if (recorder.state !== "inactive") recorder.stop();
  }
  await stopped;
  if (onPart && !ending.length) throw new DeviceError("device_failed");
  onPart?.(new Blob(ending), true);
  return { clip: new Blob(parts, { type: type.split(";")[0] }), type: recorder.mimeType || type };
}

/** Fewer pictures a second, and lips are not judged. */
export const LEAST_RATE = 15;

/** A recording that the service would ask for again. */
export class SlowDevice extends DeviceError {
  constructor(rate) {
    super("slow_device");
    this.values = { n: Math.round(rate), need: LEAST_RATE };
  }
}

/** Tell a slow device before an attempt is spent on what it recorded. */
export async function checkRate(clip) {
  const rate = frameRate(new Uint8Array(await clip.arrayBuffer()));
  if (rate !== null && rate < LEAST_RATE) throw new SlowDevice(rate);
}

/**
 * Ask the camera to hold exposure and white balance: it would take back a part of the light.
 * @returns {Promise<object>} What it does now, for the facts of the capture.
 */
export async function holdLight(stream) {
  const [track] = stream.getVideoTracks();
  const can = track.getCapabilities?.() || {};
  const wanted = {};
  for (const mode of ["exposureMode", "whiteBalanceMode"]) {
    if (can[mode]?.includes("manual")) wanted[mode] = "manual";
  }
  try {
    if (Object.keys(wanted).length) await track.applyConstraints({ advanced: [wanted] });
  } catch {
    // It stays as it was; the facts say so.
  }
  const now = track.getSettings();
  return {
    exposure: now.exposureMode || "unknown",
    white_balance: now.whiteBalanceMode || "unknown",
  };
}

/** What the server's check for injected media is told of a capture, in texts. */
export function factsOf(stream, video) {
  const [track] = stream.getVideoTracks();
  const rate = track.getSettings().frameRate;
  return {
    source: "browser",
    camera_label: track.label.slice(0, 200),
    // As it is shown: the settings of a phone's camera do not know that it is held upright.
    width: String(video.videoWidth),
    height: String(video.videoHeight),
    ...(rate ? { frame_rate: String(rate) } : {}),
  };
}

/** One frame as a JPEG. `longest` reduces its longer side. */
export async function snapshot(video, longest = Infinity, quality = 0.94) {
  const { videoWidth: width, videoHeight: height } = video;
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
}

/** How loud a stream is, 0..1, from call to call. */
export class Loudness {
  constructor(stream) {
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  now() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, x) => sum + x * x, 0) / this.samples.length;
    // -60 dB .. -10 dB: from a quiet room to a voice nearby.
    return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 60) / 50));
  }

  close() {
    this.context.close();
  }
}
