#!/bin/sh
# Stands in for a server that gets ready and ends when it is asked to. The fifth argument is the data folder.
trap 'exit 0' TERM
echo HUTONG_URL=http://127.0.0.1:1 >"$5/demo.env"
while :; do sleep 0.1; done
