# Configuration, keys, state, logs and the users that own them stay.
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
