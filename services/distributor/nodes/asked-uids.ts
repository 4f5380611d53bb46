/** UIDs that nodes were asked for, where neither the configuration nor FERRY tells one: asked once, as long as the daemon runs. */

export interface AskedUids {
  /** What `use` gives with the UID that is known at that place, or was asked for; a known one that is `wrong` is asked for anew. */
  use<T>(
    place: string,
    ask: () => Promise<number>,
    use: (uid: number) => Promise<T>,
    isWrong: (error: unknown) => boolean,
  ): Promise<T>
}

export function openAskedUids(): AskedUids {
  const known = new Map<string, number>()
  return {
    async use(place, ask, use, isWrong) {
      const before = known.get(place)
      try {
        if (before !== undefined) return await use(before)
      } catch (error) {
        if (!isWrong(error)) throw error
      }
      const uid = await ask()
      known.set(place, uid)
      return use(uid)
    },
  }
}
