import { controlBlock, MESSAGE_BYTES, spinRounds } from "../../compiler/wasm/control-block.ts";
import { exportedMath, nativeMath } from "../../compiler/wasm/scalar-math.ts";

/** Commands of the calling thread to its workers. */
export const commands = { run: 0, load: 1, unload: 2, exit: 3, library: 4 } as const;

/** What a worker gets when it starts. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /** 1 … threads − 1; the calling thread is 0. */
  readonly id: number;
  readonly threads: number;
  readonly scalarMath: WebAssembly.Module;
}

/**
 * The script of a worker. It is text, not a module, so that the same code starts from Node's
 * `eval: true` and from a browser's Blob, however the package was bundled.
 */
export const workerSource: string = `"use strict";
const at = ${JSON.stringify(controlBlock)};
const spin = ${JSON.stringify(spinRounds.script)};
function serve({ memory, id, threads, scalarMath }) {
  const words = new Int32Array(memory.buffer, 0, 256);
  const programs = [];
  const scalar = new WebAssembly.Instance(scalarMath, { math: Math });
  const math = {};
  for (const name of ${JSON.stringify(nativeMath)}) math[name] = Math[name];
  for (const name of ${JSON.stringify(exportedMath)}) math[name] = scalar.exports[name];
  const host = () => { throw new Error("host function called in a worker"); };
  let library;
  function compile() {
    const bytes = new Uint8Array(words[at.to >> 2]);
    bytes.set(new Uint8Array(memory.buffer, words[at.address >> 2] >>> 0, bytes.length));
    return new WebAssembly.Module(bytes);
  }
  function load() {
    const module = compile();
    const table = new WebAssembly.Table({ element: "anyfunc", initial: words[at.from >> 2] });
    const env = { memory, table, host };
    const lib = library && new WebAssembly.Instance(library, { env }).exports;
    return new WebAssembly.Instance(module, { env, lib, math }).exports.run;
  }
  function report(error) {
    const word = (id + 1) | 0;
    if (Atomics.compareExchange(words, at.failure >> 2, 0, word) !== 0) return;
    const text = new TextEncoder().encode(String(error)).subarray(0, ${MESSAGE_BYTES});
    new Uint8Array(memory.buffer, at.message, ${MESSAGE_BYTES}).set(text);
    words[at.messageLength >> 2] = text.length;
    Atomics.notify(words, at.barrierGeneration >> 2);
  }
  let rounds = spin.start;
  let naps = 0;
  function next(sequence) {
    for (let left = rounds; left > 0; left--) {
      if (Atomics.load(words, at.sequence >> 2) === sequence) continue;
      rounds = Math.min(rounds + (rounds >> 6), spin.most);
      return;
    }
    rounds = (++naps & 63) === 0 ? spin.most : Math.max(rounds >> 3, spin.least);
    Atomics.add(words, at.sleepers >> 2, 1);
    while (Atomics.load(words, at.sequence >> 2) === sequence) {
      Atomics.wait(words, at.sequence >> 2, sequence);
    }
    Atomics.sub(words, at.sleepers >> 2, 1);
  }
  let sequence = Atomics.load(words, at.sequence >> 2);
  Atomics.add(words, at.ready >> 2, 1);
  Atomics.notify(words, at.ready >> 2);
  for (;;) {
    next(sequence);
    sequence = (sequence + 1) | 0;
    const command = words[at.command >> 2];
    const slot = words[at.slot >> 2];
    try {
      if (command === ${commands.run}) {
        programs[slot](id, threads, words[at.address >> 2], words[at.from >> 2], words[at.to >> 2]);
      } else if (command === ${commands.load}) programs[slot] = load();
      else if (command === ${commands.library}) library = compile();
      else if (command === ${commands.unload}) programs[slot] = undefined;
    } catch (error) {
      report(error);
    }
    Atomics.add(words, at.done >> 2, 1);
    if (Atomics.load(words, at.callerSleeps >> 2) !== 0) Atomics.notify(words, at.done >> 2);
    if (command === ${commands.exit}) return;
  }
}
if (typeof require === "function") serve(require("node:worker_threads").workerData);
else self.onmessage = (event) => { serve(event.data); self.close(); };
`;
