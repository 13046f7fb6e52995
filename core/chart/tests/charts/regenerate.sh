#!/bin/sh
# Writes what both Helms answer to the cases of cases.tsv into ../expected. Usage: HELM3=path HELM4=path ./regenerate.sh
set -eu
cd "$(dirname "$0")"
mkdir -p ../expected
HELM_CACHE_HOME=$(mktemp -d) HELM_CONFIG_HOME=$HELM_CACHE_HOME HELM_DATA_HOME=$HELM_CACHE_HOME
export HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME
while IFS="$(printf '\t')" read -r name chart arguments; do
    for version in 3 4; do
        eval "helm=\$HELM$version"
        # shellcheck disable=SC2086 # the arguments are words
        if ! "$helm" template web "$chart" $arguments >"../expected/$name.helm$version.txt" 2>/tmp/regenerate-stderr; then
            sed -n '/^Error: /,$p' /tmp/regenerate-stderr >"../expected/$name.helm$version.txt"
        fi
    done
done <cases.tsv
