#!/bin/sh
# flood.sh: 50 MB on each output, then a last word nobody reads.
head -c 52428800 /dev/zero | tr '\0' 'o' >&2
head -c 52428800 /dev/zero | tr '\0' 'o'
echo the end
