/** A thread that asks by way of the proxy in its environment, which is read once in each; it says what kept it from an answer. */
import assert from 'node:assert/strict'
import { parentPort } from 'node:worker_threads'
import { HttpError } from '../../../shared/https/http-error.ts'
import { exchange } from '../../../shared/https/request.ts'

parentPort?.on('message', async () => {
  const said = await exchange(new URL('https://vault.lab.example:8200/'), { timeoutMs: 1_000 }).then(
    ({ status }) => ({ answered: status }),
    (error: unknown) => {
      assert.ok(error instanceof HttpError, String(error))
      return { kind: error.kind, message: error.message }
    },
  )
  parentPort?.postMessage(said)
})
