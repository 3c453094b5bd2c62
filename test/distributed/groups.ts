import { afterEach } from "vitest";
import { HostGroup } from "../../src/dist/host-group.ts";
import { TcpGroup } from "../../src/dist/tcp-group.ts";
import { TcpStore } from "../../src/dist/tcp-store.ts";

const stores: TcpStore[] = [];

afterEach(() => {
  for (const store of stores.splice(0)) store.destroy();
});

/** Process groups of `size` ranks, all in this process; closed after the test. */
export async function openGroups(size: number): Promise<HostGroup[]> {
  const host = "127.0.0.1";
  const first = await TcpStore.open({ host, port: 0, rank: 0 });
  const open = async (rank: number): Promise<HostGroup> => {
    const { port } = first;
    const store = rank === 0 ? first : await TcpStore.open({ host, port, rank });
    stores.push(store);
    return new HostGroup(await TcpGroup.open(store, { size, timeoutSeconds: 20 }));
  };
  return Promise.all(Array.from({ length: size }, (_, rank) => open(rank)));
}

/** Runs the same on all ranks at once. */
export function onAll<R>(
  groups: readonly HostGroup[],
  run: (group: HostGroup, rank: number) => Promise<R>,
): Promise<R[]> {
  return Promise.all(groups.map(run));
}
