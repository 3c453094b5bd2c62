import { writeSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** The numbers of a finished run; errors outside of tests count as failures. */
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function countModules(modules: readonly TestModule[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const testModule of modules) {
    counts.failed += testModule.errors().length;
    for (const suite of testModule.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of testModule.children.allTests()) {
      const { state } = test.result();
      if (state !== "pending") counts[state] += 1;
    }
  }
  return counts;
}

/** Prints `N passed, N failed` as the very last line of the process, after every other reporter. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const { passed, failed, skipped } = countModules(modules);
    const skippedText = skipped > 0 ? `, ${skipped} skipped` : "";
    this.#line = `${passed} passed, ${failed + errors.length} failed${skippedText}`;
    if (!this.#scheduled) process.once("exit", () => writeSync(1, `${this.#line}\n`));
    this.#scheduled = true;
  }

  #line = "";
  #scheduled = false;
}
