import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CudaBackend } from "../../src/backends/cuda/backend.ts";
import { communicationOf } from "../../src/dist/card-memory.ts";
import {
  allGatherIntoTensor,
  allReduce,
  barrier,
  broadcast,
  recv,
  reduceScatterTensor,
  send,
  splitGroup,
} from "../../src/dist/collectives.ts";
import { DistributedDataParallel } from "../../src/dist/data-parallel.ts";
import { NcclGroup, untilReady } from "../../src/dist/nccl-group.ts";
import { NcclLibrary } from "../../src/dist/nccl-library.ts";
import { TcpStore } from "../../src/dist/tcp-store.ts";
import { visibleCard } from "../../src/dist/visible-card.ts";
import { readLauncherEnvironment } from "../../src/dist/launcher-environment.ts";
import { nn, optim, random, registerDevice, tensor, zeros } from "../../src/index.ts";
import type { Tensor } from "../../src/index.ts";
import { emulatorObstacle } from "../cuda/emulator/compiler.ts";
import { emulatedBackend } from "../cuda/emulator/emulated-backend.ts";
import { emulator } from "../cuda/emulator/emulator.ts";
import { FakeNccl } from "./fake-nccl.ts";

const device = "emulated card";
const obstacle = emulatorObstacle();

describe.skipIf(obstacle !== null)("NcclGroup", () => {
  let backend: CudaBackend;
  let nccl: FakeNccl;
  let groups: NcclGroup[];
  let comms: number[];
  const stores: TcpStore[] = [];

  beforeAll(() => {
    registerDevice(device, { create: () => (backend = emulatedBackend(emulator())) });
  });
  afterAll(() => backend.dispose());

  async function open(size: number, timeoutSeconds = 10): Promise<void> {
    const card = communicationOf(device);
    nccl = new FakeNccl(card);
    const library = new NcclLibrary(nccl.library());
    const id = library.uniqueId();
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    comms = ranks.map((rank) => library.begin(id, rank, size));
    const host = "127.0.0.1";
    for (const rank of ranks) {
      stores.push(await TcpStore.open({ host, port: stores[0]?.port ?? 0, rank }));
    }
    groups = await Promise.all(
      ranks.map(async (rank) => {
        await untilReady(library, comms[rank], 5, () => undefined);
        const process = { library, card, device, store: stores[rank], timeoutSeconds };
        return new NcclGroup(process, { comm: comms[rank], id: "world", rank, ranks });
      }),
    );
  }

  beforeEach(() => open(2));
  afterEach(() => {
    for (const group of groups) group.abort("the test is over");
    for (const store of stores.splice(0)) store.destroy();
  });

  const onAll = <R>(run: (group: NcclGroup, rank: number) => Promise<R>): Promise<R[]> =>
    Promise.all(groups.map(run));
  const vector = (...values: number[]): Tensor => tensor(values, { device });

  it("combines, spreads and gathers tensors of the card", async () => {
    const results = await onAll(async (group, rank) => {
      const [sum, mean, root] = [vector(rank, 2), vector(rank, 4).mul(2), vector(rank)];
      await allReduce(sum, { group });
      await allReduce(mean, { group, op: "avg" });
      await broadcast(root, 1, { group });
      const part = zeros([2], { device });
      await reduceScatterTensor(part, vector(1, 2, 3, 4).mul(rank + 1), { group });
      const whole = zeros([4], { device });
      await allGatherIntoTensor(whole, part, { group });
      const lists = [sum, mean, root, part, whole].map((x) => x.tolist());
      return Promise.all(lists);
    });
    expect(results[0]).toEqual([[1, 4], [1, 8], [1], [3, 6], [3, 6, 9, 12]]);
    expect(results[1]).toEqual([[1, 4], [1, 8], [1], [9, 12], [3, 6, 9, 12]]);
  });

  it("leaves twins of a tensor as they were", async () => {
    const results = await onAll(async (group, rank) => {
      const x = vector(rank + 1);
      const before = x.detach();
      const doubled = x.mul(2);
      await allReduce(x, { group });
      return [await before.tolist(), await doubled.tolist(), await x.tolist()];
    });
    expect(results).toEqual([
      [[1], [2], [3]],
      [[2], [4], [3]],
    ]);
  });

  it("starts the messages of a turn together", async () => {
    const results = await onAll(async (group, rank) => {
      const got = zeros([2], { device });
      const other = 1 - rank;
      await Promise.all([send(vector(rank, 9), other, { group }), recv(got, other, { group })]);
      return got.tolist();
    });
    expect(results).toEqual([
      [1, 9],
      [0, 9],
    ]);
    const calls = nccl.log.filter((name) => /Group|Send|Recv/.test(name));
    expect(calls.slice(0, 4)).toEqual(["ncclGroupStart", "ncclSend", "ncclRecv", "ncclGroupEnd"]);
  });

  it("splits, and meets at barriers", async () => {
    const parts = await onAll(async (group, rank) => {
      const part = await splitGroup(rank, { group });
      const x = vector(rank + 5);
      await allReduce(x, { group: part });
      await barrier({ group });
      return [part.ranks, await x.tolist()];
    });
    expect(parts).toEqual([
      [[0], [5]],
      [[1], [6]],
    ]);
  });

  it("trains as one process does", async () => {
    const x = (): Tensor => vector(0.1, -0.4, 0.7, 0.2, 0.9, -0.3, 0.5, 0.8).reshape([4, 2]);
    const train = async (group: NcclGroup, share: (x: Tensor) => Tensor): Promise<number[]> => {
      random.manualSeed(3);
      const parallel = new DistributedDataParallel(makeNet(), { group });
      const optimizer = new optim.SGD(parallel.parameters(), { lr: 0.3 });
      const step = parallel.trainStep(optimizer, (input: Tensor) =>
        parallel.forward(input).square().mean(),
      );
      for (let i = 0; i < 5; i++) await step(share(x()));
      return [...(await parallel.parameters()[0].data())];
    };
    const [a, b] = await onAll((group, rank) => train(group, (all) => all.narrow(0, rank * 2, 2)));
    expect(a).toEqual(b);
    for (const group of groups) group.abort("next");
    for (const store of stores.splice(0)) store.destroy();
    await open(1);
    const alone = await train(groups[0], (all) => all);
    alone.forEach((value, i) => expect(Math.abs(value - a[i])).toBeLessThanOrEqual(1e-6));
  });

  it("frees the card when a rank is gone, and says which", async () => {
    const waiting = allReduce(vector(1), { group: groups[0] }).catch(String);
    stores[1].destroy();
    expect(await waiting).toMatch(/DistributedError: process group: rank 1 is gone .* on rank 0/);
    expect(nccl.log).toContain("ncclCommAbort");
    await expect(allReduce(vector(1), { group: groups[0] })).rejects.toThrow("rank 1 is gone");
  });

  it("watches for errors that NCCL notes", async () => {
    const told = new Promise((resolve) => {
      groups[0].onFailure((error, wasTold) => resolve([error.message, wasTold()]));
    });
    nccl.breakComm(comms[0]);
    expect(await told).toEqual([
      expect.stringContaining("remote process (6): socket closed; NCCL_DEBUG=WARN"),
      false,
    ]);
  });

  it("gives up on a rank that does not call", async () => {
    for (const group of groups) group.abort("next");
    for (const store of stores.splice(0)) store.destroy();
    await open(2, 0.2);
    await expect(allReduce(vector(1), { group: groups[0] })).rejects.toThrow(
      "the ranks must meet within 0.2 s",
    );
  });

  it("refuses tensors that are elsewhere", async () => {
    await expect(allReduce(tensor([1], { device: "wasm" }), { group: groups[0] })).rejects.toThrow(
      `must be on ${device}, got one on wasm`,
    );
  });

  const makeNet = (): nn.Sequential => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.Tanh(), new nn.Linear(3, 1));
    return model.to(device);
  };
});

describe("visibleCard", () => {
  const place = (local: number, size: string | undefined = "2") =>
    readLauncherEnvironment({
      RANK: "3",
      WORLD_SIZE: "4",
      LOCAL_RANK: `${local}`,
      LOCAL_WORLD_SIZE: size,
    });

  it("is the local rank's, among those that are visible", () => {
    expect(visibleCard(place(1), undefined)).toBe("1");
    expect(visibleCard(place(1), "4,6")).toBe("6");
    expect(visibleCard(place(3), "GPU-a,GPU-b")).toBe("GPU-b");
  });

  it("stays what the launcher or a person chose", () => {
    expect(visibleCard(place(1), "5")).toBeUndefined();
    expect(visibleCard(place(1), "")).toBeUndefined();
    expect(visibleCard(place(0, "1"), undefined)).toBeUndefined();
    expect(visibleCard(readLauncherEnvironment({}), undefined)).toBeUndefined();
  });
});
