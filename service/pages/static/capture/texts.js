// What the applicant reads, from one file a language in languages/; each file holds every text.

/** Languages there are files for, by their own names. */
export const LANGUAGES = { en: "English", zh: "中文", ar: "العربية" };
/** Made from English, to try layouts with: longer and accented; the second from right to left. */
const PSEUDO = ["qps-ploc", "qps-plocm"];
const RIGHT_TO_LEFT = ["ar", "qps-plocm"];

const loaded = {};

/** The texts of a language, as a function from key to text; see `speaker`. */
export async function textsOf(language) {
  const file = PSEUDO.includes(language) ? "en" : LANGUAGES[language] ? language : "en";
  loaded[file] ||= await fetch(new URL(`languages/${file}.json`, import.meta.url)).then((answer) => answer.json());
  return speaker(PSEUDO.includes(language) ? pseudo(loaded[file]) : loaded[file]);
}

/** A function from key to text, with `{name}` filled in; the key itself where there is none. */
export function speaker(texts) {
  const text = (key, values = {}) =>
    (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  text.has = (key) => key in texts;
  return text;
}

/** What to tell an applicant of a problem: by its code, else by what kind it is of. */
export function problemText(text, code) {
  const keys = [`problem.${code}`, `problem.${code.split(".")[0]}`, "problem"];
  return text(keys.find(text.has), { code });
}

/** The best of our languages for a list of language tags. */
export function bestLanguage(tags, known = Object.keys(LANGUAGES)) {
  const found = tags.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => known.includes(tag));
  return found || "en";
}

export const isRightToLeft = (language) => RIGHT_TO_LEFT.includes(language);

function pseudo(texts) {
  const accents = { a: "á", e: "ë", i: "î", o: "ö", u: "ü", A: "Å", E: "É", I: "Î", O: "Ø", U: "Û" };
  const longer = (text) => {
    const spelt = text.split(/(\{\w+\})/).map((part) =>
      part.startsWith("{") ? part : part.replace(/[aeiouAEIOU]/g, (letter) => accents[letter])).join("");
    return `[${spelt}${" ····".repeat(Math.ceil((text.length * 0.35) / 5))}]`;
  };
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, longer(text)]));
}
