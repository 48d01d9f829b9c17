package pods

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// sizes hands out the sizes of a terminal as they are told.
type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, more := <-s
	if !more {
		return nil
	}
	return &size
}

// run runs a command over the transport and returns what it left.
func run(ctx context.Context, f *Framework, over Transport, pod string, stdin io.Reader, command ...string) Output {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, PodTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	err := f.Stream(ctx, over, pod, "exec", &corev1.PodExecOptions{Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true},
		remotecommand.StreamOptions{Stdin: stdin, Stdout: &stdout, Stderr: &stderr})
	var exit utilexec.CodeExitError
	if !errors.As(err, &exit) {
		Expect(err).NotTo(HaveOccurred())
	}
	return Output{Stdout: stdout.String(), Stderr: stderr.String(), Code: exit.Code}
}

var _ = Describe("sessions", func() {
	f := New()

	transport := func(over Transport) func(SpecContext) {
		return func(ctx SpecContext) {
			f.Create(ctx, Pod("main", "sleep", "1h"))
			f.WaitPodReady(ctx, "main")
			got := run(ctx, f, over, "main", nil, "/tool", "sh", "echo to output; stat /none-such; exit 42")
			Expect(got.Code).To(Equal(42))
			Expect(got.Stdout).To(Equal("to output\n"))
			Expect(got.Stderr).To(ContainSubstring("/none-such"))
			Expect(run(ctx, f, over, "main", nil, "/tool", "exit", "0").Code).To(BeZero())
			text := strings.Repeat("sent to the command\n", 5000)
			Expect(run(ctx, f, over, "main", strings.NewReader(text), "/tool", "stdin").Stdout == text).To(BeTrue(), "what was sent comes back whole")
		}
	}
	f.It("pods/exec-websocket", transport(WebSocket))
	f.It("pods/exec-spdy", transport(SPDY))

	f.It("pods/exec-half-closed", func(ctx SpecContext) {
		f.Create(ctx, Pod("main", "sleep", "1h"))
		f.WaitPodReady(ctx, "main")
		got := run(ctx, f, Any, "main", strings.NewReader("a few words\n"), "/tool", "sh", "stdin; sleep 2; echo said after the end; exit 7")
		Expect(got.Stdout).To(Equal("a few words\nsaid after the end\n"))
		Expect(got.Code).To(Equal(7))
	})

	f.It("pods/exec-terminal", func(ctx SpecContext) {
		f.Create(ctx, Pod("main", "sleep", "1h"))
		f.WaitPodReady(ctx, "main")
		Expect(run(ctx, f, Any, "main", nil, "/tool", "terminal").Stdout).To(HavePrefix("no terminal\n"), "without one being asked for")
		in, send := io.Pipe()
		out, resize, ended := &buffer{}, make(sizes, 2), make(chan error, 1)
		resize <- remotecommand.TerminalSize{Width: 91, Height: 31}
		session, cancel := context.WithTimeout(ctx, PodTimeout)
		defer cancel()
		go func() {
			ended <- f.Stream(session, Any, "main", "exec", &corev1.PodExecOptions{Command: []string{"/tool", "terminal"}, TTY: true, Stdin: true, Stdout: true},
				remotecommand.StreamOptions{Tty: true, Stdin: in, Stdout: out, TerminalSizeQueue: resize})
		}()
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(ContainSubstring("terminal 31 rows 91 columns"))
		resize <- remotecommand.TerminalSize{Width: 50, Height: 10}
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(ContainSubstring("terminal 10 rows 50 columns"))
		fmt.Fprint(send, "hello\n")
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(And(ContainSubstring("hello\r\n"), ContainSubstring("got hello\r\n")), "the terminal echoes, and the command reads")
		fmt.Fprint(send, "quit\n")
		Eventually(ctx, ended).WithTimeout(PodTimeout).Should(Receive(Not(HaveOccurred())))
		close(resize)
	})

	f.It("pods/exec-several", func(ctx SpecContext) {
		f.Create(ctx, Pod("main", "sleep", "1h"))
		f.WaitPodReady(ctx, "main")
		var group sync.WaitGroup
		got := make([]Output, 8)
		for i := range got {
			group.Go(func() {
				defer GinkgoRecover()
				got[i] = run(ctx, f, Any, "main", strings.NewReader(fmt.Sprintf("input %d\n", i)), "/tool", "sh", fmt.Sprintf("stdin; exit %d", i))
			})
		}
		group.Wait()
		for i, output := range got {
			Expect(output).To(Equal(Output{Stdout: fmt.Sprintf("input %d\n", i), Code: i}))
		}
	})

	f.It("pods/exec-inside", func(ctx SpecContext) {
		pod := Pod("main", "sleep", "1h")
		container := &pod.Spec.Containers[0]
		container.Env, container.WorkingDir = []corev1.EnvVar{{Name: "COLOR", Value: "red"}}, "/etc"
		container.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64), RunAsGroup: new(int64)}
		*container.SecurityContext.RunAsUser, *container.SecurityContext.RunAsGroup = 1001, 2001
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "main")
		Expect(variables(f.MustExec(ctx, "main", "", "/tool", "env"))).To(HaveKeyWithValue("COLOR", "red"))
		Expect(f.MustExec(ctx, "main", "", "/tool", "id")).To(HavePrefix("uid=1001 gid=2001 "))
		Expect(f.MustExec(ctx, "main", "", "/tool", "cat", "passwd")).To(ContainSubstring("nonroot"), "a file of the working directory")
	})

	f.It("pods/working-directory", func(ctx SpecContext) {
		pod := Once("main", "sh", "cat passwd; touch made")
		pod.Spec.Containers[0].WorkingDir = "/etc"
		f.Create(ctx, pod)
		f.WaitPodSucceeded(ctx, "main")
		Expect(f.Logs(ctx, "main", corev1.PodLogOptions{})).To(ContainSubstring("nonroot"))
	})

	f.It("pods/exec-errors", func(ctx SpecContext) {
		pod := Pod("pair", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		f.Create(ctx, pod, Once("ended", "exit", "0"))
		f.WaitPodReady(ctx, "pair")
		f.WaitPodSucceeded(ctx, "ended")
		try := func(pod, container string) error {
			_, err := f.TryExec(ctx, pod, container, nil, "/tool", "exit", "0")
			return err
		}
		Expect(try("pair", "")).To(MatchError(ContainSubstring("a container name must be specified for pod pair, choose one of: [main beside]")))
		Expect(try("pair", "none-such")).To(MatchError(ContainSubstring("container none-such is not valid for pod pair")))
		Expect(try("none-such", "")).To(MatchError(ContainSubstring(`pods "none-such" not found`)))
		Expect(try("ended", "")).To(MatchError(ContainSubstring(`container not found ("main")`)))
		Expect(try("pair", "main")).To(Succeed())
	})

	f.It("pods/attach-terminal", func(ctx SpecContext) {
		pod := Once("shell", "terminal")
		pod.Spec.Containers[0].Stdin, pod.Spec.Containers[0].StdinOnce, pod.Spec.Containers[0].TTY = true, true, true
		f.Create(ctx, pod)
		f.WaitPodRunning(ctx, "shell")
		in, send := io.Pipe()
		out, resize, ended := &buffer{}, make(sizes, 1), make(chan error, 1)
		resize <- remotecommand.TerminalSize{Width: 77, Height: 22}
		session, cancel := context.WithTimeout(ctx, PodTimeout)
		defer cancel()
		go func() {
			ended <- f.Stream(session, Any, "shell", "attach", &corev1.PodAttachOptions{TTY: true, Stdin: true, Stdout: true},
				remotecommand.StreamOptions{Tty: true, Stdin: in, Stdout: out, TerminalSizeQueue: resize})
		}()
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(ContainSubstring("terminal 22 rows 77 columns"))
		fmt.Fprint(send, "hello\n")
		Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(ContainSubstring("got hello\r\n"))
		fmt.Fprint(send, "quit\n")
		Eventually(ctx, ended).WithTimeout(PodTimeout).Should(Receive(Not(HaveOccurred())), "the stream ends with the container")
		f.WaitPodSucceeded(ctx, "shell")
		close(resize)
	})

	f.It("pods/attach-several", func(ctx SpecContext) {
		f.Create(ctx, Once("speaks", "log-lines", "600", "--interval", "500ms"))
		f.WaitPodRunning(ctx, "speaks")
		session, cancel := context.WithTimeout(ctx, PodTimeout)
		defer cancel()
		outputs := []*buffer{{}, {}}
		for _, out := range outputs {
			go func() { _ = f.Attach(session, "speaks", "main", nil, out) }()
		}
		for _, out := range outputs {
			Eventually(ctx, out.String).WithTimeout(PodTimeout).Should(MatchRegexp(`line \d+\nline \d+\n`), "what a client reads")
		}
		cancel() // clients that go away do not end the container
		Expect(Ended(f.WaitPodRunning(ctx, "speaks"))).To(BeFalse())
	})

	f.It("pods/copy", func(ctx SpecContext) {
		f.Create(ctx, Pod("main", "sleep", "1h"))
		f.WaitPodReady(ctx, "main")
		content := make([]byte, 1<<20)
		for i := range content {
			content[i] = byte(i * i >> 3)
		}
		archive := tarOf("copied/file.bin", content)
		got, err := f.TryExec(ctx, "main", "", bytes.NewReader(archive), "tar", "-xmf", "-", "-C", "/tmp")
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Code).To(BeZero(), got.Stderr)
		back := f.Exec(ctx, "main", "", "tar", "cf", "-", "/tmp/copied/file.bin")
		Expect(back.Code).To(BeZero(), back.Stderr)
		Expect(sha256.Sum256(onlyFile([]byte(back.Stdout)))).To(Equal(sha256.Sum256(content)), "what comes back")
	})
})

