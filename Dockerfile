# One image for the four daemons. htgettoken and HTCondor's programs come from the site: docs/operations.md, "Containers".
FROM node:24.19.0-bookworm-slim

# kinit; ssh; setpriv and flock are in util-linux, which is here already.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates krb5-user openssh-client rsync util-linux \
  && rm -rf /var/lib/apt/lists/*

RUN useradd --system --uid 10001 --home-dir /var/lib/managed-tokens --create-home managed-tokens

WORKDIR /opt/managed-tokens
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: it refuses a lockfile without the optional packages of other platforms, which mirrors often lack.
RUN npm install --no-save --omit=dev && npm cache clean --force
COPY shared shared
COPY services services
COPY cli cli

# Small processes, as `managed-tokens up` starts them.
ENV NODE_ENV=production \
  NODE_OPTIONS=--max-semi-space-size=1 \
  NODE_COMPILE_CACHE=/var/lib/managed-tokens/compile-cache \
  MALLOC_ARENA_MAX=2

USER managed-tokens
ENTRYPOINT ["node"]
CMD ["cli/main.ts", "--help"]
