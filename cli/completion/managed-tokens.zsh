#compdef managed-tokens
# Completion of managed-tokens for zsh: source it, or put it as _managed-tokens into a directory of $fpath.
# What is typed, and what the configuration says, is handed on as words: nothing of it is evaluated.
_managed-tokens() {
  local line kind
  local -a found
  for line in "${(@f)$("${(Q)words[1]}" complete -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      :*) kind=$line ;;
      ?*) found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  case $kind in
    :files) compset -P '-*='; _files ;;
    :directories) compset -P '-*='; _files -/ ;;
    *) _describe managed-tokens found ;;
  esac
}
if [[ $funcstack[1] == _managed-tokens ]]; then _managed-tokens "$@"; else compdef _managed-tokens managed-tokens; fi
