// How many pictures a second does a recording hold? Counted in the file: what the camera gave and what
// the encoder kept up with are two things.

const SEGMENT = 0x18538067, CLUSTER = 0x1f43b675, TRACKS = 0x1654ae6b, ENTRY = 0xae, GROUP = 0xa0;
const NUMBER = 0xd7, TYPE = 0x83, TIME = 0xe7, SIMPLE = 0xa3, BLOCK = 0xa1;
const INSIDE = new Set([SEGMENT, CLUSTER, TRACKS, ENTRY, GROUP]);
const VIDEO = 1;

/**
 * @param {Uint8Array} bytes Of a WebM file, as a recorder writes it.
 * @returns {number | null} Pictures a second; null for another kind of file.
 *
 * Source: RFC 8794 (EBML), RFC 9559 (Matroska).
 */
export function frameRate(bytes) {
  if (bytes[0] !== 0x1a || bytes[1] !== 0x45) return null;
  let at = 0, cluster = 0, number = 0, video = -1;
  const times = [];
  while (at < bytes.length) {
    const [id, behindId] = vint(bytes, at, false);
    const [size, start] = vint(bytes, behindId, true);
    if (Number.isNaN(id) || Number.isNaN(size)) break;
    // Live files do not say how long their parts are: what holds others is entered, not skipped.
    if (INSIDE.has(id)) {
      at = start;
      continue;
    }
    if (id === NUMBER) number = whole(bytes, start, size);
    if (id === TYPE && whole(bytes, start, size) === VIDEO) video = number;
    if (id === TIME) cluster = whole(bytes, start, size);
    if (id === SIMPLE || id === BLOCK) {
      const [track, behind] = vint(bytes, start, true);
      if (track === video) times.push(cluster + ((bytes[behind] << 24 | bytes[behind + 1] << 16) >> 16));
    }
    at = start + size;
  }
  const span = times.at(-1) - times[0];
  return span > 0 ? ((times.length - 1) * 1000) / span : 0;
}

/** A number of variable length; with its marker where it is an id. */
function vint(bytes, at, isSize) {
  const length = Math.clz32(bytes[at]) - 23;
  if (at >= bytes.length || length > 8) return [NaN, at];
  let value = isSize ? bytes[at] & (0xff >> length) : bytes[at];
  for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i];
  return [value, at + length];
}

function whole(bytes, at, size) {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[at + i];
  return value;
}
