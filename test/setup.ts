/**
 * Runs before every test file. A test fails when it prints without `allowConsole`, and when a leak
 * check finds more live resources after the test than before it. Unhandled rejections fail the run
 * through vitest itself (`dangerouslyIgnoreUnhandledErrors` stays off).
 */
import { afterEach, beforeEach } from "vitest";
import { unwatchConsole, watchConsole } from "./console.ts";
import { leakChecks } from "./leak-checks.ts";

// Where there is a card, `auto` is the card: tests run on it only where they say so.
process.env["ATHANOR_DEVICE"] ??= "wasm";

/** ATHANOR_CUDA_EMULATOR=1 gives the device `cuda` a card in software: see test/cuda/emulator. */
if (process.env.ATHANOR_CUDA_EMULATOR === "1") {
  const { emulateCard } = await import("./cuda/emulator/emulated-device.ts");
  emulateCard();
}

let before: number[] = [];

beforeEach(() => {
  before = leakChecks.map((check) => check.count());
  watchConsole();
});

afterEach(() => {
  const printed = unwatchConsole();
  if (printed.length > 0) {
    throw new Error(
      `console: a test must not print, got ${printed.join("; ")}; ` +
        "remove the call or announce it with allowConsole() from test/console.ts",
    );
  }
  for (const [index, check] of leakChecks.entries()) {
    const after = check.count();
    if (after !== before[index]) {
      throw new Error(
        `${check.name}: must return to the count before the test, got ${before[index]} before ` +
          `and ${after} after; free what the test made`,
      );
    }
  }
});
