import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CellOptions } from "./cell-process.ts";
import type { Contender } from "./rows.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Folder of the peers' own package, beside the sources. */
export const peersFolder: string = here("../peers");

interface Entry {
  readonly script: string;
  readonly args?: readonly string[];
  /** Package that must be installed in the peers' folder. */
  readonly needs?: string;
  /** Most threads it can use in Node. */
  readonly threadLimit?: number;
}

const entries: Readonly<Record<Contender, Entry>> = {
  athanor: { script: here("athanor/cell.js") },
  "jax-js": { script: `${peersFolder}/jax-js.mjs`, args: ["plain"], needs: "@jax-js/jax" },
  "jax-js im2col": { script: `${peersFolder}/jax-js.mjs`, args: ["im2col"], needs: "@jax-js/jax" },
  "tfjs-wasm": {
    script: `${peersFolder}/tfjs-wasm.mjs`,
    needs: "@tensorflow/tfjs-backend-wasm",
    threadLimit: 1,
  },
  onnxruntime: { script: `${peersFolder}/onnxruntime.mjs`, needs: "onnxruntime-node" },
};

/** Whether the contender's package is there. */
export function isInstalled(contender: Contender): boolean {
  const { needs } = entries[contender];
  return needs === undefined || existsSync(`${peersFolder}/node_modules/${needs}/package.json`);
}

/** Whether the contender can use that many threads in Node. */
export function canUse(contender: Contender, threads: number): boolean {
  return threads <= (entries[contender].threadLimit ?? Infinity);
}

/** The process that measures a contender on a row. */
export function cellOf(contender: Contender, row: string, threads: number): CellOptions {
  const { script, args = [] } = entries[contender];
  return { script, args, row, threads };
}

/** The process that measures the machine. */
export function probeOf(probe: string, threads: number): CellOptions {
  return { script: here("probe/cell.js"), row: probe, threads };
}
