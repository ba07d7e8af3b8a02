#!/bin/sh
# Stands in for a server that gets ready and then crashes. The fifth argument is the data folder.
echo HUTONG_URL=http://127.0.0.1:1 >"$5/demo.env"
sleep 0.2
exit 3
