package metrics

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

const api = "/apis/metrics.k8s.io/v1beta1/"

// podsPath is where metrics of the pods of the spec's namespace are.
func podsPath(f *Framework) string { return api + "namespaces/" + f.Namespace + "/pods" }

// list reads metrics of pods.
func list(ctx context.Context, f *Framework, path string) []metricsv1beta1.PodMetrics {
	GinkgoHelper()
	var all metricsv1beta1.PodMetricsList
	f.Ask(ctx, http.MethodGet, path, "").Must(http.StatusOK).Into(&all)
	return all.Items
}

// waitMetrics waits until there are metrics of the pod that are so.
func waitMetrics(ctx context.Context, f *Framework, name, what string, so func(*metricsv1beta1.PodMetrics) bool) *metricsv1beta1.PodMetrics {
	GinkgoHelper()
	var m *metricsv1beta1.PodMetrics
	f.WaitUntil(ctx, "there are metrics of the pod "+name+what, SettleTimeout, func(ctx context.Context) (bool, string) {
		answer := f.Ask(ctx, http.MethodGet, podsPath(f)+"/"+name, "")
		if answer.Code != http.StatusOK {
			return false, answer.String()
		}
		m = &metricsv1beta1.PodMetrics{}
		answer.Into(m)
		return so(m), shown(m)
	})
	return m
}

func anything(*metricsv1beta1.PodMetrics) bool { return true }

func shown(m *metricsv1beta1.PodMetrics) string {
	var b strings.Builder
	fmt.Fprintf(&b, "at %s over %s:", m.Timestamp, m.Window.Duration)
	for _, c := range m.Containers {
		fmt.Fprintf(&b, " %s cpu %s memory %s;", c.Name, c.Usage.Cpu(), c.Usage.Memory())
	}
	return b.String()
}

// uses tells what one of the pod's containers uses: thousandths of a core, and bytes; -1 if it is not there.
func uses(m *metricsv1beta1.PodMetrics, container string) (milli, bytes int64) {
	for _, c := range m.Containers {
		if c.Name == container {
			return c.Usage.Cpu().MilliValue(), c.Usage.Memory().Value()
		}
	}
	return -1, -1
}

var _ = Describe("the metrics API", func() {
	f := New()

	f.It("metrics/nodes", func(ctx SpecContext) {
		nodes := f.Nodes(ctx)
		f.WaitUntil(ctx, "every node has metrics", SettleTimeout, func(ctx context.Context) (bool, string) {
			var all metricsv1beta1.NodeMetricsList
			f.Ask(ctx, http.MethodGet, api+"nodes", "").Must(http.StatusOK).Into(&all)
			found := map[string]metricsv1beta1.NodeMetrics{}
			for _, m := range all.Items {
				found[m.Name] = m
			}
			for _, n := range nodes {
				m, known := found[n.Name]
				if !known || m.Timestamp.IsZero() || m.Window.Duration <= 0 || m.Usage.Cpu().IsZero() || m.Usage.Memory().IsZero() {
					return false, fmt.Sprintf("%s: %+v", n.Name, m)
				}
				// Memory in use can never be more than there is.
				if m.Usage.Memory().Cmp(*n.Status.Capacity.Memory()) > 0 {
					return false, fmt.Sprintf("%s uses %s of %s", n.Name, m.Usage.Memory(), n.Status.Capacity.Memory())
				}
			}
			return true, ""
		})
	})

	f.It("metrics/pods", func(ctx SpecContext) {
		f.Create(ctx, working("web"))
		f.WaitPodReady(ctx, "web")
		m := waitMetrics(ctx, f, "web", " in which one container burns a tenth of a core and the other holds 32 MiB", func(m *metricsv1beta1.PodMetrics) bool {
			busy, _ := uses(m, "busy")
			idle, held := uses(m, "holder")
			return busy >= 50 && busy <= 150 && idle < 50 && held >= 32<<20 && held < 128<<20
		})
		Expect(m.Containers).To(HaveLen(2), "the pod's containers and nothing else")
		// What was measured first may be of a time in which the container had only begun.
		later := waitMetrics(ctx, f, "web", " of a later time", func(later *metricsv1beta1.PodMetrics) bool { return later.Timestamp.After(m.Timestamp.Time) })
		busy, _ := uses(later, "busy")
		Expect(busy).To(BeNumerically("<=", 150), "thousandths of a core that a container uses which may use 100")
		Expect(m.Window.Duration).To(BeNumerically(">", 0))
	})

	f.It("metrics/time-moves-on", func(ctx SpecContext) {
		pod := working("web")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "web")
		first := waitMetrics(ctx, f, "web", "", anything)
		waitMetrics(ctx, f, "web", " of a later time", func(m *metricsv1beta1.PodMetrics) bool { return m.Timestamp.After(first.Timestamp.Time) })
		f.Delete(ctx, pod)
		f.WaitGone(ctx, pod)
		f.WaitUntil(ctx, "there are no metrics of the pod", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, podsPath(f)+"/web", "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
	})

	f.It("metrics/selected", func(ctx SpecContext) {
		f.Create(ctx, working("web"), working("other"))
		for _, name := range []string{"web", "other"} {
			f.WaitPodReady(ctx, name)
			waitMetrics(ctx, f, name, "", anything)
		}
		picked := list(ctx, f, podsPath(f)+"?labelSelector=app%3Dweb")
		Expect(picked).To(HaveLen(1))
		Expect(picked[0].Name).To(Equal("web"))
		Expect(picked[0].Labels).To(HaveKeyWithValue("app", "web"))
		Expect(list(ctx, f, podsPath(f))).To(HaveLen(2))
		Expect(list(ctx, f, podsPath(f)+"?labelSelector=app%3Dnone")).To(BeEmpty())
		seen := 0
		for _, m := range list(ctx, f, api+"pods") {
			if m.Namespace == f.Namespace {
				seen++
			}
		}
		Expect(seen).To(Equal(2), "of all namespaces, those of this one")
	})

	f.It("metrics/read-only", func(ctx SpecContext) {
		for _, method := range []string{http.MethodDelete, http.MethodPut} {
			f.Ask(ctx, method, podsPath(f)+"/web", `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics","metadata":{"name":"web"}}`,
				"Content-Type", "application/json").Must(http.StatusMethodNotAllowed)
		}
		f.Ask(ctx, http.MethodPost, podsPath(f), `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetrics","metadata":{"name":"web"}}`,
			"Content-Type", "application/json").Must(http.StatusMethodNotAllowed)
	})
})
