# What a newcomer needs: make demo, make test. `make help` lists the rest.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=

RELEASE_FLAGS := $(shell packaging/release-flags.sh)
# The sanitizer that the unit tests are built with, in a folder of their own: address or none.
SANITIZE ?=
export SANITIZE
TEST_FLAGS = --build-path $(if $(SANITIZE),.build/sanitize-$(SANITIZE),.build) $(if $(SANITIZE),--sanitize $(SANITIZE)) \
	--explicit-target-dependency-import-check error
# Of each codec's target.
FUZZ_SECONDS ?= 20
# Of the lives in virtual time: the first seed, and how many minutes; for `make soak` how many virtual hours.
VIRTUAL_SEED ?= 1
VIRTUAL_MINUTES ?= 1
VIRTUAL_HOURS ?= 100000
VIRTUAL_TIME = .build/release/mimamori-virtual-time
GATEWAY = .build/release/mimamori-gateway

.PHONY: help demo words test unit end-to-end virtual-machine virtual-time virtual-hours virtual-time-build debian-13 debian-13-whole bench fuzz soak build debug install format lint clean

help:
	@echo "make demo       a simulated river and school gate, a real broker, and what people receive (about 60 s)"
	@echo "make test       every test, against real peers"
	@echo "make virtual-machine  of these, the tests on a Debian 12 with a kernel's GPIO, serial, USB and Bluetooth"
	@echo "make debian-13  the GPIO unit tests against libgpiod 2, and the program for the virtual machine's GPIO tests"
	@echo "make virtual-time  lives of the gateway in virtual time: every planted fault found, and a minute of seeds"
	@echo "make soak       what takes hours: long fuzzing, noise, bursts of tips, a school year, virtual lives, a Debian 13"
	@echo "make bench      size, memory, latency and throughput on this machine"
	@echo "make fuzz       a short fuzz run over every codec"
	@echo "make build      the release program: $(GATEWAY)"
	@echo "make install    put program, unit and rules in place (DESTDIR=…, PREFIX=$(PREFIX))"
	@echo "make words      after a change of catalogue.txt: put the words into the program and docs/messages.md"
	@echo "make format     format the sources;  make lint  check them"

demo:
	@packaging/require.sh demo
	@$(MAKE) --no-print-directory build
	@examples/demo/demo.sh $(GATEWAY)

words:
	@packaging/words.py

test:
	@packaging/require.sh test
	@packaging/words.py --check
	@packaging/python.sh
	@failed=; for part in unit end-to-end debian-13 virtual-machine; do \
		$(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

unit: debug
	@echo "Running the unit tests"
	timeout --foreground --kill-after=10 1800 swift test $(TEST_FLAGS) --skip-build --parallel

# Most of these tests wait for something: six at a time.
end-to-end: build
	@echo "Running the end-to-end tests against $(GATEWAY)"
	timeout --foreground --kill-after=10 1800 .python/bin/python3 -m pytest -q -n 6 --dist loadfile --durations=10 Tests/EndToEnd

virtual-machine: build
	@packaging/require.sh virtual-machine
	@packaging/python.sh
	@Tests/VirtualMachine/image/build.sh
	@Tests/Debian13/run.sh board
	@echo "Running the tests in the virtual machine against $(GATEWAY)"
	timeout --foreground --kill-after=60 $(if $(MIMAMORI_SOAK),7200,2400) \
		.python/bin/python3 -m pytest -v --durations=10 Tests/VirtualMachine

debian-13: debug build
	@packaging/require.sh virtual-machine
	@Tests/Debian13/run.sh

debian-13-whole:
	@packaging/require.sh virtual-machine
	@Tests/Debian13/run.sh whole

bench:
	@packaging/require.sh test
	@packaging/python.sh
	@$(MAKE) --no-print-directory build
	@Benchmarks/run.sh

fuzz:
	@packaging/require.sh build
	@Fuzzing/run.sh $(FUZZ_SECONDS)

virtual-time: virtual-time-build
	@$(VIRTUAL_TIME) --prove
	@$(VIRTUAL_TIME) --seeds $(VIRTUAL_SEED) --minutes $(VIRTUAL_MINUTES)

# Lives of 100 hours, as many at once as there are processors.
virtual-hours: virtual-time-build
	@jobs=$$(nproc); lives=$$(( ($(VIRTUAL_HOURS) / 100 + jobs - 1) / jobs )); lot=; \
	for job in $$(seq 0 $$(( jobs - 1 ))); do \
		first=$$(( $(VIRTUAL_SEED) + job * lives )); \
		$(VIRTUAL_TIME) --seeds $$first..$$(( first + lives - 1 )) & lot="$$lot $$!"; \
	done; for process in $$lot; do wait $$process || failed=1; done; [ -z "$$failed" ]

virtual-time-build:
	@packaging/require.sh build
	@swift build $(RELEASE_FLAGS) --product mimamori-virtual-time

soak: virtual-time-build
	@packaging/require.sh test
	@packaging/python.sh
	@$(MAKE) --no-print-directory build
	@Fuzzing/run.sh 600
	@$(VIRTUAL_TIME) --prove
	@$(MAKE) --no-print-directory virtual-hours
	MIMAMORI_SOAK=1 swift test -c release -Xswiftc -enable-testing --build-path .build/release-tests \
		--explicit-target-dependency-import-check error --parallel
	MIMAMORI_SOAK=1 .python/bin/python3 -m pytest -q Tests/EndToEnd
	@$(MAKE) --no-print-directory debian-13-whole
	MIMAMORI_SOAK=1 $(MAKE) --no-print-directory virtual-machine

build:
	@packaging/require.sh build
	@echo "Building the release program"
	@swift build $(RELEASE_FLAGS) --product mimamori-gateway

debug:
	@packaging/require.sh build
	@echo "Building the tests"
	@swift build $(TEST_FLAGS) --build-tests

install: build
	install -D -m 0755 -s $(GATEWAY) $(DESTDIR)$(PREFIX)/bin/mimamori-gateway
	install -D -m 0644 systemd/mimamori-gateway.service $(DESTDIR)$(PREFIX)/lib/systemd/system/mimamori-gateway.service
	install -D -m 0644 systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/mimamori.conf
	install -D -m 0644 systemd/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/mimamori.conf
	install -D -m 0644 systemd/bluetooth-controller.conf $(DESTDIR)$(PREFIX)/share/mimamori/bluetooth-controller.conf
	install -D -m 0644 systemd/60-mimamori.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/60-mimamori.rules
	install -D -m 0644 examples/gateway.toml $(DESTDIR)$(PREFIX)/share/mimamori/gateway.example.toml
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/mimamori

format:
	swift format --in-place --recursive Sources Tests Fuzzing Benchmarks Package.swift

lint:
	swift format lint --strict --recursive Sources Tests Fuzzing Benchmarks Package.swift

clean:
	rm -rf .build .python .demo
