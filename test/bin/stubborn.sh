#!/bin/sh
# stubborn.sh PIDS KIND: says "started", leaves its pid and a grandchild's in PIDS once both are as stubborn as they will be,
# and stays. KIND: `pipe`, the grandchild ignores SIGTERM and keeps our output open; `quiet`, it ignores SIGTERM and has let go
# of it; `both`, the same, and its parent ignores SIGTERM too; `outside`, it left the group, with our output; `patient`, nobody
# is stubborn, and the grandchild tidies up before it goes. `over` ends at once itself, and its grandchild, which left the
# group, talks on. Whoever left the group goes when PIDS.ready does.
pids=$1
kind=$2
case $kind in
  pipe) (trap '' TERM; : > "$pids.ready"; while :; do sleep 0.1; done) & ;;
  quiet) (trap '' TERM; exec >/dev/null 2>&1; : > "$pids.ready"; while :; do sleep 0.1; done) & ;;
  both) trap '' TERM; (exec >/dev/null 2>&1; : > "$pids.ready"; while :; do sleep 0.1; done) & ;;
  outside) setsid sh -c ': > "$0.ready"; while [ -e "$0.ready" ]; do sleep 0.1; done' "$pids" & ;;
  over) setsid sh -c ': > "$0.ready"; while [ -e "$0.ready" ]; do echo "somebody else"; sleep 0.1; done' "$pids" & ;;
  patient) (trap 'echo tidied > "$pids.tidied"; exit 0' TERM; exec >/dev/null 2>&1; : > "$pids.ready"; while :; do sleep 0.05; done) & ;;
esac
echo started
until [ -e "$pids.ready" ]; do sleep 0.01; done
echo "$$ $!" > "$pids.new"
mv "$pids.new" "$pids"
[ "$kind" != over ] || exit 0
while :; do sleep 0.1; done
