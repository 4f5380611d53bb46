# Whose the configuration is.
getent group managed-tokens >/dev/null || groupadd --system managed-tokens
[ -d /etc/managed-tokens ] || install -d -m 0751 /etc/managed-tokens
