package resources

import (
	"context"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// cgroup reads what a container sees of its own cgroup, in either version of the kernel's interface.
type cgroup struct {
	f              *Framework
	pod, container string
}

// read returns the file's words: that of version 2, or else of version 1.
func (c cgroup) read(ctx context.Context, v2, v1 string) []string {
	GinkgoHelper()
	if out := c.f.Exec(ctx, c.pod, c.container, "/tool", "cat", "/sys/fs/cgroup/"+v2); out.Code == 0 {
		return strings.Fields(out.Stdout)
	}
	return strings.Fields(c.f.MustExec(ctx, c.pod, c.container, "/tool", "cat", "/sys/fs/cgroup/"+v1))
}

// memory is the limit in bytes, 0 for none.
func (c cgroup) memory(ctx context.Context) int64 {
	GinkgoHelper()
	limit := c.read(ctx, "memory.max", "memory/memory.limit_in_bytes")[0]
	n, err := strconv.ParseInt(limit, 10, 64)
	if limit == "max" || n > 1<<62 {
		return 0
	}
	Expect(err).NotTo(HaveOccurred())
	return n
}

// cores is the limit of CPU time in cores, 0 for none.
func (c cgroup) cores(ctx context.Context) float64 {
	GinkgoHelper()
	words := c.read(ctx, "cpu.max", "cpu/cpu.cfs_quota_us")
	if len(words) == 1 {
		words = append(words, c.read(ctx, "cpu.max", "cpu/cpu.cfs_period_us")...)
	}
	if words[0] == "max" || words[0] == "-1" {
		return 0
	}
	quota, err := strconv.ParseFloat(words[0], 64)
	Expect(err).NotTo(HaveOccurred())
	period, err := strconv.ParseFloat(words[1], 64)
	Expect(err).NotTo(HaveOccurred())
	return quota / period
}

// weight is the relative share of the CPU, in the units of the version.
func (c cgroup) weight(ctx context.Context) int64 {
	GinkgoHelper()
	n, err := strconv.ParseInt(c.read(ctx, "cpu.weight", "cpu/cpu.shares")[0], 10, 64)
	Expect(err).NotTo(HaveOccurred())
	return n
}

// throttled is in how many periods the CPU time was used up.
func (c cgroup) throttled(ctx context.Context) int64 {
	GinkgoHelper()
	words := c.read(ctx, "cpu.stat", "cpu/cpu.stat")
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == "nr_throttled" {
			n, err := strconv.ParseInt(words[i+1], 10, 64)
			Expect(err).NotTo(HaveOccurred())
			return n
		}
	}
	Fail("cpu.stat does not tell of nr_throttled: " + strings.Join(words, " "))
	return 0
}
