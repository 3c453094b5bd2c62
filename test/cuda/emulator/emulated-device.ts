import { afterEach, expect } from "vitest";
import { registerDevice } from "../../../src/engine/devices.ts";
import { emulatorObstacle } from "./compiler.ts";
import { emulatedBackend } from "./emulated-backend.ts";
import { emulator } from "./emulator.ts";
import type { Emulator } from "./emulator.ts";

/** Fails the test if kernels left their memory, or made another mistake a card may not notice. */
export function expectNoDefects(machine: Emulator | undefined): void {
  expect(machine?.takeProblems() ?? [], "defects on the emulated card").toEqual([]);
}

/**
 * Makes the device `cuda` an emulated one, with ATHANOR_FUSE as for other devices. Tests fail when
 * a kernel leaves its memory.
 *
 * @throws {Error} where there can be no emulator.
 */
export function emulateCard(): void {
  const obstacle = emulatorObstacle();
  if (obstacle !== null) throw new Error(obstacle);
  let machine: Emulator | undefined;
  registerDevice("cuda", {
    create: () => {
      machine = emulator();
      return emulatedBackend(machine, {
        fuse: process.env.ATHANOR_FUSE !== "0",
        recordsAtOnce: true,
      });
    },
  });
  afterEach(() => expectNoDefects(machine));
}
