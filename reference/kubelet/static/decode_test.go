package static

import (
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
)

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const web = `{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: "example.org/x:1"}]}}`

func TestDecode(t *testing.T) {
	origin := Origin{Kind: "file", Name: "/m/web.yaml"}
	pod, err := decode([]byte(web), origin, "node-1", t0)
	if err != nil {
		t.Fatal(err)
	}
	if pod.Name != "web-node-1" || pod.Namespace != "default" || pod.Spec.NodeName != "node-1" {
		t.Errorf("got %s/%s on %s", pod.Namespace, pod.Name, pod.Spec.NodeName)
	}
	if a := pod.Annotations; a[SourceAnnotation] != "file" || a[HashAnnotation] != string(pod.UID) || a[SeenAnnotation] != "2026-01-01T12:00:00Z" {
		t.Errorf("annotations %v of the pod %s", a, pod.UID)
	}
	if !Is(pod) || IsMirror(pod) {
		t.Error("it is not known for a static pod")
	}
	if tolerations := pod.Spec.Tolerations; len(tolerations) != 1 || tolerations[0] != (v1.Toleration{Operator: "Exists", Effect: "NoExecute"}) {
		t.Errorf("tolerations %v", tolerations)
	}
	if c := pod.Spec.Containers[0]; c.ImagePullPolicy != v1.PullIfNotPresent || pod.Spec.RestartPolicy != v1.RestartPolicyAlways {
		t.Errorf("defaults are missing: %+v", pod.Spec)
	}
	again, err := decode([]byte(web), origin, "node-1", t0.Add(time.Hour))
	if err != nil || again.UID != pod.UID {
		t.Errorf("the same description, read later, is the pod %s (%v), not %s", again.UID, err, pod.UID)
	}
	for what, read := range map[string]func() (*v1.Pod, error){
		"text": func() (*v1.Pod, error) {
			return decode([]byte(strings.Replace(web, "x:1", "x:2", 1)), origin, "node-1", t0)
		},
		"file": func() (*v1.Pod, error) { return decode([]byte(web), Origin{"file", "/m/other.yaml"}, "node-1", t0) },
		"node": func() (*v1.Pod, error) { return decode([]byte(web), origin, "node-2", t0) },
	} {
		if other, err := read(); err != nil || other.UID == pod.UID {
			t.Errorf("another %s makes the same pod (%v)", what, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":      `kind ""`,
		"- a":   "cannot unmarshal",
		"{{":    "yaml",
		"a: b":  "unknown field",
		"\x00":  "yaml",
		`{"a":`: "yaml",
		`{apiVersion: v1, kind: Service, metadata: {name: s}}`:                                                                                                     `kind "Service"`,
		`{apiVersion: v1, kind: Pod, metadata: {}, spec: {containers: [{name: c, image: x}]}}`:                                                                     "no name",
		`{apiVersion: v1, kind: Pod, metadata: {name: Not_A_Name}, spec: {containers: [{name: c, image: x}]}}`:                                                     "metadata.name",
		`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: []}}`:                                                                                 "spec.containers",
		`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {serviceAccountName: a, containers: [{name: c, image: x}]}}`:                                       "cannot refer to serviceaccounts",
		`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x, envFrom: [{configMapRef: {name: m}}]}]}}`:                        "cannot refer to configmaps",
		`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {imagePullSecrets: [{name: s}], containers: [{name: c, image: x}]}}`:                               "cannot refer to secrets",
		`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x}], volumes: [{name: v, persistentVolumeClaim: {claimName: p}}]}}`: "cannot refer to persistentvolumeclaims",
	} {
		if _, err := decode([]byte(text), Origin{"file", "f"}, "n", t0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error about %s", text, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(web))
	f.Add([]byte("kind: Pod\napiVersion: v1\nmetadata:\n  name: p\n"))
	f.Add([]byte(`{"kind": "PodList", "items": [null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if pod, err := decode(text, Origin{"file", "f"}, "n", t0); err == nil && (pod.UID == "" || !Is(pod) || pod.Spec.NodeName != "n") {
			t.Errorf("%q is a pod without identity: %+v", text, pod)
		}
		split(text)
	})
}
