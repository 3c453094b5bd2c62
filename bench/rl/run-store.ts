import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Recipe } from "./protocol.ts";
import type { RunRecord, Side } from "./run-process.ts";

/** Finished runs in a folder, one file each, so that a measurement goes on another day. */
export class RunStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #path(task: string, side: Side, { algorithm, seed, steps, threads }: Recipe): string {
    const name = `${side}-${steps}-steps-${threads}-threads-seed-${seed}.json`;
    return join(this.#folder, task, algorithm, name);
  }

  /** Whether this very run is there. One with another recipe is not the same run. */
  has(task: string, side: Side, recipe: Recipe): boolean {
    const path = this.#path(task, side, recipe);
    if (!existsSync(path)) return false;
    return isSame((JSON.parse(readFileSync(path, "utf8")) as RunRecord).recipe, recipe);
  }

  save(record: RunRecord): void {
    const path = this.#path(record.task, record.side, record.recipe);
    mkdirSync(dirname(path), { recursive: true });
    // A file that is there is whole.
    writeFileSync(`${path}.part`, `${JSON.stringify(record)}\n`);
    renameSync(`${path}.part`, path);
  }

  /** All runs, in no special order. */
  all(): RunRecord[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".json"))
      .toSorted()
      .map((name) => JSON.parse(readFileSync(join(this.#folder, name), "utf8")) as RunRecord);
  }
}

function isSame(a: Recipe, b: Recipe): boolean {
  const sorted = (recipe: Recipe): string =>
    JSON.stringify(Object.entries(recipe).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  return sorted(a) === sorted(b);
}
