import { ConfigError } from "../../../base/errors.ts";
import { requireKnownNames } from "../../../rl/option-names.ts";
import { scope } from "../../../tensor/memory.ts";
import { CheckpointFolder } from "../../checkpoint-folder.ts";
import type { Callback, Training } from "../callback.ts";
import { isDue } from "../callback.ts";
import { requireCount } from "../option-checks.ts";

/** Options of {@link CheckpointCallback}. */
export interface CheckpointOptions {
  readonly folder: string;
  /** Steps between checkpoints. @defaultValue none at regular steps */
  readonly everySteps?: number;
  /** Minutes between checkpoints. @defaultValue none at regular times */
  readonly everyMinutes?: number;
  /** How many checkpoints stay. @defaultValue 2 */
  readonly keepLast?: number;
  /**
   * Whether the replay buffer is saved too: without it the run goes on, but with an empty memory.
   * @defaultValue true
   */
  readonly withReplay?: boolean;
  /** Told of each checkpoint. */
  readonly onSaved?: (step: number, path: string) => void;
}

const optionNames = "folder everySteps everyMinutes keepLast withReplay onSaved".split(" ");

/**
 * Saves all a run needs to continue bit for bit, at regular steps or times and at the end: also when
 * it is interrupted. A checkpoint is one file that is there whole or not at all; `learn` continues
 * from it by `resume: await loadCheckpoint(path)`.
 */
export class CheckpointCallback implements Callback {
  readonly name: string = "CheckpointCallback";
  readonly #options: CheckpointOptions;
  readonly #folder: CheckpointFolder;
  #savedAt = performance.now();
  #savedStep = -1;

  /** @throws {ConfigError} for unknown options, or intervals out of range. */
  constructor(options: CheckpointOptions) {
    requireKnownNames("CheckpointCallback", options, optionNames);
    requireCount("CheckpointCallback", "everySteps", options.everySteps ?? 1);
    if (!((options.everyMinutes ?? 1) > 0)) {
      throw new ConfigError(
        `CheckpointCallback: everyMinutes must be positive, got ${options.everyMinutes}`,
      );
    }
    this.#options = options;
    const { folder, keepLast = 2 } = options;
    this.#folder = new CheckpointFolder(folder, { keepLast });
  }

  onTrainingStart(): void {
    this.#savedAt = performance.now();
  }

  onStep(training: Training): void {
    const { everySteps, everyMinutes = Infinity } = this.#options;
    const isTime = performance.now() - this.#savedAt >= everyMinutes * 60_000;
    if (isTime || (everySteps !== undefined && isDue(training, everySteps))) this.#plan(training);
  }

  onTrainingEnd(training: Training): void {
    if (this.#savedStep !== training.steps) this.#plan(training);
  }

  #plan(training: Training): void {
    const { withReplay = true, onSaved } = this.#options;
    this.#savedAt = performance.now();
    this.#savedStep = training.steps;
    training.afterCallbacks(async () => {
      const { steps } = training;
      const { path } = await scope(async () =>
        this.#folder.save(steps, training.state({ withReplay })),
      );
      onSaved?.(steps, path);
    });
  }
}
