package connect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	clientrest "k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// world is an API server of nothing but our storages in front of a kubelet: pod p in namespace
// ns has the containers a and b and runs on node n.
type world struct {
	pod      *corev1.Pod
	node     *corev1.Node
	service  *corev1.Service
	slices   []*discoveryv1.EndpointSlice
	front    *httptest.Server
	storages map[string]rest.Storage
	readOnly bool // the user may get but not create
	// kubeletTLS is the API server's towards the kubelet.
	kubeletTLS transport.TLSConfig
}

func newWorld(t *testing.T, kubelet http.Handler) *world {
	t.Helper()
	w := &world{
		pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{NodeName: "n",
			Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}}},
		service: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}},
	}
	certificate, key := clientCertificate(t)
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if who := r.TLS.PeerCertificates[0].Subject.CommonName; who != "kube-apiserver-kubelet-client" {
			t.Errorf("the kubelet sees %q", who)
		}
		kubelet.ServeHTTP(rw, r)
	}))
	back.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	back.EnableHTTP2 = true // as kubelets do: upgrades must still choose HTTP/1.1
	back.StartTLS()
	t.Cleanup(back.Close)
	w.node = nodeAt(t, back.Listener.Addr())
	w.kubeletTLS = transport.TLSConfig{CAData: encode("CERTIFICATE", back.Certificate().Raw), CertData: certificate, KeyData: key}
	var err error
	w.storages, err = Storages(Config{
		Pods:           func(_ context.Context, name string) (*corev1.Pod, error) { return get("pods", name, w.pod) },
		Nodes:          func(_ context.Context, name string) (*corev1.Node, error) { return get("nodes", name, w.node) },
		Services:       func(_ context.Context, name string) (*corev1.Service, error) { return get("services", name, w.service) },
		EndpointSlices: w,
		Authorizer: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if w.readOnly && a.GetVerb() == "create" {
				return authorizer.DecisionNoOpinion, "", nil
			}
			return authorizer.DecisionAllow, "", nil
		}),
		KubeletTLS: w.kubeletTLS,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.front = httptest.NewServer(w)
	t.Cleanup(w.front.Close)
	return w
}

func nodeAt(t *testing.T, a net.Addr) *corev1.Node {
	t.Helper()
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "n"}, {Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(n)
	return node
}

func get[T metav1.Object](resource, name string, o T) (T, error) {
	if o.GetName() != name {
		return *new(T), errors.NewNotFound(corev1.Resource(resource), name)
	}
	return o, nil
}

func (w *world) GetEndpointSlices(namespace, service string) ([]*discoveryv1.EndpointSlice, error) {
	if namespace != "ns" || service != "s" {
		return nil, nil
	}
	return w.slices, nil
}

// ServeHTTP does for our storages what the API server does: /<resource>/<name>/<subresource>[/path].
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	parts := strings.SplitN(strings.Trim(r.URL.Path, "/"), "/", 4)
	info := &request.RequestInfo{IsResourceRequest: true, Path: r.URL.Path, Verb: map[string]string{"GET": "get", "POST": "create"}[r.Method],
		APIVersion: "v1", Namespace: "ns", Resource: parts[0], Name: parts[1], Subresource: parts[2]}
	ctx := request.WithRequestInfo(request.WithNamespace(r.Context(), "ns"), info)
	ctx = request.WithUser(ctx, &user.DefaultInfo{Name: "ann"})
	reply := responder{rw}
	storage := w.storages[parts[0]+"/"+parts[2]].(rest.Connecter)
	opts, path, key := storage.NewConnectOptions()
	query := r.URL.Query()
	if path && len(parts) == 4 {
		query.Set(key, parts[3])
	}
	if err := decode(query, opts); err != nil {
		reply.Error(errors.NewBadRequest(err.Error()))
		return
	}
	h, err := storage.Connect(ctx, parts[1], opts, reply)
	if err != nil {
		reply.Error(err)
		return
	}
	h.ServeHTTP(rw, r.WithContext(ctx))
}

func (w *world) url(t *testing.T, path string) *url.URL {
	t.Helper()
	u, err := url.Parse(w.front.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) config() *clientrest.Config { return &clientrest.Config{Host: w.front.URL} }

// responder writes errors as the API server does: as a Status.
type responder struct{ w http.ResponseWriter }

func (r responder) Object(int, runtime.Object) {}
func (r responder) Error(err error) {
	status := errors.NewInternalError(err).ErrStatus
	if s, ok := err.(errors.APIStatus); ok {
		status = s.Status()
	}
	status.Kind, status.APIVersion = "Status", "v1"
	r.w.Header().Set("Content-Type", "application/json")
	r.w.WriteHeader(int(status.Code))
	json.NewEncoder(r.w).Encode(status) //nolint:errcheck
}

var codec = func() runtime.ParameterCodec {
	s := runtime.NewScheme()
	if err := corev1.AddToScheme(s); err != nil {
		panic(err)
	}
	if err := AddConversions(s); err != nil {
		panic(err)
	}
	return runtime.NewParameterCodec(s)
}()

func decode(q url.Values, into runtime.Object) error {
	return codec.DecodeParameters(q, corev1.SchemeGroupVersion, into)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func clientCertificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver-kubelet-client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", der), encode("EC PRIVATE KEY", raw)
}
