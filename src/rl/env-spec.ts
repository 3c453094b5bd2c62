/** How the registry makes an environment. */
export interface EnvSpec {
  /** Such as `Pendulum-v1`: name, then version. */
  readonly id: string;
  /** Steps after which an episode is truncated; null without a limit. */
  readonly maxEpisodeSteps: number | null;
  /** Mean return from which on the task counts as solved; null where nobody has said. */
  readonly rewardThreshold: number | null;
  /** Options the environment was made with. */
  readonly options: Readonly<Record<string, unknown>>;
}
