/** What keeps a daemon's process small: a spawn stops its event loop for longer the larger it is. */
import { join } from 'node:path'

/** Environment for the daemons, over `nodeOptions` that are there; their commands get none of it. */
export const smallProcess = (stateRoot: string, nodeOptions = '') => ({
  // By default V8's young generation grows with the load to a hundred megabytes, which are never given back; and where it may
  // fill gigabytes it lets four times as much lie there as is in use.
  NODE_OPTIONS: `--max-semi-space-size=1 --max-old-space-size=1024 ${nodeOptions}`.trim(),
  // Compiled once, the sources are not translated again at each start: that takes 25 MB and half a second.
  NODE_COMPILE_CACHE: join(stateRoot, 'compile-cache'),
  // glibc otherwise keeps a heap for each thread.
  MALLOC_ARENA_MAX: '2',
})
