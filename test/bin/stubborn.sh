#!/bin/sh
# stubborn.sh PIDS KIND: leaves its pid and a grandchild's in PIDS, and stays. KIND: `pipe`, the grandchild ignores SIGTERM
# and keeps our output open; `quiet`, it ignores SIGTERM and has let go of it; `outside`, it left the group, with our output;
# `patient`, nobody is stubborn, and the grandchild needs a moment to tidy up.
pids=$1
kind=$2
case $kind in
  pipe) (trap '' TERM; while :; do sleep 0.1; done) & ;;
  quiet) (trap '' TERM; exec >/dev/null 2>&1; while :; do sleep 0.1; done) & ;;
  outside) setsid sh -c 'while :; do sleep 0.1; done' & ;;
  patient) (trap 'sleep 0.2; echo tidied > "$pids.tidied"; exit 0' TERM; exec >/dev/null 2>&1; while :; do sleep 0.05; done) & ;;
esac
echo "$$ $!" > "$pids.new"
mv "$pids.new" "$pids"
echo started
while :; do sleep 0.1; done
