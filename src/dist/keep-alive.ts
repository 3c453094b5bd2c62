/**
 * Keeps the process running while something is awaited. Sockets of the group do not: a script that
 * has come to its end would otherwise never exit.
 */
export async function whileAwake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, longest);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

const longest = 2 ** 31 - 1;

/** The result of `work`, or the error that `late` makes when it takes longer. */
export async function within<T>(
  work: Promise<T>,
  milliseconds: number,
  late: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), Math.min(milliseconds, longest));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after some time. */
export function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
