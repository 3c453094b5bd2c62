/** Noise on actions scaled to -1 … 1. */
export type RecipeNoise =
  | { readonly kind: "gaussian"; readonly sigma: number }
  | {
      readonly kind: "ornsteinUhlenbeck";
      readonly sigma: number;
      readonly theta: number;
      readonly dt: number;
    };

/** The algorithms that are measured. */
export const algorithms = ["ddpg", "td3", "sac", "dqn"] as const;
export type Algorithm = (typeof algorithms)[number];

/** One run: everything a contender has to know, given to its process as JSON. */
export interface Recipe {
  /** Id of the environment in Gymnasium and here. */
  readonly env: string;
  /** Options of the environment. */
  readonly envOptions: Readonly<Record<string, number>>;
  readonly algorithm: Algorithm;
  readonly seed: number;
  readonly steps: number;
  readonly threads: number;
  /** Widths of hidden layers of critics, and of policies where nothing else is said. */
  readonly hidden: readonly number[];
  /** Widths of hidden layers of policies; [] for linear ones, null for `hidden`. */
  readonly policyHidden: readonly number[] | null;
  readonly activation: "relu" | "silu";
  /** Bound of the first weights of last layers, null for 1/√fanIn. */
  readonly lastLayerInit: number | null;
  readonly batch: number;
  /** Adam's. */
  readonly learningRate: number;
  /** Of policies, where it differs. */
  readonly actorLearningRate: number | null;
  readonly tau: number;
  readonly gamma: number;
  readonly bufferSize: number;
  /** Steps without updates; then one update a step. */
  readonly learningStarts: number;
  /** Steps with random actions, where they differ from `learningStarts`. */
  readonly randomSteps: number | null;
  /** Of DDPG and TD3. */
  readonly noise: RecipeNoise;
  /** Of TD3. */
  readonly policyDelay: number;
  readonly targetNoise: number;
  readonly targetNoiseClip: number;
  /** Of SAC: the temperature that learning starts from. */
  readonly firstTemperature: number;
  /** Of DQN: values per dimension of the action, of which it takes all combinations. */
  readonly bins: number;
  readonly explorationFraction: number;
  readonly finalEpsilon: number;
  /** Deterministic episodes every so many steps; episode i starts from seed + i. */
  readonly evaluation: {
    readonly every: number;
    readonly episodes: number;
    readonly seed: number;
  };
  /** Mean return from which on the task counts as solved. */
  readonly gate: number | null;
  /** The gate as a multiple of the best return possible, where the environment knows that. */
  readonly gateOfOptimum: number | null;
  readonly stopAtGate: boolean;
}

/** Seconds since learning began; those of evaluations are part of the first two. */
export interface Spent {
  readonly wall: number;
  readonly cpu: number;
  readonly evaluationWall: number;
  readonly evaluationCpu: number;
}

/** Before the first step. */
export interface ReadyLine {
  readonly kind: "ready";
  readonly versions: string;
  /** Steps per CPU second of the environment alone, with random actions. */
  readonly physics: number;
  /** The best mean return possible, where it is known. */
  readonly optimum?: number;
}

/** What the policy reaches; the seconds are from before the evaluation. */
export interface EvaluationLine extends Spent {
  readonly kind: "evaluation";
  readonly step: number;
  readonly returns: readonly number[];
}

/** After the last step. */
export interface DoneLine extends Spent {
  readonly kind: "done";
  readonly steps: number;
  readonly updates: number;
}

/** A line of standard output of a contender's process. */
export type RunLine = ReadyLine | EvaluationLine | DoneLine;
