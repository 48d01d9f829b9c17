package connect

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/utils/ptr"
)

func TestNodeProxy(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Method, " ", r.URL.RequestURI()) //nolint:errcheck
	}))
	for path, want := range map[string]string{
		"/nodes/n/proxy/healthz":   "GET /healthz",
		"/nodes/n/proxy/logs/?x=y": "GET /logs/?x=y",
		fmt.Sprintf("/nodes/n:%d/proxy/pods", w.node.Status.DaemonEndpoints.KubeletEndpoint.Port): "GET /pods",
	} {
		resp, err := http.Get(w.front.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close() //nolint:errcheck
		if string(body) != want || err != nil {
			t.Errorf("%s: %q %v, want %q", path, body, err, want)
		}
	}
}

// TestWhere checks where proxies lead to; addresses of real pods are not ours to have in a test.
func TestWhere(t *testing.T) {
	w := newWorld(t, echoURL)
	l := w.storages["pods/log"].(*logREST).locator
	w.pod.Status.PodIP = "10.244.1.2"
	w.pod.Spec.Containers[1].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
	w.service.Spec.Ports = []corev1.ServicePort{{Name: "web", Port: 80}, {Name: "admin", Port: 81}}
	w.slices = []*discoveryv1.EndpointSlice{{AddressType: "IPv4",
		Ports:     []discoveryv1.EndpointPort{{Name: ptr.To("web"), Port: ptr.To(int32(9376))}, {Name: ptr.To("admin"), Port: ptr.To(int32(9377))}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.244.1.3"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}}, {Addresses: []string{"10.244.1.4"}}, {Addresses: []string{"127.0.0.1"}}}}}
	w.node.Status.Addresses = []corev1.NodeAddress{{Type: "InternalIP", Address: "10.89.0.11"}}
	ctx := request.WithNamespace(context.Background(), "ns")
	for _, c := range []struct {
		find     func(context.Context, string) (target, error)
		id, want string
	}{
		{l.pod, "p", "//10.244.1.2:8080"},
		{l.pod, "p:9", "//10.244.1.2:9"},
		{l.pod, "https:p:9", "https://10.244.1.2:9"},
		{l.pod, "q", `pods "q" not found`},
		{l.pod, "a:b:c:d", `invalid pod request "a:b:c:d"`},
		{l.service, "s:80", "//10.244.1.4:9376"},
		{l.service, "s:web", "//10.244.1.4:9376"},
		{l.service, "https:s:admin", "https://10.244.1.4:9377"},
		{l.service, "s:82", `no service port 82 found for service "s"`},
		{l.service, "s:other", `no endpoints available for service "s"`},
		{l.service, "t", `services "t" not found`},
		{l.node, "n:9100", "//10.89.0.11:9100"},
		{l.node, "https:n:9100", "https://10.89.0.11:9100"},
		{l.node, "m", `nodes "m" not found`},
	} {
		for range 8 { // endpoints are chosen at random: never the one that is not ready, never ourselves
			got, err := c.find(ctx, c.id)
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %s", c.id, err, c.want)
				}
				continue
			}
			if got.location.String() != c.want {
				t.Errorf("%s: %s, want %s", c.id, got.location, c.want)
			}
		}
	}
	for _, ip := range []string{"", "127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "224.0.0.1"} {
		w.pod.Status.PodIP = ip
		if _, err := l.pod(ctx, "p"); err == nil || err.Error() != "address not allowed" {
			t.Errorf("a pod at %q: %v", ip, err)
		}
	}
}

// TestProxyPath: the path below the subresource and the query go on as they are.
func TestProxyPath(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, r.Method, " ", r.URL.RequestURI(), " ", string(body)) //nolint:errcheck
	}))
	req, err := http.NewRequest("POST", w.front.URL+"/nodes/n/proxy/a/b?q=1", strings.NewReader("data"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close() //nolint:errcheck
	if resp.StatusCode != http.StatusTeapot || string(body) != "POST /a/b?q=1 data" || err != nil {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}
