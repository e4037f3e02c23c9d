// Every page: theme, menus, dialogs, commands; then what the page itself needs.
import './composer';
import { startChannels } from './channels';
import { $, byId, copyOf, must, under } from './dom';
import { startInbox } from './inbox';
import { startMenus } from './menus';
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
  const button = under(event, '[data-cmd]');
  const run = button && commands[button.dataset.cmd!];
  if (!run) return;
  event.preventDefault();
  button.closest<HTMLElement>('[popover]')?.hidePopover();
  run();
});

document.addEventListener('click', (event) => {
  const button = under(event, '[data-dialog]');
  const dialog = byId(button?.dataset.dialog ?? '') as HTMLDialogElement | null;
  if (!button || !dialog) return;
  button.closest<HTMLElement>('[popover]')?.hidePopover();
  const wait = `${dialog.id}-wait`;
  if (byId(wait)) dialog.firstElementChild!.replaceChildren(copyOf(`#${wait}`));
  if (!dialog.open) dialog.showModal();
});

document.addEventListener('submit', (event) => {
  const form = event.target as HTMLFormElement;
  // The profile's choice goes before what the moon in the rail was last set to.
  if (form.matches('[data-profile]')) localStorage.setItem('hb.theme', String(new FormData(form).get('theme')));
  if (!form.matches('[data-login]')) return;
  $('[type="submit"] .spin', form)?.removeAttribute('hidden');
});

// The browser must agree as well, and asks only upon a click.
document.addEventListener('change', async (event) => {
  const field = event.target as HTMLInputElement;
  if (!field.matches('[data-profile] #desktop') || !field.checked) return;
  field.checked = 'Notification' in window && (await Notification.requestPermission()) === 'granted';
});

startMenus();
startClock();
setSizes(document);
if ($('#channels')) startChannels();
if ($('#convs')) Object.assign(commands, startInbox());
