// Every page: theme, menus, commands; then what the page itself needs.
import 'htmx.org/dist/htmx.esm.min.js';
import './composer';
import { $, must } from './dom';
import { startInbox } from './inbox';
import { startMenus } from './menus';
import { csrfHeaders } from './net';
import { allowDesktop } from './notify';
import { startPage } from './pages/page';
import { setSizes } from './sizes';
import { startClock } from './time';

const commands: Record<string, () => void> = {
  theme() {
    const root = document.documentElement;
    const theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
    root.dataset.theme = theme;
    localStorage.setItem('hb.theme', theme);
    document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
  },
  reveal() {
    const field = must<HTMLInputElement>('#password');
    const isHidden = field.type === 'password';
    field.type = isHidden ? 'text' : 'password';
    must('[data-cmd="reveal"]').setAttribute('aria-pressed', String(isHidden));
  },
};

document.addEventListener('click', (event) => {
  const button = (event.target as Element).closest<HTMLElement>('[data-cmd]');
  const run = button && commands[button.dataset.cmd!];
  if (!run) return;
  event.preventDefault();
  button.closest<HTMLElement>('[popover]')?.hidePopover();
  run();
});

// htmx 4: the request's headers are open to change here.
document.addEventListener('htmx:config:request', (event) => {
  const { ctx } = (event as CustomEvent<{ ctx: { request: { headers: Record<string, string> } } }>).detail;
  Object.assign(ctx.request.headers, csrfHeaders());
});
document.addEventListener('htmx:after:swap', () => setSizes(document));

document.addEventListener('submit', (event) => {
  const form = event.target as HTMLFormElement;
  // The profile's choice goes before what the moon in the rail was last set to.
  if (form.matches('[data-profile]')) localStorage.setItem('hb.theme', String(new FormData(form).get('theme')));
  if (!form.matches('[data-login]')) return;
  const spinner = $('[type="submit"] .spin', form);
  if (spinner) spinner.hidden = false;
});

// The browser must agree as well, and asks only upon a click.
document.addEventListener('change', (event) => {
  const field = event.target as HTMLInputElement;
  if (!field.matches('[data-profile] #desktop') || !field.checked) return;
  void allowDesktop().then((isAllowed) => {
    field.checked = isAllowed;
  });
});

startMenus();
startClock();
setSizes(document);
startPage();
if ($('#convs')) Object.assign(commands, startInbox());
