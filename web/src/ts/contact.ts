// The contact's name and facts, edited from the side panel. Facts are lines of "name: value".
import { $, byId, fragment, must, toast } from './dom';
import { t } from './i18n';
import { api, page, Refused } from './net';

export function startContactForm(): void {
  document.addEventListener('submit', (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.dataset.contactForm) return;
    event.preventDefault();
    void save(form);
  });
}

async function save(form: HTMLFormElement): Promise<void> {
  const given = new FormData(form);
  const facts = factsIn(String(given.get('facts')));
  if (!facts) return complain(form, t('Escreva cada linha como nome: valor.'));
  // Left as it was printed it stays what the person calls themselves, and follows when that changes.
  const printed = must<HTMLInputElement>('[name="name"]', form).defaultValue;
  const name = String(given.get('name'));
  const change = name === printed ? {} : { name: name.trim() || null };
  try {
    await api('PATCH', `/api/v1/contacts/${form.dataset.contactForm}`, { ...change, attributes: facts });
  } catch (error) {
    const isRefused = error instanceof Refused;
    return complain(
      form,
      isRefused ? t('Confira o nome e os dados.') : t('Sem resposta do servidor. Tente de novo.'),
    );
  }
  form.closest('dialog')?.close();
  toast(t('Contato gravado.'));
  const [html] = await page(`/inbox/${form.dataset.conversation}/side`);
  // The reader may have opened another conversation meanwhile.
  if (form.isConnected) byId('side')?.replaceChildren(fragment(html));
}

function factsIn(text: string): Record<string, string> | null {
  const facts: Record<string, string> = {};
  for (const line of text.split('\n').filter((each) => each.trim())) {
    const at = line.indexOf(':');
    const [name, value] = [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    if (at < 0 || !name || !value) return null;
    facts[name] = value;
  }
  return facts;
}

function complain(form: HTMLFormElement, text: string): void {
  const line = $('[data-error]', form);
  if (!line) return;
  line.textContent = text;
  line.hidden = false;
}
