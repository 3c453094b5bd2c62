import { join } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import type { Env } from "../../rl/env.ts";
import type { Frame } from "../../rl/frame.ts";
import { saveGif, savePngStrip } from "../../rl/node/video.ts";
import { evaluatePolicy } from "./evaluate-policy.ts";
import type { Learner } from "./learner.ts";

/** Pictures of one episode. */
export interface Film {
  readonly frames: readonly Frame[];
  readonly framesPerSecond: number;
}

/** Where a film lies; the GIF is null where its encoder is not installed. */
export interface FilmFiles {
  readonly gifPath: string | null;
  readonly stripPath: string;
}

/** Pictures of the film that a training leaves: six seconds of a pendulum. */
const filmFrames = 120;

/** Collects pictures up to a number: all of them are in memory at once. */
export class FrameCollector {
  readonly frames: Frame[] = [];
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns whether there is room for more. */
  readonly add = (frame: Frame): boolean => this.frames.push(frame) < this.#most;
}

/** Plays one episode in an environment made with `renderMode: "rgb_array"`. */
export async function filmPolicy(
  learner: Pick<Learner, "act">,
  env: Env,
  seed: number,
): Promise<Film> {
  const collector = new FrameCollector(filmFrames);
  await evaluatePolicy(learner, env, { episodes: 1, seed, onFrame: collector.add });
  return { frames: collector.frames, framesPerSecond: env.renderFps };
}

/** Writes a film as `video.gif` and, eight pictures side by side, as `frames.png`. */
export async function saveFilm(
  folder: string,
  { frames, framesPerSecond }: Film,
): Promise<FilmFiles> {
  const stripPath = join(folder, "frames.png");
  await savePngStrip(stripPath, frames);
  const gifPath = join(folder, "video.gif");
  try {
    await saveGif(gifPath, frames, { fps: framesPerSecond });
    return { gifPath, stripPath };
  } catch (error) {
    // A run must not fail at its end for an optional package.
    if (error instanceof ConfigError) return { gifPath: null, stripPath };
    throw error;
  }
}
