/**
 * Runs vitest and writes each result the moment it is known, one JSON a line, so that a run that is
 * ended early loses nothing: `node run-suite.mjs results.jsonl workers file …`.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { startVitest } from "vitest/node";

const [output, workers, ...files] = process.argv.slice(2);

const textOf = ({ message, stack = "" }) => {
  const places = stack.split("\n").filter((line) => line.includes(" at "));
  return [message, ...places.slice(0, 3)].join("\n");
};

const write = (entry) => appendFileSync(output, `${JSON.stringify(entry)}\n`);

/** A vitest reporter: lines { file, name, state, message }, and { done } at the end. */
class LineReporter {
  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    const message = errors.map(textOf).join("\n");
    write({ file: this.#nameOf(test.module), name: test.fullName, state, message });
  }

  onTestModuleEnd(module) {
    const broken = [...module.errors()];
    for (const suite of module.children.allSuites()) broken.push(...suite.errors());
    for (const error of broken) {
      write({ file: this.#nameOf(module), name: "", state: "failed", message: textOf(error) });
    }
  }

  onTestRunEnd(_modules, errors) {
    for (const error of errors) {
      write({ file: "", name: "", state: "failed", message: textOf(error) });
    }
    write({ done: true });
  }

  #nameOf({ moduleId }) {
    return relative(process.cwd(), moduleId);
  }
}

writeFileSync(output, "");
const vitest = await startVitest("test", files, {
  watch: false,
  passWithNoTests: true,
  maxWorkers: Number(workers),
  reporters: [new LineReporter()],
});
await vitest.close();
