#!/bin/sh
# A node of a trial: make its home at the first start, tell the others its card, take theirs, serve.
#
# start.sh CARDS ID NAME TERRITORY PORT OTHER...   RETE_HOME: its home; CARDS: a folder that all of them see; OTHER: ids to wait for.
set -eu
cards=$1 id=$2 name=$3 territory=$4 port=$5
shift 5

if [ ! -e "$RETE_HOME/node.toml" ]; then
    rete init "$RETE_HOME" --id "$id" --name "$name" --territory "$territory" --authority "127.0.0.1:$port" --port "$port"
    # The container's own loopback is nobody else's: what is published outside reaches the node by its other address.
    sed -i 's/^host = "127.0.0.1"$/host = "0.0.0.0"/' "$RETE_HOME/node.toml"
fi
rete peer card > "$cards/$id.new"
# Whoever waits for it sees the whole of it or nothing.
mv "$cards/$id.new" "$cards/$id.toml"
for other; do
    waited=0
    while [ ! -e "$cards/$other.toml" ]; do
        waited=$((waited + 1))
        if [ "$waited" -gt 300 ]; then
            echo "start.sh: no card of $other after five minutes: is it running?" >&2
            exit 1
        fi
        sleep 1
    done
    if ! grep -q "^id = \"$other\"" "$RETE_HOME/node.toml"; then
        printf '\n' >> "$RETE_HOME/node.toml"
        cat "$cards/$other.toml" >> "$RETE_HOME/node.toml"
    fi
done
exec rete serve
