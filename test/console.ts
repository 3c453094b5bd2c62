import { vi } from "vitest";

const consoleMethods = ["log", "info", "warn", "error", "debug", "trace"] as const;
type ConsoleMethod = (typeof consoleMethods)[number];

interface ConsoleCall {
  readonly method: ConsoleMethod;
  readonly text: string;
}

let calls: ConsoleCall[] = [];
let allowed: RegExp[] = [];

/**
 * Announces that the running test prints text matching `pattern`.
 *
 * @returns a function that lists the matching lines printed so far.
 */
export function allowConsole(pattern: RegExp = /(?:)/): () => string[] {
  allowed.push(pattern);
  return () => calls.map((call) => call.text).filter((text) => pattern.test(text));
}

/** Replaces the console of this worker and forgets what earlier tests printed. */
export function watchConsole(): void {
  calls = [];
  allowed = [];
  for (const method of consoleMethods) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      calls.push({ method, text: values.map(String).join(" ") });
    });
  }
}

/** Restores the console; returns what was printed without permission. */
export function unwatchConsole(): string[] {
  for (const method of consoleMethods) vi.mocked(console[method]).mockRestore();
  return calls
    .filter((call) => !allowed.some((pattern) => pattern.test(call.text)))
    .map((call) => `console.${call.method}(${JSON.stringify(call.text)})`);
}
