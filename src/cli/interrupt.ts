/** Watches for Ctrl-C while a command runs. */
export interface Interrupt {
  /** Aborts at the first Ctrl-C (or SIGTERM). */
  readonly signal: AbortSignal;
  /** Gives the keys their usual meaning again. */
  dispose(): void;
}

/** Lets a command end in order at the first Ctrl-C; the second one ends the process at once. */
export function onInterrupt(notify: () => void): Interrupt {
  const controller = new AbortController();
  const handle = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    notify();
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return {
    signal: controller.signal,
    dispose() {
      process.off("SIGINT", handle);
      process.off("SIGTERM", handle);
    },
  };
}
