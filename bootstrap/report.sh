# How the bootstrap speaks: progress and errors on standard error; what noisy installers say goes to a log.
work=$root/.bootstrap
log=$work/install.log

say() { printf 'managed-tokens: %s\n' "$*" >&2; }

# give_up WHAT_FAILED WHAT_TO_DO...
give_up() {
  say "$1"
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

# Runs an installer with its output in the log, without our lock.
logged() {
  printf '\n$ %s\n' "$*" >>"$log"
  "$@" >>"$log" 2>&1 </dev/null 9>&-
}

show_log() {
  printf '  the end of %s:\n' "$log" >&2
  tail -n 15 "$log" | sed 's/^/  | /' >&2
}
