# etalon: `make conformance` brings a cluster up, judges it and takes it down; `make test` runs all other tests.

SHELL := /bin/bash
GO ?= go
BIN := bin
VERSION := v1.37.2+etalon

# What the binary says of itself. The date is the commit's, so that building twice gives the same file.
COMMIT := $(shell git rev-parse --verify -q HEAD || echo unknown)
DATE := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo 1970-01-01T00:00:00Z)
STATE := $(shell test -z "$$(git status --porcelain 2>/dev/null)" && echo clean || echo dirty)
STAMP := k8s.io/component-base/version
version_of = $(shell awk '$$1 == "$(1)" {print substr($$2, 2)}' go.mod)
LDFLAGS := -s -w \
	-X $(STAMP).gitVersion=$(VERSION) -X $(STAMP).gitMajor=1 -X $(STAMP).gitMinor=37 \
	-X $(STAMP).gitCommit=$(COMMIT) -X $(STAMP).gitTreeState=$(STATE) -X $(STAMP).buildDate=$(DATE) \
	-X github.com/containerd/containerd/v2/version.Version=$(call version_of,github.com/containerd/containerd/v2)

# Our own programs are static without cgo; only runc needs it, for seccomp.
STATIC := CGO_ENABLED=0 $(GO) build -ldflags '-s -w'
CNI := github.com/containernetworking/plugins/plugins
PROGRAMS := etalon etalon-init tool pause csi containerd-shim-runc-v2 runc ptp host-local portmap

sources = $(shell find $(1) -type f \( -name '*.go' -o -name '*.yaml' -o -name '*.json' \) -not -name '*_test.go' -not -path './$(BIN)/*' 2>/dev/null)

.PHONY: build conformance test race lint generate deps clean
build: $(PROGRAMS:%=$(BIN)/%)

$(BIN)/etalon: go.mod go.sum $(call sources,.) $(BIN)/.stamp
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o $@ .

# Changes only when what is stamped into the binary does.
$(BIN)/.stamp: FORCE
	@mkdir -p $(BIN); echo '$(LDFLAGS)' | cmp -s - $@ || echo '$(LDFLAGS)' > $@
.PHONY: FORCE

$(BIN)/etalon-init: go.mod $(call sources,reference/cluster/init)
	$(STATIC) -o $@ ./reference/cluster/init
$(BIN)/tool: go.mod $(call sources,fixtures/images/tool)
	$(STATIC) -o $@ ./fixtures/images/tool
$(BIN)/csi: go.mod go.sum $(call sources,fixtures/csi) $(call sources,fixtures/images/csi)
	$(STATIC) -o $@ ./fixtures/images/csi
$(BIN)/pause: go.mod $(call sources,fixtures/images/pause)
	$(STATIC) -o $@ ./fixtures/images/pause

# Other people's helpers, at the versions of go.mod.
$(BIN)/containerd-shim-runc-v2: go.mod go.sum
	$(STATIC) -o $@ github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
$(BIN)/host-local: go.mod go.sum
	$(STATIC) -o $@ $(CNI)/ipam/host-local
$(BIN)/ptp: go.mod go.sum
	$(STATIC) -o $@ $(CNI)/main/$(@F)
$(BIN)/portmap: go.mod go.sum
	$(STATIC) -o $@ $(CNI)/meta/portmap
$(BIN)/runc: go.mod go.sum
	@test -e /usr/include/seccomp.h || { echo 'runc needs libseccomp-dev: run `make deps`' >&2; exit 1; }
	CGO_ENABLED=1 $(GO) build -tags 'seccomp netgo osusergo' \
		-ldflags '-s -w -extldflags -static -X main.version=$(call version_of,github.com/opencontainers/runc)' \
		-o $@ github.com/opencontainers/runc

# Packages of Debian, installed only where missing: command (or file) = package.
NEEDS := iptables=iptables conntrack=conntrack gcc=gcc git=git /usr/include/seccomp.h=libseccomp-dev /usr/include/errno.h=libc6-dev
deps:
	@missing=; for need in $(NEEDS); do what=$${need%%=*}; \
		PATH=$$PATH:/usr/sbin:/sbin command -v $$what >/dev/null || test -e $$what || missing="$$missing $${need#*=}"; \
	done; \
	test -z "$$missing" && exit 0; \
	command -v apt-get >/dev/null || { echo "missing:$$missing; this is not a Debian, install them by its package manager" >&2; exit 1; }; \
	test $$(id -u) = 0 || { echo "missing:$$missing; run \`make deps\` as root to install them" >&2; exit 1; }; \
	echo "installing$$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

# The suite against a two-node reference cluster of its own; the report goes to report/.
CONFORMANCE_FLAGS ?=
conformance: deps build
	$(BIN)/etalon conformance --report report $(CONFORMANCE_FLAGS)

# Unit and integration tests. Those that need the helpers or root skip with a reason without them. The time a package may take
# is for machines that are busy with other things.
TEST_FLAGS ?=
test: deps build
	CGO_ENABLED=0 $(GO) test -timeout 30m $(TEST_FLAGS) ./...

# The race detector on what runs concurrently.
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./bench/controllers ./conformance/runner/... ./conformance/framework/... \
		./reference/auth/... ./reference/controllers/... ./reference/kubelet/... ./reference/proxy/... ./reference/scheduler/... \
		./reference/simulation

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' | grep -v zz_generated)); \
		test -z "$$unformatted" || { echo "gofmt differs in:" $$unformatted >&2; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) tool staticcheck ./...

# The OpenAPI definitions of the published types, and the validation that they declare in their tags.
API_GROUPS := admission/v1 admissionregistration/v1 apidiscovery/v2 apps/v1 authentication/v1 authorization/v1 \
	autoscaling/v1 autoscaling/v2 batch/v1 certificates/v1 coordination/v1 core/v1 discovery/v1 events/v1 flowcontrol/v1 \
	networking/v1 node/v1 policy/v1 rbac/v1 resource/v1 scheduling/v1 scheduling/v1alpha3 scheduling/v1beta1 storage/v1 storagemigration/v1
OPENAPI := reference/apiserver/openapi
DECLARED := reference/apiserver/validation/declared
READ_ONLY := k8s.io/apimachinery/pkg/api/resource k8s.io/apimachinery/pkg/runtime k8s.io/apimachinery/pkg/types \
	k8s.io/apimachinery/pkg/util/intstr time
generate:
	$(GO) tool validation-gen --output-file zz_generated.validations.go --go-header-file $(OPENAPI)/header.txt \
		$(READ_ONLY:%=--readonly-pkg %) ./$(DECLARED)/...
	$(GO) tool openapi-gen --output-file zz_generated.openapi.go --go-header-file $(OPENAPI)/header.txt --output-dir $(OPENAPI) \
		--output-pkg github.com/etalon-dev/etalon/$(OPENAPI) --report-filename /dev/null \
		k8s.io/apimachinery/pkg/apis/meta/v1 k8s.io/apimachinery/pkg/runtime k8s.io/apimachinery/pkg/version \
		k8s.io/apimachinery/pkg/api/resource k8s.io/apimachinery/pkg/util/intstr $(API_GROUPS:%=k8s.io/api/%) \
		k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1 k8s.io/kube-aggregator/pkg/apis/apiregistration/v1 k8s.io/metrics/pkg/apis/metrics/v1beta1
	$(GO) tool deepcopy-gen --output-file zz_generated.deepcopy.go --go-header-file $(OPENAPI)/header.txt \
		./fixtures/operator/api/v1 ./fixtures/operator/api/v1beta1

clean:
	rm -rf $(BIN) report
