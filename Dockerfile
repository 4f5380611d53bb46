# One image for the four daemons. htgettoken and HTCondor's programs come from the site: docs/operations.md, "Containers".
FROM node:24.19.0-bookworm-slim

# kinit; ssh; setpriv and flock are in util-linux, which is here already.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates krb5-user openssh-client rsync util-linux \
  && rm -rf /var/lib/apt/lists/*

# A user for each daemon, and one for the command line; of their group, which each finds its state with.
RUN groupadd --system --gid 10000 managed-tokens \
  && useradd --system --uid 10000 --gid managed-tokens --home-dir /var/lib/managed-tokens managed-tokens \
  && useradd --system --uid 10001 --gid managed-tokens --home-dir /var/lib/managed-tokens managed-tokens-refresher \
  && useradd --system --uid 10002 --gid managed-tokens --home-dir /var/lib/managed-tokens managed-tokens-storer \
  && useradd --system --uid 10003 --gid managed-tokens --home-dir /var/lib/managed-tokens managed-tokens-distributor \
  && useradd --system --uid 10004 --gid managed-tokens --home-dir /var/lib/managed-tokens managed-tokens-notifier \
  && install -d -g managed-tokens -m 0770 /var/lib/managed-tokens

WORKDIR /opt/managed-tokens
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY shared shared
COPY services services
COPY cli cli

# For `--version` and what the daemons say of themselves: --build-arg COMMIT="$(git rev-parse HEAD)".
ARG COMMIT
RUN echo "$COMMIT" > COMMIT

# Small processes, as `managed-tokens up` starts them.
ENV NODE_ENV=production \
  NODE_OPTIONS="--max-semi-space-size=1 --max-old-space-size=1024" \
  NODE_COMPILE_CACHE=/var/lib/managed-tokens/compile-cache \
  MALLOC_ARENA_MAX=2

USER managed-tokens
ENTRYPOINT ["node"]
CMD ["cli/main.ts", "--help"]
