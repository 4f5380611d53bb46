# The npm packages of package-lock.json, installed again whenever that file changes.
installed_lock=$root/node_modules/.package-lock.installed

dependencies_are_current() { cmp -s "$root/package-lock.json" "$installed_lock"; }

install_dependencies() {
  by_hand="cd '$root' && npm ci"
  command -v npm >/dev/null || give_up "npm is needed to install this project's packages, and is missing." "Install npm, then: $by_hand"
  say "installing npm packages, up to a minute"
  # npm before 9.3, such as Debian 12's, says of a lockfile with overrides that it does not fit; its install keeps to it all the same.
  if ! npm_by ci && ! { grep -q 'npm ci.* can only install packages when' "$log" && npm_by install --no-save; }; then
    show_log
    give_up "could not install the npm packages." "Check that npm reaches its registry, then try again, or by hand: $by_hand"
  fi
  cp "$root/package-lock.json" "$installed_lock"
}

# NODE_ENV=production would leave out what the tests need. The found Node comes first, so that npm runs in it.
npm_by() (
  cd "$root"
  PATH="$(dirname -- "$node"):$PATH"
  logged npm "$@" --ignore-scripts --include=dev --include=optional --no-audit --no-fund
)
