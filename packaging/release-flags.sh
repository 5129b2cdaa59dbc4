#!/bin/sh
# Prints the flags of `swift build` for a release, in one line: for the program and for what is measured beside it.
#
# A program with the library inside it exports all of the library's names unless it is told not to: none is needed by
# anybody, and each keeps code that is never called.
echo -c release --static-swift-stdlib --explicit-target-dependency-import-check error \
  -Xswiftc -use-ld=lld -Xlinker --gc-sections -Xlinker --no-export-dynamic \
  -Xlinker --icf=safe -Xlinker -z -Xlinker pack-relative-relocs
