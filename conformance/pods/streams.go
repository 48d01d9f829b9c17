package pods

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// buffer can be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ = Describe("streams", func() {
	f := New()

	f.It("pods/exec", func(ctx SpecContext) {
		pod := Pod("pair", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "pair")
		// The failing stat writes to standard error.
		got := f.Exec(ctx, "pair", "main", "/tool", "sh", "echo to output; stat /none-such; exit 42")
		Expect(got.Code).To(Equal(42))
		Expect(got.Stdout).To(Equal("to output\n"))
		Expect(got.Stderr).To(ContainSubstring("/none-such"))
		Expect(f.Exec(ctx, "pair", "beside", "/tool", "exit", "0").Code).To(BeZero())
		large := f.Exec(ctx, "pair", "main", "/tool", "log-lines", "20000")
		Expect(strings.Count(large.Stdout, "\n")).To(Equal(20000), "lines of a large output")
		missing, err := f.TryExec(ctx, "pair", "main", nil, "/none-such")
		Expect(err != nil || missing.Code != 0).To(BeTrue(), "a command that does not exist")
		_, err = f.TryExec(ctx, "pair", "none-such", nil, "/tool", "exit", "0")
		Expect(err).To(HaveOccurred(), "a container that does not exist")
	})

	f.It("pods/exec-stdin", func(ctx SpecContext) {
		f.Create(ctx, Pod("reader", "sleep", "1h"))
		f.WaitPodReady(ctx, "reader")
		text := strings.Repeat("sent to the command\n", 5000)
		got, err := f.TryExec(ctx, "reader", "", strings.NewReader(text), "/tool", "stdin")
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Code).To(BeZero())
		Expect(got.Stdout == text).To(BeTrue(), "%d of %d bytes came back", len(got.Stdout), len(text))
	})

	f.It("pods/attach", func(ctx SpecContext) {
		pod := Once("echoes", "stdin")
		pod.Spec.Containers[0].Stdin, pod.Spec.Containers[0].StdinOnce = true, true
		f.Create(ctx, pod)
		f.WaitPodRunning(ctx, "echoes")
		in, send := io.Pipe()
		out := &buffer{}
		ended := make(chan error, 1)
		attached, cancel := context.WithTimeout(ctx, PodTimeout)
		defer cancel()
		go func() { ended <- f.Attach(attached, "echoes", "main", in, out) }()
		fmt.Fprintln(send, "hello")
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(Equal("hello\n"), "what comes back")
		Expect(send.Close()).To(Succeed())
		Eventually(ctx, ended).WithTimeout(PodTimeout).Should(Receive(Not(HaveOccurred())), "the stream ends with the container")
		f.WaitPodSucceeded(ctx, "echoes") // its input ended, so it did
		Expect(f.Logs(ctx, "echoes", corev1.PodLogOptions{})).To(Equal("hello\n"))
	})

	f.It("pods/port-forward", func(ctx SpecContext) {
		f.Create(ctx, Server("server"))
		f.WaitPodReady(ctx, "server")
		f.WaitLog(ctx, "server", "main", "serving") // without a probe, Ready does not mean that it listens
		local := f.ForwardPort(ctx, "server", ServePort)
		for range 3 {
			resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/hostname", local))
			Expect(err).NotTo(HaveOccurred())
			body, err := io.ReadAll(resp.Body)
			Expect(err).NotTo(HaveOccurred())
			Expect(resp.Body.Close()).To(Succeed())
			Expect(string(body)).To(Equal("server"))
		}
	})
})
