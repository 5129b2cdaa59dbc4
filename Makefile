# What a newcomer needs: make demo, make test. `make help` lists the rest.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=

RELEASE_FLAGS = -c release --static-swift-stdlib --explicit-target-dependency-import-check error \
	-Xlinker --gc-sections
GATEWAY = .build/release/mimamori-gateway

.PHONY: help demo test unit end-to-end bench fuzz soak build debug install format lint clean

help:
	@echo "make demo       a simulated river and school gate, a real broker, and what people receive (about 60 s)"
	@echo "make test       every test, against real peers"
	@echo "make bench      size, memory, latency and throughput on this machine"
	@echo "make fuzz       a short fuzz run over every codec"
	@echo "make build      the release program: $(GATEWAY)"
	@echo "make install    put program, unit and rules in place (DESTDIR=…, PREFIX=$(PREFIX))"
	@echo "make format     format the sources;  make lint  check them"

demo:
	@packaging/require.sh demo
	@$(MAKE) --no-print-directory build
	@examples/demo/demo.sh $(GATEWAY)

test:
	@packaging/require.sh test
	@packaging/python.sh
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory end-to-end

unit: debug
	@echo "Running the unit tests"
	swift test --skip-build --parallel

end-to-end: build
	@echo "Running the end-to-end tests against $(GATEWAY)"
	.python/bin/python3 -m pytest -q Tests/EndToEnd

bench:
	@packaging/require.sh test
	@packaging/python.sh
	@$(MAKE) --no-print-directory build
	@Benchmarks/run.sh

fuzz:
	@packaging/require.sh build
	@Fuzzing/run.sh 20

soak:
	@packaging/require.sh test
	@packaging/python.sh
	@$(MAKE) --no-print-directory build
	@Fuzzing/run.sh 600
	MIMAMORI_SOAK=1 .python/bin/python3 -m pytest -q Tests/EndToEnd

build:
	@packaging/require.sh build
	@echo "Building the release program"
	@swift build $(RELEASE_FLAGS) --product mimamori-gateway

debug:
	@packaging/require.sh build
	@echo "Building the tests"
	@swift build --build-tests --explicit-target-dependency-import-check error

install: build
	install -D -m 0755 -s $(GATEWAY) $(DESTDIR)$(PREFIX)/bin/mimamori-gateway
	install -D -m 0644 systemd/mimamori-gateway.service $(DESTDIR)$(PREFIX)/lib/systemd/system/mimamori-gateway.service
	install -D -m 0644 systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/mimamori.conf
	install -D -m 0644 systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/mimamori.conf
	install -D -m 0644 systemd/60-mimamori.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-mimamori.rules
	install -D -m 0644 examples/gateway.toml $(DESTDIR)$(PREFIX)/share/mimamori/gateway.example.toml
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/mimamori

format:
	swift format --in-place --recursive Sources Tests Fuzzing Benchmarks Package.swift

lint:
	swift format lint --strict --recursive Sources Tests Fuzzing Benchmarks Package.swift

clean:
	rm -rf .build .python .demo
