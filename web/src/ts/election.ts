// One tab of the browser leads: it holds the stream and passes events on. Web Locks decide; where they do not exist
// (plain http), the tabs ask each other over a BroadcastChannel. Answers come from message events, which hidden tabs
// still run at once, while their timers may sleep for a minute.
import { newKey } from './dom';

interface Word {
  word: 'who' | 'leader' | 'claim' | 'bye';
  tab: string;
}

const ASK_EVERY_MS = 5_000;
const ANSWER_WITHIN_MS = 1_200;
const CLAIM_SETTLES_MS = 400;

export function elect(lead: () => void, stepDown: () => void): void {
  if (navigator.locks) {
    void navigator.locks.request('hb-live', () => {
      lead();
      return new Promise<void>(() => undefined);
    });
  } else if ('BroadcastChannel' in window) {
    new Election(lead, stepDown).ask();
  } else {
    lead();
  }
}

class Election {
  readonly #tab = newKey();
  readonly #channel = new BroadcastChannel('hb-leader');
  #isLeading = false;
  #lastHeard = 0;
  #smallestClaim = '';

  readonly #lead: () => void;
  readonly #stepDown: () => void;

  constructor(lead: () => void, stepDown: () => void) {
    this.#lead = lead;
    this.#stepDown = stepDown;
    this.#channel.addEventListener('message', (event: MessageEvent<Word>) => this.#hear(event.data));
    setInterval(() => this.ask(), ASK_EVERY_MS);
    addEventListener('pagehide', () => this.#isLeading && this.#say('bye'));
  }

  ask(): void {
    if (this.#isLeading) return;
    const asked = Date.now();
    this.#say('who');
    setTimeout(() => {
      if (this.#lastHeard < asked) this.#claim();
    }, ANSWER_WITHIN_MS);
  }

  #claim(): void {
    const asked = Date.now();
    this.#smallestClaim = this.#tab;
    this.#say('claim');
    setTimeout(() => {
      if (this.#isLeading || this.#lastHeard >= asked || this.#smallestClaim !== this.#tab) return;
      this.#isLeading = true;
      this.#say('leader');
      this.#lead();
    }, CLAIM_SETTLES_MS);
  }

  #hear({ word, tab }: Word): void {
    if (word === 'bye') this.#claim();
    else if (word === 'who' && this.#isLeading) this.#say('leader');
    else if (word === 'claim') this.#hearClaim(tab);
    else if (word === 'leader') this.#hearLeader(tab);
  }

  #hearClaim(tab: string): void {
    if (this.#isLeading) this.#say('leader');
    else if (!this.#smallestClaim || tab < this.#smallestClaim) this.#smallestClaim = tab;
  }

  #hearLeader(tab: string): void {
    this.#lastHeard = Date.now();
    if (!this.#isLeading || this.#tab < tab) return;
    this.#isLeading = false;
    this.#stepDown();
  }

  #say(word: Word['word']): void {
    this.#channel.postMessage({ word, tab: this.#tab } satisfies Word);
  }
}
