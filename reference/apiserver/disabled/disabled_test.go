package disabled_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
)

func read[T any](t *testing.T, manifest string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// Each line uses one feature; without it, it reads like the second.
var features = map[string]string{
	`{schedulingGroup: {podGroupName: g}}`:                                                            `{}`,
	`{evictionResponders: [{name: a.example.com/b, priority: 1000}]}`:                                 `{}`,
	`{volumes: [{name: v, emptyDir: {mode: 448}}]}`:                                                   `{volumes: [{name: v, emptyDir: {}}]}`,
	`{volumes: [{name: v, secret: {secretName: s, defaultUser: 1}}]}`:                                 `{volumes: [{name: v, secret: {secretName: s}}]}`,
	`{volumes: [{name: v, configMap: {name: c, items: [{key: k, path: p, user: 1}]}}]}`:               `{volumes: [{name: v, configMap: {name: c, items: [{key: k, path: p}]}}]}`,
	`{volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: p, user: 1}}]}}]}`:       `{volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: p}}]}}]}`,
	`{volumes: [{name: v, downwardAPI: {items: [{path: p, user: 1}]}}]}`:                              `{volumes: [{name: v, downwardAPI: {items: [{path: p}]}}]}`,
	`{containers: [{name: c, volumeMounts: [{name: v, mountPath: /v, bindMountOptions: [noexec]}]}]}`: `{containers: [{name: c, volumeMounts: [{name: v, mountPath: /v}]}]}`,
	`{containers: [{name: c, livenessProbe: {httpGet: {port: 80, protocol: H2C}}}]}`:                  `{containers: [{name: c, livenessProbe: {httpGet: {port: 80}}}]}`,
	`{initContainers: [{name: c, lifecycle: {preStop: {httpGet: {port: 80, protocol: H2C}}}}]}`:       `{initContainers: [{name: c, lifecycle: {preStop: {httpGet: {port: 80}}}}]}`,
	`{os: {name: linux}, containers: [{name: c, lifecycle: {stopSignal: SIGUSR1}}]}`:                  `{os: {name: linux}, containers: [{name: c, lifecycle: {}}]}`,
	`{containers: [{name: c, startupProbe: {grpc: {port: 80, mode: TLS}}}]}`:                          `{containers: [{name: c, startupProbe: {grpc: {port: 80}}}]}`,
}

func TestPodSpec(t *testing.T) {
	for with, without := range features {
		using, plain := read[corev1.PodSpec](t, with), read[corev1.PodSpec](t, without)
		if equality.Semantic.DeepEqual(using, plain) {
			t.Fatalf("%s uses nothing", with)
		}
		created, updated, kept := using.DeepCopy(), using.DeepCopy(), using.DeepCopy()
		disabled.PodSpec(created, nil)
		disabled.PodSpec(updated, plain)
		disabled.PodSpec(kept, using)
		if !equality.Semantic.DeepEqual(created, plain) || !equality.Semantic.DeepEqual(updated, plain) {
			t.Errorf("%s is kept: %+v", with, created)
		}
		if !equality.Semantic.DeepEqual(kept, using) {
			t.Errorf("%s is in use and dropped: %+v", with, kept)
		}
	}
}

func TestOthers(t *testing.T) {
	d := read[appsv1.Deployment](t, `{spec: {template: {spec: {schedulingGroup: {podGroupName: g}}}}}`)
	disabled.Of(func(d *appsv1.Deployment) *corev1.PodSpec { return &d.Spec.Template.Spec })(d, nil)
	if d.Spec.Template.Spec.SchedulingGroup != nil {
		t.Error("a template keeps its group")
	}
	n := read[corev1.Node](t, `{spec: {configSource: {}, podPreemptionPolicy: {}}}`)
	old := n.DeepCopy()
	disabled.Node(n, old)
	if n.Spec.ConfigSource == nil || n.Spec.PodPreemptionPolicy == nil {
		t.Error("a node loses what it has")
	}
	disabled.Node(n, nil)
	if n.Spec.ConfigSource != nil || n.Spec.PodPreemptionPolicy != nil {
		t.Error("a node keeps what is off")
	}
	c := read[corev1.PersistentVolumeClaimSpec](t, `{dataSourceRef: {kind: PersistentVolumeClaim, name: a, namespace: b}}`)
	was := c.DeepCopy()
	disabled.ClaimSpec(c, was)
	if c.DataSourceRef == nil {
		t.Error("a claim loses what it has")
	}
	disabled.ClaimSpec(c, nil)
	if c.DataSourceRef != nil {
		t.Error("a claim keeps a source of another namespace")
	}
}
