/** Whether a path names a file. Node only; elsewhere there are no paths. */
export async function fileExists(path: string): Promise<boolean> {
  const { stat } = await import("node:fs/promises");
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
