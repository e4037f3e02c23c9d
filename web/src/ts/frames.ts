// What many events ask for and one frame does once.

/** A tab that is hidden, or becomes so before its next frame, has no frames. */
const WITHOUT_FRAMES_MS = 100;

export function oncePerFrame(work: () => void): () => void {
  let frame = 0;
  let timer = 0;
  const run = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = 0;
    work();
  };
  return () => {
    if (timer) return;
    frame = requestAnimationFrame(run);
    timer = window.setTimeout(run, WITHOUT_FRAMES_MS);
  };
}
