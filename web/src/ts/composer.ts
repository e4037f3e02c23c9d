// <hb-composer>: text, quote, files, emoji, voice, notes, edits and the draft of one conversation.
import { $, $$, isTouch, must, put, tell, toast, under } from './dom';
import { clearDraft, draftFor, localDraft, saveDraft, showDraftOf } from './drafts';
import { Files, typeOf } from './files';
import { openEmoji } from './emoji';
import { tried } from './head';
import { t } from './i18n';
import { api } from './net';
import { obstacle, Recorder } from './recorder';
import { send } from './sending';
import { nowTyping, stopTyping } from './socket';

export interface Quoted {
  id: string;
  who: string;
  text: string;
}

export class Composer extends HTMLElement {
  #area!: HTMLTextAreaElement;
  #files!: Files;
  #quoted: Quoted | null = null;
  #editing: string | null = null;
  #recorder: Recorder | null = null;
  #isAskingForMicrophone = false;

  get conversation(): string {
    return this.dataset.conv!;
  }

  get isNote(): boolean {
    return this.dataset.mode === 'note';
  }

  connectedCallback(): void {
    if (this.#area) return;
    this.#area = must<HTMLTextAreaElement>('textarea', this);
    this.#files = new Files(must('.files', this));
    this.#area.dataset.reply = this.#area.placeholder;
    this.#restore();
    this.#listen();
    this.#showMode(this.dataset.mode ?? 'reply');
  }

  disconnectedCallback(): void {
    stopTyping();
    // Nobody expects to be heard while reading another conversation.
    this.#recorder?.stop();
    if (this.conversation) showDraftOf(this.conversation);
  }

  focusText(): void {
    this.#area.focus();
  }

  setMode(mode: string): void {
    this.#showMode(mode);
    this.focusText();
    this.#keepDraft();
  }

  #showMode(mode: string): void {
    this.dataset.mode = mode;
    for (const tab of $$('[data-mode]', this))
      tab.setAttribute('aria-pressed', String(tab.dataset.mode === mode));
    this.#area.placeholder = (this.isNote ? this.#area.dataset.note : this.#area.dataset.reply) ?? '';
    if (this.isNote) this.quote(null);
  }

  toggleNote(): void {
    this.setMode(this.isNote ? 'reply' : 'note');
  }

  quote(quoted: Quoted | null): void {
    this.#quoted = quoted;
    const strip = must('.reply-to', this);
    strip.hidden = !quoted;
    if (!quoted) return;
    put(strip, 'b', quoted.who);
    put(strip, '.quote > span', quoted.text);
    if (this.isNote) this.setMode('reply');
    this.focusText();
  }

  edit(id: string, text: string): void {
    this.#editing = id;
    must('.editing', this).hidden = false;
    this.quote(null);
    this.#setText(text);
    this.focusText();
  }

  addFiles(files: Iterable<File>): void {
    if (this.isNote) {
      toast(t('Notas privadas só têm texto.'));
      return;
    }
    this.#files.add(files);
    this.focusText();
  }

  insert(text: string): void {
    this.#area.setRangeText(text, this.#area.selectionStart, this.#area.selectionEnd, 'end');
    this.#changed();
    if (!isTouch()) this.focusText();
  }

