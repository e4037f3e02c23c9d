// <hb-audio>: plays a voice note; the file is asked for only when somebody presses play, and only one plays at a time.
import { $$, must, setIcon } from './dom';
import { minutesSeconds } from './time';

const SPEEDS = [1, 1.5, 2];
const STEP_SECONDS = 5;

let playing: AudioMessage | null = null;

class AudioMessage extends HTMLElement {
  #sound: HTMLAudioElement | null = null;

  connectedCallback(): void {
    if (this.dataset.ready) return;
    this.dataset.ready = '1';
    this.addEventListener('click', (event) => this.#onPress(event));
    must('.wave', this).addEventListener('keydown', (event) => this.#onKey(event as KeyboardEvent));
  }

  disconnectedCallback(): void {
    this.#sound?.pause();
  }

  get #total(): number {
    const known = this.#sound?.duration;
    return known && Number.isFinite(known) ? known : Number(this.dataset.seconds) || 0;
  }

  #onPress(event: Event): void {
    const target = event.target as Element;
    if (target.closest('.play')) this.#toggle();
    else if (target.closest('.sp')) this.#nextSpeed();
    else if (target.closest('.wave')) {
      const box = must('.wave', this).getBoundingClientRect();
      this.#seek((((event as MouseEvent).clientX - box.left) / box.width) * this.#total);
    }
  }

  #onKey(event: KeyboardEvent): void {
    const now = this.#sound?.currentTime ?? 0;
    if (event.key === 'ArrowRight') this.#seek(now + STEP_SECONDS);
    else if (event.key === 'ArrowLeft') this.#seek(now - STEP_SECONDS);
    else if (event.key === ' ' || event.key === 'Enter') this.#toggle();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #toggle(): void {
    const sound = this.#open();
    if (!sound.paused) {
      sound.pause();
      return;
    }
    if (playing && playing !== this) playing.#sound?.pause();
    playing = this;
    void sound.play().catch(() => this.#show());
  }

  #seek(seconds: number): void {
    this.#open().currentTime = Math.max(0, Math.min(this.#total, seconds));
    this.#show();
  }

  #nextSpeed(): void {
    const sound = this.#open();
    const next = SPEEDS[(SPEEDS.indexOf(sound.playbackRate) + 1) % SPEEDS.length]!;
    sound.playbackRate = next;
    must('.sp', this).textContent = `${next.toLocaleString(document.documentElement.lang)}×`;
  }

  #open(): HTMLAudioElement {
    if (this.#sound) return this.#sound;
    const sound = new Audio(this.dataset.src);
    for (const name of ['play', 'pause', 'timeupdate', 'loadedmetadata'])
      sound.addEventListener(name, () => this.#show());
    sound.addEventListener('ended', () => {
      sound.currentTime = 0;
      this.#show();
    });
    this.#sound = sound;
    return sound;
  }

  #show(): void {
    const now = this.#sound?.currentTime ?? 0;
    const bars = $$('.wave > i', this);
    const played = this.#total ? Math.round((now / this.#total) * bars.length) : 0;
    bars.forEach((bar, index) => bar.classList.toggle('p', index < played));
    must('.dur', this).textContent = now
      ? `${minutesSeconds(now)} / ${minutesSeconds(this.#total)}`
      : minutesSeconds(this.#total);
    const wave = must('.wave', this);
    wave.setAttribute('aria-valuenow', String(Math.round(now)));
    wave.setAttribute('aria-valuetext', minutesSeconds(now));
    setIcon(must('.play', this), this.#sound && !this.#sound.paused ? 'pause' : 'play');
  }
}

customElements.define('hb-audio', AudioMessage);
