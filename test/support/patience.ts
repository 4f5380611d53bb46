/** Settings of a site with which only what hangs runs into a timeout and nobody is held back, however busy the machine is. */
export const patience = {
  timeouts: {
    globalTimeout: '5m',
    kerberosTimeout: '60s',
    vaultStorerTimeout: '60s',
    pingTimeout: '20s',
    pushTimeout: '60s',
    ferryRequestTimeout: '60s',
  },
}
