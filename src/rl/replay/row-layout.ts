/** Where the numbers of a transition lie in its row. */
export interface RowLayout {
  readonly observationSize: number;
  readonly actionSize: number;
  /** Observation and action lie side by side, as critics read them: the action begins here. */
  readonly action: number;
  readonly reward: number;
  readonly terminated: number;
  /** Undefined where all rows span one step. */
  readonly discount: number | undefined;
  readonly next: number;
  /** Numbers of a row. */
  readonly width: number;
}

/** A layout with one number for each field but observations and actions. */
export function rowLayout(
  observationSize: number,
  actionSize: number,
  hasDiscounts: boolean,
): RowLayout {
  const action = observationSize;
  const reward = action + actionSize;
  const terminated = reward + 1;
  const discount = hasDiscounts ? terminated + 1 : undefined;
  const next = terminated + (hasDiscounts ? 2 : 1);
  const width = next + observationSize;
  return { observationSize, actionSize, action, reward, terminated, discount, next, width };
}
