package framework

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
)

// Logs returns what a pod's container printed, by the given options.
func (f *Framework) Logs(ctx context.Context, pod string, options corev1.PodLogOptions) string {
	GinkgoHelper()
	text, err := f.TryLogs(ctx, pod, options)
	f.must(err, "read the log of pod %s", pod)
	return text
}

// TryLogs returns what a pod's container printed, or the server's refusal.
func (f *Framework) TryLogs(ctx context.Context, pod string, options corev1.PodLogOptions) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, scaled(APITimeout))
	defer cancel()
	result := f.API.CoreV1().Pods(f.Namespace).GetLogs(pod, &options).Do(ctx)
	data, _ := result.Raw()
	return string(data), result.Error() // Raw's own error leaves out what the server said
}

// WaitLog waits until the log of a pod's container contains text, and returns all of it.
func (f *Framework) WaitLog(ctx context.Context, pod, container, text string) string {
	GinkgoHelper()
	var log string
	f.WaitUntil(ctx, "the log of pod "+pod+" contains "+text, PodTimeout, func(ctx context.Context) (bool, string) {
		var err error
		if log, err = f.TryLogs(ctx, pod, corev1.PodLogOptions{Container: container}); err != nil {
			return false, err.Error()
		}
		return strings.Contains(log, text), "the log\n" + log
	})
	return log
}

// Follower collects the lines that a container prints, from the beginning to its end.
type Follower struct {
	mu    sync.Mutex
	lines []string
	times []time.Time
	done  chan struct{}
}

// FollowLogs follows the log of a container that has started.
func (f *Framework) FollowLogs(ctx context.Context, pod, container string) *Follower {
	GinkgoHelper()
	body, err := f.API.CoreV1().Pods(f.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
	f.must(err, "follow the log of pod %s", pod)
	follower := &Follower{done: make(chan struct{})}
	DeferCleanup(body.Close)
	go follower.read(body)
	return follower
}

func (l *Follower) read(body io.Reader) {
	defer close(l.done)
	for scanner := bufio.NewScanner(body); scanner.Scan(); {
		l.mu.Lock()
		l.lines, l.times = append(l.lines, scanner.Text()), append(l.times, time.Now())
		l.mu.Unlock()
	}
}

// Lines returns the lines so far.
func (l *Follower) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// WaitLine waits until a line contains text.
func (l *Follower) WaitLine(ctx context.Context, f *Framework, text string) {
	GinkgoHelper()
	f.WaitUntil(ctx, "the followed log has a line with "+text, PodTimeout, func(context.Context) (bool, string) {
		lines := strings.Join(l.Lines(), "\n")
		return strings.Contains(lines, text), "the lines\n" + lines
	})
}

// LineTime is when the first line that contains text arrived; zero when none has.
func (l *Follower) LineTime(text string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, line := range l.lines {
		if strings.Contains(line, text) {
			return l.times[i]
		}
	}
	return time.Time{}
}

// WaitEnd waits until the log's stream ends, as it does with its container, and returns all lines.
func (l *Follower) WaitEnd(ctx context.Context, f *Framework) []string {
	GinkgoHelper()
	f.WaitUntil(ctx, "the followed log ends", PodTimeout, func(context.Context) (bool, string) {
		select {
		case <-l.done:
			return true, ""
		default:
			return false, "it is still open, with the lines\n" + strings.Join(l.Lines(), "\n")
		}
	})
	return l.Lines()
}
