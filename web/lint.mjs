// Rules that keep the content security policy strict and strangers' text harmless. Run by `npm run check`.
import fs from 'node:fs';
import path from 'node:path';

const root = import.meta.dirname;

const TEMPLATE_RULES = [
  [/\sstyle\s*=/, 'style="" needs unsafe-inline: use a class, or data-w and sizes.ts'],
  [/\|\s*safe\b/, '|safe on data is how HTML gets in'],
  [/\bMarkup\b|autoescape\s+false/, 'escaping stays on'],
  [/\son[a-z]+\s*=\s*["']/, 'inline handlers are refused by the policy'],
  [/hx-on[:-]/, 'hx-on compiles text to code'],
  [/hx-(?:vals|headers)\s*=\s*["'](?:js|javascript):/, 'js: values compile text to code'],
  [/hx-trigger\s*=\s*["'][^"']*\[/, 'trigger filters compile text to code'],
  [/<script(?![^>]*(?:src=|type="application\/json"))[^>]*>/, 'scripts come from files'],
  [/<style\b/, 'styles come from files'],
  [/(?:href|src|action)=[^"\s>]/, 'attributes are quoted'],
  [/(?:href|src)="\{\{(?!\s*(?:asset\(|[^}]*safe_url))/, 'an address goes through asset() or safe_url'],
];

const SCRIPT_RULES = [
  [/\beval\(|new Function\(|setTimeout\(\s*['"`]/, 'no code from text'],
  [/document\.write|insertAdjacentHTML|outerHTML\s*=/, 'HTML enters by dom.ts only'],
  [/\.setAttribute\(\s*['"]style['"]/, 'set computed sizes through CSSOM'],
  [/: any\b|<any>|as any\b/, 'say the type'],
];

// The one place that turns the server's finished fragments into nodes.
const HTML_PARSER = path.join('src', 'ts', 'dom.ts');

function* files(folder, extension) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* files(full, extension);
    else if (entry.name.endsWith(extension)) yield full;
  }
}

let complaints = 0;

function check(file, rules) {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  lines.forEach((line, index) => {
    for (const [pattern, why] of rules) {
      if (!pattern.test(line)) continue;
      complaints += 1;
      console.error(`${path.relative(root, file)}:${index + 1}: ${why}`);
    }
  });
}

for (const file of files(path.join(root, 'templates'), '.html')) check(file, TEMPLATE_RULES);
for (const file of files(path.join(root, 'src', 'ts'), '.ts')) {
  const isParser = file.endsWith(HTML_PARSER);
  check(file, isParser ? SCRIPT_RULES : [...SCRIPT_RULES, [/innerHTML/, 'HTML enters by dom.ts only']]);
}
process.exitCode = complaints ? 1 : 0;
