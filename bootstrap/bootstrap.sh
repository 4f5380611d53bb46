#!/bin/sh
# Installs what is missing and prints the path of Node >= 24; does nothing, in a few milliseconds, when all is there.
# usage: bootstrap/bootstrap.sh [--programs | --browser]
#   --programs: also the Debian packages that the sandbox and the tests need; --browser: those and Chromium
set -eu
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
PATH="$PATH:/usr/sbin:/sbin"
. "$root/bootstrap/report.sh"
. "$root/bootstrap/node.sh"
. "$root/bootstrap/dependencies.sh"
. "$root/bootstrap/programs.sh"

want_programs=no
case "${1-}" in
  --programs) want_programs=yes ;;
  --browser) want_programs=yes needed_programs="$needed_programs
$browser_program" ;;
esac

everything_is_here() {
  find_node && dependencies_are_current && { [ $want_programs = no ] || [ -z "$(missing_packages)" ]; }
}

if ! everything_is_here; then
  # One bootstrap at a time: a second one waits here and then finds everything done. Installers do not inherit the lock.
  mkdir -p "$work" 2>/dev/null && [ -w "$work" ] || give_up "cannot write to $work" "Make $root writable for this user once, or run this as its owner."
  exec 9>"$work/lock"
  flock 9
  find_node || install_node
  dependencies_are_current || install_dependencies
  [ $want_programs = no ] || [ -z "$(missing_packages)" ] || install_programs
  exec 9>&-
fi
printf '%s\n' "$node"
