# Every target runs inside the build root (os/buildroot), which the first one makes.
enter := os/buildroot/enter
build := build

.PHONY: all quick image lock run test bench lint format clean help

all: ## build/ros, the binary, with build/ros.debug beside it
	@$(enter) tools/compile $(build)

quick: ## all, and the unit tests, in the plain build only
	@$(enter) tools/compile $(build) --test

image: ## build/image/{vmlinuz,initrd,paddock.iso}
	@$(enter) tools/compile $(build)
	@$(enter) os/image/build

lock: ## move to the package versions that the mirror has now (os/image/packages.lock)
	@$(enter) os/image/lock

run: image ## boot the image in QEMU (MEM CPUS DISK CLOUD_CONFIG SSH_PORT DOCKER_PORT NET APPEND ISO: os/run)
	@os/run

test: ## every test, or those of PHASES="lint unit ..."; ends with the line "N passed, N failed, N skipped"
	@$(enter) tests/run $(PHASES)

bench: ## measure, and write the table of docs/PERFORMANCE.md
	@$(enter) bench/run

lint: ## formatting, clang-tidy, cppcheck, shellcheck, arrows between folders
	@$(enter) tools/lint

format: ## lay out the C sources with clang-format
	@$(enter) tools/lint --format

clean: ## remove build/ (the build root stays in the cache)
	rm -rf $(build)

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

export MEM CPUS DISK DISK_SIZE CLOUD_CONFIG SSH_PORT DOCKER_PORT NET APPEND ISO ACCEL
