import { DistributedError } from "../base/errors.ts";
import type { LauncherEnvironment } from "./launcher-environment.ts";
import type { BackendName } from "./process-group.ts";
import { TcpStore } from "./tcp-store.ts";
import { TcpGroup } from "./tcp-group.ts";

/**
 * Opens the store of a world; a process that is alone takes a free port.
 * @throws {DistributedError} if rank 0 cannot be reached, or uses another backend.
 */
export async function openStore(
  place: LauncherEnvironment,
  backend: BackendName,
  timeoutSeconds: number,
): Promise<TcpStore> {
  const { rank, worldSize, masterAddress: host, masterPort } = place;
  const isAlone = worldSize === 1;
  const store = await TcpStore.open({
    host: isAlone ? "127.0.0.1" : host,
    port: isAlone ? 0 : masterPort,
    rank,
    timeoutSeconds,
  });
  try {
    await requireBackend(store, backend);
    return store;
  } catch (error) {
    store.destroy();
    throw error;
  }
}

/** A rank without a card would wait for ever for those that have one. */
async function requireBackend(store: TcpStore, backend: BackendName): Promise<void> {
  const { rank } = store;
  if (rank === 0) return store.set("backend", backend);
  const wanted = await store.get("backend");
  if (wanted === backend) return;
  throw new DistributedError(
    `initProcessGroup: all ranks must use one backend, got ${backend} on rank ${rank} and ${wanted} on ` +
      'rank 0; pass { backend }, and see with "athanor info" whether each process has a device of its own',
  );
}

/** The world over sockets. */
export async function connectTcp(
  place: LauncherEnvironment,
  timeoutSeconds: number,
): Promise<TcpGroup> {
  const store = await openStore(place, "tcp", timeoutSeconds);
  try {
    return await TcpGroup.open(store, { size: place.worldSize, timeoutSeconds });
  } catch (error) {
    store.destroy();
    throw error;
  }
}
