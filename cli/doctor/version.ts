/** Versions of programs. Pure. */

export type Version = readonly [major: number, minor: number, patch: number]

/** The first `a.b.c` in what a program prints. */
export function readVersion(text: string): Version | undefined {
  const found = /(\d{1,9})\.(\d{1,9})\.(\d{1,9})/.exec(text)
  return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined
}

/** Whether `version` is `least` or newer. */
export function isAtLeast(version: Version, least: Version): boolean {
  const [index] = [0, 1, 2].filter((one) => version[one] !== least[one])
  return index === undefined || (version[index] ?? 0) > (least[index] ?? 0)
}
