/**
 * zod as it is used here: without writing a JavaScript function for each schema, which a process that starts pays for at
 * once and only pays off where one schema reads thousands of values a second.
 */
import { z } from 'zod'

z.config({ jitless: true })

export { z }
