#!/bin/sh
# Turns the mount namespace it is started in into a node of the sandbox, and becomes the node's sshd.
# Argument: the node's directory, with etc, home, run, sshd and tmp.
set -eu

# The directory may lie below any of the mount points, so everything is named from inside it, never by a path that
# a mount could hide (-c: mount would make the paths absolute again).
cd "$1"
mount -c -t tmpfs -o mode=0755 tmpfs run
mkdir run/sshd run/node
cp sshd/* run/node/
chmod 0600 run/node/*
for file in passwd group shadow nsswitch.conf; do
  mount -c --bind "etc/$file" "/etc/$file"
done
mount -c --bind home /home
mount -c --bind tmp /tmp
mount -c --bind run /run

cd /
exec /usr/sbin/sshd -D -e -f /run/node/sshd_config
