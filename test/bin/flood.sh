#!/bin/sh
# flood.sh BYTES: a first word, so many bytes on each output, then a last word.
for output in 1 2; do
  echo "the beginning of $output" >&$output
  head -c "$1" /dev/zero >&$output
  echo "the end of $output" >&$output
done
