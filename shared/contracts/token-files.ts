/** Where tokens lie on a node: the names that ifdh, htgettoken, jobsub_lite and WLCG's bearer token discovery look for. Pure. */

/** `/tmp/vt_u<UID>` is what ifdh and htgettoken read, `/tmp/vt_u<UID>-<service>` what jobsub_lite reads. */
export const vaultTokenFiles = (
  directory: string,
  uid: number | string,
  service: string,
): readonly [string, string] => [`${directory}/vt_u${uid}`, `${directory}/vt_u${uid}-${service}`]

/**
 * `/tmp/bt_u<UID>`, where WLCG's discovery ends, or the same with a purpose. Never jobsub's and ifdh's own
 * `/tmp/bt_token_<issuer>_<role>_<UID>`: they take what lies there for a token with all of the role's rights, and make it
 * themselves.
 */
export const bearerFile = (directory: string, uid: number | string, purpose: string | undefined): string =>
  purpose === undefined ? `${directory}/bt_u${uid}` : `${directory}/bt_u${uid}-${purpose}`
