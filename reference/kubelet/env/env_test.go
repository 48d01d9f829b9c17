package env

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	known := map[string]string{"A": "1", "B": "$(A)"}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"$(A)", "1"},
		{"x$(A)y$(A)z", "x1y1z"},
		{"$(B)", "$(A)"},
		{"$(NOPE)", "$(NOPE)"},
		{"$$(A)", "$(A)"},
		{"$$$(A)", "$1"},
		{"$A ${A}", "$A ${A}"},
		{"$(A", "$(A"},
		{"$($(A)", "$($(A)"},
		{"end$", "end$"},
		{"end$$", "end$"},
		{"$()", "$()"},
	} {
		if got := Expand(c.in, known); got != c.want {
			t.Errorf("Expand(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestExpandLeavesTextWithoutDollarsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ReplaceAll(rapid.String().Draw(t, "s"), "$", "")
		if got := Expand(s, map[string]string{s: "x"}); got != s {
			t.Fatalf("got %q, want %q", got, s)
		}
		escaped := strings.ReplaceAll(rapid.String().Draw(t, "t"), "$", "$$")
		if got, want := Expand(escaped, map[string]string{"A": "x"}), strings.ReplaceAll(escaped, "$$", "$"); got != want {
			t.Fatalf("escaped: got %q, want %q", got, want)
		}
	})
}

// objects is what a namespace has.
type objects struct {
	maps    map[string]*v1.ConfigMap
	secrets map[string]*v1.Secret
}

func (o objects) ConfigMap(_ context.Context, _, name string) (*v1.ConfigMap, error) {
	if m := o.maps[name]; m != nil {
		return m, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmap"}, name)
}

func (o objects) Secret(_ context.Context, _, name string) (*v1.Secret, error) {
	if s := o.secrets[name]; s != nil {
		return s, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secret"}, name)
}

func source() Source {
	return Source{
		Pod: &v1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u", Labels: map[string]string{"a": "b", "0": `q"`}},
			Spec:       v1.PodSpec{NodeName: "n", ServiceAccountName: "sa", EnableServiceLinks: ptr.To(false)},
		},
		PodIPs: []string{"10.0.0.1", "fd00::1"}, HostIPs: []string{"192.0.2.1"},
		Objects: objects{
			maps:    map[string]*v1.ConfigMap{"cm": {Data: map[string]string{"b": "2", "a": "1"}}},
			secrets: map[string]*v1.Secret{"s": {Data: map[string][]byte{"pw": []byte("x")}}},
		},
		Allocatable: v1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("4Gi")},
	}
}

func TestContainer(t *testing.T) {
	ref := func(path string) *v1.EnvVarSource {
		return &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}
	}
	amount := func(what, divisor string) *v1.EnvVarSource {
		s := &v1.ResourceFieldSelector{Resource: what}
		if divisor != "" {
			s.Divisor = resource.MustParse(divisor)
		}
		return &v1.EnvVarSource{ResourceFieldRef: s}
	}
	key := func(name, key string, optional bool) *v1.EnvVarSource {
		return &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: name}, Key: key, Optional: ptr.To(optional)}}
	}
	c := &v1.Container{
		Name:      "c",
		Resources: v1.ResourceRequirements{Requests: v1.ResourceList{"cpu": resource.MustParse("1500m")}},
		EnvFrom: []v1.EnvFromSource{
			{Prefix: "X_", ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}}},
			{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: v1.LocalObjectReference{Name: "none"}, Optional: ptr.To(true)}},
			{SecretRef: &v1.SecretEnvSource{LocalObjectReference: v1.LocalObjectReference{Name: "s"}}},
		},
		Env: []v1.EnvVar{
			{Name: "X_b", Value: "own"},
			{Name: "REF", Value: "$(X_a)-$(X_b)-$(LATER)-$(KUBERNETES_SERVICE_HOST)"},
			{Name: "LATER", Value: "l"},
			{Name: "NAME", ValueFrom: ref("metadata.name")},
			{Name: "LABEL", ValueFrom: ref("metadata.labels['a']")},
			{Name: "IP", ValueFrom: ref("status.podIP")},
			{Name: "IPS", ValueFrom: ref("status.podIPs")},
			{Name: "HOST", ValueFrom: ref("status.hostIP")},
			{Name: "NODE", ValueFrom: ref("spec.nodeName")},
			{Name: "CPU", ValueFrom: amount("requests.cpu", "")},
			{Name: "MILLI", ValueFrom: amount("requests.cpu", "1m")},
			{Name: "LIMIT", ValueFrom: amount("limits.memory", "1Gi")},
			{Name: "KEY", ValueFrom: key("cm", "a", false)},
			{Name: "OPTIONAL", ValueFrom: key("cm", "zz", true)},
			{Name: "KUBERNETES_PORT", Value: "mine"},
		},
	}
	s := source()
	s.Services = []*v1.Service{kubernetes()}
	vars, err := s.Container(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := []Var{
		{"X_a", "1"}, {"X_b", "own"}, {"pw", "x"}, {"REF", "1-own-$(LATER)-10.96.0.1"}, {"LATER", "l"}, {"NAME", "p"}, {"LABEL", "b"},
		{"IP", "10.0.0.1"}, {"IPS", "10.0.0.1,fd00::1"}, {"HOST", "192.0.2.1"}, {"NODE", "n"}, {"CPU", "2"}, {"MILLI", "1500"},
		{"LIMIT", "4"}, {"KEY", "1"}, {"KUBERNETES_PORT", "mine"},
		{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}, {"KUBERNETES_SERVICE_PORT_HTTPS", "443"},
		{"KUBERNETES_PORT_443_TCP", "tcp://10.96.0.1:443"}, {"KUBERNETES_PORT_443_TCP_PROTO", "tcp"},
		{"KUBERNETES_PORT_443_TCP_PORT", "443"}, {"KUBERNETES_PORT_443_TCP_ADDR", "10.96.0.1"},
	}
	if diff := cmp.Diff(want, vars); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for want, e := range map[string]v1.EnvVar{
		`configmap "none" not found`: {Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: "none"}, Key: "k"}}},
		"couldn't find key k in ConfigMap ns/cm": {Name: "A", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: "cm"}, Key: "k"}}},
		"couldn't find key k in Secret ns/s": {Name: "A", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{
			LocalObjectReference: v1.LocalObjectReference{Name: "s"}, Key: "k"}}},
	} {
		_, err := source().Container(t.Context(), &v1.Container{Env: []v1.EnvVar{e}})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestLabelsAreShownAsQuotedLines(t *testing.T) {
	got, err := Meta(source().Pod, "metadata.labels")
	if want := "0=\"q\\\"\"\na=\"b\""; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func kubernetes() *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default"},
		Spec:       v1.ServiceSpec{ClusterIP: "10.96.0.1", Ports: []v1.ServicePort{{Name: "https", Port: 443, Protocol: "TCP"}}},
	}
}
