/** Loaded into daemons under test by `--import`: at SIGUSR2 the event loop stands still for STAND_STILL_MS, while its children run on. */
const ms = Number(process.env.STAND_STILL_MS)
if (ms > 0) process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms))
