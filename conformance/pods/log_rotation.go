package pods

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the rotation of logs", func() {
	f := New()

	f.It("pods/logs-rotated", func(ctx SpecContext) {
		// About 19 MB at once, more than the 10 MiB that a kubelet keeps in one file by default and less than two such files;
		// the pause is for it to notice. What comes after fits into the file that is begun then: none is begun at the very end.
		const lines, more = 380_000, 5_000
		f.Create(ctx, Once("talks", "sh", fmt.Sprintf("log-lines %d; sleep 25s; log-lines %d; sleep 1s; echo end", lines, more)))
		f.WaitPodRunning(ctx, "talks")
		follower := f.FollowLogs(ctx, "talks", "main")
		heard := follower.WaitEnd(ctx, f)
		f.WaitPodSucceeded(ctx, "talks")
		Expect(heard).To(HaveLen(lines+more+1), "lines that a follower was sent")
		for i, line := range heard {
			n := i + 1
			if n > lines {
				n -= lines
			}
			if want := fmt.Sprintf("line %d", n); line != want && i < len(heard)-1 {
				Fail(fmt.Sprintf("wanted: line %d a follower was sent is %q\n  seen: %q", i+1, want, line))
			}
		}
		Expect(f.Logs(ctx, "talks", corev1.PodLogOptions{TailLines: ptr.To[int64](2)})).To(Equal(fmt.Sprintf("line %d\nend\n", more)))
		// Older files may be left out, but nothing between the first line that is shown and the last.
		all := strings.Split(strings.TrimSuffix(f.Logs(ctx, "talks", corev1.PodLogOptions{}), "\n"), "\n")
		Expect(len(all)).To(BeNumerically("<=", len(heard)))
		for i := range all {
			if all[i] != heard[len(heard)-len(all)+i] {
				Fail(fmt.Sprintf("wanted: %q as line %d of the log\n  seen: %q", heard[len(heard)-len(all)+i], i+1, all[i]))
			}
		}
	}, SpecTimeout(4*time.Minute))
})
