// The page of who runs an installation: keys, webhooks, limits and policies, over the routes that programs use.

import { make } from "./capture/stage.js";
import { askKey, pageLanguage, serviceFor, translate } from "./page.js";

const ROLES = ["backend", "onboarding", "reviewer", "auditor", "monitor"];
const place = (id) => document.getElementById(id);
let language = pageLanguage();
let text = translate(language, restart);
let service = serviceFor(language);

function restart() {
  language = pageLanguage();
  text = translate(language, restart);
  service = serviceFor(language);
  load();
}

async function load() {
  try {
    const { items } = await service.insist("GET", "/v1/keys");
    place("key").hidden = true;
    showKeys(items);
  } catch (error) {
    if (![401, 403].includes(error.status)) return say(place("keys"), text("failed", { code: error.code }));
    for (const id of ["keys", "webhooks", "messages", "tenants", "policies"]) place(id).hidden = true;
    return askKey(place("key"), text, service.bearer !== "", restart);
  }
  return Promise.all([
    part("webhooks", "/v1/webhooks", showWebhooks), part("messages", "/v1/webhooks/messages?limit=20", showMessages),
    part("tenants", "/v1/tenants", showTenants), part("policies", "/v1/policies", showPolicies)]);
}

/** One card; whoever's key does not allow it sees none. */
async function part(id, path, show) {
  try {
    show(await service.insist("GET", path));
  } catch (error) {
    place(id).hidden = true;
  }
}

function card(id, ...parts) {
  place(id).replaceChildren(make("h2", { text: text(`admin_${id}`) }), ...parts);
  place(id).hidden = false;
}

function say(where, words) {
  where.querySelector(".news")?.remove();
  where.append(make("p", { class: "news", role: "status", text: words }));
  where.hidden = false;
}

const button = (words, act, kind = "") => {
  const made = make("button", { type: "button", class: kind, text: words });
  made.addEventListener("click", act);
  return made;
};
const when = (moment) => (moment ? new Date(moment).toLocaleString(language) : "–");
const table = (heads, rows) => !rows.length ? make("p", { class: "dim", text: text("admin_nothing") }) : make("div", { class: "scroll" }, make("table", {},
  make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col", text: text(`admin_${head}`) })))),
  make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) =>
    make("td", {}, ...(cell instanceof Node ? [cell] : [String(cell)]))))))));

/** Ask for something, say what came of it, and show how it stands. */
async function change(id, method, path, json, told = () => "") {
  try {
    const answer = await service.insist(method, path, json === undefined ? {} : { json });
    await load();
    const words = told(answer);
    if (words) say(place(id), words);
  } catch (error) {
    say(place(id), `${text("failed", { code: error.code })} ${error.message}`);
  }
}

function form(fields, words, sent) {
  const made = make("form", { class: "inline" }, ...fields, make("button", { type: "submit", class: "main", text: words }));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    sent(Object.fromEntries(new FormData(made)));
  });
  return made;
}
const field = (label, input) => make("label", { class: "field" }, text(`admin_${label}`), input);

function showKeys(keys) {
  const rows = keys.map((key) => [
    make("code", { text: key.prefix }), key.label || "–", key.person || "–",
    key.sandbox ? text("admin_sandbox") : "", key.scopes.join(", "),
    key.revoked_at ? text("admin_revoked") : when(key.expires_at),
    key.revoked_at ? "" : button(text("admin_revoke"), () => change("keys", "DELETE", `/v1/keys/${key.prefix}`), "reject"),
  ]);
  card("keys", table(["prefix", "label", "person", "environment", "scopes", "until", "action"], rows), form([
    field("role", make("select", { name: "role" }, ...ROLES.map((role) => make("option", { value: role, text: role })))),
    field("label", make("input", { name: "label", maxlength: "200" })),
    field("person", make("input", { name: "person", maxlength: "200" })),
    make("label", { class: "agree" }, make("input", { type: "checkbox", name: "sandbox" }), make("span", { text: text("admin_sandbox") })),
  ], text("admin_issue"), ({ role, label, person, sandbox }) =>
    change("keys", "POST", "/v1/keys", { roles: [role], label, person, sandbox: sandbox === "on" },
      ({ key }) => `${text("admin_once")} ${key}`)));
}

function showWebhooks({ items, event_types: types }) {
  const rows = items.map((one) => [one.url, one.events.join(", ") || text("admin_all_events"), when(one.created_at),
    button(text("admin_remove"), () => change("webhooks", "DELETE", `/v1/webhooks/${one.id}`), "reject")]);
  card("webhooks", table(["address", "events", "since", "action"], rows), form([
    field("address", make("input", { name: "url", type: "url", required: true })),
    field("events", make("select", { name: "event" }, make("option", { value: "", text: text("admin_all_events") }),
      ...types.map((type) => make("option", { value: type, text: type })))),
  ], text("admin_add"), ({ url, event }) => change("webhooks", "POST", "/v1/webhooks", { url, events: event ? [event] : [] },
    ({ secret }) => (secret ? `${text("admin_once")} ${secret}` : ""))),
  make("div", { class: "actions" }, button(text("admin_new_secret"), () =>
    change("webhooks", "POST", "/v1/webhooks/secret", undefined, ({ secret }) => `${text("admin_once")} ${secret}`))));
}

function showMessages({ items }) {
  card("messages", table(["when", "type", "address", "state", "tries", "action"], items.map((one) => [
    when(one.created_at), one.type, one.url, one.cause ? `${one.state}: ${one.cause}` : one.state, one.tries,
    button(text("admin_redeliver"), () => change("messages", "POST", `/v1/webhooks/messages/${one.id}/redeliver`))])));
}

function showTenants({ items }) {
  card("tenants", table(["tenant", "limits"], items.map((one) => [one.name, form([
    field("a_minute", make("input", { name: "minute", type: "number", min: "1", value: one.requests_per_minute, required: true })),
    field("at_once", make("input", { name: "once", type: "number", min: "1", value: one.concurrent, required: true })),
  ], text("admin_set"), ({ minute, once }) => change("tenants", "PUT", `/v1/tenants/${encodeURIComponent(one.name)}/limits`,
    { requests_per_minute: Number(minute), concurrent: Number(once) }))])));
}

function showPolicies({ items }) {
  card("policies", table(["policy", "version", "says", "checks"], items.map((one) => [
    make("code", { text: one.id }), one.version, one.description, (one.required || []).join(", ")])));
}

load();
