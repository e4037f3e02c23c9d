// Texts: written in pt-BR, translated by the page's JSON block. Extraction reads t('…') and tn('…', '…', n).

type Values = Record<string, string | number>;

let texts: Record<string, string> | undefined;

function translated(text: string): string {
  texts ??= JSON.parse(document.getElementById('i18n')?.textContent ?? '{}') as Record<string, string>;
  return texts[text] ?? text;
}

export function t(text: string, values: Values = {}): string {
  return translated(text).replace(/%\((\w+)\)s/g, (_all, name: string) => String(values[name] ?? ''));
}

export function tn(one: string, other: string, number: number, values: Values = {}): string {
  return t(number === 1 ? one : other, { n: number, ...values });
}
