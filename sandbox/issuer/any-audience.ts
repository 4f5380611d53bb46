/** WLCG’s name for a token that every door takes. */
export const anyAudience = 'https://wlcg.cern.ch/jwt/v1/any'
