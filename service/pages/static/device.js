// This device, as the service knows it: a key that cannot be taken out of the browser, by transaction.

import { Service, ServiceError } from "./capture/api.js";

const LINK = /^vl_(t_[0-9a-f]{32})_/;
const CURVE = { name: "ECDSA", namedCurve: "P-256" };

/** What stands after the `#`: a link, or the transaction that this device is at. */
export function takeLink() {
  const given = location.hash.slice(1);
  const transaction = given.match(LINK)?.[1] || (/^t_[0-9a-f]{32}$/.test(given) ? given : "");
  const link = LINK.test(given) ? given : "";
  // The secret leaves the address at once; the name of the transaction stays, for a reload.
  if (link) history.replaceState(null, "", `${location.pathname}${location.search}#${transaction}`);
  return { link, transaction };
}

/** Come back on this device, or open the link on it; answers the journey. */
export async function enter({ link, transaction }) {
  if (!window.isSecureContext || !crypto.subtle) throw new ServiceError(0, { code: "device.insecure" });
  const kept = await load(transaction);
  if (kept) {
    try {
      return await renew(transaction);
    } catch (error) {
      if (!link || error.code !== "device.unknown") throw error;
    }
  }
  if (!link) throw new ServiceError(0, { code: "link.unknown" });
  const key = await crypto.subtle.generateKey(CURVE, false, ["sign"]);
  const spki = await crypto.subtle.exportKey("spki", key.publicKey);
  const journey = await new Service("", "", "en")
    .send("POST", "/v1/links/open", { json: { link, public_key: base64(spki) } });
  await save(transaction, { device: journey.device, key: key.privateKey });
  return journey;
}

/** A new upload token for this device. */
export async function renew(transaction) {
  const { device, key } = (await load(transaction)) || {};
  if (!device) throw new ServiceError(0, { code: "link.unknown" });
  // Only ever higher: whatever the clock says, the service takes each number once.
  const number = Math.max(Date.now(), ((await load(transaction)).number || 0) + 1);
  await save(transaction, { device, key, number });
  const signed = new TextEncoder().encode(`veridical.device/1|${device}|${number}`);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, signed);
  return new Service("", "", "en")
    .send("POST", "/v1/devices/renew", { json: { device, number, signature: base64(signature) } });
}

const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

/** Where no database is allowed, the device is known until the page is closed. */
const memory = new Map();

async function load(transaction) {
  return memory.get(transaction) || (await asked("readonly", (store) => store.get(transaction)));
}

async function save(transaction, value) {
  memory.set(transaction, value);
  await asked("readwrite", (store) => store.put(value, transaction));
}

function asked(mode, request) {
  return new Promise((done) => {
    let opening;
    try {
      opening = indexedDB.open("veridical", 1);
    } catch {
      return done(undefined);
    }
    opening.onupgradeneeded = () => opening.result.createObjectStore("devices");
    opening.onerror = () => done(undefined);
    opening.onsuccess = () => {
      const asking = request(opening.result.transaction("devices", mode).objectStore("devices"));
      asking.onsuccess = () => done(asking.result);
      asking.onerror = () => done(undefined);
    };
  });
}
