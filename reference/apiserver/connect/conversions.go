package connect

import (
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
)

// AddConversions teaches the scheme to read the options of our subresources from a URL's query.
func AddConversions(s *runtime.Scheme) error {
	for _, err := range []error{
		add(s, func(q *query, o *corev1.PodLogOptions) {
			read(q, "container", &o.Container, runtime.Convert_Slice_string_To_string)
			read(q, "follow", &o.Follow, runtime.Convert_Slice_string_To_bool)
			read(q, "previous", &o.Previous, runtime.Convert_Slice_string_To_bool)
			read(q, "sinceSeconds", &o.SinceSeconds, runtime.Convert_Slice_string_To_Pointer_int64)
			read(q, "sinceTime", &o.SinceTime, metav1.Convert_Slice_string_To_Pointer_v1_Time)
			read(q, "timestamps", &o.Timestamps, runtime.Convert_Slice_string_To_bool)
			read(q, "tailLines", &o.TailLines, runtime.Convert_Slice_string_To_Pointer_int64)
			read(q, "limitBytes", &o.LimitBytes, runtime.Convert_Slice_string_To_Pointer_int64)
			read(q, "insecureSkipTLSVerifyBackend", &o.InsecureSkipTLSVerifyBackend, runtime.Convert_Slice_string_To_bool)
			read(q, "stream", &o.Stream, pointerToString)
		}),
		add(s, func(q *query, o *corev1.PodExecOptions) {
			q.streams(&o.Stdin, &o.Stdout, &o.Stderr, &o.TTY)
			read(q, "container", &o.Container, runtime.Convert_Slice_string_To_string)
			read(q, "command", &o.Command, list)
		}),
		add(s, func(q *query, o *corev1.PodAttachOptions) {
			q.streams(&o.Stdin, &o.Stdout, &o.Stderr, &o.TTY)
			read(q, "container", &o.Container, runtime.Convert_Slice_string_To_string)
		}),
		add(s, func(q *query, o *corev1.PodPortForwardOptions) {
			read(q, "ports", &o.Ports, metav1.Convert_Slice_string_To_Slice_int32)
		}),
		add(s, func(q *query, o *corev1.PodProxyOptions) {
			read(q, "path", &o.Path, runtime.Convert_Slice_string_To_string)
		}),
		add(s, func(q *query, o *corev1.NodeProxyOptions) {
			read(q, "path", &o.Path, runtime.Convert_Slice_string_To_string)
		}),
		add(s, func(q *query, o *corev1.ServiceProxyOptions) {
			read(q, "path", &o.Path, runtime.Convert_Slice_string_To_string)
		}),
	} {
		if err != nil {
			return fmt.Errorf("conversion of connect options: %w", err)
		}
	}
	return nil
}

// query is read key by key; the first error stays.
type query struct {
	values url.Values
	scope  conversion.Scope
	err    error
}

func (q *query) streams(stdin, stdout, stderr, tty *bool) {
	for key, to := range map[string]*bool{"stdin": stdin, "stdout": stdout, "stderr": stderr, "tty": tty} {
		read(q, key, to, runtime.Convert_Slice_string_To_bool)
	}
}

func add[T any](s *runtime.Scheme, fill func(*query, *T)) error {
	return s.AddConversionFunc((*url.Values)(nil), (*T)(nil), func(a, b any, scope conversion.Scope) error {
		q := &query{values: *a.(*url.Values), scope: scope}
		out := b.(*T)
		*out = *new(T)
		fill(q, out)
		return q.err
	})
}

// read sets out from the values of a key, if there are any.
func read[T any](q *query, key string, out *T, convert func(*[]string, *T, conversion.Scope) error) {
	if v := q.values[key]; len(v) > 0 && q.err == nil {
		q.err = convert(&v, out, q.scope)
	}
}

func list(in, out *[]string, _ conversion.Scope) error {
	*out = *in
	return nil
}

func pointerToString(in *[]string, out **string, _ conversion.Scope) error {
	*out = &(*in)[0]
	return nil
}
