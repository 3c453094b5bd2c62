import { afterEach, describe } from "vitest";
import { emulatorObstacle } from "../cuda/emulator/compiler.ts";
import { emulatedBackend } from "../cuda/emulator/emulated-backend.ts";
import { expectNoDefects } from "../cuda/emulator/emulated-device.ts";
import { emulator } from "../cuda/emulator/emulator.ts";
import type { Emulator } from "../cuda/emulator/emulator.ts";
import { backendContract } from "./backend.ts";

const obstacle = emulatorObstacle();

describe.skipIf(obstacle !== null)(
  `on an emulated card (${obstacle ?? "with a C compiler"})`,
  () => {
    let machine: Emulator | undefined;

    afterEach(() => expectNoDefects(machine));

    backendContract("cuda", () => {
      machine ??= emulator({ alternating: true });
      return emulatedBackend(machine, { verify: true, checksAtOnce: true, recordsAtOnce: true });
    });
  },
);
