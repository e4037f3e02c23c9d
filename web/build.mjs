// One command builds the front end: npm ci --ignore-scripts && npm run build  ->  static/dist (not in git, shipped in the wheel).
import { build, context } from 'esbuild';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

// Gzipped bytes of everything a browser may load, and of the script that nearly every page runs on; the build fails above.
const BUDGETS = { js: 40_000, 'app.js': 28_000, css: 20_000 };

const root = import.meta.dirname;
// Built beside the old one and put in its place when whole: a running box never meets half a build.
const dist = path.join(root, 'static', 'dist');
const isWatching = process.argv.includes('--watch');
const out = isWatching ? dist : path.join(root, 'node_modules', '.dist');
const modules = path.join(root, 'node_modules');

const TAILWIND = [
  path.join(modules, '@tailwindcss', 'cli', 'dist', 'index.mjs'),
  '-i',
  path.join('src', 'css', 'app.css'),
  '-o',
  path.join(out, 'app.css'),
];

const SCRIPTS = {
  absWorkingDir: root,
  entryPoints: ['src/ts/app.ts', 'src/ts/boot.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  outdir: out,
  minify: !isWatching,
  sourcemap: isWatching,
  legalComments: 'none',
  logLevel: 'warning',
};

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}

function filesUnder(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(full) : [full];
  });
}

function sources() {
  const files = [...filesUnder(path.join(root, 'templates')), ...filesUnder(path.join(root, 'src'))];
  return files.map((file) => fs.readFileSync(file, 'utf8')).join('\n');
}

/** Only the icons that are named in templates, TypeScript or icons.txt (those named in Python). */
function iconNames(text) {
  const named = [...text.matchAll(/icon\(\s*['"]([a-z0-9-]+)['"]/g)].map((match) => match[1]);
  const listed = fs
    .readFileSync(path.join(root, 'icons.txt'), 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'));
  return [...new Set([...named, ...listed])].sort();
}

function symbol(name) {
  const file = path.join(modules, 'lucide-static', 'icons', `${name}.svg`);
  if (!fs.existsSync(file)) {
    fail(`no such icon: ${name}`);
    return '';
  }
  const shapes = fs
    .readFileSync(file, 'utf8')
    .replace(/<!--.*?-->/gs, '')
    .replace(/^[\s\S]*?<svg[^>]*>/, '')
    .replace('</svg>', '')
    .replace(/\s+/g, ' ')
    .trim();
  const pen =
    'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
  return `<symbol id="i-${name}" viewBox="0 0 24 24" ${pen}>${shapes}</symbol>`;
}

function writeIcons() {
  const names = iconNames(sources());
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${names.map(symbol).join('')}</svg>`;
  fs.writeFileSync(path.join(out, 'sprite.svg'), sprite);
  return names.length;
}

function copyFonts() {
  const folder = path.join(modules, '@fontsource-variable', 'figtree', 'files');
  for (const subset of ['latin', 'latin-ext']) {
    const font = path.join(folder, `figtree-${subset}-wght-normal.woff2`);
    fs.copyFileSync(font, path.join(out, `figtree-${subset}.woff2`));
  }
}

/** Apart from our own script, because one page of many uses it. */
function copyHtmx() {
  fs.copyFileSync(path.join(modules, 'htmx.org', 'dist', 'htmx.esm.min.js'), path.join(out, 'htmx.js'));
}

/** The texts of `t('…')` and `tn('…', '…', n)`: the page delivers their translations. */
function writeScriptTexts() {
  const quoted = /'((?:[^'\\\n]|\\.)*)'/.source;
  const texts = new Set();
  for (const file of filesUnder(path.join(root, 'src', 'ts'))) {
    const text = fs.readFileSync(file, 'utf8');
    for (const match of text.matchAll(new RegExp(`\\bt\\(\\s*${quoted}`, 'g'))) texts.add(match[1]);
    for (const match of text.matchAll(new RegExp(`\\btn\\(\\s*${quoted}\\s*,\\s*${quoted}`, 'g'))) {
      texts.add(match[1]);
      texts.add(match[2]);
    }
  }
  const plain = [...texts].map((text) => text.replaceAll("\\'", "'")).sort();
  fs.writeFileSync(path.join(out, 'strings.json'), JSON.stringify(plain));
}

/** The page preloads the font by its versioned address; the stylesheet must ask for the same one. */
function versionFonts() {
  const file = path.join(out, 'app.css');
  const css = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(
    file,
    css.replace(/figtree-[a-z-]+\.woff2/g, (name) => versioned(name)),
  );
}

function versioned(name) {
  const hash = createHash('sha256')
    .update(fs.readFileSync(path.join(out, name)))
    .digest('hex');
  return `${name}?v=${hash.slice(0, 10)}`;
}

/** Content hashes as `?v=`, read by the asset() helper of the templates. */
function writeManifest() {
  const manifest = {};
  for (const name of fs.readdirSync(out).sort()) {
    if (name === 'strings.json') continue;
    manifest[name] = versioned(name);
  }
  fs.writeFileSync(path.join(out, 'manifest.json'), JSON.stringify(manifest, null, 1));
}

function compressAndWeigh() {
  const weight = { js: 0, css: 0 };
  for (const name of fs.readdirSync(out).sort()) {
    const kind = /\.(js|css|svg)$/.exec(name)?.[1];
    if (!kind) continue;
    const file = path.join(out, name);
    const bytes = fs.readFileSync(file);
    const gzipped = gzipSync(bytes, { level: 9 });
    fs.writeFileSync(`${file}.gz`, gzipped);
    fs.writeFileSync(
      `${file}.br`,
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    );
    if (kind in weight) weight[kind] += gzipped.length;
    if (name in BUDGETS) weight[name] = gzipped.length;
    console.log(name.padEnd(28), String(bytes.length).padStart(8), 'gz', String(gzipped.length).padStart(7));
  }
  return weight;
}

function checkBudgets(weight) {
  for (const [kind, limit] of Object.entries(BUDGETS)) {
    console.log(`${kind}: ${weight[kind]} of ${limit} bytes gzipped`);
    if (weight[kind] > limit) fail(`${kind} is over its budget`);
  }
}

async function buildOnce() {
  execFileSync(process.execPath, [...TAILWIND, '--minify'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await build(SCRIPTS);
  versionFonts();
  writeManifest();
  checkBudgets(compressAndWeigh());
}

async function buildAgainOnChange() {
  spawn(process.execPath, [...TAILWIND, '--watch=always'], { cwd: root, stdio: 'inherit' });
  await (await context(SCRIPTS)).watch();
  setTimeout(writeManifest, 3000);
}

function putInPlace() {
  const old = `${out}.old`;
  fs.rmSync(old, { recursive: true, force: true });
  if (fs.existsSync(dist)) fs.renameSync(dist, old);
  fs.renameSync(out, dist);
  fs.rmSync(old, { recursive: true, force: true });
}

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
console.log(`${writeIcons()} icons`);
copyFonts();
copyHtmx();
writeScriptTexts();
await (isWatching ? buildAgainOnChange() : buildOnce());
if (!isWatching && !process.exitCode) putInPlace();
