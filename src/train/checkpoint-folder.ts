import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, ConfigError } from "../base/errors.ts";
import { errnoOf, removeAbandoned } from "../io/atomic-file.ts";
import type { LoadOptions } from "../io/safetensors-file.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";

/** A checkpoint on disk. */
export interface SavedCheckpoint {
  readonly step: number;
  readonly path: string;
}

const fileName = /^step-(\d{8,})\.safetensors$/;

/**
 * The checkpoints of one run, a file per saved step, of which the last few are kept. Killed at any
 * moment, the folder holds whole checkpoints only.
 */
export class CheckpointFolder {
  readonly folder: string;
  readonly keepLast: number;

  /** @param options.keepLast - how many checkpoints stay. @defaultValue 2 */
  constructor(folder: string, options: { readonly keepLast?: number } = {}) {
    const { keepLast = 2 } = options;
    if (!Number.isInteger(keepLast) || keepLast < 1) {
      throw new ConfigError(`CheckpointFolder: keepLast must be at least 1, got ${keepLast}`);
    }
    this.folder = folder;
    this.keepLast = keepLast;
  }

  /** Where the checkpoint of a step is or would be. */
  pathOf(step: number): string {
    return join(this.folder, `step-${String(step).padStart(8, "0")}.safetensors`);
  }

  /** All checkpoints, the oldest step first. */
  async list(): Promise<SavedCheckpoint[]> {
    const steps = (await filesOf(this.folder)).flatMap((file) => {
      const step = fileName.exec(file)?.[1];
      return step === undefined ? [] : [Number(step)];
    });
    return steps.toSorted((a, b) => a - b).map((step) => ({ step, path: this.pathOf(step) }));
  }

  /** The checkpoint with the highest step, if there is one. */
  async latest(): Promise<SavedCheckpoint | undefined> {
    return (await this.list()).at(-1);
  }

  /**
   * Saves the state after a step, then removes what is not to be kept.
   *
   * @throws {CheckpointError} if it cannot be written; the earlier checkpoints are still there.
   */
  async save(step: number, state: object): Promise<SavedCheckpoint> {
    const path = this.pathOf(step);
    await saveCheckpoint(path, state);
    await removeAbandoned(this.folder, (name) => fileName.test(name));
    // Later steps can only be of an earlier run in this folder.
    const saved = await this.list();
    const kept = saved.filter((other) => other.step <= step).slice(-this.keepLast);
    for (const old of saved) {
      if (!kept.some((other) => other.step === old.step)) await unlink(old.path);
    }
    return { step, path };
  }

  /**
   * Loads the latest checkpoint. The caller states the type, which is not checked.
   *
   * @throws {CheckpointError} if there is none or it is damaged.
   */
  async load<State = unknown>(options: LoadOptions = {}): Promise<State> {
    const [latest, previous] = (await this.list()).toReversed();
    if (latest === undefined) {
      throw new CheckpointError(
        `checkpoint: there must be one to resume from, got none in ${this.folder}; ` +
          "check the folder, or start without resuming",
      );
    }
    try {
      return await loadCheckpoint<State>(latest.path, options);
    } catch (error) {
      if (!(error instanceof CheckpointError) || previous === undefined) throw error;
      throw new CheckpointError(
        `${error.message} (or remove it to continue from ${previous.path})`,
        { cause: error, details: error.details },
      );
    }
  }

  /** Removes all checkpoints. */
  async clear(): Promise<void> {
    for (const { path } of await this.list()) await unlink(path);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
