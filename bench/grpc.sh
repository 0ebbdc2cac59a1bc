#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Alerts per second through the gRPC output: one subscriber over a unix socket and over mutual TLS, then
# many. usage: grpc.sh BUILD ROUNDS
set -eu
rate=$1/bench/grpc_rate rounds=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost)
openssl req -x509 "${key[@]}" -days 2 -keyout "$dir/key" -out "$dir/crt" 2>/dev/null
for _ in $(seq "$rounds"); do
	echo "unix, 1: $("$rate" "unix://$dir/sock" 500000 1)"
	echo "mTLS, 1: $("$rate" "127.0.0.1:${PORT:-15060}" 300000 1 "$dir/key" "$dir/crt" "$dir/crt")"
	echo "unix, 100: $("$rate" "unix://$dir/sock" 20000 100)"
done