// ask asks for the host name at a local port.
func ask(port int) (string, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/hostname", port))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

var _ = Describe("port forwarding", func() {
	f := New()

	serve := func(ctx SpecContext) {
		pod := Server("server")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "serve", "--port", "9090"))
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "server")
		f.WaitLog(ctx, "server", "main", "serving")
		f.WaitLog(ctx, "server", "beside", "serving")
	}
	transport := func(over Transport) func(SpecContext) {
		return func(ctx SpecContext) {
			serve(ctx)
			Expect(ask(f.ForwardPorts(ctx, over, "server", ":8080")[0])).To(Equal("server"))
		}
	}
	f.It("pods/port-forward-websocket", transport(WebSocket))
	f.It("pods/port-forward-spdy", transport(SPDY))

	f.It("pods/port-forward-several", func(ctx SpecContext) {
		serve(ctx)
		ports := f.ForwardPorts(ctx, Any, "server", ":8080", ":9090")
		var group sync.WaitGroup
		failures := make(chan error, 40)
		for range 20 {
			for _, port := range ports {
				group.Go(func() {
					if name, err := ask(port); err != nil || name != "server" {
						failures <- fmt.Errorf("port %d answers %q: %w", port, name, err)
					}
				})
			}
		}
		group.Wait()
		close(failures)
		Expect(failures).To(BeClosed())
		for err := range failures {
			Expect(err).NotTo(HaveOccurred())
		}
	})

	f.It("pods/port-forward-local-port", func(ctx SpecContext) {
		serve(ctx)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		free := listener.Addr().(*net.TCPAddr).Port
		Expect(listener.Close()).To(Succeed())
		Expect(f.ForwardPorts(ctx, Any, "server", fmt.Sprintf("%d:8080", free))).To(Equal([]int{free}))
		Expect(ask(free)).To(Equal("server"))
	})

	f.It("pods/port-forward-closed", func(ctx SpecContext) {
		serve(ctx)
		ports := f.ForwardPorts(ctx, Any, "server", ":81")
		_, err := ask(ports[0])
		Expect(err).To(HaveOccurred(), "nobody listens there")
		Expect(ask(f.ForwardPort(ctx, "server", ServePort))).To(Equal("server"), "another forward works")
	})
})
