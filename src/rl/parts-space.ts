import type { Seed } from "../base/pcg64.ts";
import { ConfigError } from "../base/errors.ts";
import { SeededSpace } from "./seeded-space.ts";
import type { Space, SpaceRandomState } from "./space.ts";

/** A space made of others, each with a generator of its own. */
export abstract class PartsSpace<T> extends SeededSpace<T> {
  readonly shape = null;

  /** The spaces it is made of, in order. */
  protected abstract parts(): readonly Space<unknown>[];

  /** Seeds each part with a number drawn from this space's generator, as Gymnasium does. */
  override seed(seed?: Seed): void {
    super.seed(seed);
    for (const part of this.parts()) {
      part.seed(seed === undefined ? undefined : this.random.integers(0, 2 ** 31 - 1));
    }
  }

  /** The states of this space's generator and of its parts'. */
  override randomState(): SpaceRandomState {
    return { ...super.randomState(), parts: this.parts().map((part) => part.randomState()) };
  }

  /** @throws {ConfigError} if the state is of a space with other parts. */
  override setRandomState(state: SpaceRandomState): void {
    const parts = this.parts();
    if (state.parts?.length !== parts.length) {
      throw new ConfigError(
        `${this.kind}: a random state must have ${parts.length} parts, one per space, got ` +
          `${state.parts?.length ?? "none"}`,
      );
    }
    super.setRandomState(state);
    for (const [i, part] of parts.entries()) part.setRandomState(state.parts[i]);
  }
}
