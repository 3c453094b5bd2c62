import { join } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import type { Frame } from "../frame.ts";
import { requireKnownNames } from "../option-names.ts";
import { Wrapper } from "../wrappers/wrapper.ts";
import { saveGif } from "./video.ts";

/** Options of {@link RecordVideo}. */
export interface RecordVideoOptions {
  /** Where videos go. */
  readonly folder: string;
  /** Which episodes, counted from 0; without it 0, 1, 8, 27, … up to 1000 and every thousandth. */
  readonly episodeTrigger?: (episode: number) => boolean;
  /** Frames of a video; whole episodes without it. */
  readonly videoLength?: number;
  /** Beginning of the files' names; `rl-video` without it. */
  readonly namePrefix?: string;
  /** Width of the videos in points; that of the frames without it. */
  readonly width?: number;
}

/**
 * Saves episodes as `folder/rl-video-episode-0.gif`. The environment must have been made with
 * `renderMode: "rgb_array"`. Files are written in the background: await
 * {@link RecordVideo.finished} before the program ends.
 */
export class RecordVideo<Observation, Action> extends Wrapper<Observation, Action> {
  readonly #options: RecordVideoOptions;
  readonly #writing: Promise<void>[] = [];
  #episode = -1;
  #frames: Frame[] | null = null;

  /** @throws {ConfigError} if the environment draws no frames, or an option is unknown. */
  constructor(env: Env<Observation, Action>, options: RecordVideoOptions) {
    super(env);
    const names = ["folder", "episodeTrigger", "videoLength", "namePrefix", "width"];
    requireKnownNames("RecordVideo", options, names);
    if (env.renderMode !== "rgb_array") {
      throw new ConfigError(
        `RecordVideo: the environment's renderMode must be rgb_array, got ` +
          `${String(env.renderMode)}; make it with { renderMode: "rgb_array" }`,
      );
    }
    this.#options = options;
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    this.#save();
    const reset = this.env.reset(options);
    this.#episode++;
    const { episodeTrigger = isCube } = this.#options;
    if (episodeTrigger(this.#episode)) this.#frames = [];
    this.#capture();
    return reset;
  }

  override step(action: Action): Step<Observation> {
    const step = this.env.step(action);
    this.#capture();
    if (step.terminated || step.truncated) this.#save();
    return step;
  }

  /** Saves what has been recorded and closes the environment. */
  override close(): void {
    this.#save();
    super.close();
  }

  /** Resolves when all videos are on disk. @throws what writing one of them threw. */
  async finished(): Promise<void> {
    await Promise.all(this.#writing);
  }

  #capture(): void {
    if (this.#frames === null) return;
    const frame = this.env.render();
    if (frame === null || typeof frame === "string" || !("data" in frame)) return;
    this.#frames.push(frame);
    if (this.#frames.length === this.#options.videoLength) this.#save();
  }

  #save(): void {
    const frames = this.#frames;
    this.#frames = null;
    if (frames === null || frames.length === 0) return;
    const { folder, namePrefix = "rl-video", width } = this.#options;
    const path = join(folder, `${namePrefix}-episode-${this.#episode}.gif`);
    const gif = { fps: this.renderFps, ...(width !== undefined && { width }) };
    const written = saveGif(path, frames, gif);
    // Whoever awaits `finished` hears of it; until then it must not end the process.
    written.catch(() => {});
    this.#writing.push(written);
  }
}

function isCube(episode: number): boolean {
  return episode < 1000 ? Number.isInteger(Math.cbrt(episode)) : episode % 1000 === 0;
}
