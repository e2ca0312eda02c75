// The voice that leads an applicant: sound files of our own, for browsers and systems have none or many.

/** Languages with files in voice/; other languages are read by the browser, where it can. */
const FILES = ["en", "zh"];

export class Voice {
  #on = false;
  #turn = 0;
  #playing = null;
  #last = null;
  #known = {};

  get on() {
    return this.#on;
  }

  /** Switched on, it says again what was said last. */
  set on(value) {
    this.#on = value;
    if (!value) this.stop();
    else if (this.#last) this.say(...this.#last);
  }

  stop() {
    this.#turn++;
    this.#playing?.pause();
    window.speechSynthesis?.cancel();
  }

  /** Say some texts, one after the other; what is being said gives way. */
  async say(language, keys, text) {
    this.#last = [language, keys, text];
    if (!this.#on) return;
    this.stop();
    const turn = this.#turn;
    for (const key of keys.filter((one) => text.has(one))) {
      if (turn !== this.#turn) return;
      await this.#one(language, key, text).catch(() => {}); // a silent page still shows its words
    }
  }

  async #one(language, key, text) {
    if (FILES.includes(language)) {
      this.#known[language] ||= fetch(new URL(`voice/${language}.json`, import.meta.url)).then((answer) => answer.json());
      if ((await this.#known[language]).includes(key)) return this.#play(`voice/${language}/${key}.mp3`);
    }
    if (!window.speechSynthesis?.getVoices().length) return undefined;
    const said = new SpeechSynthesisUtterance(text(key));
    said.lang = { zh: "zh-CN" }[language] || language;
    speechSynthesis.speak(said);
    return new Promise((done) => said.addEventListener("end", done, { once: true }));
  }

  async #play(file) {
    const sound = this.#playing = new Audio(new URL(file, import.meta.url));
    await sound.play();
    return new Promise((done) => {
      for (const name of ["ended", "pause", "error"]) sound.addEventListener(name, done, { once: true });
    });
  }
}
