/** The process that `load-apart.ts` starts: reads what it is asked on stdin, and writes the site, or what is wrong with the file. */
import { readFileSync, writeSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import { loadSiteFrom } from './load.ts'
import type { Answered, Asked } from './load-apart.ts'
import { ConfigError } from './read/problem.ts'

function answer({ file, bytes, variables }: Asked): Answered {
  try {
    return { site: loadSiteFrom(file, Buffer.from(bytes), variables).site }
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems }
    throw error
  }
}

const [stdin, stdout] = [0, 1]
const answered = serialize(answer(deserialize(readFileSync(stdin)) as Asked))
for (let written = 0; written < answered.length; ) written += writeSync(stdout, answered, written)
