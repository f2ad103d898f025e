/**
 * Builds the vendored front-end files from the packages pinned in package-lock.json.
 *
 *   npm ci --prefix portal/static/vendor && node portal/static/vendor/build.mjs
 *
 * Writes beside itself: tabler.css (the rules of Tabler our templates use, light), tabler-dark.css (what
 * differs in the dark theme), htmx.js, icons.svg, manifest.json and licences/. The result depends on
 * nothing but the lock file, the templates, portal*.css, classes.txt and icons.txt, so building twice gives
 * the same bytes.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "lightningcss";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";

const here = dirname(fileURLToPath(import.meta.url));
const portal = join(here, "..", "..");
const modules = join(here, "node_modules");
const read = (...path) => readFileSync(join(...path), "utf8");
const lines = (name) => read(here, name).split("\n").map((l) => l.trim()).filter((l) => l && !l.startsWith("#"));
const written = {};

function write(name, text) {
  writeFileSync(join(here, name), text);
  written[name] = { bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
}

function files(folder, ending) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  }).sort();
}

// Mails and PDFs carry their own styles; they must not keep rules alive on the pages.
const pages = files(join(portal, "templates"), ".html").filter((p) => !/^(email|pdf)\//.test(relative(join(portal, "templates"), p)));
const scripts = files(join(portal, "static", "js"), ".js");
const ownStyles = ["portal.css", "portal-dark.css"].map((name) => read(portal, "static", name));

// Tags, attributes, and the words of quoted strings (classes, types, macro arguments, script code): taking every
// word of the text would keep half of the framework for the sake of words such as "table" in a sentence.
function names(text) {
  const found = new Set(["html", "body"]);
  for (const [, tag] of text.matchAll(/<([a-z][a-z0-9]*)/g)) found.add(tag);
  for (const [, attribute] of text.matchAll(/[\s]([a-z-]+)(?:=|>)/g)) found.add(attribute);
  for (const [, quoted] of text.matchAll(/"([^"]*)"/g)) for (const word of quoted.match(/[A-Za-z0-9_-]+/g) ?? []) found.add(word);
  return [...found];
}

// --- light and dark apart ---------------------------------------------------------------------------
// Tabler switches on an attribute of <html>. Ours is switched by the `media` of a <link>, so that "system"
// needs no script: a rule for [data-bs-theme=dark] becomes a rule for :root in the dark sheet.
const plainDark = /^(\[data-bs-theme=dark\])(?=$|\s)/;
const anyTheme = /theme-dark|data-bs-theme|data-theme|data-bs-navbar-theme/;

function splitThemes(css) {
  const light = postcss.parse(css);
  const dark = postcss.root();
  light.walkRules((rule) => {
    if (!anyTheme.test(rule.selector)) return;
    const forDark = rule.selectors.filter((s) => plainDark.test(s)).map((s) => s.replace(plainDark, ":root"));
    if (forDark.length) {
      let copy = rule.clone({ selectors: forDark });
      for (let parent = rule.parent; parent && parent.type === "atrule"; parent = parent.parent) {
        copy = parent.clone({ nodes: [copy] });
      }
      dark.append(copy);
    }
    const forLight = rule.selectors.filter((s) => !anyTheme.test(s));
    if (forLight.length) rule.selectors = forLight;
    else rule.remove();
  });
  // Tabler picks most colours by light-dark(), which follows color-scheme.
  dark.prepend(postcss.rule({ selector: ":root", nodes: [postcss.decl({ prop: "color-scheme", value: "dark" })] }));
  return { light: light.toString(), dark: dark.toString() };
}

// --- only what is used ------------------------------------------------------------------------------
async function purge(css) {
  const safe = lines("classes.txt");
  const standard = safe.filter((name) => !name.endsWith("*"));
  const patterns = safe.filter((name) => name.endsWith("*")).map((name) => new RegExp(`^${name.slice(0, -1)}`));
  const [result] = await new PurgeCSS().purge({
    css: [{ raw: css }],
    content: [...pages, ...scripts].map((path) => ({ raw: read(path), extension: "page" })),
    extractors: [{ extensions: ["page"], extractor: names }],
    safelist: { standard: [...standard, ":root", ":host"], deep: [], greedy: patterns },
    keyframes: true,
    fontFace: true,
  });
  return result.css;
}

// A custom property that nobody reads is dead weight; dropping one may free the next, hence the loop.
function dropUnusedVariables(sheets, others) {
  const roots = sheets.map((css) => postcss.parse(css));
  for (let dropped = true; dropped; ) {
    dropped = false;
    const used = new Set();
    for (const text of [...roots.map(String), ...others]) for (const [, name] of text.matchAll(/var\(\s*(--[\w-]+)/g)) used.add(name);
    for (const root of roots) {
      root.walkDecls(/^--/, (decl) => {
        if (!used.has(decl.prop)) { decl.remove(); dropped = true; }
      });
      root.walkRules((rule) => { if (!rule.nodes.length) rule.remove(); });
    }
  }
  return roots.map((root) => {
    root.walkComments((comment) => comment.remove());
    root.walkAtRules((rule) => { if (rule.nodes && !rule.nodes.length) rule.remove(); });
    return root.toString();
  });
}

const minify = (css) => transform({ filename: "sheet.css", code: Buffer.from(css), minify: true }).code.toString();

const versions = Object.fromEntries(
  ["@tabler/core", "@tabler/icons", "htmx.org"].map((name) => [name, JSON.parse(read(modules, name, "package.json")).version]),
);
const banner = `/* Tabler ${versions["@tabler/core"]}, MIT, reduced to what Loket uses: see manifest.json */\n`;
// Apart first: purging would drop a rule whose theme attribute no template carries.
const themes = splitThemes(read(modules, "@tabler", "core", "dist", "css", "tabler.css"));
const [light, dark] = dropUnusedVariables([await purge(themes.light), await purge(themes.dark)], ownStyles);
write("tabler.css", banner + minify(light) + "\n");
write("tabler-dark.css", banner + minify(dark) + "\n");

// --- icons ------------------------------------------------------------------------------------------
// Stroke and fill are set on <svg> by portal.css, so a symbol holds nothing but its paths.
function symbol(name) {
  const svg = read(modules, "@tabler", "icons", "icons", "outline", `${name}.svg`);
  const inner = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "")
    .replace(/\s*<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "")
    .replace(/\s*\n\s*/g, "").replace(/\s+\/>/g, "/>");
  return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
}
const icons = lines("icons.txt");
write("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">\n${icons.map(symbol).join("\n")}\n</svg>\n`);

