# Runs on the node, as the account, read from stdin ahead of its data: says what lies under the names of token files, and
# removes what has the wanted digest. Data: a random word, then one line each, all behind that word: expected uid; a random word
# for names; number of files; for each of them its number, path, and the SHA-256 of what is to be removed, or "-" to look only.
# Answers one line a file on stdout: "managed-tokens: <number> <result>". Needs Linux, POSIX sh and GNU coreutils.
set -u
LC_ALL=C
export LC_ALL
private=
trap leave EXIT
trap 'trap "" HUP INT TERM PIPE; exit 1' HUP INT TERM PIPE

say() { printf 'managed-tokens: %s %s\n' "$1" "$2"; }

# take: the next line. One without the word is none of ours.
take() {
  IFS= read -r line || exit 1
  case $line in "$word "*) line=${line#"$word "} ;; *) exit 1 ;; esac
}

# sweep: a push under way has its files in a private directory of this account: without it, nothing comes of them.
sweep() {
  for left in ./.managed-tokens.*; do
    [ -d "$left" ] && [ ! -L "$left" ] && [ -O "$left" ] || continue
    rm -rf -- "$left"
  done
}

# work NUMBER PATH DIGEST
work() {
  cd -P -- "${2%/*}" 2>/dev/null || { say "$1" absent; return; }
  sweep
  file=./${2##*/}
  if [ "$3" = - ]; then look "$1"; else remove "$1" "$3"; fi
}

# look NUMBER: what lies there, whose it is, its mode and digest.
look() {
  [ -e "$file" ] || [ -L "$file" ] || { say "$1" absent; return; }
  found=$(stat -c '%F/%u/%a' -- "$file" 2>&1)
  case $found in
    "regular file/$uid/"*) ;;
    *) say "$1" "other $found"; return ;;
  esac
  digest=$(sha256sum <"$file" 2>&1) || { say "$1" "other $digest"; return; }
  say "$1" "file ${found##*/} ${digest%% *}"
}

# remove NUMBER DIGEST: by a rename into a private directory, so that what is looked at is what goes.
remove() {
  umask 077
  private=.managed-tokens.$random
  wrong=$(mkdir -m 700 -- "./$private" 2>&1) || { private=; say "$1" "failed $wrong"; return; }
  if ! wrong=$(mv -T -- "$file" "./$private/1" 2>&1); then
    if [ -e "$file" ] || [ -L "$file" ]; then say "$1" "failed $wrong"; else say "$1" absent; fi
    leave
    return
  fi
  if [ -f "./$private/1" ] && [ ! -L "./$private/1" ] && [ -O "./$private/1" ] &&
    digest=$(sha256sum <"./$private/1") && [ "${digest%% *}" = "$2" ]; then
    rm -f -- "./$private/1"
    say "$1" removed
  else
    say "$1" changed
  fi
  leave
}

# leave: what was moved and is not what it should be goes back where it was.
leave() {
  [ -n "$private" ] || return 0
  if [ -e "./$private/1" ] || [ -L "./$private/1" ]; then mv -nT -- "./$private/1" "$file"; fi
  rmdir -- "./$private" 2>/dev/null
  private=
}

echo
IFS= read -r word || exit 1
take
uid=$line
while read -r field real effective rest; do [ "$field" != Uid: ] || break; done </proc/self/status
if [ "$effective" != "$uid" ]; then
  say 0 "wrong-owner $effective"
  exit 0
fi
take
random=$line
take
files=$line
while [ "$files" -gt 0 ]; do
  files=$((files - 1))
  take
  number=$line
  take
  path=$line
  take
  work "$number" "$path" "$line"
done
