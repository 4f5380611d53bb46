#!/bin/sh
# say.sh CODE: says what it got on stdin and its environment, and exits with CODE.
echo "stdin=[$(cat)]"
env | sort
echo "secret-on-stderr" >&2
exit "$1"
