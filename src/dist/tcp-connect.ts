import type { LauncherEnvironment } from "./launcher-environment.ts";
import { TcpStore } from "./tcp-store.ts";
import { TcpGroup } from "./tcp-group.ts";

/** Opens the store of a world; a process that is alone takes a free port. */
export function openStore(place: LauncherEnvironment, timeoutSeconds: number): Promise<TcpStore> {
  const { rank, worldSize, masterAddress: host, masterPort } = place;
  const isAlone = worldSize === 1;
  return TcpStore.open({
    host: isAlone ? "127.0.0.1" : host,
    port: isAlone ? 0 : masterPort,
    rank,
    timeoutSeconds,
  });
}

/** The world over sockets. */
export async function connectTcp(
  place: LauncherEnvironment,
  timeoutSeconds: number,
): Promise<TcpGroup> {
  const store = await openStore(place, timeoutSeconds);
  try {
    return await TcpGroup.open(store, { size: place.worldSize, timeoutSeconds });
  } catch (error) {
    store.destroy();
    throw error;
  }
}
