/** For `--import`: writes down every module that the process asks for, a URL a line, in `$RECORDED_MODULES`. */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const file = process.env.RECORDED_MODULES ?? ''

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    appendFileSync(file, `${found.url}\n`)
    return found
  },
})
