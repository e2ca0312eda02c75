// Is a document well placed in the frame? Measured in the browser, many times a second.

/** Width over height of the cards of ISO/IEC 7810 ID-1. */
export const ID1_ASPECT = 85.6 / 53.98;
/** And of an open page of a passport, ID-3. */
export const ID3_ASPECT = 125 / 88;
/** Of the picture, the share of its width that the frame takes, and of its height at most. */
const FRAME_WIDTH = 0.86;
const FRAME_HEIGHT = 0.8;

const WORK_PX = 320;
const LEAST_SHARPNESS = 40;
const MOST_GLARE = 0.012;
const DARK = 55;
const LEAST_STEP = 14;
const LEAST_SIDE = 0.6;
/** Turned by up to five degrees. */
const SLOPES = [-0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09];
const SIDES_WANTED = 3;

/** Where the frame stands in a picture, in its pixels. */
export function frameIn(width, height, aspect = ID1_ASPECT) {
  let w = width * FRAME_WIDTH;
  let h = w / aspect;
  if (h > height * FRAME_HEIGHT) {
    h = height * FRAME_HEIGHT;
    w = h * aspect;
  }
  return { x: (width - w) / 2, y: (height - h) / 2, width: w, height: h };
}

/** Looks at a video, and says what is to be mended first. */
export class DocumentWatch {
  constructor(video, aspect = ID1_ASPECT) {
    this.video = video;
    this.aspect = aspect;
    this.canvas = document.createElement("canvas");
  }

  /** @returns {{hint: string, sharpness: number, glare: number, light: number, sides: boolean[]}} */
  look() {
    const { videoWidth, videoHeight } = this.video;
    const scale = WORK_PX / videoWidth;
    this.canvas.width = WORK_PX;
    this.canvas.height = Math.round(videoHeight * scale);
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    const picture = context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const grey = toGrey(picture.data);
    return judge(grey, this.canvas.width, this.canvas.height, this.aspect);
  }
}

/** What a grey picture says of the document in its frame. */
export function judge(grey, width, height, aspect = ID1_ASPECT) {
  const frame = frameIn(width, height, aspect);
  const found = {
    light: mean(grey, width, frame),
    glare: glare(grey, width, frame),
    sharpness: sharpness(grey, width, frame),
    sides: sides(grey, width, height, frame),
  };
  const seen = found.sides.filter(Boolean).length;
  let hint = "hold_still";
  if (found.light < DARK) hint = "more_light";
  else if (seen < SIDES_WANTED) hint = "fit_frame";
  else if (found.glare > MOST_GLARE) hint = "avoid_glare";
  else if (found.sharpness < LEAST_SHARPNESS) hint = "hold_steady";
  return { ...found, hint };
}

export function toGrey(rgba) {
  const grey = new Float32Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = 0.299 * rgba[4 * i] + 0.587 * rgba[4 * i + 1] + 0.114 * rgba[4 * i + 2];
  }
  return grey;
}

function* inside(width, frame, margin) {
  const right = Math.floor(frame.x + frame.width) - margin;
  const bottom = Math.floor(frame.y + frame.height) - margin;
  for (let y = Math.ceil(frame.y) + margin; y < bottom; y++) {
    for (let x = Math.ceil(frame.x) + margin; x < right; x++) yield y * width + x;
  }
}

function mean(grey, width, frame) {
  let sum = 0, n = 0;
  for (const i of inside(width, frame, 0)) { sum += grey[i]; n++; }
  return n ? sum / n : 0;
}

/** Share of burnt-out pixels whose neighbours are burnt out too; single specks are no glare. */
function glare(grey, width, frame) {
  let burnt = 0, n = 0;
  for (const i of inside(width, frame, 2)) {
    n++;
    if (grey[i] > 250 && grey[i - 1] > 250 && grey[i + 1] > 250
      && grey[i - width] > 250 && grey[i + width] > 250) burnt++;
  }
  return n ? burnt / n : 0;
}

/** Variance of the Laplacian: what defocus and shaking take away. */
function sharpness(grey, width, frame) {
  let sum = 0, squares = 0, n = 0;
  for (const i of inside(width, frame, 2)) {
    const value = 4 * grey[i] - grey[i - 1] - grey[i + 1] - grey[i - width] - grey[i + width];
    sum += value; squares += value * value; n++;
  }
  return n ? squares / n - (sum / n) ** 2 : 0;
}

/**
 * Which sides of the card lie along the frame: top, right, bottom, left.
 *
 * In the band around a side of the frame, every strong change across it votes for all slightly turned
 * lines it may lie on. A side of a card fills one line; print and hands spread their votes.
 */
function sides(grey, width, height, frame) {
  const band = Math.round(frame.height * 0.13);
  const right = frame.x + frame.width, bottom = frame.y + frame.height;
  const x = [Math.round(frame.x + band), Math.round(right - band)];
  const y = [Math.round(frame.y + band), Math.round(bottom - band)];
  const row = (at) => onOneLine(grey, Math.round(at), x, band, width, 1, height);
  const column = (at) => onOneLine(grey, Math.round(at), y, band, 1, width, width);
  return [row(frame.y), column(right), row(bottom), column(frame.x)];
}

/** `across` and `along` are steps in the picture: over the side, and with it. */
function onOneLine(grey, at, [from, to], band, across, along, limit) {
  const first = Math.max(2, at - band), last = Math.min(limit - 3, at + band);
  const middle = (from + to) / 2;
  const room = last - first + 1 + 2 * band;
  const votes = SLOPES.map(() => new Uint16Array(room));
  for (let q = from; q < to; q++) {
    for (let p = first; p <= last; p++) {
      const i = p * across + q * along;
      if (Math.abs(grey[i + 2 * across] - grey[i - 2 * across]) < LEAST_STEP) continue;
      SLOPES.forEach((slope, k) => {
        const place = Math.round(p - first - slope * (q - middle)) + band;
        if (place >= 0 && place < room) votes[k][place]++;
      });
    }
  }
  return votes.some((line) => line.some((count) => count >= LEAST_SIDE * (to - from)));
}
