/** A process that measures updates of Athanor: its arguments are the device and the updates per run. */
import { init } from "athanor";
import { Box, Env } from "athanor/rl";
import { DDPG, SAC, TD3 } from "athanor/train";
import { serveCell } from "../cell-protocol.ts";
import type { MakeWorkload } from "../workload.ts";
import { parseRow } from "./update-sizes.ts";
import type { UpdateAlgorithm, UpdateSize } from "./update-sizes.ts";

const device = process.argv[2] as "wasm" | "cuda";
const updatesPerRun = Number(process.argv[3]);
const stored = 20_000;
const timedCalls = 2000;

/** An environment that is never played. */
class Sizes extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box;
  readonly actionSpace: Box;

  constructor({ observation, action }: UpdateSize) {
    super();
    this.observationSpace = new Box(-10, 10, { shape: [observation] });
    this.actionSpace = new Box(-1, 1, { shape: [action] });
  }

  override reset(): never {
    throw new Error("not played");
  }

  override step(): never {
    throw new Error("not played");
  }
}

const classes = { ddpg: DDPG, td3: TD3, sac: SAC };
type Agent = InstanceType<(typeof classes)[UpdateAlgorithm]>;

function random(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => 2 * Math.random() - 1);
}

function remember(agent: Agent, { observation, action }: UpdateSize, count: number): void {
  agent.remember({
    count,
    observations: random(count * observation),
    actions: random(count * action),
    rewards: random(count),
    nextObservations: random(count * observation),
    terminated: new Uint8Array(count),
    truncated: new Uint8Array(count),
  });
}

/** Microseconds of a call, the best of five rounds. */
function timed(call: () => void): number {
  const rounds = Array.from({ length: 5 }, () => {
    const start = performance.now();
    for (let i = 0; i < timedCalls; i++) call();
    return ((performance.now() - start) * 1000) / timedCalls;
  });
  return Math.min(...rounds);
}

function workload(algorithm: UpdateAlgorithm, size: UpdateSize): MakeWorkload {
  return async () => {
    const agent = new classes[algorithm](new Sizes(size), {
      netArch: [size.hidden, size.hidden],
      batchSize: size.batch,
      bufferSize: stored,
      learningRate: 1e-3,
      seed: 1,
    });
    remember(agent, size, stored);
    const loss = agent.update()["train/critic_loss"];
    const observation = random(size.observation);
    return {
      // Reading a number waits for a card.
      run: () => {
        for (let i = 0; i < updatesPerRun; i++) agent.update();
        if (device === "cuda") loss.itemSync();
      },
      check: () => loss.item(),
      facts: async () => ({
        actMicroseconds: timed(() => void agent.act(observation, 1, false)),
        rememberMicroseconds: timed(() => {
          remember(agent, size, 1);
          agent.replay.flush();
        }),
      }),
    };
  };
}

serveCell(async (row, threads) => {
  await init(device === "wasm" ? { device, threads } : { device });
  const { algorithm, size } = parseRow(row);
  return workload(algorithm, size);
});
