// Voice notes: Opus in Ogg where the browser can, else in WebM (the server changes the container).
import { t } from './i18n';
import { minutesSeconds } from './time';

const CONTAINERS = ['audio/ogg;codecs=opus', 'audio/webm;codecs=opus', 'audio/mp4'];
const LEVEL_EVERY_MS = 90;
const BARS = 90;
const LONGEST_SECONDS = 15 * 60;

export interface Recording {
  blob: Blob;
  name: string;
}

/** Why recording cannot work here, in words; null where it can. */
export function obstacle(): string | null {
  if (!window.isSecureContext) return t('Para gravar, abra a caixa por HTTPS.');
  if (!navigator.mediaDevices || !('MediaRecorder' in window)) return t('Este navegador não grava áudio.');
  return null;
}

export class Recorder {
  readonly #chunks: Blob[] = [];
  readonly #startedAt = Date.now();
  readonly #timer: number;
  readonly #context = new AudioContext();
  readonly #ended: Promise<unknown>;
  readonly #stream: MediaStream;
  readonly #recorder: MediaRecorder;
  readonly #meter: HTMLElement;
  readonly #clock: HTMLElement;

  private constructor(
    stream: MediaStream,
    recorder: MediaRecorder,
    meter: HTMLElement,
    clock: HTMLElement,
    tooLong: () => void,
  ) {
    this.#stream = stream;
    this.#recorder = recorder;
    this.#meter = meter;
    this.#clock = clock;
    const analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(stream).connect(analyser);
    this.#ended = new Promise((resolve) => recorder.addEventListener('stop', resolve, { once: true }));
    recorder.addEventListener('dataavailable', (event) => this.#chunks.push(event.data));
    recorder.start(1000);
    this.#timer = window.setInterval(() => {
      this.#show(analyser);
      if (this.#seconds >= LONGEST_SECONDS) tooLong();
    }, LEVEL_EVERY_MS);
  }

  static async start(meter: HTMLElement, clock: HTMLElement, tooLong: () => void): Promise<Recorder> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true },
    });
    const mimeType = CONTAINERS.find((type) => MediaRecorder.isTypeSupported(type));
    meter.replaceChildren();
    return new Recorder(
      stream,
      new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 32_000 }),
      meter,
      clock,
      tooLong,
    );
  }

  get #seconds(): number {
    return (Date.now() - this.#startedAt) / 1000;
  }

  async finish(): Promise<Recording> {
    this.stop();
    await this.#ended;
    const type = this.#recorder.mimeType.split(';')[0] ?? 'audio/webm';
    return { blob: new Blob(this.#chunks, { type }), name: `audio.${type.split('/')[1]}` };
  }

  /** The microphone is let go at once; what was said so far can still be sent. */
  stop(): void {
    if (this.#recorder.state === 'inactive') return;
    this.#recorder.stop();
    clearInterval(this.#timer);
    for (const track of this.#stream.getTracks()) track.stop();
    void this.#context.close();
  }

  #show(analyser: AnalyserNode): void {
    const samples = new Uint8Array(analyser.fftSize);
    analyser.getByteTimeDomainData(samples);
    const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0);
    const bar = document.createElement('i');
    bar.style.height = `${Math.min(100, 8 + loudest * 1.4)}%`;
    this.#meter.append(bar);
    if (this.#meter.childElementCount > BARS) this.#meter.firstElementChild!.remove();
    this.#clock.textContent = minutesSeconds(this.#seconds);
  }
}
