/** Loaded into a daemon with `--import`: its only way to start programs becomes one that waits instead (`waiting-command.ts`). */
import { registerHooks } from 'node:module'

const real = new URL('../../shared/commands/command.ts', import.meta.url).href
const standIn = new URL('./waiting-command.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    return resolved.url === real ? { ...resolved, url: standIn } : resolved
  },
})
