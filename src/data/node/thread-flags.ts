/**
 * The flags of the process that threads may have too, such as loaders; a program given on the
 * command line is none of theirs.
 */
export function threadFlags(): string[] {
  const program = process.execArgv.findIndex((flag) => /^(-e|-p|-pe|--eval|--print)$/.test(flag));
  const flags = program < 0 ? process.execArgv : process.execArgv.toSpliced(program, 2);
  return flags.filter((flag) => !/^--(input-type|inspect)/.test(flag));
}
