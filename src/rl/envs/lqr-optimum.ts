/** One direction of a linear task: error' = decay error + gain action + noise. */
export interface LqrMode {
  readonly decay: number;
  readonly gain: number;
  /** What the square of an action costs, where the square of the next error costs 1. */
  readonly effort: number;
}

/** The best feedback action = -feedback error with `stepsLeft` steps to go, and its cost. */
export interface LqrOptimum {
  readonly feedback: number;
  /** The cost to the end is `perError` error² + `perNoise` × the noise's variance. */
  readonly perError: number;
  readonly perNoise: number;
}

/** Nothing is left to pay. */
const atEnd: LqrOptimum = { feedback: 0, perError: 0, perNoise: 0 };

/** One step of the discrete Riccati equation, backwards. */
function before({ decay, gain, effort }: LqrMode, next: LqrOptimum): LqrOptimum {
  const price = 1 + next.perError;
  const whole = effort + gain * gain * price;
  return {
    feedback: (decay * gain * price) / whole,
    perError: (decay * decay * price * effort) / whole,
    perNoise: next.perNoise + price,
  };
}

/** The optimum of a mode for 0, 1 … `steps` steps to go. */
export function lqrOptima(mode: LqrMode, steps: number): LqrOptimum[] {
  const optima = [atEnd];
  for (let left = 1; left <= steps; left++) optima.push(before(mode, optima[left - 1]));
  return optima;
}