  #restore(): void {
    const quoted = this.dataset.quoted;
    const printed = this.#area.value
      ? { text: this.#area.value, mode: this.dataset.mode ?? 'reply', quoted_id: quoted ?? null }
      : null;
    const draft = draftFor(this.conversation, printed);
    this.#area.value = draft?.text ?? '';
    this.dataset.mode = draft?.mode ?? 'reply';
    const strip = must('.reply-to', this);
    if (!quoted || quoted !== draft?.quoted_id) {
      strip.hidden = true;
    } else {
      this.#quoted = {
        id: quoted,
        who: $('b', strip)?.textContent ?? '',
        text: $('.quote > span', strip)?.textContent ?? '',
      };
    }
    this.#grow();
  }

  #listen(): void {
    this.#area.addEventListener('input', () => this.#changed());
    this.#area.addEventListener('keydown', (event) => this.#onKey(event));
    this.#area.addEventListener('blur', stopTyping);
    this.#area.addEventListener('paste', (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.addFiles(files);
    });
    must('form', this).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    const picker = must<HTMLInputElement>('input[type="file"]', this);
    picker.addEventListener('change', () => {
      this.addFiles(picker.files ?? []);
      picker.value = '';
    });
    this.addEventListener('click', (event) => this.#onClick(event));
  }

  #changed(): void {
    this.#grow();
    this.#keepDraft();
    if (this.#area.value && !this.isNote) nowTyping(this.conversation);
  }

  #keepDraft(): void {
    if (this.#editing) return;
    saveDraft(this.conversation, {
      text: this.#area.value,
      mode: this.dataset.mode ?? 'reply',
      quoted_id: this.#quoted?.id ?? null,
    });
  }

  /** Browsers without field-sizing need the height set. */
  #grow(): void {
    if (CSS.supports('field-sizing', 'content')) return;
    this.#area.style.height = 'auto';
    this.#area.style.height = `${this.#area.scrollHeight}px`;
  }

  #setText(text: string): void {
    this.#area.value = text;
    this.#grow();
  }

  #submit(): void {
    const text = this.#area.value.trim();
    if (this.#editing) {
      void this.#submitEdit(text);
      return;
    }
    if (this.isNote && !this.#files.isEmpty) {
      // A file picked for the customer must not travel with what only the team may read.
      toast(t('Notas privadas só têm texto.'));
      return;
    }
    const files = this.#files.take();
    if (!text && !files.length) return;
    stopTyping();
    if (files.length) this.#sendFiles(files, text);
    else this.#sendText(text);
    this.#setText('');
    this.quote(null);
    clearDraft(this.conversation);
  }

  #sendText(text: string): void {
    const type = this.isNote ? 'note' : 'text';
    send({ conversation: this.conversation, type, text, quoted: this.#quoted ?? undefined });
  }

  /** The text becomes the caption of the first picture, video or document. */
  #sendFiles(files: File[], text: string): void {
    let caption = text;
    for (const file of files) {
      const type = typeOf(file.type);
      const takes = type !== 'audio';
      send({
        conversation: this.conversation,
        type,
        text: takes ? caption : undefined,
        quoted: this.#quoted ?? undefined,
        file: { blob: file, name: file.name, voice: false },
      });
      if (takes) caption = '';
    }
    if (caption) this.#sendText(caption);
  }

  async #submitEdit(text: string): Promise<void> {
    const id = this.#editing!;
    if (!text) return;
    this.#stopEditing();
    const edited = await tried(async () => tell('hb:message', await api('PATCH', `/api/v1/messages/${id}`, { text })));
    if (!edited) this.edit(id, text);
  }

  #stopEditing(): void {
    this.#editing = null;
    must('.editing', this).hidden = true;
    this.#setText(localDraft(this.conversation)?.text ?? '');
  }

  #onKey(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      if (this.#editing) this.#stopEditing();
      else if (this.#quoted) this.quote(null);
      else this.#area.blur();
      event.stopPropagation();
    } else if (event.key === 'Enter' && !event.shiftKey && !isTouch()) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'ArrowUp' && !this.#area.value && !event.altKey) {
      event.preventDefault();
      tell('hb:edit-last');
    }
  }

  #onClick(event: Event): void {
    const button = under(event, 'button');
    if (!button) return;
    if (button.dataset.mode) this.setMode(button.dataset.mode);
    const act = button.dataset.act;
    if (act === 'unquote') this.quote(null);
    else if (act === 'unedit') this.#stopEditing();
    else if (act === 'attach') must<HTMLInputElement>('input[type="file"]', this).click();
    else if (act === 'remove-file') this.#files.remove(button.closest('.file')!);
    else if (act === 'emoji') void openEmoji(button, (emoji) => this.insert(emoji));
    else if (act === 'record') void this.#record();
    else if (act === 'rec-cancel') this.#endRecording();
    else if (act === 'rec-send') void this.#sendRecording();
  }

  async #record(): Promise<void> {
    const why = obstacle();
    if (why) {
      toast(why);
      return;
    }
    if (this.#isAskingForMicrophone) return;
    this.#isAskingForMicrophone = true;
    try {
      const tooLong = (): void => void this.#sendRecording();
      const recorder = await Recorder.start(must('.lvl', this), must('[data-time]', this), tooLong);
      this.#take(recorder);
    } catch {
      toast(t('O navegador não deixou usar o microfone.'));
    } finally {
      this.#isAskingForMicrophone = false;
    }
  }

  /** The reader may have gone elsewhere while the browser asked. */
  #take(recorder: Recorder): void {
    if (!this.isConnected) {
      recorder.stop();
      return;
    }
    this.#recorder = recorder;
    this.#showRecording(true);
    must('[data-act="rec-send"]', this).focus();
  }

  async #sendRecording(): Promise<void> {
    const recorder = this.#recorder;
    if (!recorder) return;
    this.#recorder = null;
    this.#showRecording(false);
    const { blob, name } = await recorder.finish();
    send({
      conversation: this.conversation,
      type: 'voice',
      quoted: this.#quoted ?? undefined,
      file: { blob, name, voice: true },
    });
    this.quote(null);
  }

  #endRecording(): void {
    this.#recorder?.stop();
    this.#recorder = null;
    this.#showRecording(false);
    this.focusText();
  }

  #showRecording(isOn: boolean): void {
    must('.rec', this).hidden = !isOn;
    this.#area.hidden = isOn;
    must('.bar', this).hidden = isOn;
    must('.tabs', this).hidden = isOn;
  }
}

customElements.define('hb-composer', Composer);

export const currentComposer = (): Composer | null => $<Composer>('#composer');
