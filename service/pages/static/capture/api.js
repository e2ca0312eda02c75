// The service as the browser sees it: JSON in and out, problems as errors, uploads with their digest.

/** A problem document of the service (RFC 9457), or a connection that failed. */
export class ServiceError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.code || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code || "connection.failed";
    this.retryAfter = retryAfter;
  }
}

export class Service {
  /**
   * @param {string} base Address of the service; "" for the page's own.
   * @param {string} bearer API key or upload token; "" sends none.
   * @param {string} language Of the texts that the service answers with.
   * @param {() => Promise<string>} [renew] Gives a new token once the service does not know it any more.
   */
  constructor(base, bearer, language, renew) {
    this.base = base.replace(/\/$/, "");
    this.bearer = bearer;
    this.language = language;
    this.renew = renew;
  }

  async send(method, path, { json, body, headers = {}, signal } = {}, renewed = false) {
    const all = { "Accept-Language": this.language, ...headers };
    if (this.bearer) all.Authorization = `Bearer ${this.bearer}`;
    if (json !== undefined) all["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(this.base + path, {
        method, signal, headers: all, cache: "no-store", credentials: "omit",
        body: json === undefined ? body : JSON.stringify(json),
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServiceError(0, { code: "connection.failed", detail: String(error.message) });
    }
    const text = await answer.text();
    let value = null;
    try {
      value = text ? JSON.parse(text) : null;
    } catch {
      value = {};
    }
    if (answer.status === 401 && this.renew && !renewed) {
      this.bearer = await this.renew();
      return this.send(method, path, { json, body, headers, signal }, true);
    }
    if (!answer.ok) {
      throw new ServiceError(answer.status, value || {}, Number(answer.headers.get("Retry-After")) || 0);
    }
    return value;
  }

  /** As `send`, but tries again where the service says "not now" or the connection broke. */
  async insist(method, path, options = {}, attempts = 5) {
    const headers = { ...options.headers };
    if (method === "POST") headers["Idempotency-Key"] ||= newKey();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.send(method, path, { ...options, headers });
      } catch (error) {
        const passing = [0, 429, 502, 503, 504].includes(error.status);
        if (!passing || attempt >= attempts) throw error;
        await pause(1000 * (error.retryAfter || Math.random() * 2 ** (attempt - 1)));
      }
    }
  }

  /** Send one slice of a recording while it is made; answers what is told since. */
  async uploadSlice(path, part, last) {
    return this.insist("PUT", last ? `${path}?last=true` : path, {
      body: part,
      headers: {
        "Content-Type": "application/octet-stream",
        "Content-Digest": `sha-256=:${await digest(part)}:`,
      },
    });
  }

  /** Send one medium with its digest (RFC 9530); the server refuses what was altered on the way. */
  async upload(id, kind, blob) {
    return this.insist("PUT", `/v1/transactions/${encodeURIComponent(id)}/media/${kind}`, {
      body: blob,
      headers: {
        "Content-Type": blob.type || "application/octet-stream",
        "Content-Digest": `sha-256=:${await digest(blob)}:`,
      },
    });
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A fresh idempotency key: 128 random bits. */
export function newKey() {
  const bits = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bits, (b) => b.toString(16).padStart(2, "0")).join("");
}

async function digest(blob) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return btoa(String.fromCharCode(...hash));
}
