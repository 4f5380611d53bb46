/** Half of a daemon's start is the compiling of its modules: what one test has compiled serves all others. */
import { fileURLToPath } from 'node:url'

/** For the environment of the processes a test starts. */
export const compileCache = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url)),
}
