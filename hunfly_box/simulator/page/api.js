// The page's few calls to the simulator it was served by.

const ROOT = "/phone/api/";

export async function read(name, query = {}) {
  return answer(await fetch(`${ROOT}${name}?${new URLSearchParams(query)}`));
}

export async function tell(name, body) {
  const request = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  return (await answer(await fetch(ROOT + name, request))).result;
}

async function answer(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? response.statusText);
  return body;
}

export function mediaAddress(message) {
  return `${ROOT}media?${new URLSearchParams({ instance: message.instance, id: message.id })}`;
}

export function listen(onEvent, onLost) {
  const source = new EventSource(`${ROOT}live`);
  source.onmessage = (event) => onEvent(JSON.parse(event.data));
  source.onerror = onLost;
}

export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  // In slices: a whole file as arguments of one call would overflow the stack.
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
