/** Algorithms whose update is measured. */
export const updateAlgorithms = ["ddpg", "td3", "sac"] as const;
export type UpdateAlgorithm = (typeof updateAlgorithms)[number];

/** Sizes of an update, and the time of docs/rl.md that it should not take longer than. */
export interface UpdateSize {
  readonly observation: number;
  readonly action: number;
  readonly hidden: number;
  readonly batch: number;
  /** Milliseconds of DDPG's update with 1 and 2 threads, and how much faster than PyTorch. */
  readonly limits: Readonly<Record<number, number>>;
  readonly wantedRatio: number;
}

/** Pendulum's sizes, and HalfCheetah's with small and with usual nets. */
export const updateSizes: Readonly<Record<string, UpdateSize>> = {
  "64-64/64": {
    observation: 3,
    action: 1,
    hidden: 64,
    batch: 64,
    limits: { 1: 0.25 },
    wantedRatio: 5,
  },
  "128-128/128": {
    observation: 17,
    action: 6,
    hidden: 128,
    batch: 128,
    limits: { 1: 1.3 },
    wantedRatio: 1.9,
  },
  "256-256/256": {
    observation: 17,
    action: 6,
    hidden: 256,
    batch: 256,
    limits: { 1: 8, 2: 4.5 },
    wantedRatio: 1.2,
  },
};

/** Updates of the critics for each of the actor. */
export const policyDelays: Readonly<Record<UpdateAlgorithm, number>> = { ddpg: 1, td3: 2, sac: 1 };

/** The row of an algorithm and a size, and back. */
export const rowName = (algorithm: UpdateAlgorithm, size: string): string => `${algorithm} ${size}`;

/** @throws {Error} if there is no such row. */
export function parseRow(row: string): { algorithm: UpdateAlgorithm; size: UpdateSize } {
  const [name, size] = row.split(" ");
  const algorithm = updateAlgorithms.find((one) => one === name);
  if (algorithm === undefined || updateSizes[size] === undefined)
    throw new Error(`no row "${row}"`);
  return { algorithm, size: updateSizes[size] };
}

/** Multiplications of one pass of a net with two hidden layers, for all and all but the first layer. */
function passes(inputs: number, outputs: number, { hidden, batch }: UpdateSize): [number, number] {
  const rest = batch * (hidden * hidden + hidden * outputs);
  return [batch * inputs * hidden + rest, rest];
}

/**
 * Floating-point operations of an update, two for each multiplication and addition, averaged over the
 * delay of the policy. What gradients do not need is left out: those of inputs, and of the critic's
 * weights when the actor moves.
 */
export function updateFlops(algorithm: UpdateAlgorithm, size: UpdateSize): number {
  const { observation, action } = size;
  const outputs = algorithm === "sac" ? 2 * action : action;
  const [actor, actorRest] = passes(observation, outputs, size);
  const [critic, criticRest] = passes(observation + action, 1, size);
  const critics = algorithm === "ddpg" ? 1 : 2;
  // Next actions and their values; then values, gradients of weights, gradients of activations.
  const evaluation = actor + critics * critic + critics * (2 * critic + criticRest);
  // SAC's actor climbs the smaller of both critics; their gradients reach down to the action.
  const judges = algorithm === "sac" ? 2 : 1;
  const toAction = criticRest + size.batch * action * size.hidden;
  const improvement = 2 * actor + actorRest + judges * (critic + toAction);
  return 2 * (evaluation + improvement / policyDelays[algorithm]);
}
