// Package metrics judges what nodes tell of themselves and their pods: the metrics API, the kubelet's summary and pages of
// metrics, and who may read them. How an autoscaler goes by the metrics is in the area autoscaling.
package metrics

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// ask asks the kubelet of a node through the API server.
func ask(ctx context.Context, f *Framework, node, path string) Answer {
	GinkgoHelper()
	return f.Ask(ctx, http.MethodGet, "/api/v1/nodes/"+node+"/proxy/"+path, "")
}

// summary reads the kubelet's summary.
func summary(ctx context.Context, f *Framework, node, query string) *statsv1alpha1.Summary {
	GinkgoHelper()
	var s statsv1alpha1.Summary
	ask(ctx, f, node, "stats/summary"+query).Must(http.StatusOK).Into(&s)
	return &s
}

// of finds a pod in the summary, nil if it is not there.
func of(s *statsv1alpha1.Summary, pod *corev1.Pod) *statsv1alpha1.PodStats {
	for i := range s.Pods {
		if s.Pods[i].PodRef.UID == string(pod.UID) {
			return &s.Pods[i]
		}
	}
	return nil
}

// working describes a pod of two containers: "busy" burns a tenth of a core, "holder" holds 32 MiB.
func working(name string) *corev1.Pod {
	pod := Pod(name, "burn", "1h")
	pod.Spec.Containers[0].Name = "busy"
	pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
	pod.Spec.Containers = append(pod.Spec.Containers, Container("holder", "alloc", "32"))
	return pod
}

// sample is one line of a page of metrics.
type sample struct {
	name, value string
	labels      map[string]string
}

// samples reads a page in Prometheus' text format. Values of labels that are of interest here have no escapes in them.
func samples(page string) []sample {
	var out []sample
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s := sample{labels: map[string]string{}}
		rest := ""
		if open := strings.Index(line, "{"); open >= 0 {
			shut := strings.LastIndex(line, "}")
			if shut < open {
				continue
			}
			s.name, rest = line[:open], line[shut+1:]
			for _, pair := range strings.Split(line[open+1:shut], `",`) {
				key, value, _ := strings.Cut(pair, `="`)
				s.labels[strings.TrimSpace(key)] = strings.TrimSuffix(value, `"`)
			}
		} else {
			s.name, rest, _ = strings.Cut(line, " ")
		}
		s.value, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
		out = append(out, s)
	}
	return out
}

// find returns the value of the first sample of the name that has the labels, given as pairs; empty if there is none.
func find(page []sample, name string, labels ...string) string {
	for _, s := range page {
		if s.name != name {
			continue
		}
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && s.labels[labels[i]] == labels[i+1]
		}
		if fits {
			return s.value
		}
	}
	return ""
}
