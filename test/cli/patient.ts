/** Settings of a site whose commands a person types: none of its tests waits for one of these to run out, and a busy machine may be slow. */
export const patient = {
  timeouts: {
    globalTimeout: '170s',
    kerberosTimeout: '30s',
    vaultStorerTimeout: '60s',
    pingTimeout: '30s',
    pushTimeout: '30s',
    ferryRequestTimeout: '30s',
  },
} as const