// --- htmx -------------------------------------------------------------------------------------------
write("htmx.js", read(modules, "htmx.org", "dist", "htmx.min.js").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));

// --- licences and manifest --------------------------------------------------------------------------
mkdirSync(join(here, "licences"), { recursive: true });
writeFileSync(join(here, "licences", "tabler-icons.txt"), read(modules, "@tabler", "icons", "LICENSE"));
writeFileSync(join(here, "licences", "htmx.txt"), read(modules, "htmx.org", "LICENSE"));
const manifest = {
  packages: [
    { name: "@tabler/core", version: versions["@tabler/core"], licence: "MIT", text: "licences/tabler-core.txt", contains: "Bootstrap 5.3 (MIT)", files: ["tabler.css", "tabler-dark.css"] },
    { name: "@tabler/icons", version: versions["@tabler/icons"], licence: "MIT", text: "licences/tabler-icons.txt", files: ["icons.svg"] },
    { name: "htmx.org", version: versions["htmx.org"], licence: "0BSD", text: "licences/htmx.txt", files: ["htmx.js"] },
  ],
  files: written,
};
writeFileSync(join(here, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
for (const [name, { bytes }] of Object.entries(written)) console.log(`${name.padEnd(18)} ${String(bytes).padStart(7)} bytes`);
