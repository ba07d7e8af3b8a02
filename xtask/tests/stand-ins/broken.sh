#!/bin/sh
# Stands in for a server that cannot start.
echo the port is taken
exit 1
