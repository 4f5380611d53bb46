# Users and directories. Nothing is started: `managed-tokens setup` does that.
systemd-sysusers managed-tokens-daemons.conf
systemd-tmpfiles --create managed-tokens-daemons.conf
