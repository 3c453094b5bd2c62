import { nearestName } from "../base/nearest-name.ts";

/** `runningMean` as `running_mean`: PyTorch's spelling of a field's name. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The candidate a person probably meant, if one is close. */
export function nearestKey(key: string, candidates: readonly string[]): string | undefined {
  const suffix = candidates.find((other) => key.endsWith(`.${other}`) || other.endsWith(`.${key}`));
  if (suffix !== undefined) return suffix;
  return nearestName(key, candidates);
}
