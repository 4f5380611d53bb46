# No daemon outlives its program, nor does what setup made to run it. The bus is not for others where its unit is setup's.
units=/etc/systemd/system
ours="managed-tokens.target managed-tokens@refresher managed-tokens@distributor managed-tokens@storer managed-tokens@notifier"
of_bus=
if cmp -s /usr/lib/managed-tokens/deploy/systemd/nats-server.service $units/nats-server.service; then of_bus=nats-server; fi
if [ -d /run/systemd/system ]; then systemctl disable --now $ours $of_bus || true; fi
[ -z "$of_bus" ] || rm $units/nats-server.service
for daemon in refresher storer distributor; do
  rm -f "$units/managed-tokens@$daemon.service.d/user.conf"
  rmdir "$units/managed-tokens@$daemon.service.d" 2>/dev/null || true
done
