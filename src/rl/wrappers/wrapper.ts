import type { Pcg64 } from "../../base/pcg64.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import type { Frame, RenderMode } from "../frame.ts";
import type { Space } from "../space.ts";

/** Spaces in which a wrapper differs from what it wraps. */
export interface WrapperSpaces<Observation, Action> {
  readonly observationSpace?: Space<Observation>;
  readonly actionSpace?: Space<Action>;
}

/**
 * An environment around another one, which it changes in some respect. Everything a subclass does
 * not write goes through to the inner environment, its generator and its drawings included.
 *
 * @typeParam InnerObservation - what the inner environment shows, if it differs.
 * @typeParam InnerAction - what the inner environment takes, if it differs.
 */
export abstract class Wrapper<
  Observation = unknown,
  Action = unknown,
  InnerObservation = Observation,
  InnerAction = Action,
> extends Env<Observation, Action> {
  /** The environment inside. */
  readonly env: Env<InnerObservation, InnerAction>;
  readonly observationSpace: Space<Observation>;
  readonly actionSpace: Space<Action>;
  override readonly renderModes: readonly RenderMode[];
  override readonly renderFps: number;

  constructor(
    env: Env<InnerObservation, InnerAction>,
    spaces: WrapperSpaces<Observation, Action> = {},
  ) {
    super();
    this.env = env;
    // Where no other space is given, both types are one.
    this.observationSpace =
      spaces.observationSpace ?? (env.observationSpace as unknown as Space<Observation>);
    this.actionSpace = spaces.actionSpace ?? (env.actionSpace as unknown as Space<Action>);
    this.renderModes = env.renderModes;
    this.renderFps = env.renderFps;
    this.renderMode = env.renderMode;
    this.spec = env.spec;
  }

  override get random(): Pcg64 {
    return this.env.random;
  }

  override set random(random: Pcg64) {
    this.env.random = random;
  }

  override get unwrapped(): Env<unknown, unknown> {
    return this.env.unwrapped;
  }

  reset(options?: ResetOptions): Reset<Observation> {
    return this.env.reset(options) as unknown as Reset<Observation>;
  }

  step(action: Action): Step<Observation> {
    return this.env.step(action as unknown as InnerAction) as unknown as Step<Observation>;
  }

  override render(): Frame | readonly Frame[] | string | null {
    return this.env.render();
  }

  override close(): void {
    this.env.close();
  }
}

/** The name of an environment for messages: its id, or its class. */
export function nameOf(env: Env): string {
  return env.spec?.id ?? env.unwrapped.constructor.name;
}
