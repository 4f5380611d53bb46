#!/bin/sh
# open-by-name.sh: says a line at a time on outputs that it opens by their names, as scripts do.
echo one >/dev/stdout
echo bad >/dev/stderr
echo two >>/dev/stdout
echo three
(echo four; echo worse >&2) >/dev/stdout 2>/dev/stderr
cat /dev/stdin
exit 4
