# The bus first, which has to let the new daemons speak; then daemons that run, the refresher first: it makes what the others
# wait for.
new=/usr/lib/managed-tokens/deploy/nats/permissions.conf
if [ -e /run/managed-tokens-bus-follows ]; then
  rm /run/managed-tokens-bus-follows
  if ! cmp -s $new /etc/nats/permissions.conf; then
    install -m 0644 $new /etc/nats/permissions.conf
    [ ! -d /run/systemd/system ] || systemctl try-reload-or-restart nats-server.service || true
  fi
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  for daemon in refresher distributor storer notifier; do
    systemctl try-restart "managed-tokens@$daemon.service" || true
  done
fi
