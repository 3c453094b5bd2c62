import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../base/errors.ts";
import type { Command, Flag, FlagValues } from "./command.ts";

/** The benchmark's program, which lies beside the library in the package. */
const program = fileURLToPath(new URL("../../bench/dist/main.js", import.meta.url));

const flags: Readonly<Record<string, Flag>> = {
  filter: {
    type: "text",
    placeholder: "names",
    description: "Only rows whose name contains one of these, separated by commas.",
  },
  threads: {
    type: "text",
    placeholder: "counts",
    description: "Thread counts, as 1,2. Default: 1 and the number of cores, at most 8.",
  },
  only: {
    type: "text",
    placeholder: "libraries",
    description: "Only these contenders, as athanor,jax-js. Default: all that are installed.",
  },
  python: {
    type: "text",
    placeholder: "path",
    description: "A Python that has torch: PyTorch on the CPU takes part too.",
  },
  results: {
    type: "text",
    placeholder: "folder",
    description: "Where the results go as JSON. Default: athanor-bench.",
  },
  quick: { description: "A fraction of the time, without the runs that take seconds." },
  json: { description: "Print the results as JSON instead of tables." },
  "install-peers": { description: "Install the other libraries beside the benchmark, and end." },
};

/** The flags as they were given. */
const asArguments = (values: FlagValues): string[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );

/** `athanor bench`. */
export const benchCommand: Command = {
  name: "bench",
  summary: "Measure this machine, and Athanor against other libraries.",
  description:
    "Measures kernels and whole training steps against the machine's own limits (multiply-adds, " +
    "copies) and against the other libraries that are installed, in turns, and prints medians " +
    "and ratios. All rows take about twenty minutes; --quick a few.",
  flags,
  examples: [
    ["bench --quick --only athanor", "What this machine gives, in a few minutes."],
    ["bench --install-peers", "Install jax-js, TensorFlow.js and ONNX Runtime to compare with."],
    ["bench --filter mlp,gemm --threads 1", "Some rows, on one thread."],
  ],
  async run(values) {
    if (!existsSync(program)) {
      throw new ConfigError(
        `bench: ${program} is not there; in a checkout of the repository, run npm run bench`,
      );
    }
    const given = { results: "athanor-bench", ...values };
    const child = spawn(process.execPath, [program, ...asArguments(given)], { stdio: "inherit" });
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => resolve(code ?? 130));
    });
  },
};
