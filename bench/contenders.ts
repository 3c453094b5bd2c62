import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CellOptions } from "./cell-process.ts";
import { openblasPath } from "./openblas.ts";
import type { Contender } from "./rows.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Folder of the peers' own package, beside the sources. */
export const peersFolder: string = here("../peers");

interface Entry {
  readonly script: string;
  readonly args?: readonly string[];
  /** Package that must be installed in the peers' folder. */
  readonly needs?: string;
  /** Program it runs in, if that is not Node; it takes part when one is named. */
  readonly runsIn?: "python";
}

const entries: Readonly<Record<Contender, Entry>> = {
  athanor: { script: here("athanor/cell.js") },
  "jax-js": { script: `${peersFolder}/jax-js.mjs`, args: ["plain"], needs: "@jax-js/jax" },
  "jax-js im2col": { script: `${peersFolder}/jax-js.mjs`, args: ["im2col"], needs: "@jax-js/jax" },
  "tfjs-wasm": {
    script: `${peersFolder}/tfjs-wasm.mjs`,
    needs: "@tensorflow/tfjs-backend-wasm",
  },
  onnxruntime: {
    script: `${peersFolder}/onnxruntime.mjs`,
    args: ["onnxruntime-node"],
    needs: "onnxruntime-node",
  },
  "onnxruntime-web": {
    script: `${peersFolder}/onnxruntime.mjs`,
    args: ["onnxruntime-web"],
    needs: "onnxruntime-web",
  },
  openblas: { script: `${peersFolder}/openblas.mjs`, needs: "koffi" },
  pytorch: { script: `${peersFolder}/pytorch.py`, runsIn: "python" },
};

/** Programs of the command line that contenders run in. */
export interface Interpreters {
  readonly python?: string | undefined;
}

/** Whether the contender's package, or the program it runs in, is there. */
export function isInstalled(contender: Contender, interpreters: Interpreters): boolean {
  const { needs, runsIn } = entries[contender];
  if (runsIn !== undefined) return interpreters[runsIn] !== undefined;
  if (contender === "openblas" && openblasPath() === undefined) return false;
  return needs === undefined || existsSync(`${peersFolder}/node_modules/${needs}/package.json`);
}

/** The process that measures a contender on a row. */
export function cellOf(
  contender: Contender,
  row: string,
  threads: number,
  interpreters: Interpreters = {},
): CellOptions {
  const { script, args = [], runsIn } = entries[contender];
  const interpreter = runsIn === undefined ? undefined : interpreters[runsIn];
  return { script, args, row, threads, ...(interpreter !== undefined && { interpreter }) };
}

/** The process that measures the machine. */
export function probeOf(probe: string, threads: number): CellOptions {
  return { script: here("probe/cell.js"), row: probe, threads };
}
