// What was written and not yet accepted by the server survives a closed tab: IndexedDB, replayed with the same keys.

export interface Unsent {
  key: string;
  user: string;
  conversation: string;
  at: string;
  body: { type: string; text?: string; quoted_id?: string; media_id?: string; forward_id?: string };
  /** What the bubble says until the server's own comes. */
  shown: string;
  quoted?: { id: string; who: string; text: string };
  /** A file that is not uploaded yet; structured clone keeps it. */
  file?: { blob: Blob; name: string; voice: boolean };
}

const STORE = 'unsent';

let opened: Promise<IDBDatabase> | undefined;

/** Where IndexedDB is refused (private windows), sending works, only without memory. */
export async function remember(entry: Unsent): Promise<void> {
  await quietly(async () => request((await store('readwrite')).put(entry)));
}

export async function forget(key: string): Promise<void> {
  await quietly(async () => request((await store('readwrite')).delete(key)));
}

export async function everythingUnsent(): Promise<Unsent[]> {
  let found: Unsent[] = [];
  await quietly(async () => {
    found = await request<Unsent[]>((await store('readonly')).getAll());
  });
  return found.sort((one, other) => one.at.localeCompare(other.at));
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  opened ??= open();
  return (await opened).transaction(STORE, mode).objectStore(STORE);
}

function open(): Promise<IDBDatabase> {
  const asked = indexedDB.open('hb-outbox', 1);
  asked.addEventListener('upgradeneeded', () => asked.result.createObjectStore(STORE, { keyPath: 'key' }));
  return request(asked);
}

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.addEventListener('success', () => resolve(asked.result));
    asked.addEventListener('error', () => reject(asked.error));
  });
}

async function quietly(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.warn('outbox', error);
  }
}
