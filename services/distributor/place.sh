# Runs on the node, as the account, read from stdin ahead of its data: puts files where they belong, whole or not at all.
# Data, one line each: expected uid; number of files; a random word for names; then for each file: path, mode, its one line of content.
# Answers one line a file on stdout: "managed-tokens: <number> <result>". Needs POSIX sh and GNU coreutils, and to clear up findutils.
set -u
umask 077
# The texts of coreutils are read below, and the node's own language may be another.
LC_ALL=C
export LC_ALL
temporary=
trap '[ -z "$temporary" ] || rm -f "$temporary"' EXIT
trap 'exit 1' HUP INT TERM PIPE

say() { printf 'managed-tokens: %s %s\n' "$1" "$2"; }

# Nobody can guess the name under which a file is made, and nothing that is there already is written to (-C).
# place NUMBER PATH MODE CONTENT: says "ok" only after looking at what lies there afterwards.
place() {
  temporary=${2%/*}/.managed-tokens.$nonce.$1
  # With its last mode from the beginning, as no other process has to be started for that.
  case $3 in 400) umask 266 ;; *) umask 022 ;; esac
  if ! (set -C; printf '%s\n' "$4" >"$temporary") 2>/dev/null; then
    rm -f "$temporary"
    # Again through cat, which says why a write failed; dash's own printf calls every reason an I/O error.
    wrong=$(set -C; { printf '%s\n' "$4" | cat >"$temporary"; } 2>&1) || { rm -f "$temporary"; why "$1" "$wrong"; return; }
  fi
  wrong=$(mv -fT "$temporary" "$2" 2>&1) || { rm -f "$temporary"; why "$1" "$wrong"; return; }
  temporary=
  found=$(stat -c '%F %u %a %h %s' -- "$2" 2>&1)
  [ "$found" = "regular file $uid $3 1 $((${#4} + 1))" ] || { say "$1" "squatted found $found"; return; }
  # One line of that length is the whole of it. By the shell itself: each process more is felt on a busy node.
  if IFS= read -r read <"$2" && [ "$read" = "$4" ]; then say "$1" ok; else say "$1" "squatted other content"; fi
}

# why NUMBER TEXT: names the reason that coreutils gave.
why() {
  case $2 in
    *"No space left"* | *"quota exceeded"*) say "$1" disk-full ;;
    *"Operation not permitted"* | *"Is a directory"* | *"cannot overwrite directory"* | *"Permission denied"*) say "$1" "squatted $2" ;;
    *"No such file"* | *nonexistent*) say "$1" "no-directory" ;;
    *) say "$1" "other $2" ;;
  esac
}

# clear_up DIRECTORY: removes what pushes of this account that were killed have left there, each with a token in it. Not what
# may be of a push under way. The shell looks first, so that mostly, whatever others have planted there, no process starts.
clear_up() {
  for left in "$1"/.managed-tokens.*; do
    [ ! -L "$left" ] && [ -O "$left" ] || continue
    find "$1/" -maxdepth 1 -name '.managed-tokens.*' -type f -user "$uid" -mmin +60 -exec rm -f {} + 2>/dev/null
    return 0
  done
}

# What a profile printed before may not have ended its line.
echo
IFS= read -r uid && IFS= read -r count && IFS= read -r nonce || exit 1
if [ "$(id -u)" != "$uid" ]; then
  say 0 "wrong-owner $(id -u)"
  exit 0
fi
number=0
while [ "$number" -lt "$count" ]; do
  number=$((number + 1))
  IFS= read -r path && IFS= read -r mode && IFS= read -r content || exit 1
  place "$number" "$path" "$mode" "$content"
  [ "$number" -ne 1 ] || directory=${path%/*}
done
# Last, as it is never in a hurry; where the first file goes, since tokens come before what is no secret.
clear_up "$directory"
