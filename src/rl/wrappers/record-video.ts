import { ConfigError } from "../../base/errors.ts";
import type { Env, Reset, ResetOptions, Step } from "../env.ts";
import type { Frame } from "../frame.ts";
import { requireKnownNames } from "../option-names.ts";
import { nameOf, Wrapper } from "./wrapper.ts";

/** Frames of an episode, or of a part of one. */
export interface RecordedVideo {
  /** Number of the episode in which it began, from 0. */
  readonly episode: number;
  /** Steps taken before it began, in all episodes. */
  readonly firstStep: number;
  readonly frames: readonly Frame[];
  readonly fps: number;
}

/** Options of {@link RecordVideo}. */
export interface RecordVideoOptions {
  /** Gets each video as soon as it is complete; `athanor/rl/node` writes them to files. */
  readonly sink: (video: RecordedVideo) => void;
  /**
   * Which episodes are recorded, by number from 0. Without it and without `stepTrigger`: 0, 1, 8,
   * 27 and further cubes below 1000, then every thousandth.
   */
  readonly episodeTrigger?: (episode: number) => boolean;
  /** At which steps, counted over all episodes, a recording begins. */
  readonly stepTrigger?: (step: number) => boolean;
  /** Steps after which a video ends; without it, it ends with the episode. */
  readonly videoLength?: number;
}

/** A cube below 1000, or a multiple of 1000. */
function isCappedCube(episode: number): boolean {
  return episode < 1000 ? Math.round(Math.cbrt(episode)) ** 3 === episode : episode % 1000 === 0;
}

/** Keeps pictures of some episodes and hands them to the caller. */
export class RecordVideo<Observation, Action> extends Wrapper<Observation, Action> {
  readonly #sink: (video: RecordedVideo) => void;
  readonly #episodeTrigger: (episode: number) => boolean;
  readonly #stepTrigger: (step: number) => boolean;
  readonly #videoLength: number;
  #episode = -1;
  #steps = 0;
  #recording: { frames: Frame[]; episode: number; firstStep: number } | null = null;

  /** @throws {ConfigError} if the environment does not draw frames. */
  constructor(env: Env<Observation, Action>, options: RecordVideoOptions) {
    super(env);
    requireKnownNames("RecordVideo", options, [
      "sink",
      "episodeTrigger",
      "stepTrigger",
      "videoLength",
    ]);
    if (env.renderMode !== "rgb_array") {
      throw new ConfigError(
        `RecordVideo: ${nameOf(env)} must have the render mode rgb_array, got ${env.renderMode}; ` +
          'make it with { renderMode: "rgb_array" }',
      );
    }
    const { sink, episodeTrigger, stepTrigger, videoLength = Infinity } = options;
    if (!(videoLength === Infinity || (Number.isInteger(videoLength) && videoLength > 0))) {
      throw new ConfigError(
        `RecordVideo: videoLength must be a positive integer, got ${videoLength}`,
      );
    }
    this.#sink = sink;
    this.#stepTrigger = stepTrigger ?? ((): boolean => false);
    const fallback = stepTrigger === undefined ? isCappedCube : (): boolean => false;
    this.#episodeTrigger = episodeTrigger ?? fallback;
    this.#videoLength = videoLength;
  }

  /** Whether frames are being kept. */
  get isRecording(): boolean {
    return this.#recording !== null;
  }

  override reset(options?: ResetOptions): Reset<Observation> {
    // A video of given length goes on over the ends of episodes.
    if (this.#videoLength === Infinity) this.#finish();
    const result = this.env.reset(options);
    this.#episode++;
    if (this.#episodeTrigger(this.#episode)) this.#begin();
    this.#capture();
    return result;
  }

  override step(action: Action): Step<Observation> {
    if (this.#stepTrigger(this.#steps)) {
      this.#begin();
      this.#captureFirst();
    }
    const result = this.env.step(action);
    this.#steps++;
    this.#capture();
    const isEnd = result.terminated || result.truncated;
    if (isEnd && this.#videoLength === Infinity) this.#finish();
    return result;
  }

  /** Hands over what was recorded so far, and closes the environment. */
  override close(): void {
    this.#finish();
    super.close();
  }

  #begin(): void {
    this.#recording ??= { frames: [], episode: this.#episode, firstStep: this.#steps };
  }

  /** The state in which the recording began. */
  #captureFirst(): void {
    if (this.#recording?.frames.length === 0) this.#capture();
  }

  #capture(): void {
    if (this.#recording === null) return;
    const frame = this.env.render();
    if (!isFrame(frame)) {
      throw new ConfigError(`RecordVideo: ${nameOf(this)}.render must return a frame in rgb_array`);
    }
    this.#recording.frames.push(frame);
    if (this.#recording.frames.length > this.#videoLength) this.#finish();
  }

  #finish(): void {
    const recording = this.#recording;
    this.#recording = null;
    if (recording === null || recording.frames.length === 0) return;
    this.#sink({ ...recording, fps: this.renderFps });
  }
}

function isFrame(value: unknown): value is Frame {
  return typeof value === "object" && value !== null && "data" in value;
}
