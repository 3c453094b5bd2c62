#!/bin/sh
# Makes a bare copy of the checkout ready: run `. bench/gpu/unpack.sh` in its root, then `node`,
# `dist` and vitest are there. In a checkout where npm install ran it changes nothing.
if [ -e node_modules ] && [ ! -e node_modules/.gpu ]; then
  echo "unpack: node_modules is npm's own; nothing unpacked" >&2
else
  mkdir -p node_modules/.gpu
  for name in node packages build; do
    if [ ! -e ".gpu/$name.tar.xz" ]; then
      echo "unpack: .gpu/$name.tar.xz is missing; run npm run pack:gpu and carry .gpu" >&2
      return 1 2>/dev/null || exit 1
    fi
    cmp -s ".gpu/$name.key" "node_modules/.gpu/$name.key" && continue
    if command -v xz >/dev/null; then
      tar xJf ".gpu/$name.tar.xz"
    else
      python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(".")' ".gpu/$name.tar.xz"
    fi && cp ".gpu/$name.key" "node_modules/.gpu/$name.key"
  done
  PATH="$PWD/node_modules/.gpu/bin:$PATH"
  export PATH
fi
