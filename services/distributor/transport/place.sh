# Runs on the node, as the account, read from stdin ahead of its data: puts files where they belong, whole or not at all.
# They are made in a private directory beside their place, where nobody else can see or name them, and moved out by renames.
# Data: a random word, then one line each, all behind that word: expected uid; number of directories; for each of them its path,
# a random word for names and the number of its files; for each file its number, mode, end (line: with a newline; bare: without),
# name and content.
# Answers one line a file on stdout: "managed-tokens: <number> <result>". Needs Linux, POSIX sh and GNU coreutils, and to clear
# up findutils.
set -u
# The texts of coreutils are read below, and the node's own language may be another.
LC_ALL=C
export LC_ALL
private= entered=
trap leave EXIT
# Once: timeout says it again to whoever was told already, and must not break the leaving off.
trap 'trap "" HUP INT TERM PIPE; exit 1' HUP INT TERM PIPE

say() { printf 'managed-tokens: %s %s\n' "$1" "$2"; }

# take: the next line. One without the word was part of a content, and must not become a name.
take() {
  IFS= read -r line || exit 1
  case $line in "$word "*) line=${line#"$word "} ;; *) exit 1 ;; esac
}

# place DIRECTORY RANDOM FILE...: each file is five words, its number, mode, end, name and content.
place() {
  directory=$1 name=.managed-tokens.$2
  shift 2
  if enter; then
    each make "$@"
    made=$(stat -c '/%n %F %u %a %h %s/' -- * 2>&1)
    each move "$@"
    leave
    clear_up
  else
    each refuse "$@"
    leave
  fi
}

# each FUNCTION FILE...
each() {
  act=$1
  shift
  while [ $# -gt 0 ]; do
    "$act" "$1" "$2" "$3" "$4" "$5"
    shift 5
  done
}

# enter: makes the private directory and goes there. What counts from then on is where we are, not what a path leads to.
enter() {
  cd -P -- "$directory" 2>/dev/null || { why "$(stat -- "$directory/." 2>&1)"; return 1; }
  # Not by mkdir's -m alone, which some have as a chmod afterwards.
  umask 077
  private=$name
  wrong=$(mkdir -m 700 -- "./$private" 2>&1) || { private=; why "$wrong"; return 1; }
  cd -P -- "./$private" 2>/dev/null || { result='unsafe its private directory was swapped'; return 1; }
  # shellcheck disable=SC2046 # the owner, mode and device of this directory, and of the one around it
  set -- $(stat -c '%u %a %d' -- . .. 2>&1)
  [ $# = 6 ] || { result="other $*"; return 1; }
  # The name of where we are is the one that was made up: a link to another directory of ours would not hide its name. And a
  # rename to another device would be a copy.
  case "$PWD $1 $2 $3" in
    */"$private $uid 700 $6" | */"$private $uid 2700 $6") ;;
    *) result='unsafe its private directory was swapped'; return 1 ;;
  esac
  # Whoever owns a directory may rename what lies there, and so may everybody who can write to it, unless it is sticky.
  result="unsafe its owner is $4 and its mode $5"
  case $4 in 0 | "$uid") ;; *) return 1 ;; esac
  case $5 in [1357]???) ;; *[2367]? | *[2367]) return 1 ;; esac
  entered=yes
}

refuse() { say "$1" "$result"; }

# make NUMBER MODE END NAME CONTENT: makes the file, with its number for a name.
make() {
  case $5 in '' | *[!!-~]*) say "$1" 'other its content is not one word'; return ;; esac
  # With its last mode from the beginning, as no other process has to be started for that.
  case $2 in 400) umask 266 ;; *) umask 022 ;; esac
  { write "$3" "$5" >"$1"; } 2>/dev/null && return
  # Again through cat, which says why a write failed; dash's own printf calls every reason an I/O error.
  rm -f -- "$1"
  wrong=$({ write "$3" "$5" | cat >"$1"; } 2>&1) && return
  rm -f -- "$1"
  why "$wrong"
  say "$1" "$result"
}

# write END CONTENT
write() { case $1 in bare) printf '%s' "$2" ;; *) printf '%s\n' "$2" ;; esac; }

# move NUMBER MODE END NAME CONTENT: says "ok" only after looking at what lies there afterwards.
move() {
  [ -e "$1" ] || return 0
  size=${#5}
  [ "$3" = bare ] || size=$((size + 1))
  case $made in
    *"/$1 regular file $uid $2 1 $size/"*) ;;
    *) say "$1" "other it was made as $made"; return ;;
  esac
  wrong=$(mv -fT -- "$1" "../$4" 2>&1) || { why "$wrong"; say "$1" "$result"; return; }
  if ! is_there "../$4" "$3" "$5"; then
    say "$1" 'squatted other content'
  elif [ ! "$directory" -ef .. ]; then
    say "$1" 'unsafe its path leads elsewhere by now'
  else
    say "$1" ok
  fi
}

# is_there PATH END CONTENT: by the shell itself, as each process more is felt on a busy node.
is_there() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] || return
  # A line without its end is read as well, and then said to be none.
  ends=bare
  IFS= read -r read <"$1" && ends=line
  [ "$ends $read" = "$2 $3" ]
}

# why TEXT: the result that stands for the reason that coreutils gave.
why() {
  case $1 in
    *"No space left"* | *"quota exceeded"*) result=disk-full ;;
    stat:*"Permission denied"* | mkdir:*"Permission denied"* | *"Read-only file system"*) result="unwritable $1" ;;
    *"Operation not permitted"* | *"Is a directory"* | *"cannot overwrite directory"* | *"Permission denied"*) result="squatted $1" ;;
    *"No such file"* | *nonexistent* | *"Not a directory"*) result=no-directory ;;
    *) result="other $1" ;;
  esac
}

# leave: takes the private directory away. With what is in it only where that can be nothing but ours.
leave() {
  [ -n "$private" ] || return 0
  if [ -n "$entered" ]; then
    set -- *
    [ ! -e "$1" ] || rm -f -- "$@"
  fi
  case $PWD in */"$private") cd -P .. ;; esac
  rmdir -- "./$private" 2>/dev/null
  private= entered=
}

# clear_up: removes what pushes of this account that were killed have left here, each with a token in it. Not what may be of a
# push under way. The shell looks first, so that mostly, whatever others have planted there, no process starts.
clear_up() {
  for left in ./.managed-tokens.*; do
    [ ! -L "$left" ] && [ -O "$left" ] || continue
    find . -maxdepth 1 -name '.managed-tokens.*' ! -type l -user "$uid" -mmin +60 -exec rm -rf -- {} + 2>/dev/null
    return 0
  done
}

# What a profile printed before may not have ended its line.
echo
IFS= read -r word || exit 1
take
uid=$line
# Who we are, without another process.
while read -r field real effective rest; do [ "$field" != Uid: ] || break; done </proc/self/status
if [ "$effective" != "$uid" ]; then
  say 0 "wrong-owner $effective"
  exit 0
fi
take
directories=$line
while [ "$directories" -gt 0 ]; do
  directories=$((directories - 1))
  take
  set -- "$line"
  take
  set -- "$@" "$line"
  take
  files=$line
  while [ "$files" -gt 0 ]; do
    files=$((files - 1))
    for what in number mode end name content; do
      take
      set -- "$@" "$line"
    done
  done
  place "$@"
done
