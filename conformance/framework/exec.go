package framework

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

// Output is what a command run in a container left.
type Output struct {
	Stdout, Stderr string
	// Code is the command's exit code.
	Code int
}

// Exec runs a command in a container ("" for the only one) and returns what it left. A command
// that could not be run fails the spec; one that ran and exits with a code other than 0 does not.
func (f *Framework) Exec(ctx context.Context, pod, container string, command ...string) Output {
	GinkgoHelper()
	output, err := f.TryExec(ctx, pod, container, nil, command...)
	f.must(err, "run %v in pod %s", command, pod)
	return output
}

// MustExec runs a command like Exec, fails the spec unless it exits with 0, and returns its
// standard output without surrounding white space.
func (f *Framework) MustExec(ctx context.Context, pod, container string, command ...string) string {
	GinkgoHelper()
	output := f.Exec(ctx, pod, container, command...)
	if output.Code != 0 {
		Fail("the command " + strings.Join(command, " ") + " in pod " + pod + " failed: " + output.Stdout + output.Stderr)
	}
	return strings.TrimSpace(output.Stdout)
}

// TryExec runs a command with an optional standard input. The error is about running it; an
// exit code other than 0 is none.
func (f *Framework) TryExec(ctx context.Context, pod, container string, stdin io.Reader, command ...string) (Output, error) {
	ctx, cancel := context.WithTimeout(ctx, scaled(PodTimeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	err := f.stream(ctx, pod, "exec", &corev1.PodExecOptions{
		Container: container, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true,
	}, remotecommand.StreamOptions{Stdin: stdin, Stdout: &stdout, Stderr: &stderr})
	output := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit utilexec.CodeExitError
	if errors.As(err, &exit) {
		output.Code, err = exit.Code, nil
	}
	return output, err
}

// Attach connects to the main process of a container and returns what it prints until it ends
// or ctx does.
func (f *Framework) Attach(ctx context.Context, pod, container string, stdin io.Reader, stdout io.Writer) error {
	return f.stream(ctx, pod, "attach", &corev1.PodAttachOptions{Container: container, Stdin: stdin != nil, Stdout: true},
		remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout})
}

// Transport is how a client speaks on streams.
type Transport string

// The transports of Kubernetes. Any uses WebSocket, or SPDY where a proxy or an older server refuses the former.
const (
	Any       Transport = ""
	WebSocket Transport = "WebSocket"
	SPDY      Transport = "SPDY"
)

// stream opens a streaming subresource of a pod.
func (f *Framework) stream(ctx context.Context, pod, subresource string, options runtime.Object, streams remotecommand.StreamOptions) error {
	return f.Stream(ctx, Any, pod, subresource, options, streams)
}

// Stream opens a streaming subresource of a pod and returns when the other end has closed it. A command's exit code
// other than 0 is a utilexec.CodeExitError.
func (f *Framework) Stream(ctx context.Context, over Transport, pod, subresource string, options runtime.Object, streams remotecommand.StreamOptions) error {
	request := f.API.CoreV1().RESTClient().Post().Namespace(f.Namespace).Resource("pods").Name(pod).
		SubResource(subresource).VersionedParams(options, scheme.ParameterCodec)
	config := rest.CopyConfig(f.Config)
	websocket, err := remotecommand.NewWebSocketExecutor(config, "GET", request.URL().String())
	if err != nil {
		return err
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, "POST", request.URL())
	if err != nil {
		return err
	}
	switch over {
	case WebSocket:
		return websocket.StreamWithContext(ctx, streams)
	case SPDY:
		return spdy.StreamWithContext(ctx, streams)
	}
	executor, err := remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}
