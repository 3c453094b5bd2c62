import type { LauncherEnvironment } from "./launcher-environment.ts";

/**
 * The value of CUDA_VISIBLE_DEVICES with which a process sees only its own card, so that card 0 is
 * the right one for every library and thread; undefined if it is to stay as it is. It counts only
 * before the driver starts.
 */
export function visibleCard(
  { launcher, localRank, localWorldSize }: LauncherEnvironment,
  visible: string | undefined,
): string | undefined {
  if (launcher === "none" || localWorldSize === 1) return undefined;
  if (visible === undefined) return String(localRank);
  const cards = visible.split(",").filter((card) => card.trim() !== "");
  // One card, or none: the launcher has chosen already.
  return cards.length > 1 ? cards[localRank % cards.length] : undefined;
}
