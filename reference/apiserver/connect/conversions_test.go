package connect

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

func TestOptionsFromURL(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for _, c := range []struct {
		query string
		want  runtime.Object
	}{
		{"", &corev1.PodLogOptions{}},
		{"container=a&follow=true&previous=1&timestamps&sinceSeconds=5&tailLines=10&limitBytes=7&insecureSkipTLSVerifyBackend=true&stream=Stdout",
			&corev1.PodLogOptions{Container: "a", Follow: true, Previous: true, Timestamps: true, SinceSeconds: ptr.To(int64(5)), TailLines: ptr.To(int64(10)), LimitBytes: ptr.To(int64(7)), InsecureSkipTLSVerifyBackend: true, Stream: ptr.To("Stdout")}},
		{"follow=false&previous=0&sinceTime=2026-01-02T03:04:05Z", &corev1.PodLogOptions{SinceTime: &since}},
		{"stdin=true&stdout=true&stderr=false&tty=true&container=a&command=sh&command=-c&command=a+b", &corev1.PodExecOptions{Stdin: true, Stdout: true, TTY: true, Container: "a", Command: []string{"sh", "-c", "a b"}}},
		{"stdin=true&stderr=true&container=a", &corev1.PodAttachOptions{Stdin: true, Stderr: true, Container: "a"}},
		{"ports=80&ports=443", &corev1.PodPortForwardOptions{Ports: []int32{80, 443}}},
		{"ports=80,443", &corev1.PodPortForwardOptions{Ports: []int32{80, 443}}},
		{"path=/x/y", &corev1.PodProxyOptions{Path: "/x/y"}},
		{"path=/x/y", &corev1.NodeProxyOptions{Path: "/x/y"}},
		{"path=/x/y", &corev1.ServiceProxyOptions{Path: "/x/y"}},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got := c.want.DeepCopyObject()
		if err := decode(q, got); err != nil {
			t.Errorf("%q: %v", c.query, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q: %s", c.query, d)
		}
	}
	if err := decode(url.Values{"tailLines": {"many"}}, &corev1.PodLogOptions{}); err == nil {
		t.Error("tailLines=many is taken for a number")
	}
}
